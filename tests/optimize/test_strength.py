"""Weights that adjust themselves: pictures as stylised as was asked for."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from loops import loops_compiled
from networks import narrow_network, picture

import jaxnst
from jaxnst import (
    Config,
    Settings,
    Weights,
    grid_search,
    stylize,
    stylize_batch,
    stylize_pyramid,
)
from jaxnst.losses.targets import make_targets
from jaxnst.optimize import optimizers
from jaxnst.optimize import strength as strength_module
from jaxnst.pipeline.settings import Optimization

NETWORK = narrow_network(depth=5)
CONTENT, STYLE = picture(24, 20), 0.3 * picture(18, 26, 1)
CONFIG = Config(
    content_layers=("relu3_1",),
    style_layers=("relu1_1", "relu2_1"),
    statistic="gaussian",
    tv_kind="squared",
)
ADAM = optimizers.adam(0.03, b2=0.99)
GIVEN = {"config": CONFIG, "optimizer": ADAM}


def run(strength, steps=120, **options):
    weights = options.pop("weights", Weights(1, 8, 0.1, strength=strength))
    return stylize(
        NETWORK, CONTENT, STYLE, **GIVEN, weights=weights, steps=steps, **options
    )


def left(result, *, window=10):
    """Distance from the painting over the photograph's own, at the end."""
    targets = make_targets(NETWORK, CONTENT, STYLE, CONFIG, with_content_style=True)
    own = np.mean([float(term) for term in targets.content_style.values()])
    return float(np.sqrt(result.trace["style"][-window:].mean() / own))


def test_less_is_left_the_greater_the_strength():
    strengths = np.linspace(0, 1, 21)
    found = np.array([float(strength_module.target_distance(s)) for s in strengths])
    assert found[0] == 1 and (np.diff(found) < 0).all() and found[-1] > 0
    # A parabola through 0, and what it names at 1/2 and 1.
    logs = -np.log(found)
    np.testing.assert_allclose(np.diff(logs, 3), 0, atol=1e-5)
    half, full = strength_module._HALF, strength_module._FULL
    np.testing.assert_allclose(logs[[10, 20]], [half, full], rtol=1e-5)


def test_the_controller_follows_log_distance():
    own, style, before = {"a": 0.5, "b": 0.1}, 0.06, 0.2
    targets = make_targets(NETWORK, CONTENT, STYLE, CONFIG)
    content_style = {k: jnp.float32(v) for k, v in own.items()}
    targets = replace(targets, content_style=content_style)
    weights = Weights(1, 8, 2, style_weights=(2.0, 3.0), strength=0.5)
    distance = np.sqrt(style / (2 * 0.5 + 3 * 0.1))
    found = strength_module.relative_distance(jnp.float32(style), targets, weights)
    np.testing.assert_allclose(found, distance, rtol=1e-5)
    now = strength_module.next_log_beta(
        jnp.float32(before), jnp.float32(style), targets, weights
    )
    aim = float(strength_module.target_distance(0.5))
    np.testing.assert_allclose(now, before + 0.1 * np.log(distance / aim), rtol=1e-5)
    far = strength_module.next_log_beta(
        jnp.float32(3.99), jnp.float32(1e9), targets, weights
    )
    assert float(far) == 4.0
    used = strength_module.weights_for_strength(weights, jnp.float32(np.log(3)))
    np.testing.assert_allclose([used.beta, used.tv], [24, 2], rtol=1e-5)
    gone = strength_module.weights_for_strength(
        replace(weights, strength=0.0), jnp.float32(4)
    )
    assert (float(gone.beta), float(gone.tv)) == (0, 0)


def test_strength_0_is_the_photograph():
    np.testing.assert_array_equal(run(0.0, 20).image, CONTENT)


def test_rounding_does_not_move_it(monkeypatch):
    """Targets are compiled apart from the loop: the gradient at the photograph is not 0
    to the last bit, and Adam takes no notice of how small it is."""

    def rounded(*given, **options):
        found = make_targets(*given, **options)
        return replace(found, content={k: v * 1.0001 for k, v in found.content.items()})

    monkeypatch.setattr("jaxnst.optimize.single.compute_targets", rounded)
    np.testing.assert_array_equal(run(0.0, 20).image, CONTENT)
    assert np.abs(run(0.01, 20).image - CONTENT).max() > 0


@pytest.mark.slow
def test_strength_0_is_the_photograph_at_every_level():
    """A coarse level's picture, enlarged, would be a blurred one."""
    strengths = np.float32([0.0, 0.5])
    weights = Weights(1, 8, 0.1, strength=0.0)
    levels = {"levels": (0.5, 1.0), "steps": (3, 3), "config": CONFIG}
    one = jaxnst.stylize_pyramid(NETWORK, CONTENT, STYLE, weights=weights, **levels)
    np.testing.assert_array_equal(one.image, CONTENT)
    weights = replace(weights, strength=strengths)
    many = jaxnst.grid_search(NETWORK, CONTENT, STYLE, weights=weights, **levels)
    np.testing.assert_array_equal(many.image[0], CONTENT)
    assert np.abs(many.image[1] - CONTENT).max() > 0.01


