"""Features given another picture's statistics, against NumPy's float64 formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnst import gaussian as gaussian_module
from jaxnst.feedforward import transforms
from jaxnst.gaussian import Gaussian, gaussian

transport, adain = jax.jit(gaussian_module.transport), jax.jit(transforms.adain)


def mixed(rng, height, width, channels, scale=1.0):
    """Features whose channels depend on each other."""
    x = rng.normal(size=(height, width, channels)) @ rng.normal(size=(channels,) * 2)
    return jnp.float32(scale * (x + rng.normal(size=channels)))


def statistics(features):
    flat = np.float64(features).reshape(-1, features.shape[-1])
    return flat.mean(0), np.cov(flat.T, bias=True)


def power(matrix, exponent):
    values, vectors = np.linalg.eigh(matrix)
    return vectors * values**exponent @ vectors.T


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e2])
def test_transport_is_the_optimal_map_between_gaussians(scale, rng):
    x, y = mixed(rng, 9, 11, 5, scale), mixed(rng, 8, 7, 5, scale)
    (m, a), (n, b) = statistics(x), statistics(y)
    a, b = (c + 1e-3 * np.trace(c) / 5 * np.eye(5) for c in (a, b))
    root = power(a, 0.5)
    move = power(a, -0.5) @ power(root @ b @ root, 0.5) @ power(a, -0.5)
    expected = n + (np.float64(x) - m) @ move
    np.testing.assert_allclose(transport(x, gaussian(y)), expected, atol=2e-3 * scale)


def test_transport_gives_the_mean_and_covariance_of_the_target(rng):
    target = gaussian(mixed(rng, 20, 20, 6))
    found = gaussian(transport(mixed(rng, 25, 20, 6), target))
    size = np.abs(target.covariance).max()
    np.testing.assert_allclose(found.mean, target.mean, atol=1e-3)
    np.testing.assert_allclose(found.covariance, target.covariance, atol=0.02 * size)


def test_adain_replaces_means_and_deviations(rng):
    x, y = mixed(rng, 9, 11, 5), mixed(rng, 8, 7, 5)
    (m, a), (n, b) = statistics(x), statistics(y)
    variances = np.diag(a) + 1e-3 * np.trace(a) / 5
    expected = n + (np.float64(x) - m) * np.sqrt(np.diag(b) / variances)
    np.testing.assert_allclose(adain(x, gaussian(y)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", transforms.MATCHINGS)
def test_a_picture_matched_to_itself_hardly_changes(kind, rng):
    x = mixed(rng, 12, 12, 4)
    y = transforms.match_statistics(x, gaussian(x), matching=kind)
    assert np.abs(y - x).max() < 0.02 * np.abs(x).max()


@pytest.mark.parametrize("kind", transforms.MATCHINGS)
def test_what_does_not_vary_is_not_blown_up(kind, rng):
    flat = jnp.ones((6, 6, 4)).at[..., 0].set(mixed(rng, 6, 6, 1)[..., 0])
    target = gaussian(mixed(rng, 9, 9, 4))
    moved = transforms.match_statistics(flat, target, matching=kind)
    assert np.isfinite(moved).all()
    still = transforms.match_statistics(jnp.zeros((6, 6, 4)), target, matching=kind)
    np.testing.assert_allclose(still, np.broadcast_to(target.mean, still.shape))


def test_strength_is_the_way_there(rng):
    x, target = mixed(rng, 6, 6, 3), gaussian(mixed(rng, 9, 9, 3))
    ways = [
        transforms.match_statistics(x, target, strength=s) for s in (0.0, 0.25, 1.0)
    ]
    np.testing.assert_array_equal(ways[0], x)
    np.testing.assert_allclose(ways[2], transport(x, target), rtol=1e-5, atol=1e-5)
    quarter = 0.75 * ways[0] + 0.25 * ways[2]
    np.testing.assert_allclose(ways[1], quarter, rtol=1e-5, atol=1e-5)


def test_an_unknown_matching(rng):
    target = Gaussian(jnp.zeros(3), jnp.eye(3))
    with pytest.raises(ValueError, match="matching.*did you mean 'adain'"):
        transforms.match_statistics(jnp.zeros((2, 2, 3)), target, matching="adin")
