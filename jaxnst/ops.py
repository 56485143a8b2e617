"""Convolution and pooling of feature maps (..., H, W, C), resizing of pictures.

Written so that compiled loops stay fast on CPU and GPU: automatic differentiation's
own input gradient of a convolution has a transposed layout that XLA's CPU backend
rewrites only outside of loops, so the gradient here is an ordinary convolution too.

On a CPU, 3 x 3 convolutions of many channels are products of matrices by Winograd's
algorithm where `_by_winograd` says so, if their kernels were transformed beforehand
(`prepared`): that is done once, outside the loop. A GPU's library chooses for itself.
Measured beside plain convolutions, forward and back, on two cores of an AMD EPYC
(2026-11-21), time of the plain one over Winograd's:

    64 x 64 x 64 channels     1.4      32 x 32 x 192             1.9
    128 x 128 x 64            1.2      64 x 64 x 256             1.6
    256 x 256 x 64            1.0      32 x 32 x 512             1.6
    128 x 128 x 128           1.1      16 x 16 x 512             1.4
    128 x 128 x 32            0.95     256 x 256 x 16            0.5
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxnst import winograd

PADDINGS = ("zeros", "reflect", "replicate")
POOLINGS = ("max", "avg", "l2")

_PAD_MODES = {"reflect": "reflect", "replicate": "edge"}


def _correlate(images: Array, kernel: Array, pad: int) -> Array:
    """Stride-1 correlation of (N, H, W, I) with (k, k, I, O), `pad` zeros around."""
    # Without any padding XLA's CPU library takes another way, up to 8 times slower at
    # some shapes: one row of zeros below, whose outputs are cut off, avoids it.
    spare = int(pad == 0 and kernel.shape[0] > 1)
    out = lax.conv_general_dilated(
        images,
        kernel,
        window_strides=(1, 1),
        padding=((pad, pad + spare), (pad, pad)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return lax.slice_in_dim(out, 0, out.shape[1] - spare, axis=1)


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
    pull = jax.linear_transpose(lambda k: _correlate(images, k, pad), kernel)
    return image_gradient, pull(cotangent)[0]


_convolve.defvjp(_convolve_forward, _convolve_backward)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _convolve_prepared(
    images: Array, kernel: Array, prepared: winograd.Kernels, pad: int
) -> Array:
    return winograd.correlate(images, prepared.forward, pad)


def _convolve_prepared_forward(
    images: Array, kernel: Array, prepared: winograd.Kernels, pad: int
) -> tuple[Array, tuple[Array, Array, winograd.Kernels]]:
    out = winograd.correlate(images, prepared.forward, pad)
    return out, (images, kernel, prepared)


def _convolve_prepared_backward(
    pad: int, residuals: tuple[Array, Array, winograd.Kernels], cotangent: Array
) -> tuple[Array, Array, winograd.Kernels]:
    images, kernel, prepared = residuals
    image_gradient = winograd.correlate(cotangent, prepared.backward, 2 - pad)
    pull = jax.linear_transpose(lambda k: _correlate(images, k, pad), kernel)
    # The kernel's gradient is whole without what was made of it beforehand.
    nothing = jax.tree.map(jnp.zeros_like, prepared)
    return image_gradient, pull(cotangent)[0], nothing


_convolve_prepared.defvjp(_convolve_prepared_forward, _convolve_prepared_backward)


def prepare_kernel(kernel: Array) -> winograd.Kernels | None:
    """What `conv2d` is given as `prepared`; None where it would never be used."""
    worth = kernel.shape[:2] == (3, 3) and _gain(kernel) >= 32
    on_cpu = jax.local_devices()[0].platform == "cpu"
    return winograd.transformed(kernel) if worth and on_cpu else None


def _gain(kernel: Array) -> float:
    """Multiplications that Winograd's algorithm saves over numbers that it transforms:
    I O / (I + O), but for a factor."""
    inputs, outputs = kernel.shape[2:]
    return inputs * outputs / (inputs + outputs)


def _by_winograd(images: Array, kernel: Array) -> bool:
    """Whether it is faster, by the table above: the narrower the layer, the less may be
    transformed before memory decides."""
    small = math.prod(images.shape[1:]) * 4 <= 2**22
    return images.dtype == jnp.float32 and (_gain(kernel) >= 48 or small)


def conv2d(
    features: Array,
    kernel: Array,
    bias: Array,
    *,
    padding: str,
    prepared: winograd.Kernels | None = None,
) -> Array:
    """Convolution with stride 1 that keeps height and width.

    y[i, j, o] = bias[o] + sum_{u, v, c} x[i + u - p, j + v - p, c] kernel[u, v, c, o],
    p = (k - 1) / 2, x continued outside by `padding`.

    Args:
        features: (..., H, W, I).
        kernel: (k, k, I, O), k odd.
        bias: (O,).
        padding: "zeros", "reflect" (without repeating the edge) or "replicate".
        prepared: of `prepare_kernel`, for the same kernel; used where it is faster.

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
    if prepared is not None and _by_winograd(images, kernel):
        out = _convolve_prepared(images, kernel, prepared, pad)
    else:
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


