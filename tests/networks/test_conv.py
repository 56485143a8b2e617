"""Convolution, pooling and resizing, and their gradients, against NumPy and XLA."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.test_util import check_grads

from jaxnst.networks import conv, pooling
from jaxnst.networks.conv import PADDINGS
from jaxnst.networks.pooling import POOLINGS

MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}

conv2d = jax.jit(conv.conv2d, static_argnames="padding")
pool2d = jax.jit(pooling.pool2d, static_argnames="kind")


def draw(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def numpy_conv(x, kernel, bias, padding):
    pad = kernel.shape[0] // 2
    border = ((pad, pad), (pad, pad), (0, 0))
    x, kernel = np.pad(np.float64(x), border, MODES[padding]), np.float64(kernel)
    height, width = x.shape[0] - 2 * pad, x.shape[1] - 2 * pad
    y = np.zeros((height, width, kernel.shape[3])) + bias
    for u, v in np.ndindex(kernel.shape[:2]):
        y += x[u : u + height, v : v + width] @ kernel[u, v]
    return y


def plain_conv(x, kernel, bias, padding):
    """The same by XLA's convolution, differentiated by JAX."""
    pad = kernel.shape[0] // 2
    x = jnp.pad(x[None], ((0, 0), (pad, pad), (pad, pad), (0, 0)), MODES[padding])
    y = lax.conv_general_dilated(
        x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return y[0] + bias[None, None]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("shape", [(7, 5, 3), (4, 6, 2), (2, 2, 1)])
def test_convolution_is_the_sum_it_says(padding, shape, rng):
    x, kernel, bias = draw(rng, *shape), draw(rng, 3, 3, shape[2], 4), draw(rng, 4)
    given = conv2d(x, kernel, bias, padding=padding)
    expected = numpy_conv(x, kernel, bias, padding)
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("padding", PADDINGS)
def test_convolution_with_kernels_of_other_sizes(size, padding, rng):
    x, kernel, bias = draw(rng, 6, 5, 2), draw(rng, size, size, 2, 3), draw(rng, 3)
    given = conv2d(x, kernel, bias, padding=padding)
    expected = numpy_conv(x, kernel, bias, padding)
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-5)


def test_convolution_over_leading_axes_and_vmap(rng):
    x, kernel, bias = draw(rng, 2, 3, 4, 5, 2), draw(rng, 3, 3, 2, 4), draw(rng, 4)
    one = [[numpy_conv(x, kernel, bias, "reflect") for x in row] for row in x]

    def convolve(x):
        return conv2d(x, kernel, bias, padding="reflect")

    np.testing.assert_allclose(convolve(x), one, rtol=1e-5, atol=1e-5)
    lifted = jax.vmap(jax.vmap(convolve))(x)
    np.testing.assert_allclose(lifted, one, rtol=1e-5, atol=1e-5)


def test_convolution_keeps_the_type_of_the_features(rng):
    x, kernel, bias = draw(rng, 4, 4, 2), draw(rng, 3, 3, 2, 4), draw(rng, 4)
    half = conv2d(jnp.bfloat16(x), kernel, bias, padding="zeros")
    assert half.dtype == jnp.bfloat16
    expected = numpy_conv(x, kernel, bias, "zeros")
    np.testing.assert_allclose(np.float32(half), expected, rtol=0.05, atol=0.1)


