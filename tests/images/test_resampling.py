"""Sizes and resampling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import picture

from jaxnst.images import fit_size, resize, resize_pixels
from jaxnst.images.resampling import decode_srgb, encode_srgb

sides = st.integers(1, 5000)


@given(sides, sides, sides)
def test_fit_size_keeps_the_aspect(height, width, longest):
    fitted = fit_size(height, width, longest)
    assert max(fitted) == longest and min(fitted) >= 1
    exact = min(height, width) * longest / max(height, width)
    assert min(fitted) == 1 or abs(min(fitted) - exact) <= 0.5


def test_fit_size_examples():
    assert fit_size(300, 400, 200) == (150, 200)
    assert fit_size(400, 300, 800) == (800, 600)
    assert fit_size(2, 10000, 100) == (1, 100)
    assert fit_size(3, 2, 3) == (3, 2)
    assert fit_size(np.int64(5), 10, np.int32(5)) == (3, 5)  # 2.5 upwards


@pytest.mark.parametrize("longest", [0, -3, 2.5, "64", None, True])
def test_fit_size_refuses_what_is_no_size(longest):
    with pytest.raises(ValueError, match="longest must be a whole number of pixels"):
        fit_size(10, 10, longest)


@pytest.mark.parametrize("size", [(0, 5), (5,), (5, 5, 5), (5, 1.5)])
def test_resize_refuses_what_is_no_size(size):
    with pytest.raises(ValueError, match="size"):
        resize(np.zeros((4, 4, 3), np.float32), size)


def test_resize_refuses_a_size_beyond_the_limit():
    with pytest.raises(ValueError, match="more than the limit of 178,000,000"):
        resize(np.zeros((4, 4, 3), np.float32), (20_000, 20_000))


def test_srgb_curve():
    # Values of IEC 61966-2-1.
    np.testing.assert_allclose(
        decode_srgb(np.array([0, 0.5, 1])), [0, 0.214041, 1], 1e-5
    )
    np.testing.assert_allclose(decode_srgb(np.array([0.02])), [0.02 / 12.92], 1e-6)
    levels = np.linspace(0, 1, 1001, dtype=np.float32)
    np.testing.assert_allclose(encode_srgb(decode_srgb(levels)), levels, atol=1e-6)


def test_fine_stripes_keep_their_light():
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[:, ::2] = 1
    small = np.asarray(resize(stripes, (16, 16)))
    # Half the light is sRGB 0.735; averaging the encoded values would give 0.5.
    np.testing.assert_allclose(small[4:12, 4:12], 0.7354, atol=0.01)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.floats(0, 1, width=32))
def test_an_even_picture_stays_even(height, width, level):
    image = np.full((7, 9, 3), level, np.float32)
    resized = np.asarray(resize(image, (height, width)))
    assert resized.shape == (height, width, 3)
    np.testing.assert_allclose(resized, level, atol=2e-5)


def test_the_same_size_changes_nothing(rng):
    image = rng.random((5, 6, 3), dtype=np.float32)
    np.testing.assert_array_equal(resize(image, (5, 6)), image)


def test_a_smooth_picture_survives_down_and_up():
    y, x = np.mgrid[:64, :48] / 64
    image = np.stack([0.5 + 0.3 * np.sin(6 * y), 0.3 + 0.4 * x, 0.6 - 0.4 * y * x], -1)
    image = image.astype(np.float32)
    again = np.asarray(resize(resize(image, (32, 24)), (64, 48)))
    np.testing.assert_allclose(again[4:-4, 4:-4], image[4:-4, 4:-4], atol=3e-3)
    assert np.abs(again - image).max() < 0.05


def test_channels_and_axes_are_not_mixed(rng):
    image = np.zeros((8, 12, 3), np.float32)
    image[:4, :, 0] = 1
    image[:, :6, 1] = 1
    resized = np.asarray(resize(image, (16, 24)))
    assert resized[2, 20, 0] > 0.99 and resized[13, 20, 0] < 0.01
    assert resized[13, 3, 1] > 0.99 and resized[13, 20, 1] < 0.01
    assert np.abs(resized[..., 2]).max() == 0


def test_results_stay_in_the_unit_range(rng):
    image = (rng.random((9, 9, 3)) > 0.5).astype(np.float32)
    resized = np.asarray(resize(image, (31, 30)))
    assert resized.min() >= 0 and resized.max() <= 1 and np.isfinite(resized).all()


@pytest.mark.parametrize("size", [(5, 9), (31, 7), (1, 1), (40, 50)])
def test_compiled_and_by_pillow_it_is_the_same(size, rng):
    image = np.float32(rng.uniform(size=(17, 24, 3)))
    compiled = jax.jit(resize, static_argnums=1)(image, size)
    np.testing.assert_allclose(compiled, resize_pixels(image, size), atol=1e-4)
    np.testing.assert_allclose(compiled, resize(image, size), atol=1e-5)


def test_it_lifts_and_its_slope_is_finite_in_the_dark():
    images = jnp.stack([picture(9, 12, n) for n in range(2)] + [jnp.zeros((9, 12, 3))])
    lifted = jax.vmap(lambda x: resize(x, (4, 5)))(images)
    for one, each in zip(images, lifted, strict=True):
        np.testing.assert_allclose(each, resize(one, (4, 5)), atol=1e-6)
    slope = jax.grad(lambda x: resize(x, (4, 5)).sum())(images[2])
    assert np.isfinite(slope).all() and float(slope.max()) > 0
