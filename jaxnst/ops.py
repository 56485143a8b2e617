"""Convolution and normalisation of feature maps (..., H, W, C), resizing of pictures.

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

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxnst import winograd

PADDINGS = ("zeros", "reflect", "replicate")

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
