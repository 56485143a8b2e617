"""Colour functions against float64 NumPy lines, and what they promise."""

import jax
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jaxnst.pipeline.color_transfer import (
    luminance,
    match_color,
    match_luminance,
    to_luminance,
    with_color_of,
)

WEIGHTS = np.array([0.299, 0.587, 0.114])
TO_YIQ = np.array([WEIGHTS, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


def colorful(rng, height=13, width=17, spread=0.2):
    """Correlated colours away from black and white."""
    mix = rng.normal(size=(3, 3))
    pixels = rng.normal(size=(height, width, 3)) @ (mix / np.linalg.norm(mix))
    return np.clip(0.5 + spread * pixels, 0, 1).astype(np.float32)


def moments(image):
    pixels = np.asarray(image, np.float64).reshape(-1, 3)
    return pixels.mean(0), np.cov(pixels.T, bias=True)


def test_luminance_is_the_weighted_sum(rng):
    image = colorful(rng)
    expected = image.astype(np.float64) @ WEIGHTS
    np.testing.assert_allclose(luminance(image), expected, atol=1e-6)
    grey = np.asarray(to_luminance(image))
    assert grey.shape == image.shape
    np.testing.assert_allclose(grey, np.repeat(expected[..., None], 3, -1), atol=1e-6)


def test_luminance_of_white_is_one_and_of_grey_is_grey():
    image = np.linspace(0, 1, 30, dtype=np.float32).reshape(5, 6, 1).repeat(3, -1)
    np.testing.assert_allclose(to_luminance(image), image, atol=1e-6)


def test_match_luminance_against_the_formula(rng):
    style, content = colorful(rng), colorful(rng, 9, 11)
    y_s, y_c = style.astype(np.float64) @ WEIGHTS, content.astype(np.float64) @ WEIGHTS
    matched = y_c.std() / y_s.std() * (y_s - y_s.mean()) + y_c.mean()
    expected = style + (matched - y_s)[..., None]
    result = match_luminance(style, content, clip=False)
    np.testing.assert_allclose(result, expected, atol=1e-5)
    clipped = match_luminance(style, content)
    np.testing.assert_allclose(clipped, np.clip(expected, 0, 1), atol=1e-5)


def test_match_luminance_of_an_even_style_takes_the_mean(rng):
    style, content = np.full((4, 5, 3), 0.3, np.float32), colorful(rng)
    expected = (content.astype(np.float64) @ WEIGHTS).mean()
    np.testing.assert_allclose(match_luminance(style, content), expected, atol=1e-5)


def test_with_color_of_has_luma_of_one_and_chroma_of_the_other(rng):
    image, source = colorful(rng), colorful(rng)
    result = np.asarray(with_color_of(image, source, clip=False), np.float64) @ TO_YIQ.T
    np.testing.assert_allclose(result[..., 0], (image @ TO_YIQ.T)[..., 0], atol=1e-5)
    # The rows of TO_YIQ sum to 0 only to four digits, as they are published.
    chroma = (source.astype(np.float64) @ TO_YIQ.T)[..., 1:]
    np.testing.assert_allclose(result[..., 1:], chroma, atol=3e-4)


def test_results_are_clipped(rng):
    black, red = np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 3), np.float32)
    red[..., 0] = 1
    assert np.asarray(with_color_of(black, red, clip=False)).min() < -0.2
    for function in (with_color_of, match_color, match_luminance):
        result = np.asarray(
            function(colorful(rng, 8, 8, 0.5), colorful(rng, 8, 8, 2.0))
        )
        assert result.min() >= 0 and result.max() <= 1


def root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(values) @ vectors.T


