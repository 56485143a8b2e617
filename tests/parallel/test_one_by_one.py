"""On CPUs what becomes of an item is, bit for bit, what a run of its own gives."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from loops import loops_compiled
from networks import narrow_network, picture

from jaxnst import Config, Weights, stylize_pyramid
from jaxnst.optimize import memory, optimizers
from jaxnst.parallel import batch, grid, one_by_one
from jaxnst.parallel.batch import stylize_batch
from jaxnst.parallel.grid import grid_search
from jaxnst.parallel.one_by_one import is_vectorized

NETWORK = narrow_network(depth=3)
CONTENTS = [picture(24, 20, n) for n in range(3)]
STYLES = [picture(18, 26, 10 + n) for n in range(3)]
CONFIG = Config(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
SLOW = pytest.mark.slow  # compiled as for a user
BETAS = (1.0, 30.0, 900.0)
HOW = {"config": CONFIG, "levels": (0.5, 1.0), "steps": (3, 4), "margin": 2}


def alone(content, style, **options):
    return stylize_pyramid(NETWORK, content, style, **(HOW | options))


def assert_same(many, place, one):
    np.testing.assert_array_equal(many.image[place], one.image)
    assert list(many.trace) == list(one.trace)
    for name, values in one.trace.items():
        np.testing.assert_array_equal(many.trace[name][place], values, err_msg=name)


OPTIMIZERS = {
    "averaged": (optimizers.adam(0.03, lr_decay=(2, 7)), {"ema": 0.8}),
    "lbfgs": (optimizers.lbfgs(history=3), {}),
    "linesearch": (optimizers.lbfgs_linesearch(history=2), {}),
    "gradient": (optimizers.gradient(), {}),
    "optax": (optax.sgd(1e-3), {}),
}


def test_a_grid_is_its_runs():
    found = grid_search(NETWORK, CONTENTS[0], STYLES[0], betas=BETAS, **HOW)
    assert found.image.shape == (1, 3, 24, 20, 3) and found.steps == 7
    for n, beta in enumerate(BETAS):
        own = alone(CONTENTS[0], STYLES[0], weights=Weights(beta=beta))
        assert_same(found, (0, n), own)


@pytest.mark.parametrize(
    "name",
    [n if n == "lbfgs" else pytest.param(n, marks=SLOW) for n in OPTIMIZERS],
)
def test_with_other_optimizers_too(name):
    optimizer, others = OPTIMIZERS[name]
    how = HOW | {"levels": (1.0,), "steps": 6} | others | {"optimizer": optimizer}
    found = grid_search(NETWORK, CONTENTS[0], STYLES[0], betas=BETAS, **how)
    for n, beta in enumerate(BETAS):
        own = alone(CONTENTS[0], STYLES[0], weights=Weights(beta=beta), **how)
        assert_same(found, (0, n), own)


@pytest.mark.parametrize("statistic", ["gram", pytest.param("gaussian", marks=SLOW)])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_batch_is_its_runs_whatever_its_size(size, statistic):
    how = HOW | {"config": replace(CONFIG, statistic=statistic)}
    for first in range(0, 3, size):
        items = range(first, min(first + size, 3))
        found = stylize_batch(
            NETWORK,
            [CONTENTS[n] for n in items],
            [STYLES[n] for n in items],
            weights=Weights(beta=np.float32([BETAS[n] for n in items])),
            **how,
        )
        for place, n in enumerate(items):
            weights = Weights(beta=BETAS[n])
            own = alone(CONTENTS[n], STYLES[n], weights=weights, **how)
            assert_same(found, place, own)


@pytest.mark.parametrize("free", [2**30, 2**33])
def test_free_memory_changes_nothing(monkeypatch, free):
    monkeypatch.setattr(
        memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=free)
    )
    found = grid_search(NETWORK, CONTENTS[0], STYLES[0], betas=BETAS, **HOW)
    own = alone(CONTENTS[0], STYLES[0], weights=Weights(beta=BETAS[2]))
    assert_same(found, (0, 2), own)


def test_from_several_seeds():
    keys = jax.random.split(jax.random.key(3), 3)
    found = grid_search(NETWORK, CONTENTS[0], STYLES[0], init="noise", key=keys, **HOW)
    for n, key in enumerate(keys):
        own = alone(CONTENTS[0], STYLES[0], init="noise", key=key)
        assert_same(found, n, own)


@SLOW
def test_to_a_strength_and_with_mixed_styles():
    mix = HOW | {"style_mix": (1.0, 3.0)}
    strengths = Weights.grid(strength=[0.0, 0.7])
    found = grid_search(NETWORK, CONTENTS[0], STYLES[:2], weights=strengths, **mix)
    for n, strength in enumerate([0.0, 0.7]):
        own = alone(CONTENTS[0], STYLES[:2], weights=Weights(strength=strength), **mix)
        assert_same(found, n, own)


def test_what_does_not_fit_is_seen_in_tiles(monkeypatch):
    def noted(network, content, style, *, config, **_):
        raise RuntimeError(config.tile)

    monkeypatch.setattr(one_by_one, "stylize_pyramid", noted)
    budget = memory.bytes_needed(NETWORK, CONFIG, (160, 96), 128)
    how = HOW | {"margin": 0, "betas": [1.0]}
    with pytest.raises(RuntimeError, match="128"):
        grid_search(NETWORK, picture(160, 96), STYLES[0], budget=budget, **how)
    with pytest.raises(RuntimeError, match="None"):
        grid_search(NETWORK, picture(32, 96), STYLES[0], budget=budget, **how)
    budget = memory.bytes_needed(NETWORK, CONFIG, (28, 24), None) - 1
    with pytest.raises(MemoryError, match="24 x 28 pixels need .*, the budget is"):
        grid_search(NETWORK, CONTENTS[0], STYLES[0], betas=[1], budget=budget, **HOW)


def test_a_pair_that_explodes_leaves_the_others_alone():
    broken = [CONTENTS[0], jnp.full((24, 20, 3), jnp.nan), CONTENTS[2]]
    found = stylize_batch(NETWORK, broken, STYLES, **HOW)
    assert found.finite.tolist() == [True, False, True]
    assert found.image.shape == (3, 24, 20, 3)
    for n in (0, 2):
        assert_same(found, n, alone(CONTENTS[n], STYLES[n]))


def test_compiled_once_and_what_is_shared_is_looked_at_once(monkeypatch):
    made, own = [], grid.compute_targets

    def counted(*given, **how):
        made.append(given)
        return own(*given, **how)

    monkeypatch.setattr(grid, "compute_targets", counted)
    compiled = loops_compiled()
    axes = {"alphas": [0.5, 1, 2], "betas": [1.0, 2.0]}
    grid_search(NETWORK, CONTENTS[0], STYLES[0], **axes, **HOW)
    assert len(made) == 2 and loops_compiled() - compiled <= 2
    alone(CONTENTS[1], STYLES[2])  # by the same compiled loop
    assert loops_compiled() - compiled <= 2
    seen, own_styles = [], batch.style_targets_of
    monkeypatch.setattr(
        batch,
        "style_targets_of",
        lambda *given, **how: seen.append(1) or own_styles(*given, **how),
    )
    stylize_batch(NETWORK, CONTENTS, [STYLES[0], STYLES[1], STYLES[0]], **HOW)
    assert len(seen) == 2 * 2  # two styles at two levels


def test_the_callback_is_told_of_all_items_and_ends_them():
    told = []

    def callback(progress):
        assert progress.picture().shape[0] == 1
        assert progress.result().image.shape[0] == 1
        told.append((progress.step, progress.steps))
        return progress.step >= 10

    found = grid_search(
        NETWORK, CONTENTS[0], STYLES[0], betas=BETAS, callback=callback, **HOW
    )
    assert told == sorted(told) and {steps for _, steps in told} == {21}
    own = alone(CONTENTS[0], STYLES[0], weights=Weights(beta=BETAS[0]))
    assert_same(found, (0, 0), own)
    assert found.finite.all() and found.image.shape == (1, 3, 24, 20, 3)
    np.testing.assert_array_equal(found.image[0, 2], CONTENTS[0])
    assert np.isnan(found.trace["loss"][0, 2]).all()


@SLOW
def test_another_device_can_be_named():
    found = grid_search(
        NETWORK,
        CONTENTS[0],
        STYLES[0],
        betas=BETAS[:1],
        devices=jax.devices()[1:],
        **HOW,
    )
    own = alone(CONTENTS[0], STYLES[0], weights=Weights(beta=BETAS[0]))
    assert_same(found, (0, 0), own)


def test_side_by_side_is_for_other_devices_or_who_asks():
    gpu = SimpleNamespace(platform="gpu")
    assert not is_vectorized() and is_vectorized(devices=[gpu])
    assert is_vectorized(True) and not is_vectorized(False, [gpu])
