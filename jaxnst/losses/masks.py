"""Paintings with transparent parts: how much each position of a feature map counts."""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from jaxnst._types import AnyArray


def split_alpha(
    image: Float[AnyArray, "h w _"],
) -> tuple[Float[AnyArray, "h w 3"], Float[AnyArray, "h w"] | None]:
    """Colours and alpha of (H, W, 4); of (H, W, 3) itself and None."""
    if image.shape[-1] == 3:
        return image, None
    return image[..., :3], image[..., 3]


def join_alpha(
    color: Float[AnyArray, "h w 3"], alpha: Float[AnyArray, "h w"] | None
) -> Float[AnyArray, "h w _"]:
    """The inverse of `split_alpha`."""
    return color if alpha is None else jnp.concatenate([color, alpha[..., None]], -1)


def position_weights(
    alpha: Float[AnyArray, "_ _"] | None, size: tuple[int, ...]
) -> Float[AnyArray, "_ _"] | None:
    """Weights with mean 1 of the positions of a feature map; None of an opaque image.

    Args:
        alpha: (H, W) in [0, 1].
        size: (h, w) of the feature map.
    """
    return None if alpha is None else mask_weights(alpha, size)


def mask_weights(
    mask: Float[AnyArray, "_ _"], size: tuple[int, ...]
) -> Float[AnyArray, "_ _"]:
    """Weights with mean 1 of the positions of a feature map.

    The mask averaged over the pixels of each position, so that where all of it is 1
    every weight is 1.

    Args:
        mask: (H, W) in [0, 1].
        size: (h, w) of the feature map.

    Returns:
        (h, w); all 1 where the mask is 0 everywhere.
    """
    weights = jax.image.resize(mask, size[:2], "linear", antialias=True)
    weights = jnp.maximum(weights, 0.0)
    mean = jnp.mean(weights)
    return jnp.where(mean > 0, weights / jnp.where(mean > 0, mean, 1.0), 1.0)