def _split_phases(images: Array) -> Array:
    """(N, 2 h, 2 w, C) to (N, h, w, 4 C): each 2 x 2 block's pixels as channels."""
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // 2, 2, width // 2, 2, channels)
    blocks = blocks.transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(count, height // 2, width // 2, 4 * channels)


def strided_conv2d(features: Array, kernel: Array, bias: Array) -> Array:
    """Convolution with stride 2 and (k - 1) / 2 zeros around, that halves the sides.

    y[i, j, o] = bias[o] + sum_{u, v, c} x[2 i + u - p, 2 j + v - p, c]
    kernel[u, v, c, o], p = (k - 1) / 2. Computed with stride 1 on the four phases of
    the picture as channels, so that its gradient, too, is an ordinary convolution.

    Args:
        features: (..., H, W, I).
        kernel: (k, k, I, O), k odd.
        bias: (O,).

    Returns:
        (..., ceil(H / 2), ceil(W / 2), O) in the type of `features`.
    """
    lead = features.shape[:-3]
    images = features.reshape((-1, *features.shape[-3:]))
    pad = kernel.shape[0] // 2
    # Of an odd side the last phase is missing: one more row of zeros.
    after = [pad + side % 2 for side in images.shape[1:3]]
    border = ((0, 0), (pad, after[0]), (pad, after[1]), (0, 0))
    phases = _split_phases(jnp.pad(images, border))
    even = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0)))
    # The same with the kernel, its outputs in the place of pictures.
    folded = _split_phases(even.transpose(3, 0, 1, 2)).transpose(1, 2, 3, 0)
    out = _convolve(phases, folded.astype(images.dtype), 0)
    out = out + bias.astype(out.dtype).reshape((1, 1, 1, -1))
    return out.reshape((*lead, *out.shape[1:]))


def _maximum_of_three(features: Array, axis: int, *, stride: int) -> Array:
    """Maxima over windows of three along an axis, from slices as in `pool2d`."""
    before = 1 if stride == 1 else 0
    border = [(0, 0)] * features.ndim
    # The edge, already in the window, never changes a maximum: -inf without infinities.
    border[axis] = (before, 1)
    padded = jnp.pad(features, border, mode="edge")
    count = features.shape[axis] // stride
    stop = stride * (count - 1) + 1
    first, second, third = (
        lax.slice_in_dim(padded, start, start + stop, stride, axis)
        for start in range(3)
    )
    return jnp.maximum(jnp.maximum(first, second), third)


def max_pool3(features: Array, *, stride: int) -> Array:
    """Maxima over 3 x 3 windows as in Caffe's GoogLeNet.

    Stride 1: one pixel of -inf around, sides are kept. Stride 2: no padding, but a last
    window that hangs over the edge counts ("ceil mode"): ceil((H - 3) / 2) + 1 = H // 2
    windows.

    Args:
        features: (..., H, W, C).
        stride: 1 or 2.

    Returns:
        (..., H // stride, W // stride, C).
    """
    rows = _maximum_of_three(features, features.ndim - 3, stride=stride)
    return _maximum_of_three(rows, features.ndim - 2, stride=stride)


def ceil_max_pool2(features: Array) -> Array:
    """Maxima over 2 x 2 windows with stride 2 of which the last may hang over the edge:
    (..., H, W, C) to (..., ceil(H / 2), ceil(W / 2), C)."""
    odd = [(0, side % 2) for side in features.shape[-3:-1]]
    border = [(0, 0)] * (features.ndim - 3) + [*odd, (0, 0)]
    return pool2d(jnp.pad(features, border, mode="edge"), kind="max")


def local_response_norm(
    features: Array, *, size: int = 5, alpha: float = 1e-4, beta: float = 0.75
) -> Array:
    """Each channel over a power of the energy of its neighbours among the channels.

    y[c] = x[c] / (1 + alpha / n sum_{|d - c| <= n // 2} x[d]²)^beta, n = size
    (Krizhevsky et al. 2012, section 3.3, with Caffe's alpha / n).

    Args:
        features: (..., C).

    Returns:
        (..., C) in the type of `features`.
    """
    x = features.astype(jnp.float32)
    border = [(0, 0)] * (x.ndim - 1) + [(size // 2, size // 2)]
    squares, channels = jnp.pad(x * x, border), x.shape[-1]
    energy = sum(squares[..., shift : shift + channels] for shift in range(size))
    scale = jnp.exp(-beta * jnp.log1p(alpha / size * energy))
    return (x * scale).astype(features.dtype)
