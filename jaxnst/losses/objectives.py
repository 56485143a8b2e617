"""Targets and objective: pure functions of images, network, weights and config."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, no_type_check

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst import _checks, gaussian
from jaxnst._types import UncheckedImage, UncheckedNumber
from jaxnst.losses import functional, temporal, tiles, wasserstein
from jaxnst.losses import regions as guided
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.masks import split_alpha
from jaxnst.losses.regions import Regions, RegionTarget, check_regions, layer_weights
from jaxnst.networks.network import Network, check_network

Statistic = Float[Array, "*r c c"] | gaussian.Gaussian
"""Of a style layer: the Gram matrix, or mean and covariance; of regions each with an
axis of them in front."""

StyleTarget = Float[Array, "*r c c"] | wasserstein.GaussianTarget
"""A statistic as the target of the style loss."""


@no_type_check  # JAX builds it with whatever takes the place of arrays in a pytree
@partial(
    jax.tree_util.register_dataclass,
    data_fields=("content", "style", "content_style", "temporal", "regions"),
    meta_fields=(),
)
@dataclass(frozen=True, repr=False)
class Targets:
    """Targets of the content and style losses; a pytree.

    Attributes:
        content: {content layer: (h, w, c)}, the features of the content image.
        style: {style layer: (c, c) Gram matrix, or a `losses.GaussianTarget`}; with
            regions of arrays with an axis of them in front.
        content_style: {style layer: the style loss of the content image itself}, which
            `Weights.strength` is measured against; None where not asked for.
        temporal: a `losses.TemporalTarget`, what a clip's frame is to stay close to;
            None for a picture.
        regions: a `losses.RegionTarget`, which parts of the image take which style;
            None, all of it has one.
    """

    content: dict[str, Array]
    style: dict[str, Any]
    content_style: dict[str, Array] | None = None
    temporal: Any = None
    regions: Any = None

    def __repr__(self) -> str:
        content = ", ".join(f"{k} {tuple(v.shape)}" for k, v in self.content.items())
        return f"Targets(content {content}; style {', '.join(self.style)})"


def make_targets(
    network: Network,
    content: UncheckedImage,
    style: UncheckedImage | Sequence[UncheckedImage],
    config: Config,
    *,
    style_mix: Sequence[UncheckedNumber] | None = None,
    with_content_style: bool = False,
    regions: Regions | None = None,
) -> Targets:
    """Features of the content image and statistics of one style image or several.

    Of several style images the Gram matrices are averaged with the weights `style_mix`,
    which for a squared distance has the same gradient as the weighted sum of their
    losses; mean and covariance are those of all their positions together.

    Args:
        content: (H, W, 3) in [0, 1].
        style: (H', W', 3), or a sequence of such images of any sizes; of one with
            alpha, (H', W', 4), the opaque parts count.
        style_mix: a weight for each style image, scaled to sum 1; None, equal.
        with_content_style: whether to compute `Targets.content_style`, which
            `Weights.strength` needs.
        regions: which parts of the image take the style of which parts of the style
            images; None, all of all.

    Raises:
        TypeError, ValueError: not images, too small for the layers, unknown layers, or
            as many weights as style images are not given; masks that do not fit.
    """
    min_side = check_network(network).min_side(config.layers)
    content = _checks.check_image(content, "content", min_side=min_side)
    styles = _checks.check_images(style, "style", min_side=min_side, alpha=True)
    if regions is not None:
        regions = check_regions(regions, content, styles)
    return compute_targets(
        network,
        content,
        styles,
        config,
        style_mix=style_mix,
        with_content_style=with_content_style,
        regions=regions,
    )


def compute_targets(
    network: Network,
    content: Float[Array, "h w 3"],
    styles: list[Array],
    config: Config,
    *,
    style_mix: Sequence[UncheckedNumber] | None = None,
    with_content_style: bool = False,
    regions: Regions | None = None,
) -> Targets:
    """`make_targets` of images that are known to be such, and large enough."""
    style_target = style_targets_of(
        network, styles, config, style_mix=style_mix, regions=regions
    )
    return targets_with_style(
        network,
        content,
        style_target,
        config,
        with_content_style=with_content_style,
        regions=regions,
    )


def targets_with_style(
    network: Network,
    content: Float[Array, "h w 3"],
    style_target: dict[str, StyleTarget],
    config: Config,
    *,
    with_content_style: bool = False,
    regions: Regions | None = None,
) -> Targets:
    """`compute_targets` where the style's are known."""
    region_target = None
    if regions is not None:
        region_target = _region_target(network, content, regions.content, config)
    content_style = None
    if with_content_style:
        content_style = style_terms(
            network, content, style_target, config, region_target
        )
    content_target = content_targets(network, content, config)
    return Targets(content_target, style_target, content_style, regions=region_target)


