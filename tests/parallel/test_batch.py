"""Many pairs side by side: each as if it were alone, whatever the batch, the devices,
the budget. How CPUs do it: test_one_by_one.py."""

import os
import subprocess
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture
from paths import REPOSITORY

from jaxnst import Config, Settings, Weights, render, stylize, stylize_pyramid
from jaxnst.images import resize
from jaxnst.optimize.memory import max_items, min_feature_bytes
from jaxnst.parallel import batch, microbatch
from jaxnst.parallel.batch import stylize_batch
from jaxnst.pipeline.run import prepare
from jaxnst.pipeline.run_many import render_batch
from jaxnst.pipeline.settings import Geometry, Optimization

NETWORK = narrow_network(depth=5)
CONTENTS = [picture(24, 20, n) for n in range(5)]
STYLES = [picture(18 + n, 26 - n, 10 + n) for n in range(5)]
CONFIG = Config(content_layers=("relu3_1",), style_layers=("relu1_1", "relu2_1"))
ONE = jax.devices()[:1]


def run(contents=CONTENTS, styles=STYLES, **options):
    given = {"config": CONFIG, "steps": 6, "devices": ONE, "vectorize": True} | options
    return stylize_batch(NETWORK, contents, styles, **given)


def single(n, **options):
    given = {"config": CONFIG, "steps": 6} | options
    return stylize(NETWORK, CONTENTS[n], STYLES[n], **given)


@pytest.mark.parametrize(
    "statistic", ["gram", pytest.param("gaussian", marks=pytest.mark.slow)]
)
def test_every_pair_as_if_it_were_alone(statistic):
    config = Config(
        content_layers=("relu3_1",),
        style_layers=("relu1_1", "relu2_1"),
        statistic=statistic,
    )
    betas = jnp.array([1.0, 3, 10, 30, 100])
    found = run(weights=Weights(beta=betas), config=config)
    assert found.image.shape == (5, 24, 20, 3) and found.finite.tolist() == [True] * 5
    for n in range(5):
        own = single(n, weights=Weights(beta=float(betas[n])), config=config)
        np.testing.assert_allclose(found.image[n], own.image, rtol=1e-4, atol=1e-6)
        for name, values in own.trace.items():
            # What is 0 alone, the first content, may be rounding among others.
            np.testing.assert_allclose(
                found.trace[name][n], values, rtol=1e-3, atol=1e-12
            )


@pytest.mark.slow
def test_levels_margin_average_and_noise():
    how = {"levels": (0.5, 1.0), "steps": (4, 3), "margin": 3, "ema": 0.8}
    how |= {"init": "noise", "config": CONFIG}
    keys = jax.random.split(jax.random.key(1), 5)
    found = run(key=keys, **how)
    for n in (0, 4):
        own = stylize_pyramid(NETWORK, CONTENTS[n], STYLES[n], key=keys[n], **how)
        np.testing.assert_allclose(found.image[n], own.image, rtol=1e-4, atol=1e-6)


