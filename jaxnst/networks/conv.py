"""Convolution and local response normalisation of feature maps (..., H, W, C).

Compiled loops stay fast on CPU and GPU: automatic differentiation's own input gradient
of a convolution has a transposed layout that XLA's CPU backend rewrites only outside of
loops, so the gradient here is an ordinary convolution too.

On a CPU, 3 x 3 convolutions of many channels are products of matrices by Winograd's
algorithm where `_is_faster` says so, and those from images to few channels compute
several pixels at a time (`packed_conv`), if their kernels were transformed beforehand
(`prepare_kernel`): that is done once, outside the loop. A GPU's library chooses for
itself.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from jaxnst._types import AnyArray
from jaxnst.networks import packed_conv, winograd

Padding = Literal["zeros", "reflect", "replicate"]
PADDINGS = get_args(Padding)

_PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}

Prepared = winograd.Kernels | packed_conv.Kernels
"""A kernel transformed once for many convolutions."""

_Images = Float[AnyArray, "n h w i"]
_Kernel = Float[AnyArray, "k k i o"]


def _correlate(
    images: _Images, kernel: _Kernel, pad: int
) -> Float[Array, "n h+2*{pad}+1-k w+2*{pad}+1-k o"]:
    """Stride-1 correlation of (N, H, W, I) with (k, k, I, O), `pad` zeros around."""
    # Without any padding XLA's CPU library uses another algorithm, which is several
    # times slower at some shapes: one row of zeros below, whose outputs are cut off,
    # avoids it.
    spare = int(pad == 0 and kernel.shape[0] > 1)
    out = lax.conv_general_dilated(
        images,
        kernel,
        window_strides=(1, 1),
        padding=((pad, pad + spare), (pad, pad)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return lax.slice_in_dim(out, 0, out.shape[1] - spare, axis=1)


def _correlate_by(
    images: _Images, kernel: _Kernel, prepared: Array | None, pad: int
) -> Float[Array, "n h+2*{pad}+1-k w+2*{pad}+1-k o"]:
    """As `_correlate`, by the algorithm that the kernel was prepared for."""
    if prepared is None:
        return _correlate(images, kernel, pad)
    if prepared.ndim == 3:
        return winograd.correlate(images, prepared, pad)
    return packed_conv.correlate(images, prepared, pad)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _convolve(
    images: _Images, kernel: _Kernel, prepared: Prepared | None, pad: int
) -> Float[Array, "n h+2*{pad}+1-k w+2*{pad}+1-k o"]:
    return _correlate_by(images, kernel, prepared and prepared.forward, pad)


def _convolve_forward(
    images: _Images, kernel: _Kernel, prepared: Prepared | None, pad: int
) -> tuple[Float[Array, "n _ _ o"], tuple[_Images, _Kernel, Prepared | None]]:
    out = _convolve(images, kernel, prepared, pad)
    return out, (images, kernel, prepared)


def _convolve_backward(
    pad: int,
    residuals: tuple[_Images, _Kernel, Prepared | None],
    cotangent: Float[AnyArray, "n _ _ o"],
) -> tuple[Float[Array, "n h w i"], Float[Array, "k k i o"], Prepared | None]:
    images, kernel, prepared = residuals
    pad_back = kernel.shape[0] - 1 - pad
    # d/dx of a stride-1 correlation is the correlation of the cotangent with the
    # kernel turned by 180 degrees, its channel axes swapped.
    turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    backward = prepared and prepared.backward
    image_gradient = _correlate_by(cotangent, turned, backward, pad_back)
    # Unused when only the image is optimised, and then compiled away.
    transposed = jax.linear_transpose(lambda k: _correlate(images, k, pad), kernel)
    # The transformed kernel has no gradient of its own: the kernel's is all of it.
    zeros = jax.tree.map(jnp.zeros_like, prepared)
    return image_gradient, transposed(cotangent)[0], zeros


_convolve.defvjp(_convolve_forward, _convolve_backward)


def prepare_kernel(kernel: _Kernel, precision: str = "float32") -> Prepared | None:
    """The argument `prepared` of `conv2d`; None where it would never be used.

    Args:
        kernel: (k, k, I, O).
        precision: of the images it is for.
    """
    if kernel.shape[:2] != (3, 3) or jax.local_devices()[0].platform != "cpu":
        return None
    if kernel.shape[2] == 3 and kernel.shape[3] <= 32:
        return packed_conv.transformed(kernel)
    return winograd.transformed(kernel, precision) if _gain(kernel) >= 32 else None


def _gain(kernel: _Kernel) -> float:
    """How many multiplications Winograd's algorithm saves for each number that it
    transforms: I O / (I + O), but for a factor."""
    inputs, outputs = kernel.shape[2:]
    return inputs * outputs / (inputs + outputs)


def _is_faster(images: _Images, kernel: _Kernel, prepared: Prepared | None) -> bool:
    """Whether the algorithm of the prepared kernel is: the narrower the layer, the
    less may be transformed before memory bandwidth decides."""
    if isinstance(prepared, winograd.Kernels) and images.dtype == jnp.float32:
        small = math.prod(images.shape[1:]) * 4 <= 2**22
        return _gain(kernel) >= 48 or small
    return prepared is not None


@contextmanager
def _named_rules() -> Iterator[None]:
    """Forward-mode differentiation is refused by JAX without naming what to do."""
    try:
        yield
    except TypeError as error:
        if "custom_vjp" not in str(error):
            raise
        raise TypeError(
            "convolutions have a gradient of their own, for reverse mode alone: take "
            "jax.grad, jax.vjp or jax.jacrev, of each other for second derivatives, "
            "not jax.jvp, jax.jacfwd or jax.hessian"
        ) from error


def conv2d(
    features: Float[AnyArray, "*b h w i"],
    kernel: _Kernel,
    bias: Float[AnyArray, " o"],
    *,
    padding: str,
    prepared: Prepared | None = None,
) -> Float[Array, "*b h w o"]:
    """Convolution with stride 1 that keeps height and width.

    y[i, j, o] = bias[o] + sum_{u, v, c} x[i + u - p, j + v - p, c] kernel[u, v, c, o],
    p = (k - 1) / 2, x continued outside by `padding`. Differentiable in reverse mode,
    any number of times.

    Args:
        features: (..., H, W, I).
        kernel: (k, k, I, O), k odd.
        bias: (O,).
        padding: "zeros", "reflect" (without repeating the edge), "replicate", or
            "circular", as if the image were repeated without end.
        prepared: of `prepare_kernel`, for the same kernel and the type of `features`;
            used where it is faster.

    Returns:
        (..., H, W, O) in the type of `features`.
    """
    batch = features.shape[:-3]
    images = features.reshape((-1, *features.shape[-3:]))
    pad = kernel.shape[0] // 2
    if padding != "zeros" and pad:
        border = ((0, 0), (pad, pad), (pad, pad), (0, 0))
        images = jnp.pad(images, border, mode=_PAD_MODES[padding])
        pad = 0
    if not _is_faster(images, kernel, prepared):
        prepared = None
    with _named_rules():
        out = _convolve(images, kernel.astype(images.dtype), prepared, pad)
    out = out + bias.astype(out.dtype).reshape((1, 1, 1, -1))
    return out.reshape((*batch, *out.shape[1:]))


def _split_phases(
    images: Float[Array, "n h w c"],
) -> Float[Array, "n h//2 w//2 4*c"]:
    """(N, 2 h, 2 w, C) to (N, h, w, 4 C): each 2 x 2 block's pixels as channels."""
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // 2, 2, width // 2, 2, channels)
    blocks = blocks.transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(count, height // 2, width // 2, 4 * channels)


def strided_conv2d(
    features: Float[AnyArray, "*b h w i"],
    kernel: _Kernel,
    bias: Float[AnyArray, " o"],
) -> Float[Array, "*b (h+1)//2 (w+1)//2 o"]:
    """Convolution with stride 2 and (k - 1) / 2 zeros around, that halves the sides.

    y[i, j, o] = bias[o] + sum_{u, v, c} x[2 i + u - p, 2 j + v - p, c]
    kernel[u, v, c, o], p = (k - 1) / 2. Computed with stride 1 on the four phases of
    the image as channels, so that its gradient, too, is an ordinary convolution.

    Args:
        features: (..., H, W, I).
        kernel: (k, k, I, O), k odd.
        bias: (O,).

    Returns:
        (..., ceil(H / 2), ceil(W / 2), O) in the type of `features`.
    """
    batch = features.shape[:-3]
    images = features.reshape((-1, *features.shape[-3:]))
    pad = kernel.shape[0] // 2
    # Of an odd side the last phase is missing: one more row of zeros.
    after = [pad + side % 2 for side in images.shape[1:3]]
    border = ((0, 0), (pad, after[0]), (pad, after[1]), (0, 0))
    phases = _split_phases(jnp.pad(images, border))
    even = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0)))
    # The same with the kernel, its outputs in the place of images.
    folded = _split_phases(even.transpose(3, 0, 1, 2)).transpose(1, 2, 3, 0)
    with _named_rules():
        out = _convolve(phases, folded.astype(images.dtype), None, 0)
    out = out + bias.astype(out.dtype).reshape((1, 1, 1, -1))
    return out.reshape((*batch, *out.shape[1:]))


def local_response_norm(
    features: Float[AnyArray, "*b c"],
    *,
    size: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
) -> Float[Array, "*b c"]:
    """Each channel divided by a power of the energy of its neighbouring channels.

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