def test_match_color_against_the_formula(rng):
    style, content = colorful(rng), colorful(rng, 9, 11)
    (mean_s, cov_s), (mean_c, cov_c) = moments(style), moments(content)
    half = root(cov_s)
    transport = np.linalg.inv(half) @ root(half @ cov_c @ half) @ np.linalg.inv(half)
    expected = (style - mean_s) @ transport.T + mean_c
    np.testing.assert_allclose(
        match_color(style, content, clip=False), expected, atol=2e-4
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.3), st.floats(0.02, 0.3))
def test_match_color_gives_the_mean_and_covariance(seed, style_spread, content_spread):
    rng = np.random.default_rng(seed)
    content = colorful(rng, spread=content_spread)
    # Independent noise keeps the style's covariance clear of singular.
    style = colorful(rng, spread=style_spread)
    style = style + 0.05 * rng.random(style.shape, dtype=np.float32)
    mean, covariance = moments(content)
    once = match_color(style, content, clip=False)
    got_mean, got_covariance = moments(once)
    np.testing.assert_allclose(got_mean, mean, atol=1e-5)
    np.testing.assert_allclose(got_covariance, covariance, atol=1e-3 * covariance.max())
    if np.linalg.cond(covariance) < 1e3:
        twice = match_color(once, content, clip=False)
        np.testing.assert_allclose(twice, once, atol=2e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.3))
@example(0, 2.0**-14)  # just not taken for flat
def test_a_grey_style_stays_of_one_tint(seed, spread):
    rng = np.random.default_rng(seed)
    content = colorful(rng)
    grey = (0.5 + spread * rng.normal(size=(9, 8, 1))).repeat(3, -1).astype(np.float32)
    result = np.asarray(match_color(grey, content, clip=False))
    assert np.isfinite(result).all()
    mean = moments(content)[0]
    np.testing.assert_allclose(moments(result)[0], mean, atol=1e-5)
    tint = result - result[..., :1]
    np.testing.assert_allclose(
        tint, np.broadcast_to(mean - mean[0], tint.shape), atol=1e-4
    )
    for function in (match_color, match_luminance):
        both = np.asarray(function(grey, np.asarray(to_luminance(content)), clip=False))
        np.testing.assert_allclose(both, both[..., :1].repeat(3, -1), atol=1e-4)


def test_match_color_of_an_even_style_and_an_even_content(rng):
    even, picture = np.full((3, 4, 3), 0.25, np.float32), colorful(rng)
    result = np.asarray(match_color(even, picture))
    np.testing.assert_allclose(result[0, 0], moments(picture)[0], atol=1e-5)
    np.testing.assert_allclose(match_color(picture, even), 0.25, atol=1e-5)


def test_match_color_of_large_pictures_keeps_its_digits(rng):
    style = (0.9 + 0.002 * rng.normal(size=(700, 900, 3))).astype(np.float32)
    content = colorful(rng)
    mean, covariance = moments(content)
    result = moments(match_color(style, content, clip=False))
    np.testing.assert_allclose(result[0], mean, atol=1e-4)
    np.testing.assert_allclose(result[1], covariance, atol=2e-3 * covariance.max())


@pytest.mark.parametrize("function", [match_color, match_luminance, with_color_of])
def test_lifted_by_vmap_and_jit(function, rng):
    firsts = np.stack([colorful(rng) for _ in range(3)])
    seconds = np.stack([colorful(rng) for _ in range(3)])
    batch = jax.jit(jax.vmap(function))(firsts, seconds)
    for k in range(3):
        single = function(firsts[k], seconds[k])
        np.testing.assert_allclose(batch[k], single, atol=1e-5)


def test_wrong_arguments_are_named(rng):
    with pytest.raises(ValueError, match=r"style must have shape \(H, W, 3\)"):
        match_color(np.zeros((4, 4), np.float32), colorful(rng))
    with pytest.raises(ValueError, match="must have one size"):
        with_color_of(colorful(rng), colorful(rng, 5, 5))
    with pytest.raises(TypeError, match="divide 8-bit values by 255"):
        luminance(np.zeros((4, 4, 3), np.uint8))
