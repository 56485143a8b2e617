"""Under jax.jit, vmap and grad: what cannot be traced says so, the objective can."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import (
    Config,
    Settings,
    Weights,
    grid_search,
    make_targets,
    objective,
    render,
    render_batch,
    render_grid,
    split_rows,
    stylize,
    stylize_batch,
    stylize_pyramid,
)
from jaxnst.losses import tiles

NETWORK = narrow_network(depth=1)
IMAGE, STYLE = picture(12, 16), picture(10, 12, 1)
CONFIG = Config(content_layers=("relu1_1",), style_layers=("relu1_1",))

RUNS = {
    "stylize": lambda x: stylize(NETWORK, x, STYLE, config=CONFIG).image,
    "stylize_pyramid": lambda x: stylize_pyramid(NETWORK, x, STYLE).image,
    "grid_search": lambda x: grid_search(NETWORK, x, STYLE, betas=[1.0]).image,
    "stylize_batch": lambda x: stylize_batch(NETWORK, [x], [STYLE]).image,
    "split_rows": lambda x: split_rows(NETWORK, x)[1],
    "render": lambda x: render(Settings(), NETWORK, x, [STYLE]).image,
    "render_grid": lambda x: (
        render_grid(Settings(), NETWORK, x, [STYLE], alphas=[1.0], betas=[1.0]).image
    ),
    "render_batch": lambda x: render_batch(Settings(), NETWORK, [x], [STYLE])[0].image,
}


@pytest.mark.parametrize("name", RUNS)
def test_runs_say_that_they_cannot_be_traced(name):
    run = RUNS[name]
    for traced in (
        lambda: jax.jit(run)(IMAGE),
        lambda: jax.vmap(run)(IMAGE[None]),
        lambda: jax.grad(lambda x: run(x).sum())(IMAGE),
        lambda: jax.jit(lambda x: x * run(IMAGE))(1.0),  # of arrays, but within jit
    ):
        with pytest.raises(TypeError, match=f"^{name} .* cannot be called under jax.j"):
            traced()


def test_numbers_can_be_what_is_traced():
    def loss(beta):
        weights = Weights(beta=beta)
        return stylize(
            NETWORK, IMAGE, STYLE, config=CONFIG, weights=weights
        ).image.sum()

    with pytest.raises(TypeError, match="outside of them"):
        jax.grad(loss)(1.0)


def loss_of_an_image():
    # Before the ReLU, whose kinks finite differences would see.
    config = Config(content_layers=("conv1_1",), style_layers=("conv1_1",))
    targets = make_targets(NETWORK, IMAGE, STYLE, config)
    return lambda x: objective(x, NETWORK, targets, Weights(), config)[0]


def test_forward_mode_is_refused_with_the_way_out():
    loss, direction = loss_of_an_image(), IMAGE - 0.5
    for forward in (
        lambda: jax.jvp(loss, (IMAGE,), (direction,)),
        lambda: jax.jacfwd(loss)(IMAGE),
        lambda: jax.hessian(loss)(IMAGE),
    ):
        with pytest.raises(TypeError, match="reverse mode alone: take jax.grad"):
            forward()


@pytest.mark.slow
def test_second_derivatives_by_reverse_mode_twice():
    loss, direction = loss_of_an_image(), IMAGE - 0.5
    product = jax.grad(lambda x: jnp.vdot(jax.grad(loss)(x), direction))(IMAGE)
    shift = 1e-2 * direction
    difference = jax.grad(loss)(IMAGE + shift) - jax.grad(loss)(IMAGE - shift)
    error = jnp.linalg.norm(product - difference / 2e-2) / jnp.linalg.norm(product)
    assert error < 0.05


def test_gradients_of_tiles_are_added_up_where_float64_is_the_default():
    corners, size = ((0, 0), (4, 2), (16, 0)), (24, 20)

    def total(features):
        taken = 0.0
        for number, corner in enumerate(corners, start=1):
            tile, features = tiles._take(features, jnp.array(corner), size)
            taken += number * tile.sum()
        return tiles._release(features, taken)

    with jax.enable_x64(True):
        gradient = jax.grad(total)(jnp.ones((40, 24, 3), jnp.float32))
    counts = np.zeros((40, 24, 3), np.float32)
    for number, (row, column) in enumerate(corners, start=1):
        counts[row : row + 24, column : column + 20] += number
    assert gradient.dtype == jnp.float32
    np.testing.assert_array_equal(gradient, counts)
