"""The image at half its size, at a quarter ..., where its style is compared, too.

What a network's layers see of an image is of one size; in its halves they see strokes
and shapes twice as large. So small layers hold large shapes to the painting's, which
otherwise the deepest layers alone would, that know least of how it is painted
(`Config.octaves`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from jaxnst._types import AnyArray
from jaxnst.losses.config import Config
from jaxnst.networks.network import Network


def halved(
    image: Float[AnyArray, "h w c"], *, periodic: bool = False
) -> Float[AnyArray, "_ _ c"]:
    """An image (H, W, C) at half its size, (⌈H / 2⌉, ⌈W / 2⌉, C).

    Each way y_i = (x_{2i-1} + 3 x_{2i} + 3 x_{2i+1} + x_{2i+2}) / 8: its gradient is
    interpolated linearly, where that of means of two by two pixels has blocks, which
    are seen as grain.

    Args:
        periodic: whether the image repeats beyond its borders; else it goes on with its
            last pixels, and so does a side that is odd.
    """
    for axis in (0, 1):
        side = image.shape[axis]
        odd = side % 2
        around = [(0, 0)] * 3
        around[axis] = (1, 1 + odd)
        x = jnp.pad(image, around, mode="wrap" if periodic else "edge")
        taps = [lax.slice_in_dim(x, k, k + side + odd - 1, 2, axis) for k in range(4)]
        image = (taps[0] + 3 * taps[1] + 3 * taps[2] + taps[3]) / 8
    return image


def at_octave(
    image: Float[AnyArray, "h w c"], octave: int, config: Config
) -> Float[AnyArray, "_ _ c"]:
    """An image halved so many times."""
    for _ in range(octave):
        image = halved(image, periodic=config.padding == "circular")
    return image


def octaves_of(
    image: Float[AnyArray, "h w c"], config: Config
) -> list[Float[AnyArray, "_ _ c"]]:
    """An image as it is, and at each further octave."""
    return [at_octave(image, octave, config) for octave in range(config.octaves)]


def of_octave(parts: dict[str, Any], octave: int, config: Config) -> dict[str, Any]:
    """{layer: what belongs to it at an octave}, of what `joined` gave."""
    if config.octaves == 1:
        return parts
    return {layer: each[octave] for layer, each in parts.items()}


def joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """{layer: what belongs to it} of each octave as one: of several a tuple of them for
    each layer."""
    if len(parts) == 1:
        return parts[0]
    return {layer: tuple(part[layer] for part in parts) for layer in parts[0]}


def mean_terms(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """{layer: the mean of its terms over octaves}."""
    if len(parts) == 1:
        return parts[0]
    return {
        layer: sum(part[layer] for part in parts) / len(parts) for layer in parts[0]
    }


def style_alone(config: Config) -> Config:
    """The config without content, which is compared at the image's own size only."""
    return replace(config, content_layers=())


def min_side(network: Network, config: Config, layers: Sequence[str] = ()) -> int:
    """The smallest side in pixels of an image that has positions in every layer, and
    whose smallest octave has in every style layer.

    Args:
        layers: for these alone; (), all of the config.
    """
    least = network.min_side(layers or config.layers)
    of_style = network.min_side(config.style_layers)
    # Halves are rounded up: 2 n - 1 pixels have n of them.
    halves = 2 ** (config.octaves - 1)
    return max(least, (of_style - 1) * halves + 1)
