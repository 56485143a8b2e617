"""Roots of symmetric matrices against NumPy's float64 eigenvalues."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnst import linalg

sqrtm, trace_sqrtm = jax.jit(linalg.sqrtm), jax.jit(linalg.trace_sqrtm)
slope_of_trace = jax.jit(jax.grad(linalg.trace_sqrtm))


def with_eigenvalues(rng, values):
    turn, _ = np.linalg.qr(rng.normal(size=(len(values), len(values))))
    return np.float32(turn * values @ turn.T)


def numpy_sqrtm(matrix, power=0.5):
    values, vectors = np.linalg.eigh(np.float64(matrix))
    return vectors * values**power @ vectors.T


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("size", [1, 16])
def test_root_times_itself_is_the_matrix(size, scale, rng):
    matrix = with_eigenvalues(rng, scale * np.geomspace(1, 1e-3, size))
    root = sqrtm(matrix)
    np.testing.assert_allclose(root @ root, matrix, atol=1e-5 * scale)
    np.testing.assert_allclose(root, root.T, atol=1e-6 * scale**0.5)
    expected = numpy_sqrtm(matrix)
    np.testing.assert_allclose(root, expected, atol=1e-4 * scale**0.5)


def test_root_of_a_matrix_that_rounding_made_indefinite(rng):
    matrix = with_eigenvalues(rng, np.array([1.0, 0.5, 0.0, -1e-7]))
    root = sqrtm(matrix)
    assert np.isfinite(root).all()
    np.testing.assert_allclose(root @ root, matrix, atol=5e-5)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("condition", [1e1, 1e4, 1e6])
def test_trace_of_the_root(condition, scale, rng):
    values = scale * np.geomspace(1, 1 / condition, 16)
    trace = trace_sqrtm(with_eigenvalues(rng, values))
    np.testing.assert_allclose(trace, np.sqrt(values).sum(), rtol=2e-3)


def test_trace_of_the_root_of_a_singular_matrix(rng):
    values = np.float64([4, 1, 0.25, 0, 0, 0])
    trace = trace_sqrtm(with_eigenvalues(rng, values))
    np.testing.assert_allclose(trace, 3.5, rtol=2e-3)


def test_the_zero_matrix_has_root_zero_and_a_finite_gradient():
    zero = jnp.zeros((4, 4))
    np.testing.assert_array_equal(sqrtm(zero), zero)
    assert 0 <= trace_sqrtm(zero) < 1e-2
    assert np.isfinite(slope_of_trace(zero)).all()


def test_gradient_is_half_the_inverse_root(rng):
    matrix = with_eigenvalues(rng, np.geomspace(3, 0.03, 8))
    gradient = slope_of_trace(matrix)
    expected = 0.5 * numpy_sqrtm(matrix, -0.5)
    np.testing.assert_allclose(gradient, expected, atol=2e-3)


def test_forward_derivative_is_a_finite_difference(rng):
    matrix = with_eigenvalues(rng, np.geomspace(3, 0.3, 6))
    change = rng.normal(size=(6, 6))
    change = np.float32(change + change.T)
    value, slope = jax.jvp(trace_sqrtm, (matrix,), (change,))
    sides = [np.trace(numpy_sqrtm(matrix + e * change)) for e in (1e-4, -1e-4)]
    np.testing.assert_allclose(value, np.trace(numpy_sqrtm(matrix)), rtol=1e-4)
    np.testing.assert_allclose(slope, (sides[0] - sides[1]) / 2e-4, rtol=1e-3)


def test_roots_of_a_stack_are_roots_one_by_one(rng):
    stack = np.stack([with_eigenvalues(rng, np.geomspace(k, 1, 5)) for k in (2, 9)])
    np.testing.assert_allclose(
        jax.vmap(slope_of_trace)(stack),
        [slope_of_trace(matrix) for matrix in stack],
        rtol=1e-4,
        atol=1e-5,
    )
    given = jax.vmap(sqrtm)(stack)
    expected = [numpy_sqrtm(matrix) for matrix in stack]
    np.testing.assert_allclose(given, expected, atol=1e-4)
