"""ReLU and pooling whose gradients need one bit for a value of the features.

The gradient of a ReLU asks where its input was positive, that of maximum pooling which
values of a window were the largest: masks, packed 8 to a byte, a 32nd of float32
features. Under `jax.checkpoint` with the policy `KEEP_MASKS` they are all that is kept;
what a gradient needs beside them is computed again.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Bool, Float, UInt8

from jaxnst._types import AnyArray
from jaxnst.networks import pooling

_NAME = "packed_mask"

KEEP_MASKS = jax.checkpoint_policies.save_only_these_names(_NAME)
"""Policy of `jax.checkpoint` that keeps the masks alone."""

_Features = Float[AnyArray, "*b h w c"]


def _pack(mask: Bool[Array, "*b h w c"]) -> UInt8[Array, "*b (h+7)//8 w c"]:
    """Bit k of row r of the result is row r + k ceil(h / 8): whole rows at a time."""
    *batch, height, width, channels = mask.shape
    rows = -(-height // 8)
    border = [(0, 0)] * len(batch) + [(0, 8 * rows - height), (0, 0), (0, 0)]
    bits = jnp.pad(mask, border).astype(jnp.uint8)
    packed = jnp.zeros((*batch, rows, width, channels), jnp.uint8)
    for bit in range(8):
        packed |= bits[..., bit * rows : (bit + 1) * rows, :, :] << jnp.uint8(bit)
    return checkpoint_name(packed, _NAME)


def _unpack(
    packed: UInt8[Array, "*b r w c"], height: int
) -> Bool[Array, "*b {height} w c"]:
    bits = [packed & jnp.uint8(1 << bit) != 0 for bit in range(8)]
    return jnp.concatenate(bits, -3)[..., :height, :, :]


@jax.custom_vjp
def relu(features: _Features) -> Float[Array, "*b h w c"]:
    """max(x, 0); the gradient at 0 is 0."""
    return jnp.maximum(features, 0)


def _relu_forward(
    features: _Features,
) -> tuple[Float[Array, "*b h w c"], UInt8[Array, "*b _ w c"]]:
    return relu(features), _pack(features > 0)


def _relu_backward(
    positive: UInt8[Array, "*b _ w c"], cotangent: _Features
) -> tuple[Float[Array, "*b h w c"]]:
    return (jnp.where(_unpack(positive, cotangent.shape[-3]), cotangent, 0),)


relu.defvjp(_relu_forward, _relu_backward)


def pool2d(features: _Features, *, kind: str) -> Float[Array, "*b h//2 w//2 c"]:
    """As `pooling.pool2d`; of kind "l2" the gradient needs the features themselves."""
    if kind != "max":
        return pooling.pool2d(features, kind=kind)
    height, width = (2 * (side // 2) for side in features.shape[-3:-1])
    return _maximum(features[..., :height, :width, :])


@jax.custom_vjp
def _maximum(features: _Features) -> Float[Array, "*b h//2 w//2 c"]:
    return pooling.pool2d(features, kind="max")


def _maximum_forward(
    features: _Features,
) -> tuple[Float[Array, "*b h//2 w//2 c"], UInt8[Array, "*b _ w c"]]:
    largest = _maximum(features)
    is_largest = _windows(features) == largest[..., :, None, :, None, :]
    return largest, _pack(is_largest.reshape(features.shape))


def _maximum_backward(
    packed: UInt8[Array, "*b _ _ c"], cotangent: _Features
) -> tuple[Float[Array, "*b 2*h 2*w c"]]:
    """Where several values of a window are the largest, they share its gradient."""
    is_largest = _windows(_unpack(packed, 2 * cotangent.shape[-3]))
    count = jnp.sum(is_largest, (-4, -2), dtype=cotangent.dtype)
    share = (1 / count * cotangent)[..., :, None, :, None, :]
    gradient = jnp.where(is_largest, share, 0)
    *batch, height, width, channels = cotangent.shape
    return (gradient.reshape(*batch, 2 * height, 2 * width, channels),)


_maximum.defvjp(_maximum_forward, _maximum_backward)


def _windows(x: Array) -> Array:
    """(..., h, 2, w, 2, c) of (..., 2 h, 2 w, c)."""
    *batch, height, width, channels = x.shape
    return x.reshape(*batch, height // 2, 2, width // 2, 2, channels)
