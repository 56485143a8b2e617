"""Convolution and pooling of feature maps (..., H, W, C), resizing of pictures.

Written so that compiled loops stay fast on CPU and GPU: automatic differentiation's
own input gradient of a convolution has a transposed layout that XLA's CPU backend
rewrites only outside of loops, so the gradient here is an ordinary convolution too.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

PADDINGS = ("zeros", "reflect", "replicate")
POOLINGS = ("max", "avg", "l2")

_PAD_MODES = {"reflect": "reflect", "replicate": "edge"}


def _correlate(images: Array, kernel: Array, pad: int) -> Array:
    """Stride-1 correlation of (N, H, W, I) with (k, k, I, O), `pad` zeros around."""
    return lax.conv_general_dilated(
        images,
        kernel,
        window_strides=(1, 1),
        padding=((pad, pad), (pad, pad)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve(images: Array, kernel: Array, pad: int) -> Array:
    return _correlate(images, kernel, pad)


def _convolve_forward(
    images: Array, kernel: Array, pad: int
) -> tuple[Array, tuple[Array, Array]]:
    return _correlate(images, kernel, pad), (images, kernel)


def _convolve_backward(
    pad: int, residuals: tuple[Array, Array], cotangent: Array
) -> tuple[Array, Array]:
    images, kernel = residuals
    size = kernel.shape[0]
    # d/dx of a stride-1 correlation is the correlation of the cotangent with the
    # kernel turned by 180 degrees, its channel axes swapped.
    turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    image_gradient = _correlate(cotangent, turned, size - 1 - pad)
    # Unused when only the picture is optimised, and then compiled away.
    _, pull = jax.vjp(lambda k: _correlate(images, k, pad), kernel)
    return image_gradient, pull(cotangent)[0]


_convolve.defvjp(_convolve_forward, _convolve_backward)


def conv2d(features: Array, kernel: Array, bias: Array, *, padding: str) -> Array:
    """Convolution with stride 1 that keeps height and width.

    y[i, j, o] = bias[o] + sum_{u, v, c} x[i + u - p, j + v - p, c] kernel[u, v, c, o],
    p = (k - 1) / 2, x continued outside by `padding`.

    Args:
        features: (..., H, W, I).
        kernel: (k, k, I, O), k odd.
        bias: (O,).
        padding: "zeros", "reflect" (without repeating the edge) or "replicate".

    Returns:
        (..., H, W, O) in the type of `features`.
    """
    lead = features.shape[:-3]
    images = features.reshape((-1, *features.shape[-3:]))
    pad = kernel.shape[0] // 2
    if padding != "zeros" and pad:
        border = ((0, 0), (pad, pad), (pad, pad), (0, 0))
        images = jnp.pad(images, border, mode=_PAD_MODES[padding])
        pad = 0
    out = _convolve(images, kernel.astype(images.dtype), pad)
    out = out + bias.astype(out.dtype).reshape((1, 1, 1, -1))
    return out.reshape((*lead, *out.shape[1:]))


def _root(square: Array) -> Array:
    """Square root whose gradient is 0, not infinite, at 0."""
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)


def pool2d(features: Array, *, kind: str) -> Array:
    """Pooling over 2 x 2 windows with stride 2; an odd last row or column is dropped.

    "max"; "avg", the mean; "l2", the root of the mean square. Each is made of four
    strided slices: the gradient of `reduce_window` is 30 times slower on CPU and not
    deterministic on GPU. Where several values of a window share the maximum, they share
    its gradient, too.

    Args:
        features: (..., H, W, C).
        kind: "max", "avg" or "l2".

    Returns:
        (..., H // 2, W // 2, C).
    """
    height, width = (2 * (side // 2) for side in features.shape[-3:-1])

    def corner(row: int, column: int) -> Any:
        return features[..., row:height:2, column:width:2, :]

    a, b, c, d = corner(0, 0), corner(0, 1), corner(1, 0), corner(1, 1)
    if kind == "max":
        return jnp.maximum(jnp.maximum(a, b), jnp.maximum(c, d))
    if kind == "avg":
        return (a + b + c + d) * 0.25
    return _root((a * a + b * b + c * c + d * d) * 0.25)


def resize(image: Array, size: tuple[int, ...]) -> Array:
    """A picture (H, W, 3) at another (height, width): antialiased cubic, in [0, 1]."""
    if image.shape[:2] == tuple(size):
        return image
    resized = jax.image.resize(image, (*size, 3), "cubic", antialias=True)
    return jnp.clip(resized, 0.0, 1.0)