def test_results_do_not_depend_on_the_neighbours():
    whole = run()
    some = run([CONTENTS[3], CONTENTS[1]], [STYLES[3], STYLES[1]])
    np.testing.assert_allclose(some.image[0], whole.image[3], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(some.image[1], whole.image[1], rtol=1e-4, atol=1e-6)


def test_over_two_devices_as_on_one():
    alone, divided = run(), run(devices=jax.devices())
    assert len(jax.devices()) == 2
    difference = np.abs(divided.image - alone.image)
    assert np.median(difference) < 1e-6 and difference.mean() < 1e-4


def test_several_paintings_of_one_photograph():
    found = run([CONTENTS[0]] * 2, [STYLES[:2], STYLES[2]])
    own = stylize(NETWORK, CONTENTS[0], STYLES[:2], config=CONFIG, steps=6)
    np.testing.assert_allclose(found.image[0], own.image, rtol=1e-4, atol=1e-6)


def test_a_painting_of_many_pairs_is_looked_at_once(monkeypatch):
    seen, own = [], batch.style_targets_of

    def counted(*arguments, **options):
        seen.append(arguments[1])
        return own(*arguments, **options)

    monkeypatch.setattr(batch, "style_targets_of", counted)
    run(CONTENTS, [STYLES[0]] * 4 + [STYLES[1]])
    assert len(seen) == 2


def test_a_pair_that_explodes_leaves_the_others_alone():
    broken = [*CONTENTS[:2], jnp.full((24, 20, 3), jnp.nan), *CONTENTS[3:]]
    found, whole = run(broken), run()
    assert found.finite.tolist() == [True, True, False, True, True]
    for n in (0, 1, 3, 4):
        np.testing.assert_array_equal(found.image[n], whole.image[n])


LEVELS = {"levels": (0.5, 1.0), "steps": (4, 3)}
# For a microbatch of less than all.
SMALL = 8 * min_feature_bytes(NETWORK, CONFIG.layers, (24, 20))


@pytest.mark.slow
def test_a_microbatch_of_nothing_but_broken_pairs_costs_no_other():
    broken = [jnp.full((24, 20, 3), jnp.nan)] * 4 + CONTENTS[4:]
    sizes = []
    found = run(
        broken,
        budget=SMALL,
        callback=lambda progress: sizes.append(progress.picture().shape[0]),
        **LEVELS,
    )
    assert max(sizes) < 4
    assert found.finite.tolist() == [False] * 4 + [True]
    own = stylize_pyramid(NETWORK, CONTENTS[4], STYLES[4], config=CONFIG, **LEVELS)
    assert found.image.shape == (5, 24, 20, 3)
    np.testing.assert_allclose(found.image[4], own.image, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("end", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_ended_in_the_first_microbatch_the_others_are_as_they_began(end):
    sizes = []

    def callback(progress):
        sizes.append(progress.picture().shape[0])
        return progress.step >= end

    found = run(budget=SMALL, callback=callback, **LEVELS)
    assert sizes[0] < 5 and found.image.shape == (5, 24, 20, 3)
    np.testing.assert_array_equal(found.image[4], CONTENTS[4])
    assert np.isnan(found.trace["loss"][4]).all() and found.finite.all()
    assert np.isfinite(found.trace["loss"][0]).all()


@pytest.mark.parametrize(
    "contents, styles, options, message",
    [
        ([], [], {}, "at least one picture"),
        (CONTENTS[:2], STYLES[:1], {}, "2 contents and 1 styles"),
        ([CONTENTS[0], picture(20, 24)], STYLES[:2], {}, r"contents\[1\] is 24 x 20"),
        ([CONTENTS[0], picture(3, 3)], STYLES[:2], {}, "too small"),
        (CONTENTS, [*STYLES[:4], picture(1, 30)], {}, "too small"),
        (CONTENTS, STYLES, {"weights": Weights(beta=np.ones(3))}, r"arrays \(5,\)"),
        (CONTENTS, STYLES, {"ema": 1.0}, "ema"),
        (CONTENTS, STYLES, {"levels": (2.0,)}, "levels"),
    ],
)
def test_mistakes(contents, styles, options, message):
    with pytest.raises(ValueError, match=message):
        run(contents, styles, **options)


def bytes_of(fixed, each):
    asked = []

    def bytes_of(items):
        asked.append(items)
        return fixed + each * items

    return bytes_of, asked


@pytest.mark.parametrize("guess", [1, 7, 40, 1000])
@pytest.mark.parametrize("multiple", [1, 4])
def test_what_fits_is_found_in_a_few_looks(guess, multiple):
    look, asked = bytes_of(50, 10)
    found = max_items(look, 1000, guess, multiple=multiple, budget=350)
    assert found % multiple == 0 and 50 + 10 * found <= 350 and found in asked
    assert found >= 20 or found == 30 // multiple * multiple
    assert len(asked) <= 6


def test_never_more_than_there_are():
    look, asked = bytes_of(0, 1)
    assert max_items(look, 5, 99, multiple=4, budget=10**6) == 8
    assert max_items(look, 5, 1, multiple=1, budget=10**6) == 5


def test_not_even_one():
    look, _ = bytes_of(0, 2**30)
    with pytest.raises(MemoryError, match="1.0 GiB of memory, the budget is 0.5"):
        max_items(look, 9, 4, multiple=1, budget=2**29)


FOUR = """
import re, sys
sys.path.insert(0, {tests!r})
import jax
from networks import narrow_network, picture
from jaxnst import Config, stylize_batch
from jaxnst.parallel import microbatch

kept = []
class Spied:
    def __call__(self, *arguments, **options):
        return own(*arguments, **options)
    def lower(self, *arguments, **options):
        kept.append(own.lower(*arguments, **options))
        return kept[-1]
own, microbatch.run_steps = microbatch.run_steps, Spied()
network = narrow_network(depth=5)
contents = [picture(24, 20, n) for n in range(6)]
config = Config(content_layers=("relu3_1",), style_layers=("relu1_1", "relu2_1"),
                statistic="gaussian")
found = stylize_batch(network, contents, contents[::-1], config=config, steps=3,
                      vectorize=True)
text = kept[-1].compile().as_text()
print(len(jax.devices()), found.image.shape[0], "num_partitions=4" in text,
      re.findall(r"all-\\w+|collective-\\w+|reduce-scatter|send|recv", text))
"""


@pytest.mark.slow
def test_devices_do_not_talk_to_each_other():
    code = FOUR.format(tests=str(REPOSITORY / "tests/helpers"))
    flags = "--xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "4 6 True []", done.stderr


MEASURE = """
import resource, sys
sys.path.insert(0, {tests!r})
import jax
from networks import narrow_network, picture
from jaxnst import Config, stylize_batch
from jaxnst.parallel import microbatch

microbatch.max_parallel_items = lambda size: 99  # of memory alone, as on a GPU
network = narrow_network(depth=5, width=16)
contents = [picture(96, 96, n) for n in range(24)]
config = Config(content_layers=("relu3_1",), style_layers=("relu1_1", "relu2_1"))
how = dict(config=config, steps=3, devices=jax.devices()[:1], vectorize=True)
stylize_batch(network, contents[:1], contents[:1], **how)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
sizes = []
def callback(progress):
    sizes.append(progress.picture().shape[0])
before = peak()
stylize_batch(network, contents, contents, budget={budget}, callback=callback, **how)
print(max(sizes), peak() - before)
"""


@pytest.mark.slow
def test_the_peak_stays_under_the_budget():
    def measured(budget):
        code = MEASURE.format(tests=str(REPOSITORY / "tests/helpers"), budget=budget)
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        return map(int, done.stdout.split())

    small, large = 60_000_000, 400_000_000
    items, grown = measured(small)
    many, more = measured(large)
    assert items < many
    # Compiling and reading take some memory of their own.
    assert grown < small + 150_000_000
    assert more < large + 150_000_000


SETTINGS = Settings(
    geometry=Geometry(size=24, min_size=12, margin=2),
    objective=CONFIG,
    optimization=Optimization(steps=(4, 3), ema=0.8),
)


@pytest.mark.parametrize(
    "color",
    ["content", *(pytest.param(c, marks=pytest.mark.slow) for c in ("style", "match"))],
)
def test_render_batch_is_render_of_each_pair(color):
    settings = replace(SETTINGS, color=color)
    terms = [Weights(beta=3.0), Weights(beta=30.0)]
    pictures = CONTENTS[:2], STYLES[:2]
    found = render_batch(settings, NETWORK, *pictures, terms=terms, multiple=1)
    for result, content, style, own in zip(found, *pictures, terms, strict=True):
        wanted = render(replace(settings, terms=own), NETWORK, content, [style])
        np.testing.assert_array_equal(result.image, wanted.image)
        assert result.trace["loss"].shape == (7,) and result.finite is True


@pytest.mark.slow
def test_sides_are_extended_and_cut_again():
    contents = [picture(30, 48, 1), picture(28, 48, 2)]  # 24 pixels: 15 and 14 high
    found = render_batch(SETTINGS, NETWORK, contents, STYLES[:2], multiple=16)
    assert [result.image.shape for result in found] == [(15, 24, 3), (14, 24, 3)]
    with pytest.raises(ValueError, match="of one size"):
        render_batch(SETTINGS, NETWORK, contents, STYLES[:2], multiple=1)


def test_an_extended_picture_is_mirrored_and_comes_back():
    settings = replace(SETTINGS, geometry=Geometry(size=24))
    ready = prepare(settings, NETWORK, CONTENTS[0][:21, :15], [STYLES[0]], multiple=16)
    assert ready.content.shape == (32, 32, 3)
    wanted = resize(CONTENTS[0][:21, :15], (24, 17))
    np.testing.assert_array_equal(ready.finish(ready.content), wanted)
    np.testing.assert_array_equal(ready.content[4 - 1], ready.content[4 + 1])
    np.testing.assert_array_equal(ready.content[:, 24 - 2], ready.content[:, 24])
    assert ready.styles[0].shape == (16, 32, 3)


def test_the_compiler_is_asked_once_for_a_shape(monkeypatch):
    asked = []
    lower = microbatch.run_steps.lower

    def counted(*arguments, **options):
        asked.append(1)
        return lower(*arguments, **options)

    class Steps:
        def __init__(self, inner):
            self.inner, self.lower = inner, counted

        def __call__(self, *arguments, **options):
            return self.inner(*arguments, **options)

    monkeypatch.setattr(microbatch, "_compiled_bytes", {})
    monkeypatch.setattr(microbatch, "run_steps", Steps(microbatch.run_steps))
    for _ in range(2):
        run(steps=1)
    assert len(asked) == 1


def test_a_batch_of_nothing_or_of_mixed_paintings_says_so():
    with pytest.raises(ValueError, match="at least one"):
        render_batch(SETTINGS, NETWORK, [], [])
    mixed = replace(SETTINGS, style_mix=(1.0, 2.0))
    with pytest.raises(ValueError, match="leave style_mix"):
        render_batch(mixed, NETWORK, CONTENTS, STYLES)


def test_microbatches_are_as_large_as_is_best(monkeypatch):
    seen = []

    def callback(progress):
        seen.append((progress.picture().shape[0], progress.steps))

    monkeypatch.setattr(microbatch, "max_parallel_items", lambda size: 2)
    found = run(steps=3, callback=callback)
    assert {items for items, _ in seen} == {2} and seen[-1][1] == 3 * 3
    np.testing.assert_allclose(found.image, run(steps=3).image, atol=1e-6)
