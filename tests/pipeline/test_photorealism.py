"""Colour and light on the edges of the photograph."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from jaxnst import presets, render
from jaxnst.images import resize
from jaxnst.pipeline import photorealism
from jaxnst.pipeline.settings import Settings
from tests.helpers.networks import narrow_network, picture

PHOTO, IMAGE = picture(20, 26, 0), picture(20, 26, 1)


def test_box_means_are_means_of_windows():
    x = np.float64(PHOTO)
    found = photorealism.box_mean(PHOTO, radius=2)
    inner = sliding_window_view(x, (5, 5), (0, 1)).mean((-2, -1))
    np.testing.assert_allclose(found[2:-2, 2:-2], inner, rtol=1e-5)
    np.testing.assert_allclose(found[0, 0], x[:3, :3].mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(found[-1, 3], x[-3:, 1:6].mean((0, 1)), rtol=1e-5)


def test_the_guided_filter_window_by_window():
    """He et al. 2013, eq. 14 to 16, each window in float64."""
    p, i, radius, eps = np.float64(IMAGE), np.float64(PHOTO), 2, 1e-4
    height, width = p.shape[:2]
    slopes, offsets = np.zeros((height, width, 3, 3)), np.zeros((height, width, 3))

    def window(x, row, column):
        rows = slice(max(0, row - radius), row + radius + 1)
        columns = slice(max(0, column - radius), column + radius + 1)
        return x[rows, columns]

    for k in np.ndindex(height, width):
        guide, aim = (window(x, *k).reshape(-1, 3) for x in (i, p))
        guide0, aim0 = guide - guide.mean(0), aim - aim.mean(0)
        covariance = guide0.T @ guide0 / len(guide)
        a = aim0.T @ guide0 / len(guide) @ np.linalg.inv(covariance + eps * np.eye(3))
        slopes[k], offsets[k] = a, aim.mean(0) - a @ guide.mean(0)
    for k in [(0, 0), (10, 13), (19, 4)]:
        a = window(slopes, *k).mean((0, 1))
        expected = a @ i[k] + window(offsets, *k).mean((0, 1))
        found = photorealism.locally_affine(IMAGE, PHOTO, radius=radius)[k]
        np.testing.assert_allclose(found, np.clip(expected, 0, 1), atol=2e-4)


def test_a_photograph_in_other_light_is_kept_as_it_is():
    """An affine change of colours, the same everywhere, is one in every window."""
    turn = jnp.array([[0.5, 0.2, 0.0], [0.1, 0.6, 0.1], [0.0, 0.1, 0.7]])
    lit = PHOTO @ turn + 0.1
    found = photorealism.photorealistic(lit, PHOTO, 0.1)
    np.testing.assert_allclose(found, lit, atol=0.01)


def test_strokes_go_and_the_photographs_edges_stay():
    photograph = resize(picture(12, 16, 0), (60, 80))
    strokes = np.random.default_rng(0).normal(0, 0.1, photograph.shape)
    painted = jnp.clip(0.5 * photograph[..., ::-1] + 0.25 + strokes, 0, 1)
    found = photorealism.photorealistic(painted, photograph, 0.1)
    before, after = (
        photorealism.edge_correlation(x, photograph) for x in (painted, found)
    )
    assert before < 0.1 and after > 0.75
    np.testing.assert_allclose(found.mean((0, 1)), painted.mean((0, 1)), atol=0.02)
    lengths = [
        np.hypot(*np.gradient(np.float64(x) @ [0.299, 0.587, 0.114])).ravel()
        for x in (painted, photograph)
    ]
    np.testing.assert_allclose(before, np.corrcoef(*lengths)[0, 1], atol=1e-4)


def test_a_flat_photograph_is_finite():
    flat = jnp.full((8, 8, 3), 0.5)
    assert np.isfinite(photorealism.locally_affine(IMAGE[:8, :8], flat, radius=1)).all()


@pytest.mark.slow
def test_settings_ask_for_it():
    settings = presets.get("photo")
    assert settings.photorealism == 0.04
    settings = replace(settings, geometry=replace(settings.geometry, size=48))
    network, photograph = narrow_network(), picture(40, 48, 3)
    with_strokes = replace(settings, photorealism=None)
    plain, kept = (
        render(s, network, photograph, [picture(48, 40, 4)]).image
        for s in (with_strokes, settings)
    )
    expected = photorealism.photorealistic(plain, photograph, 0.04)
    np.testing.assert_allclose(kept, expected, atol=1e-5)


@pytest.mark.parametrize("wrong", [-0.1, 0.6, float("nan")])
def test_a_radius_that_cannot_be_is_an_error(wrong):
    with pytest.raises(ValueError, match="photorealism"):
        Settings(photorealism=wrong)
