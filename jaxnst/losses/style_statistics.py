"""Statistics of an image's style layers, and how far they are from a target's."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst import gaussian
from jaxnst.losses import functional, tiles, wasserstein
from jaxnst.losses.config import Config
from jaxnst.losses.masks import split_alpha
from jaxnst.losses.regions import RegionTarget, layer_weights
from jaxnst.networks.network import Network

Statistic = Float[Array, "*r c c"] | gaussian.Gaussian
"""Of a style layer: the Gram matrix, or mean and covariance; of regions each with an
axis of them in front."""

StyleTarget = Float[Array, "*r c c"] | wasserstein.GaussianTarget
"""A statistic as the target of the style loss."""


def masked_statistics(
    image: Float[Array, "h w _"],
    mask: Float[Array, "h w r"] | None,
    network: Network,
    config: Config,
) -> dict[str, Statistic]:
    """{style layer: its Gram matrix or `Gaussian`} of an image (H, W, 3), or of the
    opaque parts of one with alpha, (H, W, 4); of each of its regions."""
    color, alpha = split_alpha(image)
    counted: Any = alpha
    if mask is not None:
        counted = mask if alpha is None else mask * alpha[..., None]
    sizes = {} if counted is None else map_sizes(network, color, config)
    return image_statistics(color, network, config, layer_weights(counted, sizes))


def map_sizes(
    network: Network, image: Float[Array, "h w 3"], config: Config
) -> dict[str, tuple[int, int]]:
    """{style layer: (h, w)} of the feature maps of an image."""
    return network.map_sizes(image.shape[:2], config.style_layers)


def image_statistics(
    image: Float[Array, "h w 3"],
    network: Network,
    config: Config,
    weights: dict[str, Array],
) -> dict[str, Statistic]:
    """{style layer: statistic} of an image.

    Args:
        weights: {layer: (h, w) or (R, h, w)}, how much each position counts, with mean
            1; {}, all the same.
    """
    if tiles.uses_tiles(config, image.shape):
        return tiles.statistics(image, network, config, weights)
    features = network(image, config.style_layers, **config.network_options)
    return {
        layer: layer_statistic(found, config, weights.get(layer))
        for layer, found in features.items()
    }


def layer_statistic(
    features: Float[Array, "h w c"],
    config: Config,
    weights: Float[Array, "*r h w"] | None = None,
) -> Statistic:
    if weights is not None and weights.ndim == 3:
        return jax.vmap(partial(layer_statistic, features, config))(weights)
    if config.statistic == "gaussian":
        return gaussian.gaussian(features, weights)
    if weights is not None:
        features = features.astype(jnp.float32) * jnp.sqrt(weights)[..., None]
    return functional.gram_matrix(features, normalize=config.gram_normalize)


def style_target_of(
    parts: list[Any], shares: Float[Array, " n"], config: Config
) -> StyleTarget:
    """The target of a layer from the statistics of several images."""
    if config.statistic == "gaussian":
        return wasserstein.gaussian_target(gaussian.mixture(parts, shares))
    return jnp.einsum("n,ncd->cd", shares, jnp.stack(parts))


@jax.jit
def style_terms(
    network: Network,
    image: Float[Array, "h w 3"],
    targets: dict[str, StyleTarget],
    config: Config,
    regions: RegionTarget | None = None,
) -> dict[str, Float[Array, ""]]:
    """{style layer: the style loss} of an image (H, W, 3), unweighted.

    Args:
        targets, regions: `Targets.style` and `Targets.regions`.
    """
    weights = {} if regions is None else regions.weights
    statistics = image_statistics(image, network, config, weights)
    return terms_of_statistics(network, image, statistics, targets, config, regions)


def terms_of_statistics(
    network: Network,
    image: Float[Array, "h w 3"],
    statistics: dict[str, Any],
    targets: dict[str, Any],
    config: Config,
    regions: RegionTarget | None,
) -> dict[str, Float[Array, ""]]:
    """{style layer: the style loss}; of regions the mean by their area."""
    positions = _positions(network, image, config)
    terms = {}
    for layer, target in targets.items():
        term = partial(_style_term, config=config, positions=positions.get(layer))
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
    if config.style_reduction in ("gatys", "per_position"):
        return network.positions(image.shape[:2], config.style_layers)
    return {}


def _style_term(
    statistic: Any, target: Any, *, config: Config, positions: int | None
) -> Float[Array, ""]:
    if config.statistic == "gaussian":
        return wasserstein.wasserstein_loss(
            statistic, target, reduction=config.style_reduction
        )
    return functional.style_loss(
        statistic, target, reduction=config.style_reduction, positions=positions
    )