def style_targets(
    network: Network,
    style: UncheckedImage | Sequence[UncheckedImage],
    config: Config,
    *,
    style_mix: Sequence[UncheckedNumber] | None = None,
) -> dict[str, StyleTarget]:
    """`Targets.style` alone; arguments and errors as of `make_targets`."""
    min_side = check_network(network).min_side(config.style_layers)
    styles = _checks.check_images(style, "style", min_side=min_side, alpha=True)
    return style_targets_of(network, styles, config, style_mix=style_mix)


def style_targets_of(
    network: Network,
    styles: list[Array],
    config: Config,
    *,
    style_mix: Sequence[UncheckedNumber] | None = None,
    regions: Regions | None = None,
) -> dict[str, StyleTarget]:
    """`style_targets` of images that are known to be such, and large enough; with
    regions each leaf has an axis of them in front."""
    shares = _shares(style_mix, len(styles))
    masks = None if regions is None else regions.styles
    if config.padding == "circular":  # the image repeats, the paintings do not
        config = replace(config, padding=None)
    return _style_targets(network, styles, shares, config, masks)


def _shares(
    style_mix: Sequence[UncheckedNumber] | None, count: int
) -> Float[Array, " n"]:
    """`style_mix` with sum 1, checked."""
    if style_mix is None:
        style_mix = (1.0,) * count
    if len(style_mix) != count:
        raise ValueError(
            f"style_mix has {len(style_mix)} numbers for {count} style images; "
            "give one for each"
        )
    for share in style_mix:
        _checks.check_number(share, "style_mix")
    numbers = jnp.asarray(style_mix, jnp.float32)
    if not isinstance(numbers, jax.core.Tracer) and not numbers.sum() > 0:
        raise ValueError("style_mix must have a sum above 0; raise one of its numbers")
    return numbers / numbers.sum()


def content_targets(
    network: Network, content: Float[Array, "h w 3"], config: Config
) -> dict[str, Float[Array, "_ _ _"]]:
    """`Targets.content` of an image (H, W, 3)."""
    if not config.content_layers:
        return {}
    if tiles.uses_tiles(config, content.shape):
        return tiles.features(content, network, config)
    return _content_features(network, content, config)


@jax.jit
def _content_features(
    network: Network, content: Float[Array, "h w 3"], config: Config
) -> dict[str, Float[Array, "_ _ _"]]:
    return network(content, config.content_layers, **config.network_options)


@jax.jit
def _region_target(
    network: Network,
    content: Float[Array, "h w 3"],
    mask: Float[Array, "h w r"],
    config: Config,
) -> RegionTarget:
    sizes = _map_sizes(network, content, config)
    return guided.region_target(mask, content, sizes)


@jax.jit
def _style_targets(
    network: Network,
    styles: list[Array],
    shares: Float[Array, " n"],
    config: Config,
    masks: tuple[Float[Array, "_ _ r"], ...] | None = None,
) -> dict[str, StyleTarget]:
    each = masks or (None,) * len(styles)
    statistics = [
        _masked_statistics(style, mask, network, config)
        for style, mask in zip(styles, each, strict=True)
    ]
    target = partial(_style_target, config=config)
    if masks is not None:
        target = jax.vmap(target, (0, 1))
        shares = guided.style_shares(shares, masks)
    return {
        layer: target([of_image[layer] for of_image in statistics], shares)
        for layer in config.style_layers
    }


def _style_target(
    parts: list[Any], shares: Float[Array, " n"], config: Config
) -> StyleTarget:
    """The target of a layer from the statistics of several images."""
    if config.statistic == "gaussian":
        return wasserstein.gaussian_target(gaussian.mixture(parts, shares))
    return jnp.einsum("n,ncd->cd", shares, jnp.stack(parts))


