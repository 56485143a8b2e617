"""What the decoder learns from: the objective's value, its gradient, and progress."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import narrow_network, picture

from jaxnst import Config, Weights, make_targets, objective
from jaxnst.feedforward.model import apply_style, new_feedforward, style_of
from jaxnst.training.decoder import (
    Moved,
    decoder_loss,
    moved_crops,
    stability_loss,
    training_step,
)

pytestmark = pytest.mark.usefixtures("compiled_quickly")

CONFIG = Config(
    content_layers=("relu3_1",),
    style_layers=("relu1_1", "relu2_1"),
    statistic="gaussian",
    tv_kind="squared",
)
WEIGHTS = Weights(jnp.float32(1.0), jnp.float32(5.0), jnp.float32(1.0))
loss = jax.jit(partial(decoder_loss, config=CONFIG))


@pytest.fixture(scope="module")
def model():
    encoder = narrow_network(width=4, padding="reflect", depth=9)
    return new_feedforward(jax.random.key(0), encoder)


@pytest.fixture(scope="module")
def pair():
    return picture(32, 32, 1), picture(32, 32, 2)


@pytest.mark.slow
def test_is_the_objective_of_what_one_pass_makes(model, pair):
    network = narrow_network(width=5, seed=7, depth=6)
    picture = apply_style(model, pair[0], style_of(model, pair[1]))
    shown = jnp.clip(picture, 0, 1)
    assert float(jnp.abs(picture - shown).max()) > 0.01
    targets = make_targets(network, *pair, CONFIG)
    wanted, terms = objective(shown, network, targets, WEIGHTS, CONFIG)
    wanted += 10 * np.mean(np.float64(picture - shown) ** 2)
    found, seen = loss(model.params, model, *pair, network, WEIGHTS)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    np.testing.assert_allclose(seen["style"], terms["style"], rtol=1e-4)


@pytest.mark.slow
def test_its_gradient(model):
    """Against differences, where there are few kinks: pale pictures, mean pooling; and
    on Gram matrices, for the roots of the other statistic round."""
    config = replace(CONFIG, statistic="gram", pooling="avg")
    pale = [0.3 + 0.4 * picture(32, 32, seed) for seed in (1, 2)]

    @jax.jit
    def of(bias):
        params = model.params | {"picture": model.params["picture"] | {"bias": bias}}
        return decoder_loss(params, model, *pale, model.encoder, WEIGHTS, config)[0]

    bias, step = model.params["picture"]["bias"], 0.01
    slope = jax.grad(of)(bias)
    for channel in range(3):
        away = step * jnp.eye(3)[channel]
        measured = (of(bias + away) - of(bias - away)) / (2 * step)
        np.testing.assert_allclose(slope[channel], measured, rtol=0.02, atol=1e-3)


@pytest.mark.slow
def test_a_step_is_down_the_mean_gradient_of_a_batch(model):
    contents, styles = (
        jnp.stack([picture(32, 32, s) for s in (k, k + 1)]) for k in (3, 5)
    )
    optimizer = optax.sgd(1e-3)
    given = model.encoder, WEIGHTS
    slopes = [
        jax.grad(lambda p, i=i: loss(p, model, contents[i], styles[i], *given)[0])(
            model.params
        )
        for i in range(2)
    ]
    wanted = jax.tree.map(lambda p, a, b: p - 5e-4 * (a + b), model.params, *slopes)
    params = jax.tree.map(jnp.copy, model.params)
    opt_state = optimizer.init(params)
    params, _, terms = training_step(
        params,
        opt_state,
        model,
        contents,
        styles,
        None,
        *given,
        jnp.float32(0),
        config=CONFIG,
        optimizer=optimizer,
    )
    for one, other in zip(*map(jax.tree.leaves, (params, wanted)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert {"loss", "content", "style", "tv"} <= set(terms)
    assert all(np.ndim(value) == 0 for value in terms.values())


@pytest.mark.slow
def test_learns(model, pair):
    contents, styles = (one[None] for one in pair)
    optimizer = optax.adam(3e-3)
    params = jax.tree.map(jnp.copy, model.params)
    opt_state, losses = optimizer.init(params), []
    for _ in range(40):
        params, opt_state, terms = training_step(
            params,
            opt_state,
            model,
            contents,
            styles,
            None,
            model.encoder,
            WEIGHTS,
            jnp.float32(0),
            config=CONFIG,
            optimizer=optimizer,
        )
        losses.append(float(terms["loss"]))
    assert np.mean(losses[-5:]) < 0.7 * losses[0]
    made = apply_style(replace(model, params=params), pair[0], style_of(model, pair[1]))
    assert np.isfinite(made).all()


def test_what_moves_along_is_stable():
    """And a lattice that keeps its place is not: its mean square difference."""
    large = np.asarray(picture(72, 80, 3))
    offset = np.array([5, 2], np.int32)
    image, moved = large[:64, :72], large[5 : 5 + 64, 2 : 2 + 72]
    assert stability_loss(image, moved, offset) == 0
    lattice = np.float64(np.indices((64, 72, 3)).sum(0) % 8 == 0)
    found = stability_loss(image + lattice, moved + lattice, offset)
    there = lattice[16 + 5 : 64 - 24 + 5, 16 + 2 : 72 - 24 + 2]
    wanted = np.mean((there - lattice[16:40, 16:48]) ** 2)
    assert wanted > 0.1
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.slow
def test_the_loss_counts_what_is_not_stable(model, pair):
    given = model.params, model, *pair, model.encoder, WEIGHTS
    moved = Moved(jnp.roll(pair[0], (-3, -1), (0, 1)), jnp.array([3, 1]))
    plain, _ = loss(*given)
    found, terms = loss(*given, moved=moved, stability=2.0)
    assert terms["stability"] > 0
    np.testing.assert_allclose(found, plain + 2 * terms["stability"], rtol=1e-5)


def test_moved_contents_are_the_same_pictures_elsewhere():
    larger = np.stack([np.asarray(picture(40, 48, seed)) for seed in range(3)])
    contents, moved = moved_crops(larger, np.random.default_rng(1))
    assert contents.shape == moved.content.shape == (3, 32, 40, 3)
    assert moved.offset.min() >= 0 and moved.offset.max() in range(1, 9)
    for content, again, (top, left) in zip(contents, *moved, strict=True):
        difference = content[top:, left:] - again[: 32 - top, : 40 - left]
        assert 0 < np.abs(difference).max() < 0.15
    again = moved_crops(larger, np.random.default_rng(1))[1]
    assert again.offset.tolist() == moved.offset.tolist()
