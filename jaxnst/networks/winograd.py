"""3 x 3 convolutions by Winograd's minimal filtering, F(2 x 2, 3 x 3).

Four outputs of a 3 x 3 kernel take 36 multiplications; of a tile of 4 x 4 inputs,
transformed, they take 16 (Winograd 1980; Lavin and Gray, "Fast algorithms for
convolutional neural networks", CVPR 2016): Y = Aᵀ [(G g Gᵀ) ∘ (Bᵀ d B)] A. Summed over
channels, the middle is 16 products of matrices (positions, I) (I, O). Rounding is that
of other float32 convolutions, about 1e-6 of the largest output; of bfloat16, whose
products alone are of that type, 0.4 % of a typical output against 0.2 %.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from jaxnst._types import AnyArray

# Size of each of the 16 transformed arrays up to which they are stacked into one: their
# products are then one operation, compiled in half the time. Larger ones do not stay in
# the caches in between.
_STACK_LIMIT = 2**19

# G: the three taps of a kernel as the four values of a tile.
_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)


class Kernels(NamedTuple):
    """A kernel (3, 3, I, O), transformed once for many convolutions.

    Attributes:
        forward: (16, I, O), G g Gᵀ for every pair of channels.
        backward: (16, O, I), the same of the kernel that gives the input's gradient:
            turned by 180 degrees, its channel axes swapped.
    """

    forward: Float[Array, "16 i o"]
    backward: Float[Array, "16 o i"]


def transformed(kernel: Float[AnyArray, "3 3 i o"]) -> Kernels:
    """`Kernels` of (3, 3, I, O), float32."""
    turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    return Kernels(_transformed(kernel), _transformed(turned))


def _transformed(
    kernel: Float[AnyArray, "3 3 i o"],
) -> Float[Array, "16 i o"]:
    inputs, outputs = kernel.shape[2:]
    tiles = jnp.einsum(
        "iu,uvco,jv->ijco", _G, kernel, _G, precision=lax.Precision.HIGHEST
    )
    return tiles.reshape(16, inputs, outputs)


def _transform_inputs(
    d: Sequence[Float[Array, "..."]],
) -> list[Float[Array, "..."]]:
    """Bᵀ d: four rows or columns of a tile, transformed."""
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]


def _transform_outputs(
    m: Sequence[Float[Array, "..."]],
) -> list[Float[Array, "..."]]:
    """Aᵀ m: the two outputs of four transformed rows or columns."""
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]


def correlate(
    images: Float[AnyArray, "n h w i"],
    kernels: Float[Array, "16 i o"],
    pad: int,
) -> Float[Array, "n h+2*{pad}-2 w+2*{pad}-2 o"]:
    """Stride-1 correlation of (N, H, W, I) with a 3 x 3 kernel, `pad` zeros around.

    Args:
        kernels: (16, I, O), `Kernels.forward` or `backward`.

    Returns:
        (N, H + 2 pad - 2, W + 2 pad - 2, O).
    """
    count, height, width, channels = images.shape
    size = [side + 2 * pad - 2 for side in (height, width)]
    rows, columns = (-(-side // 2) for side in size)
    below, right = 2 * rows + 2 - height - pad, 2 * columns + 2 - width - pad
    kernels = kernels.astype(images.dtype)
    d = jnp.pad(images, ((0, 0), (pad, below), (pad, right), (0, 0)))
    d = d.astype(jnp.float32)  # of bfloat16, a sum of four loses too much
    down = _transform_inputs([d[:, i : i + 2 * rows : 2] for i in range(4)])
    shape = (count, rows, columns, channels)
    if math.prod(shape) <= _STACK_LIMIT:
        stacked = jnp.stack(down)
        across = [stacked[..., j : j + 2 * columns : 2, :] for j in range(4)]
        tiles = jnp.stack(_transform_inputs(across), 1).reshape(16, -1, channels)
        m = list(_products(tiles, kernels))
    else:
        m = [
            _products(tile.reshape(-1, channels), kernels[4 * i + j])
            for i, row in enumerate(down)
            for j, tile in enumerate(
                _transform_inputs(
                    [row[:, :, j : j + 2 * columns : 2] for j in range(4)]
                )
            )
        ]
    return _interleave(m, shape[:3])[:, : size[0], : size[1]].astype(images.dtype)


def _products(
    tiles: Float[Array, "*b p i"], kernels: Float[Array, "*b i o"]
) -> Float[Array, "*b p o"]:
    """(..., P, I) times (..., I, O) in the kernels' type, summed in float32."""
    tiles = tiles.astype(kernels.dtype)
    return jnp.matmul(tiles, kernels, preferred_element_type=jnp.float32)


def _interleave(
    m: Sequence[Float[Array, "p o"]], shape: tuple[int, ...]
) -> Float[Array, "_ _ _ o"]:
    """(N, 2 rows, 2 columns, O) from 16 products (N rows columns, O)."""
    count, rows, columns = shape
    across = [_transform_outputs(m[4 * i : 4 * i + 4]) for i in range(4)]
    # The two rows of a tile's outputs, each in its two columns, side by side again.
    columns_of = [
        _transform_outputs([row[side] for row in across]) for side in range(2)
    ]
    lines = [
        jnp.stack([column[side].reshape(*shape, -1) for column in columns_of], 3)
        for side in range(2)
    ]
    return jnp.stack(lines, 2).reshape(count, 2 * rows, 2 * columns, -1)
