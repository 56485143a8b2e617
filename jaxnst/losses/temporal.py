"""Steadiness of a clip: how far a frame is from the one before it, moved along."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst._types import AnyArray


class TemporalTarget(NamedTuple):
    """What a frame is compared with; a pytree.

    Attributes:
        image: (H, W, 3) in [0, 1], the earlier frame's result moved to where its parts
            are now. Of several earlier frames one image is enough: each pixel is
            compared with the nearest frame in which it can be seen.
        mask: (H, W) in [0, 1], how much each pixel counts; 0 where it could not be
            seen before.
        weight: of the term, a scalar: a leaf, so that another compiles nothing.
    """

    image: Array
    mask: Array
    weight: Array


def temporal_loss(
    image: Float[AnyArray, "h w 3"],
    target: Float[AnyArray, "h w 3"],
    mask: Float[AnyArray, "h w"],
) -> Float[Array, ""]:
    """Σ m (x - t)² / (3 H W): Ruder, Dosovitskiy and Brox, "Artistic style transfer for
    videos" (GCPR 2016), section 4.

    The mean over all values, those that do not count among them, so that a weight means
    the same at every size.

    Args:
        image: x, (H, W, 3).
        target: t, as `image`.
        mask: m, (H, W).

    Returns:
        A scalar, float32.
    """
    difference = image.astype(jnp.float32) - target.astype(jnp.float32)
    return jnp.mean(mask.astype(jnp.float32)[..., None] * jnp.square(difference))
