"""3 x 3 convolutions by Winograd's algorithm, F(4 x 4, 3 x 3) and F(2 x 2, 3 x 3).

Sixteen outputs of a 3 x 3 kernel take 144 multiplications; of a tile of 6 x 6 inputs,
transformed, they take 36; four outputs take 16 of a tile of 4 x 4 (Winograd 1980; Lavin
and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016):
Y = Aᵀ [(G g Gᵀ) ∘ (Bᵀ d B)] A. Summed over channels, the middle is 36 or 16 products of
matrices (positions, I) (I, O).

Rounding of F(4 x 4) in float32 is 1e-5 of the largest output, where other convolutions
have 1e-6. In bfloat16, the type of the products alone, it would be 2.5 % of a typical
output: F(2 x 2) has 0.4 %, the convolution itself 0.2 %.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from jaxnst._types import AnyArray


class _Algorithm(NamedTuple):
    """F(m x m, 3 x 3), m outputs and t = m + 2 inputs along a side of a tile.

    Attributes:
        inputs: (t, t), Bᵀ, of a tile's inputs.
        kernel: (t, 3), G, of a kernel's taps.
        outputs: (m, t), Aᵀ, of the products.
    """

    inputs: np.ndarray
    kernel: np.ndarray
    outputs: np.ndarray


# Cook's and Toom's interpolation at 0, 1, -1 and infinity.
_SMALL = _Algorithm(
    np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], np.float32),
    np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], np.float32) / 2,
    np.array([[1, 1, 1, 0], [0, 1, -1, -1]], np.float32),
)

# At 2 and -2, too.
_LARGE = _Algorithm(
    np.array(
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        np.float32,
    ),
    np.array(
        [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]],
        np.float32,
    )
    / np.array([[24]], np.float32),
    np.array(
        [
            [1, 1, 1, 1, 1, 0],
            [0, 1, -1, 2, -2, 0],
            [0, 1, 1, 4, 4, 0],
            [0, 1, -1, 8, -8, 1],
        ],
        np.float32,
    ),
)

_ALGORITHMS = {a.kernel.shape[0] ** 2: a for a in (_SMALL, _LARGE)}


class Kernels(NamedTuple):
    """A kernel (3, 3, I, O), transformed once for many convolutions.

    Attributes:
        forward: (t², I, O), G g Gᵀ for every pair of channels; t = 6 or 4.
        backward: (t², O, I), the same of the kernel that gives the input's gradient:
            turned by 180 degrees, its channel axes swapped.
    """

    forward: Float[Array, "tt i o"]
    backward: Float[Array, "tt o i"]


def transformed(
    kernel: Float[AnyArray, "3 3 i o"], precision: str = "float32"
) -> Kernels:
    """`Kernels` of (3, 3, I, O), float32, for images of a type."""
    algorithm = _LARGE if precision == "float32" else _SMALL
    turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    return Kernels(_transformed(kernel, algorithm), _transformed(turned, algorithm))


def _transformed(
    kernel: Float[AnyArray, "3 3 i o"], algorithm: _Algorithm
) -> Float[Array, "tt i o"]:
    g = algorithm.kernel
    tiles = jnp.einsum(
        "iu,uvco,jv->ijco", g, kernel, g, precision=lax.Precision.HIGHEST
    )
    return tiles.reshape(-1, *kernel.shape[2:])


def _combined(matrix: np.ndarray, parts: Sequence[Array], axis: int) -> Array:
    """A matrix times a vector of arrays, stacked along a new axis."""
    sums = []
    for row in matrix:
        terms = [float(c) * x for c, x in zip(row, parts, strict=True) if c]
        sums.append(sum(terms[1:], terms[0]))
    return jnp.stack(sums, axis)


def correlate(
    images: Float[AnyArray, "n h w i"],
    kernels: Float[Array, "tt i o"],
    pad: int,
) -> Float[Array, "n h+2*{pad}-2 w+2*{pad}-2 o"]:
    """Stride-1 correlation of (N, H, W, I) with a 3 x 3 kernel, `pad` zeros around.

    Args:
        kernels: (36 or 16, I, O), `Kernels.forward` or `backward`.

    Returns:
        (N, H + 2 pad - 2, W + 2 pad - 2, O).
    """
    algorithm = _ALGORITHMS[kernels.shape[0]]
    step, tile = algorithm.outputs.shape
    count, height, width, channels = images.shape
    size = [side + 2 * pad - 2 for side in (height, width)]
    rows, columns = (-(-side // step) for side in size)
    below, right = step * rows + 2 - height - pad, step * columns + 2 - width - pad
    d = jnp.pad(images, ((0, 0), (pad, below), (pad, right), (0, 0)))
    d = d.astype(jnp.float32)  # of bfloat16, a sum of several loses too much

    def places(x: Array, number: int, axis: int) -> list[Array]:
        """What tiles have at each of their places along an axis."""
        span = step * (number - 1) + 1
        return [lax.slice_in_dim(x, i, i + span, step, axis) for i in range(tile)]

    down = _combined(algorithm.inputs, places(d, rows, 1), 0)
    tiles = _combined(algorithm.inputs, places(down, columns, 3), 1)
    products = jnp.matmul(
        tiles.reshape(tile**2, -1, channels).astype(images.dtype),
        kernels.astype(images.dtype),
        preferred_element_type=jnp.float32,
    )
    # One more product: sums put side by side XLA would compute number by number.
    outputs = np.kron(algorithm.outputs, algorithm.outputs)
    out = jnp.matmul(
        outputs, products.reshape(tile**2, -1), precision=lax.Precision.HIGHEST
    )
    out = out.reshape(step, step, count, rows, columns, -1).transpose(2, 3, 0, 4, 1, 5)
    out = out.reshape(count, step * rows, step * columns, -1)
    return out[:, : size[0], : size[1]].astype(images.dtype)
