"""Feature vectors at positions of an image, as statistics that compare them take them.

Positions are pixels of the image, drawn at random with the weights of a mask, and
features between those of a map are interpolated linearly. With the same key the
positions are the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Key

from jaxnst._types import AnyArray

# Positions of a painting over those of the image.
TARGET_SAMPLES = 5


class Samples(NamedTuple):
    """Feature vectors.

    Attributes:
        features: (n, c), float32.
        weights: (n,), how much each counts, with mean 1; None, all the same.
    """

    features: Float[Array, "n c"]
    weights: Float[Array, " n"] | None = None


def samples_of(
    features: Float[AnyArray, "h w c"], weights: Float[AnyArray, "h w"] | None = None
) -> Samples:
    """All positions of a feature map."""
    flat = features.astype(jnp.float32).reshape(-1, features.shape[-1])
    return Samples(flat, None if weights is None else weights.reshape(-1))


def join_samples(parts: Sequence[Samples], shares: Float[Array, " n"]) -> Samples:
    """Those of several images together, in an order without order, so that every so
    many of them are of all places.

    Args:
        shares: (n,), with sum 1: what each image counts.
    """
    features = jnp.concatenate([part.features for part in parts])
    count = len(features)
    order = jax.random.permutation(jax.random.key(0), count)
    if len(parts) == 1 and parts[0].weights is None:
        return Samples(features[order])
    weights = [
        share * _weights(part) * (count / len(part.features))
        for share, part in zip(shares, parts, strict=True)
    ]
    return Samples(features[order], jnp.concatenate(weights)[order])


def _weights(samples: Samples) -> Float[Array, " n"]:
    if samples.weights is None:
        return jnp.ones(len(samples.features), jnp.float32)
    return samples.weights


def resampled(samples: Samples, count: int) -> Float[Array, "{count} c"]:
    """So many features, of which each position has its share: every one if all count
    the same and there are as many."""
    features, weights = samples.features, samples.weights
    if weights is None:
        if len(features) == count:
            return features
        # Not (i n) // count, whose product is beyond int32 from 2^31 on.
        places = jnp.arange(count) * (len(features) / count) + 0.5 / count
        return features[jnp.minimum(places.astype(jnp.int32), len(features) - 1)]
    ends = jnp.cumsum(weights)
    wanted = (jnp.arange(count) + 0.5) * (ends[-1] / count)
    places = jnp.searchsorted(ends, wanted)
    return features[jnp.minimum(places, len(features) - 1)]


def sampled(
    features: Float[AnyArray, "h w c"],
    weights: Float[AnyArray, "h w"] | None,
    count: int | None,
    key: Key[Array, ""],
) -> tuple[Float[AnyArray, "_ _ c"], Float[AnyArray, "h w"] | None]:
    """A map of `count` positions drawn at random with their weights, (1, count, c), and
    no weights; the map and its weights where it has no more than that."""
    height, width, channels = features.shape
    if count is None or count >= height * width:
        return features, weights
    positions = draw_positions(key, (height, width), count, weights)
    return features_at(features, positions)[None], None


def draw_positions(
    key: Key[Array, ""],
    size: tuple[int, int],
    count: int,
    weights: Float[AnyArray, "h w"] | None = None,
) -> Float[Array, "{count} 2"]:
    """Random pixels of an image: their centres' (row, column), of 1 each.

    Every stretch of as many pixels in reading order has one of them, at random, so that
    they cover the image evenly.

    Args:
        size: (height, width) of the image.
        weights: (height, width), how likely each pixel is drawn; None, all the same.
    """
    height, width = size
    shifts = jax.random.uniform(key, (count,))
    steps = (jnp.arange(count) + shifts) / count
    if weights is None:
        places = (steps * (height * width)).astype(jnp.int32)
    else:
        ends = jnp.cumsum(weights.reshape(-1))
        places = jnp.searchsorted(ends, steps * ends[-1]).astype(jnp.int32)
    places = jnp.clip(places, 0, height * width - 1)
    rows, columns = places // width, places % width
    return jnp.stack([(rows + 0.5) / height, (columns + 0.5) / width], -1)


def grid_positions(size: tuple[int, int], spacing: int = 4) -> Float[Array, "n 2"]:
    """As `draw_positions`, of an even grid from corner to corner, of one row in
    `spacing` and one column."""
    along = (
        np.linspace(0.5 / side, 1 - 0.5 / side, max(1, side // spacing))
        for side in size
    )
    rows, columns = np.meshgrid(*along, indexing="ij")
    return jnp.asarray(np.stack([rows, columns], -1).reshape(-1, 2), jnp.float32)


def features_at(
    features: Float[AnyArray, "h w c"], positions: Float[Array, "n 2"]
) -> Float[Array, "n c"]:
    """Features of a map at positions (row, column) of 1 each, interpolated linearly
    between the centres of the map's positions, continued at its borders."""
    height, width, channels = features.shape
    flat = features.astype(jnp.float32).reshape(-1, channels)

    def neighbours(
        along: Float[Array, " n"], count: int
    ) -> tuple[Int[Array, " n"], Int[Array, " n"], Float[Array, " n"]]:
        place = jnp.clip(along * count - 0.5, 0, count - 1)
        before = jnp.floor(place).astype(jnp.int32)
        return before, jnp.minimum(before + 1, count - 1), place - before

    top, bottom, down = neighbours(positions[:, 0], height)
    left, right, across = neighbours(positions[:, 1], width)
    found = jnp.zeros((len(positions), channels), jnp.float32)
    for row, share in ((top, 1 - down), (bottom, down)):
        for column, part in ((left, 1 - across), (right, across)):
            found += (share * part)[:, None] * flat[row * width + column]
    return found