def pulled(function, operands, cotangent):
    return jax.jit(lambda x, y: jax.vjp(function, *x)[1](y))(operands, cotangent)


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("padding", PADDINGS)
def test_convolution_gradients_are_those_of_the_plain_one(padding, size, rng):
    operands = draw(rng, 6, 5, 2), draw(rng, size, size, 2, 3), draw(rng, 3)
    cotangent = draw(rng, 6, 5, 3)
    ours = pulled(lambda *a: conv2d(*a, padding=padding), operands, cotangent)
    plain = pulled(lambda *a: plain_conv(*a, padding), operands, cotangent)
    for given, expected in zip(ours, plain, strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("padding", PADDINGS)
def test_convolution_gradients_are_finite_differences(padding, rng):
    operands = draw(rng, 4, 3, 2), draw(rng, 3, 3, 2, 2), draw(rng, 2)
    convolve = partial(conv2d, padding=padding)
    check_grads(convolve, operands, order=1, modes=("rev",), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("padding", conv.PADDINGS)
def test_no_convolution_is_without_padding(padding, rng):
    # XLA's CPU library is several times slower at those.
    x, kernel, bias = rng.normal(size=(8, 9, 4)), rng.normal(size=(3, 3, 4, 4)), None
    x, kernel, bias = jnp.float32(x), jnp.float32(kernel), jnp.zeros(4)

    def energy(x):
        return jnp.sum(conv2d(x, kernel, bias, padding=padding) ** 2)

    lowered = jax.jit(jax.grad(energy)).lower(x).as_text()
    pads = re.findall(r"pad = \[\[(\d+), (\d+)\], \[(\d+), (\d+)\]\]", lowered)
    assert len(pads) == 2 and ("0", "0", "0", "0") not in pads


def test_convolution_gradients_under_vmap(rng):
    x, kernel, bias = draw(rng, 3, 4, 5, 2), draw(rng, 3, 3, 2, 4), draw(rng, 4)

    def energy(x):
        return jnp.sum(conv2d(x, kernel, bias, padding="zeros") ** 2)

    gradient = jax.jit(jax.grad(energy))
    lifted = jax.vmap(gradient)(x)
    one = [gradient(item) for item in x]
    np.testing.assert_allclose(lifted, one, rtol=1e-4, atol=1e-4)


NUMPY_POOL = {
    "max": lambda w: w.max((1, 3)),
    "avg": lambda w: w.mean((1, 3)),
    "l2": lambda w: np.sqrt((w**2).mean((1, 3))),
}


@pytest.mark.parametrize("kind", POOLINGS)
@pytest.mark.parametrize("height, width", [(4, 6), (5, 7), (3, 2)])
def test_pooling_drops_an_odd_row_and_column(kind, height, width, rng):
    x = draw(rng, height, width, 3)
    h, w = height // 2, width // 2
    windows = np.float64(x)[: 2 * h, : 2 * w].reshape(h, 2, w, 2, 3)
    expected = NUMPY_POOL[kind](windows)
    given = pool2d(x, kind=kind)
    np.testing.assert_allclose(given, expected, rtol=1e-6)
    np.testing.assert_array_equal(pool2d(x[None], kind=kind)[0], given)


@pytest.mark.parametrize("kind", POOLINGS)
def test_pooling_gradients_are_finite_differences(kind, rng):
    # All values far apart, so that no difference crosses a change of the maximum.
    x = np.float32(rng.permutation(4 * 5 * 2).reshape(4, 5, 2) / 10 + 1)
    pool = partial(pool2d, kind=kind)
    check_grads(pool, (x,), order=1, modes=("rev",), rtol=1e-2, atol=1e-2, eps=1e-2)


def test_l2_pooling_has_a_finite_gradient_at_zero():
    x = np.zeros((4, 4, 1), np.float32)
    x[0, 0] = 2
    gradient = jax.grad(lambda x: pool2d(x, kind="l2").sum())(x)
    np.testing.assert_allclose(gradient[0, 0], 0.5)
    assert np.count_nonzero(gradient) == 1 and np.isfinite(gradient).all()


def test_the_slope_of_the_maximum_is_written_once():
    # Not as four maps with zeros between their values, and their sum.
    x = jnp.zeros((8, 8, 2))
    slope = jax.jit(jax.grad(lambda x: pool2d(x, kind="max").sum()))
    assert "stablehlo.pad" not in slope.lower(x).as_text()


@pytest.mark.parametrize("equal", [2, 3, 4])
def test_equal_maxima_share_one_gradient(equal):
    x = np.float32([1] * equal + [0] * (4 - equal)).reshape(2, 2, 1)
    gradient = jax.grad(lambda x: pool2d(x, kind="max").sum())(x)
    np.testing.assert_allclose(gradient.sum(), 1)
    np.testing.assert_array_equal(gradient > 0, x == 1)
