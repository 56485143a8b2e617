"""Pooling of feature maps (..., H, W, C), made of strided slices.

The gradient of `reduce_window` is far slower on CPU and not deterministic on GPU.
"""

from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from jaxnst._types import AnyArray

Pooling = Literal["max", "avg", "l2"]
POOLINGS = get_args(Pooling)


_Features = Float[AnyArray, "*b h w c"]


def _sqrt(square: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Square root whose gradient is 0, not infinite, at 0."""
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)


def pool2d(features: _Features, *, kind: str) -> Float[Array, "*b h//2 w//2 c"]:
    """Pooling over 2 x 2 windows with stride 2; an odd last row or column is dropped.

    "max"; "avg", the mean; "l2", the root of the mean square. Where several values of a
    window share the maximum, they share its gradient, too.

    Args:
        features: (..., H, W, C).
        kind: "max", "avg" or "l2".

    Returns:
        (..., H // 2, W // 2, C).
    """
    height, width = (2 * (side // 2) for side in features.shape[-3:-1])
    features = features[..., :height, :width, :]
    if kind == "max":
        return _maximum(features)
    a, b, c, d = _corners(features)
    if kind == "avg":
        return (a + b + c + d) * 0.25
    return _sqrt((a * a + b * b + c * c + d * d) * 0.25)


def _corners(features: _Features) -> list[Array]:
    """The four values of every window: (..., h, w, C) of (..., 2 h, 2 w, C)."""
    return [features[..., i::2, j::2, :] for i in range(2) for j in range(2)]


@jax.custom_jvp
def _maximum(features: _Features) -> Float[Array, "*b h//2 w//2 c"]:
    a, b, c, d = _corners(features)
    return jnp.maximum(jnp.maximum(a, b), jnp.maximum(c, d))


@_maximum.defjvp
def _maximum_jvp(
    primals: tuple[_Features], tangents: tuple[_Features]
) -> tuple[Float[Array, "*b h//2 w//2 c"], Float[Array, "*b h//2 w//2 c"]]:
    """JAX's own derivative, as a product with a map of the size of the features: its
    transpose writes each gradient once, where that of four slices adds up four maps of
    that size."""
    (features,), (tangent,) = primals, tangents
    largest = _maximum(features)
    count = jnp.zeros_like(largest)
    for corner in _corners(features):  # stacked, they would be written to memory
        count += (corner == largest).astype(count.dtype)
    *batch, height, width, channels = largest.shape
    windows = (*batch, height, 2, width, 2, channels)

    def per_window(x: Array) -> Array:
        return x[..., :, None, :, None, :]

    is_largest = features.reshape(windows) == per_window(largest)
    share = jnp.where(is_largest, per_window(1 / count), 0)
    return largest, jnp.sum(share * tangent.reshape(windows), (-4, -2))


def _maximum_of_three(
    features: _Features, axis: int, *, stride: int
) -> Float[Array, "*b _ _ c"]:
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


def max_pool3(
    features: _Features, *, stride: int
) -> Float[Array, "*b h//{stride} w//{stride} c"]:
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


def ceil_max_pool2(features: _Features) -> Float[Array, "*b (h+1)//2 (w+1)//2 c"]:
    """Maxima over 2 x 2 windows with stride 2 of which the last may hang over the edge.

    Args:
        features: (..., H, W, C).

    Returns:
        (..., ceil(H / 2), ceil(W / 2), C).
    """
    odd = [(0, side % 2) for side in features.shape[-3:-1]]
    border = [(0, 0)] * (features.ndim - 3) + [*odd, (0, 0)]
    return pool2d(jnp.pad(features, border, mode="edge"), kind="max")
