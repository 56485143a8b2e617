"""Steps in the levels of a Laplacian pyramid."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnst import optimizers
from jaxnst.optimize.laplacian_pyramid import add_levels, in_pyramid, pyramid_sizes

RNG = np.random.default_rng(0)
IMAGE = jnp.asarray(RNG.uniform(size=(12, 9, 3)), "float32")
GRADIENT = jnp.asarray(RNG.normal(size=(12, 9, 3)), "float32")


def first_update(optimizer):
    transformation = optax.with_extra_args_support(optimizers.as_factory(optimizer)())
    update = jax.jit(transformation.update)
    return update(GRADIENT, transformation.init(IMAGE), IMAGE)[0]


def test_sizes_are_halves_down_to_a_pixel():
    assert pyramid_sizes((12, 9), 3) == [(12, 9), (6, 5), (3, 3)]
    assert pyramid_sizes((3, 2), 9) == [(3, 2), (2, 1), (1, 1)]


def test_levels_are_enlarged_and_added():
    fine, coarse = jnp.zeros((4, 4, 3)), jnp.ones((2, 2, 3)) * 0.25
    np.testing.assert_allclose(add_levels([fine, coarse]), 0.25)
    np.testing.assert_allclose(add_levels([fine + 1, coarse]), 1.25)


def test_a_gradient_step_is_one_of_all_levels():
    """-r J Jᵀ g, J the sum of enlarged levels, as a matrix in float64."""
    zeros = [jnp.zeros((*size, 3)) for size in pyramid_sizes((12, 9), 3)]
    jacobians = jax.jacobian(add_levels)(zeros)
    expected = 0.0
    for jacobian in jacobians:
        matrix = np.float64(jacobian).reshape(IMAGE.size, -1)
        expected = expected - 0.1 * matrix @ matrix.T @ np.float64(GRADIENT).reshape(-1)
    found = first_update(in_pyramid(optax.sgd(0.1), 3))
    np.testing.assert_allclose(found.reshape(-1), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [optimizers.adam, optimizers.rmsprop])
def test_one_level_is_the_picture(make):
    np.testing.assert_allclose(
        first_update(in_pyramid(make(0.01), 1)), first_update(make(0.01)), rtol=1e-5
    )


def test_adam_moves_large_shapes_further():
    """A gradient of one sign everywhere: every level steps by the rate."""
    transformation = optimizers.as_factory(in_pyramid(optimizers.adam(0.01), 4))()
    update, _ = transformation.update(
        jnp.ones_like(IMAGE), transformation.init(IMAGE), IMAGE
    )
    np.testing.assert_allclose(update, -0.04, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", optimizers.NAMES)
def test_every_optimiser_lowers_a_square(name):
    aim = jnp.asarray(RNG.uniform(size=(12, 9, 3)), "float32")
    optimizer = optimizers.as_factory(in_pyramid(optimizers.get(name), 3))

    def loss(image):
        return jnp.sum(jnp.square(image - aim))

    @jax.jit
    def run(image):
        transformation = optax.with_extra_args_support(optimizer())

        def step(_, carry):
            image, state = carry
            value, gradient = jax.value_and_grad(loss)(image)
            updates, state = transformation.update(
                gradient, state, image, value=value, grad=gradient, value_fn=loss
            )
            return image + updates, state

        start = image, transformation.init(image)
        return jax.lax.fori_loop(0, 40, step, start)[0]

    assert loss(run(IMAGE)) < 0.6 * loss(IMAGE)


def test_numbers_are_leaves():
    """Another rate compiles nothing."""
    one, other = (in_pyramid(optimizers.adam(rate), 3) for rate in (0.1, 0.2))
    assert jax.tree.structure(one) == jax.tree.structure(other)
    with pytest.raises(ValueError, match="levels"):
        in_pyramid(optimizers.adam(), 0)
