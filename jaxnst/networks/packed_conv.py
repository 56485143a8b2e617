"""3 x 3 convolutions between images and narrow features, several pixels at a time.

With 3 channels on one side and few on the other, the matrices that a CPU's convolution
multiplies are too narrow for its registers. Packing the outputs of neighbouring pixels
as channels of one makes them wide: s outputs in a row depend on 3 x (s + 2) inputs.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from jaxnst._types import AnyArray


class Kernels(NamedTuple):
    """A kernel (3, 3, I, O) for s packed outputs; s may differ forward and backward.

    Attributes:
        forward: (3, s + 2, I, s O).
        backward: (3, s + 2, O, s I), of the kernel that gives the input's gradient:
            turned by 180 degrees, its channel axes swapped.
    """

    forward: Float[Array, "3 _ i so"]
    backward: Float[Array, "3 _ o si"]


def transformed(kernel: Float[AnyArray, "3 3 i o"]) -> Kernels:
    """`Kernels` of (3, 3, 3, O), O at most 32.

    The numbers of packed outputs are those that were fastest on a CPU: the fewer
    channels an output has, the more of them fill a register. From 64 channels on,
    packing gains nothing.
    """
    outputs = kernel.shape[3]
    turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    backward = 8 if outputs <= 16 else 2
    return Kernels(_packed(kernel, max(64 // outputs, 2)), _packed(turned, backward))


def _packed(
    kernel: Float[AnyArray, "3 3 i o"], count: int
) -> Float[Array, "3 {count}+2 i {count}*o"]:
    """The kernel of each of `count` outputs in its place among the inputs of all."""
    places = [((0, 0), (s, count - 1 - s), (0, 0), (0, 0)) for s in range(count)]
    return jnp.concatenate([jnp.pad(kernel, place) for place in places], -1)


def correlate(
    images: Float[AnyArray, "n h w i"],
    kernels: Float[Array, "3 s2 i so"],
    pad: int,
) -> Float[Array, "n h+2*{pad}-2 w+2*{pad}-2 so//(s2-2)"]:
    """Stride-1 correlation of (N, H, W, I) with a 3 x 3 kernel, `pad` zeros around.

    Args:
        kernels: (3, s + 2, I, s O), `Kernels.forward` or `backward`.

    Returns:
        (N, H + 2 pad - 2, W + 2 pad - 2, O).
    """
    count, height, width, _ = images.shape
    packed = kernels.shape[1] - 2
    height, width = height + 2 * pad - 2, width + 2 * pad - 2
    over = -width % packed
    spare = int(pad == 0)  # as in `conv._correlate`: never without any padding
    out = lax.conv_general_dilated(
        images,
        kernels.astype(images.dtype),
        window_strides=(1, packed),
        padding=((pad, pad + spare), (pad, pad + over)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    channels = out.shape[3] // packed
    out = out[:, :height].reshape(count, height, width + over, channels)
    return out[:, :, :width]
