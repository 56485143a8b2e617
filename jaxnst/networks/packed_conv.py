"""3 x 3 convolutions between pictures and narrow features, several pixels at a time.

With 3 channels on one side and few on the other, the matrices that a CPU's convolution
multiplies are too narrow for its registers. The outputs of neighbouring pixels side by
side, as channels of one, make them wide: s outputs in a row see 3 x (s + 2) inputs.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax


class Kernels(NamedTuple):
    """A kernel (3, 3, I, O) for s outputs abreast; s may differ there and back.

    Attributes:
        forward: (3, s + 2, I, s O).
        backward: (3, s + 2, O, s I), of the kernel that gives the input's gradient:
            turned by 180 degrees, its channel axes swapped.
    """

    forward: Array
    backward: Array


def transformed(kernel: Array) -> Kernels:
    """`Kernels` of (3, 3, 3, O), O at most 32.

    Measured at 512 x 512 pixels on two cores of an AMD EPYC (2026-11-22), milliseconds
    with s = 1, 2, 4, 8: 3 to 16 channels 5.3, 4.7, 1.2, 1.9; 16 to 3 10, 6.1, 4.0, 2.6;
    3 to 32 7.5, 1.7, 2.4, 3.9; 32 to 3 4.2, 3.8, 4.2, 5.1. With 64 channels 1 is best.
    """
    outputs = kernel.shape[3]
    turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    back = 8 if outputs <= 16 else 2
    return Kernels(_abreast(kernel, max(64 // outputs, 2)), _abreast(turned, back))


def _abreast(kernel: Array, count: int) -> Array:
    """The kernel of every output in its place among those that s outputs see."""
    places = [((0, 0), (s, count - 1 - s), (0, 0), (0, 0)) for s in range(count)]
    return jnp.concatenate([jnp.pad(kernel, place) for place in places], -1)


def correlate(images: Array, kernels: Array, pad: int) -> Array:
    """Stride-1 correlation of (N, H, W, I) with a 3 x 3 kernel, `pad` zeros around.

    Args:
        kernels: (3, s + 2, I, s O), `Kernels.forward` or `backward`.

    Returns:
        (N, H + 2 pad - 2, W + 2 pad - 2, O).
    """
    count, height, width, _ = images.shape
    together = kernels.shape[1] - 2
    height, width = height + 2 * pad - 2, width + 2 * pad - 2
    over = -width % together
    spare = int(pad == 0)  # as in `ops`: never without any padding
    out = lax.conv_general_dilated(
        images,
        kernels.astype(images.dtype),
        window_strides=(1, together),
        padding=((pad, pad + spare), (pad, pad + over)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    channels = out.shape[3] // together
    out = out[:, :height].reshape(count, height, width + over, channels)
    return out[:, :, :width]
