"""Statistics of an image's style layers, and how far they are from a target's."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

from jaxnst.losses import hypercolumns, tiles
from jaxnst.losses.config import HYPERCOLUMNS, Config
from jaxnst.losses.masks import split_alpha
from jaxnst.losses.octaves import at_octave, mean_terms, octaves_of, of_octave
from jaxnst.losses.regions import RegionTarget, layer_weights
from jaxnst.losses.samples import TARGET_SAMPLES, sampled
from jaxnst.losses.statistics import distance, target_of
from jaxnst.networks.network import Network

Statistic = Any
"""Of a style layer: what `Config.statistic` makes of its features; of regions each
array with an axis of them in front."""

StyleTarget = Any
"""A statistic as the target of the style loss."""


def masked_statistics(
    image: Float[Array, "h w _"],
    mask: Float[Array, "h w r"] | None,
    network: Network,
    config: Config,
    octave: int = 0,
) -> dict[str, Statistic]:
    """{style layer: its Gram matrix or `Gaussian`} of an image (H, W, 3), or of the
    opaque parts of one with alpha, (H, W, 4); of each of its regions.

    Args:
        octave: at which; the mask is that of the image at its own size.
    """
    color, alpha = split_alpha(image)
    color = at_octave(color, octave, config)
    counted: Any = alpha
    if mask is not None:
        counted = mask if alpha is None else mask * alpha[..., None]
    sizes = {} if counted is None else map_sizes(network, color, config)
    weights = layer_weights(counted, sizes)
    if config.samples is not None:
        config = replace(config, samples=TARGET_SAMPLES * config.samples)
    return image_statistics(color, network, config, weights, jax.random.key(0))


def map_sizes(
    network: Network, image: Float[Array, "h w 3"], config: Config
) -> dict[str, tuple[int, int]]:
    """{style layer: (h, w)} of its feature maps; of hypercolumns the image's own."""
    if config.hypercolumns:
        return {HYPERCOLUMNS: (image.shape[0], image.shape[1])}
    return network.map_sizes(image.shape[:2], config.style_layers)


def image_statistics(
    image: Float[Array, "h w 3"],
    network: Network,
    config: Config,
    weights: dict[str, Array],
    key: Key[Array, ""],
) -> dict[str, Statistic]:
    """{style layer: statistic} of an image.

    Args:
        weights: {layer: (h, w) or (R, h, w)}, how much each position counts, with mean
            1; {}, all the same.
        key: of the positions, where they are drawn.
    """
    if tiles.uses_tiles(config, image.shape):
        return tiles.statistics(image, network, config, weights)
    features = network(image, config.style_layers, **config.network_options)
    return layer_statistics(features, config, weights, key)


def layer_statistics(
    features: dict[str, Float[Array, "_ _ _"]],
    config: Config,
    weights: dict[str, Array],
    key: Key[Array, ""],
) -> dict[str, Statistic]:
    """{style layer: statistic} of an image's features; arguments as of
    `image_statistics`."""
    return {
        layer: layer_statistic(features[layer], config, weights.get(layer), key)
        for layer in config.style_layers
    }


def layer_statistic(
    features: Float[Array, "h w c"],
    config: Config,
    weights: Float[Array, "*r h w"] | None,
    key: Key[Array, ""],
) -> Statistic:
    if weights is not None and weights.ndim == 3:
        of_region = partial(layer_statistic, features, config, key=key)
        return jax.vmap(lambda weights: of_region(weights=weights))(weights)
    return config.make_statistic().of(*sampled(features, weights, config.samples, key))


def style_target_of(
    parts: list[Any], shares: Float[Array, " n"], config: Config
) -> StyleTarget:
    """The target of a layer from the statistics of several images."""
    return target_of(config.make_statistic(), parts, shares)


@jax.jit
def style_terms(
    network: Network,
    image: Float[Array, "h w 3"],
    targets: dict[str, StyleTarget],
    config: Config,
    regions: RegionTarget | None = None,
    content: dict[str, Array] | None = None,
) -> dict[str, Float[Array, ""]]:
    """{style term: the style loss} of an image (H, W, 3), unweighted.

    Args:
        targets, regions, content: `Targets.style`, `.regions` and `.content`.
    """
    key = jax.random.key(0)
    if config.hypercolumns:
        features = network(image, config.style_layers, **config.network_options)
        guide, target = content or {}, targets[HYPERCOLUMNS]
        term = hypercolumns.style_term(
            image, features, guide, target, config, key, regions
        )
        return {HYPERCOLUMNS: term}
    terms = []
    for octave, seen in enumerate(octaves_of(image, config)):
        target, part = at_octave_of(targets, regions, octave, config)
        weights = {} if part is None else part.weights
        statistics = image_statistics(seen, network, config, weights, key)
        terms.append(
            terms_of_statistics(network, seen, statistics, target, config, part, key)
        )
    return mean_terms(terms)


def at_octave_of(
    targets: dict[str, StyleTarget],
    regions: RegionTarget | None,
    octave: int,
    config: Config,
) -> tuple[dict[str, StyleTarget], RegionTarget | None]:
    """Of `Targets.style` and `.regions` what belongs to an octave."""
    if regions is not None:
        regions = regions._replace(weights=of_octave(regions.weights, octave, config))
    return of_octave(targets, octave, config), regions


def terms_of_statistics(
    network: Network,
    image: Float[Array, "h w 3"],
    statistics: dict[str, Any],
    targets: dict[str, Any],
    config: Config,
    regions: RegionTarget | None,
    key: Key[Array, ""],
) -> dict[str, Float[Array, ""]]:
    """{style layer: the style loss}; of regions the mean by their area."""
    positions = _positions(network, image, config)
    terms = {}
    for layer, target in targets.items():
        term = partial(distance, config.make_statistic(positions.get(layer)), key=key)
        if regions is None:
            terms[layer] = term(statistics[layer], target)
        else:
            each = jax.vmap(term)(statistics[layer], target)
            terms[layer] = jnp.sum(regions.shares * each)
    return terms


def _positions(
    network: Network, image: Float[Array, "h w 3"], config: Config
) -> dict[str, int]:
    """{style layer: h w} where the reduction needs it, or {}."""
    if config.style_reduction not in ("gatys", "per_position"):
        return {}
    found = network.positions(image.shape[:2], config.style_layers)
    most = config.samples
    return {k: n if most is None else min(n, most) for k, n in found.items()}