def _masked_statistics(
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
    sizes = {} if counted is None else _map_sizes(network, color, config)
    return _statistics(color, network, config, layer_weights(counted, sizes))


def _map_sizes(
    network: Network, image: Float[Array, "h w 3"], config: Config
) -> dict[str, tuple[int, int]]:
    """{style layer: (h, w)} of the feature maps of an image."""
    return network.map_sizes(image.shape[:2], config.style_layers)


def _statistics(
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
        layer: _statistic(found, config, weights.get(layer))
        for layer, found in features.items()
    }


def _statistic(
    features: Float[Array, "h w c"],
    config: Config,
    weights: Float[Array, "*r h w"] | None = None,
) -> Statistic:
    if weights is not None and weights.ndim == 3:
        return jax.vmap(partial(_statistic, features, config))(weights)
    if config.statistic == "gaussian":
        return gaussian.gaussian(features, weights)
    if weights is not None:
        features = features.astype(jnp.float32) * jnp.sqrt(weights)[..., None]
    return functional.gram_matrix(features, normalize=config.gram_normalize)


def _errors_and_statistics(
    image: Float[Array, "h w 3"], network: Network, targets: Targets, config: Config
) -> tuple[dict[str, Float[Array, ""]], dict[str, Statistic]]:
    """{content layer: Σ (F - P)²} and {style layer: statistic} of an image."""
    weights = {} if targets.regions is None else targets.regions.weights
    if tiles.uses_tiles(config, image.shape):
        centers = {}
        if config.statistic == "gaussian":
            centers = {layer: target.mean for layer, target in targets.style.items()}
        return tiles.errors_and_statistics(
            image, network, config, targets.content, centers, weights
        )
    features = network(image, config.layers, **config.network_options)
    errors = {
        layer: functional.squared_error(features[layer], targets.content[layer])
        for layer in config.content_layers
    }
    return errors, {
        layer: _statistic(features[layer], config, weights.get(layer))
        for layer in config.style_layers
    }


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
    statistics = _statistics(image, network, config, weights)
    return _style_terms(network, image, statistics, targets, config, regions)


def _style_terms(
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


def weighted(terms: list[Float[Array, ""]], weights: Any) -> Float[Array, ""]:
    """Σ_l w_l t_l.

    Args:
        terms: t_l, scalars.
        weights: w_l, one for each term; None, equal weights with sum 1.

    Returns:
        The sum; of no terms 0.
    """
    if not terms:
        return jnp.float32(0)
    if weights is None:
        return sum(terms, start=jnp.float32(0)) / len(terms)
    pairs = zip(weights, terms, strict=True)
    return sum((w * term for w, term in pairs), start=jnp.float32(0))


def objective(
    image: Float[Array, "h w 3"],
    network: Network,
    targets: Targets,
    weights: Weights,
    config: Config,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """The loss of an image, and its terms.

    loss = alpha Σ_l u_l C_l + beta Σ_l w_l S_l + tv V (Gatys et al. 2016, eq. 7, with
    the total variation V); and the weighted `losses.temporal_loss`, where the targets
    have one. With regions, of the image as `losses.composite` shows it, and S_l is the
    mean of theirs by area. Pure; jit, vmap, grad and shard it. Its derivatives are of
    reverse mode: `jax.grad`, and of that for products with second derivatives; not
    `jax.jvp`, `jax.jacfwd` or `jax.hessian`.

    Args:
        image: (H, W, 3), of the size of the content in `targets`.

    Returns:
        The loss, and {"loss", "content", "style", "tv", "content/LAYER" ...,
        "style/LAYER" ...}: "content" and "style" are summed over layers and, like
        "tv", not yet multiplied by alpha, beta and tv; with a temporal target
        "temporal", not yet weighted, too. Scalars, float32.
    """
    network = check_network(network)
    image = guided.composite(image, targets.regions)
    errors, statistics = _errors_and_statistics(image, network, targets, config)
    content = [
        functional.reduce_content(
            errors[layer], targets.content[layer], config.content_reduction
        )
        for layer in config.content_layers
    ]
    of_layers = _style_terms(
        network, image, statistics, targets.style, config, targets.regions
    )
    style = [of_layers[layer] for layer in config.style_layers]
    terms = {
        "content": weighted(content, weights.content_weights),
        "style": weighted(style, weights.style_weights),
        "tv": functional.total_variation(
            image,
            kind=config.tv_kind,
            reduction=config.tv_reduction,
            periodic=config.padding == "circular",
        ),
    }
    loss = (
        weights.alpha * terms["content"]
        + weights.beta * terms["style"]
        + weights.tv * terms["tv"]
    )
    if targets.temporal is not None:
        target, mask, weight = targets.temporal
        terms["temporal"] = temporal.temporal_loss(image, target, mask)
        loss = loss + weight * terms["temporal"]
    layers = [f"content/{layer}" for layer in config.content_layers]
    layers += [f"style/{layer}" for layer in config.style_layers]
    per_layer = dict(zip(layers, content + style, strict=True))
    return loss, {"loss": loss, **terms, **per_layer}
