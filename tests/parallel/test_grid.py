"""Grids side by side: each place holds what a run of its own would give. How CPUs do
it: test_one_by_one.py."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import Config, Weights, stylize, stylize_pyramid
from jaxnst.images import resize
from jaxnst.optimize import optimizers
from jaxnst.optimize.memory import min_feature_bytes
from jaxnst.parallel import grid
from jaxnst.parallel.grid import best_start, grid_search
from jaxnst.pipeline.presets import get
from jaxnst.pipeline.run import render
from jaxnst.pipeline.run_many import render_grid
from jaxnst.pipeline.settings import Geometry, Optimization, Settings

NETWORK = narrow_network(depth=5)
CONTENT, STYLE = picture(24, 20), picture(18, 26, 1)
CONFIG = Config(content_layers=("relu3_1",), style_layers=("relu1_1", "relu2_1"))
ONE = jax.devices()[:1]


def search(**options):
    given = {"config": CONFIG, "steps": 6, "devices": ONE, "vectorize": True} | options
    return grid_search(NETWORK, CONTENT, STYLE, **given)


def single(**options):
    return stylize(
        NETWORK, CONTENT, STYLE, **({"config": CONFIG, "steps": 6} | options)
    )


def test_a_grid_of_alpha_and_beta_is_that_many_runs():
    found = search(alphas=[0.5, 2], betas=[1, 30, 900])
    assert found.image.shape == (2, 3, 24, 20, 3) and found.steps == 6
    assert found.finite.shape == (2, 3) and found.finite.all()
    for i, alpha in enumerate([0.5, 2]):
        for j, beta in enumerate([1, 30, 900]):
            own = single(weights=Weights(alpha, beta))
            np.testing.assert_allclose(found.image[i, j], own.image, rtol=1e-4)
            assert list(found.trace) == list(own.trace)
            for name, values in own.trace.items():
                # What is 0 alone, the first content, may be rounding among others.
                np.testing.assert_allclose(
                    found.trace[name][i, j], values, rtol=1e-4, atol=1e-12
                )


def counting(calls, monkeypatch, name):
    """Note in `calls` when the function `name` of the module is called."""
    own = getattr(grid, name)

    def counted(*args, **options):
        calls.append(name)
        return own(*args, **options)

    monkeypatch.setattr(grid, name, counted)


def test_compiled_once_and_targets_once(monkeypatch, caplog):
    calls = []
    counting(calls, monkeypatch, "make_targets")
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        search(alphas=[0.25, 1, 2, 4], betas=[1, 2, 3, 4], steps=70)
    compiled = [r.message for r in caplog.records if "Finished XLA comp" in r.message]
    assert sum("jit(run_steps)" in message for message in compiled) == 1
    assert calls == ["make_targets"]


@pytest.mark.slow
@pytest.mark.parametrize("steps, levels", [((4, 3), (0.5, 1.0)), (5, (1.0,))])
def test_levels_margin_and_average_as_in_a_single_run(steps, levels):
    how = {"levels": levels, "margin": 3, "ema": 0.8, "config": CONFIG}
    found = search(betas=[2, 50], steps=steps, **how)
    for j, beta in enumerate([2, 50]):
        counts = (steps,) if isinstance(steps, int) else steps
        own = stylize_pyramid(
            NETWORK, CONTENT, STYLE, weights=Weights(beta=beta), steps=counts, **how
        )
        np.testing.assert_allclose(found.image[0, j], own.image, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(
            found.trace["loss"][0, j], own.trace["loss"], rtol=1e-4
        )


@pytest.mark.slow
def test_any_number_can_be_an_axis():
    rates = jnp.array([0.01, 0.05])
    found = search(
        weights=Weights.grid(tv=[0, 1, 5]),
        optimizer=optimizers.adam(rates[:, None]),
    )
    assert found.image.shape[:2] == (2, 3)
    own = single(weights=Weights(tv=5), optimizer=optimizers.adam(0.05))
    np.testing.assert_allclose(found.image[1, 2], own.image, rtol=1e-4)
    layers = (jnp.array([0.0, 1.0]), jnp.array([1.0, 0.0]))
    found = search(weights=Weights(style_weights=layers))
    own = single(weights=Weights(style_weights=(1.0, 0.0)))
    np.testing.assert_allclose(found.image[1], own.image, rtol=1e-4)
    found = search(ema=np.array([0.5, 0.9]))
    np.testing.assert_allclose(found.image[1], single(ema=0.9).image, rtol=1e-4)


def test_starts_from_many_seeds_and_the_best_of_them():
    keys = jax.random.split(jax.random.key(3), 5)
    found = search(init="noise", key=keys, steps=12)
    for place, key in enumerate(keys):
        own = single(init="noise", key=key, steps=12)
        np.testing.assert_allclose(found.image[place], own.image, rtol=1e-4, atol=1e-6)
    ends = found.trace["loss"][:, -10:].mean(-1)
    assert best_start(found) == (int(np.argmin(ends)),)
    found.finite[np.argmin(ends)] = False
    assert best_start(found) == (int(np.argsort(ends)[1]),)
    found.finite[:] = False
    with pytest.raises(ValueError, match="no run stayed finite"):
        best_start(found)


def test_one_key_is_the_same_start_for_all():
    found = search(betas=[1, 2], init="noise", key=jax.random.key(5))
    own = single(weights=Weights(beta=2.0), init="noise", key=jax.random.key(5))
    np.testing.assert_allclose(found.image[0, 1], own.image, rtol=1e-4, atol=1e-6)


def test_runs_that_explode_are_frozen_and_leave_the_others_alone():
    rates = np.array([0.02, 0.02, 0.02], np.float32)
    config = Config(
        content_layers=("relu3_1",), style_layers=("relu1_1", "relu2_1"), clip=False
    )
    calm = search(optimizer=optimizers.adam(jnp.array(rates)), config=config)
    rates[1] = 1e37
    wild = search(optimizer=optimizers.adam(jnp.array(rates)), config=config)
    assert wild.finite.tolist() == [True, False, True]
    assert np.isfinite(wild.image).all()
    for place in (0, 2):
        np.testing.assert_array_equal(wild.image[place], calm.image[place])
        np.testing.assert_array_equal(
            wild.trace["loss"][place], calm.trace["loss"][place]
        )


@pytest.mark.slow
def test_what_exploded_at_a_coarse_level_stays_frozen():
    config = Config(
        content_layers=("relu3_1",), style_layers=("relu1_1", "relu2_1"), clip=False
    )
    how = {
        "levels": (0.5, 1.0),
        "steps": (5, 4),
        "config": config,
        "keep_optimizer_state": False,
    }
    wild = search(optimizer=optimizers.adam(jnp.array([0.02, 1e37])), **how)
    assert wild.finite.tolist() == [True, False] and np.isfinite(wild.image).all()
    how |= {"levels": (0.5,), "steps": (5,)}
    coarse = search(optimizer=optimizers.adam(jnp.array([0.02, 1e37])), **how)
    enlarged = resize(jnp.asarray(coarse.image[1]), (24, 20))
    np.testing.assert_allclose(wild.image[1], enlarged, atol=1e-6)


def test_microbatches_do_not_change_results():
    whole = search(betas=[1, 2, 3, 4, 5])
    needed = []
    budget = min_feature_bytes(NETWORK, CONFIG.layers, (24, 20))

    def callback(progress):
        needed.append((progress.step, progress.steps, progress.picture().shape[0]))

    parts = search(betas=[1, 2, 3, 4, 5], budget=8 * budget, callback=callback)
    assert len({items for _, _, items in needed}) == 1
    assert needed[-1][0] == needed[-1][1] > 6  # more than one microbatch
    np.testing.assert_allclose(parts.image, whole.image, rtol=1e-4, atol=1e-6)


def test_a_callback_can_end_it():
    found = search(betas=[1, 2], steps=5000, callback=lambda p: p.step >= 3)
    assert 3 <= found.steps < 5000 and found.trace["loss"].shape == (1, 2, found.steps)


@pytest.mark.slow
def test_settings_are_rendered_as_a_single_run_would():
    settings = Settings(
        color="content",
        terms=Weights(tv=1.0),
        geometry=Geometry(size=24, min_size=12, margin=2),
        optimization=Optimization(steps=(3, 3), ema=0.5),
        objective=CONFIG,
    )
    found = render_grid(
        settings, NETWORK, CONTENT, [STYLE], alphas=[1.0], betas=[5, 50]
    )
    assert found.image.shape == (1, 2, 24, 20, 3)
    from dataclasses import replace

    own = render(
        replace(settings, terms=Weights(tv=1.0, beta=50.0)), NETWORK, CONTENT, [STYLE]
    )
    np.testing.assert_array_equal(found.image[0, 1], own.image)


def test_axes_of_weights():
    grid = Weights.grid(beta=[1, 2, 3], tv=[0.5, 1])
    assert grid.beta.shape == (3, 1) and grid.tv.shape == (1, 2) and grid.alpha == 1
    assert grid.beta.ravel().tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"alphas": [1], "betas": []}, "beta must be a list of numbers"),
        ({"alphas": 3}, "alpha must be a list"),
        ({"alphas": [-1]}, "at least 0"),
        ({"alphas": [1], "weights": Weights.grid(tv=[1])}, "single numbers"),
        (
            {"ema": np.ones(2) / 2, "weights": Weights.grid(tv=[1, 2, 3])},
            "broadcast",
        ),
        ({"steps": (1, 2)}, "1 levels and 2 numbers"),
        ({"steps": 0}, "steps"),
        ({"init": "noise"}, "key"),
        ({"budget": 1000}, "budget"),
        ({"ema": 1.5}, "ema"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises((ValueError, MemoryError), match=message):
        search(**options)


def test_keys_of_the_old_kind():
    with pytest.raises(TypeError, match="jax.random.key"):
        search(key=jnp.zeros(2, jnp.uint32), init="noise")
    assert get("default").geometry.margin  # the grid takes presets as they are
