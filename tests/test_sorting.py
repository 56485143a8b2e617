"""Rows sorted as integers, against NumPy."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnst import sorting

sort_rows, order = jax.jit(sorting.sort_rows), jax.jit(sorting.order)
ranks = jax.jit(sorting.ranks)


def rows(rng, count):
    """Large and small, of both signs, many of them equal, infinite or 0."""
    values = rng.normal(size=(3, count)) * 10.0 ** rng.integers(-30, 30, (3, count))
    values[1] = rng.integers(-2, 3, count)
    values[2, ::3] = 0
    values[0, ::7] = np.inf
    values[0, 1::7] = -np.inf
    return np.float32(values)


@pytest.mark.parametrize("count", [1, 2, 5, 256, 257, 4096, 70_000])
def test_rows_are_sorted(count, rng):
    values = rows(rng, count)
    np.testing.assert_array_equal(sort_rows(values), np.sort(values, -1))


@pytest.mark.parametrize("count", [1, 2, 5, 256, 257, 4096, 70_000])
def test_order_leaves_equal_values_in_turn(count, rng):
    values = rows(rng, count)
    expected = np.argsort(values, -1, kind="stable")
    np.testing.assert_array_equal(order(values), expected)
    np.testing.assert_array_equal(ranks(values), np.argsort(expected, -1))


def test_slopes_go_back_to_where_the_values_were(rng):
    values, weights = jnp.float32(rng.normal(size=(2, 3, 50)))
    slope = jax.grad(lambda v: jnp.sum(weights * sorting.sort_rows(v)))(values)
    expected = np.zeros_like(values)
    np.put_along_axis(expected, values.argsort(-1), weights, -1)
    np.testing.assert_array_equal(slope, expected)


def test_curvature_of_sorted_values(rng):
    """The gradient of a product with the gradient: of Σ w v² along the sorted row."""
    values, weights, along = jnp.float32(rng.normal(size=(3, 1, 20)))

    def loss(v):
        return jnp.sum(weights * jnp.square(sorting.sort_rows(v)))

    found = jax.grad(lambda v: jnp.sum(along * jax.grad(loss)(v)))(values)
    own = np.take_along_axis(weights, values.argsort(-1).argsort(-1), -1)
    np.testing.assert_allclose(found, 2 * own * along, rtol=1e-5)


def test_batches(rng):
    values = np.float32(rng.normal(size=(4, 3, 33)))
    np.testing.assert_array_equal(jax.vmap(ranks)(values)[2], ranks(values[2]))


def test_nothing_but_integers_is_sorted(rng):
    """Other types are compared by compiled code, six times slower on a CPU."""
    values = jnp.zeros((3, 4096))
    for function in (sorting.sort_rows, sorting.order, jax.grad(summed)):
        text = jax.jit(function).lower(values).as_text()
        sorts = re.findall(r"stablehlo\.sort.*?\}\) : \((.*?)\)", text, re.DOTALL)
        assert set(sorts) == {"tensor<3x4096xui32>"}


def summed(values):
    return jnp.sum(jnp.square(sorting.sort_rows(values)))