@pytest.mark.parametrize("beta", [0.5, 8.0, 100.0])
def test_the_wanted_distance_is_reached_from_any_beta(beta):
    result = run(None, 200, weights=Weights(1, beta, 0.1, strength=0.4))
    assert left(result) == pytest.approx(
        float(strength_module.target_distance(0.4)), rel=0.1
    )
    used = result.trace["beta"]
    assert used.shape == (200,) and (used > 0).all()
    fixed = run(None, 200, weights=Weights(1, beta, 0.1))
    assert "beta" not in fixed.trace


def test_the_loss_is_that_of_the_beta_in_use():
    trace, weights = run(0.7, 15).trace, Weights(1, 8, 0.1, strength=0.7)
    tv = float(strength_module.weights_for_strength(weights, jnp.float32(0)).tv)
    loss = trace["content"] + trace["beta"] * trace["style"] + tv * trace["tv"]
    np.testing.assert_allclose(trace["loss"], loss, rtol=1e-5)


def test_many_strengths_at_once_are_monotone_and_as_alone():
    strengths = (0.0, 0.2, 0.4, 0.6, 0.8)
    found = grid_search(
        NETWORK, CONTENT, STYLE, **GIVEN, steps=60,
        weights=replace(Weights.grid(strength=strengths), beta=8.0, tv=0.1),
    )  # fmt: skip
    ends = found.trace["style"][:, -10:].mean(-1)
    assert (np.diff(ends) < 0).all()
    np.testing.assert_allclose(found.image[2], run(0.4, 60).image, atol=1e-4)


def test_pairs_at_once_are_as_alone():
    weights = Weights(1, 8, 0.1, strength=np.array([0.3, 0.6], np.float32))
    found = stylize_batch(
        NETWORK, [CONTENT, CONTENT], [STYLE, STYLE], **GIVEN, steps=30, weights=weights
    )
    for image, wanted in zip(found.image, (0.3, 0.6), strict=True):
        np.testing.assert_allclose(image, run(wanted, 30).image, atol=1e-4)


@pytest.mark.parametrize(
    "keep_optimizer_state", [pytest.param(True, marks=pytest.mark.slow), False]
)
def test_the_balance_goes_along_from_level_to_level(keep_optimizer_state):
    how = {
        "levels": (0.5, 1.0),
        "steps": (30, 5),
        "keep_optimizer_state": keep_optimizer_state,
    }
    weights = Weights(1, 0.5, 0.1, strength=0.5)
    result = stylize_pyramid(NETWORK, CONTENT, STYLE, **GIVEN, **how, weights=weights)
    used = result.trace["beta"]
    assert used[30] == pytest.approx(used[29], rel=0.2) and used[29] > 1.5 * used[0]
    found = grid_search(NETWORK, CONTENT, STYLE, **GIVEN, **how, weights=weights)
    np.testing.assert_allclose(found.trace["beta"], used, rtol=1e-3)


def test_strength_is_a_number_that_compiles_nothing_anew():
    run(0.3, 2)
    before = loops_compiled()
    run(0.31, 2)
    assert loops_compiled() == before


def test_what_cannot_be_is_refused():
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(
            ValueError, match="strength must be finite and at least 0 a"
        ):
            run(wrong)
    with pytest.raises(ValueError, match="choose optimizer adam"):
        Settings(
            terms=Weights(strength=0.5), optimization=Optimization(optimizer="lbfgs")
        )


def test_a_gradient_goes_through_fixed_weights_only(monkeypatch):
    """The controller is no part of what is differentiated: the step's gradient is that
    of the objective under the weights in use."""
    from jaxnst.optimize.loop import init_state, step

    factory = optimizers.as_factory(optimizers.gradient(0.02))
    weights = Weights(1.0, 8.0, 0.1, strength=0.5)
    targets = make_targets(NETWORK, CONTENT, STYLE, CONFIG, with_content_style=True)
    state = init_state(CONTENT, factory)
    moved = jax.jit(step, static_argnums=5)(
        state, NETWORK, targets, weights, factory, CONFIG
    )[0]
    used = replace(
        strength_module.weights_for_strength(weights, state.log_beta), strength=None
    )
    plain = jax.jit(step, static_argnums=5)(
        state, NETWORK, targets, used, factory, CONFIG
    )[0]
    np.testing.assert_allclose(moved.image, plain.image, atol=1e-6)
