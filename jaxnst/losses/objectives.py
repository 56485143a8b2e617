"""The objective: a pure function of image, network, targets, weights and config."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst.losses import functional, hypercolumns, temporal, tiles
from jaxnst.losses.config import HYPERCOLUMNS, Config, Weights
from jaxnst.losses.octaves import mean_terms, octaves_of, style_alone
from jaxnst.losses.regions import composite
from jaxnst.losses.style_statistics import (
    at_octave_of,
    layer_statistics,
    terms_of_statistics,
)
from jaxnst.losses.targets import Targets
from jaxnst.networks.network import Network, check_network

Terms = dict[str, Float[Array, ""]]


def _layer_terms(
    image: Float[Array, "h w 3"], network: Network, targets: Targets, config: Config
) -> tuple[Terms, Terms]:
    """{content layer: C_l} and {style layer: S_l}, the mean over octaves."""
    content: Terms = {}
    style: list[Terms] = []
    for octave, seen in enumerate(octaves_of(image, config)):
        if octave:
            config = style_alone(config)
        terms, of_octave = _octave_terms(seen, octave, network, targets, config)
        content |= terms
        style.append(of_octave)
    return content, mean_terms(style)


def _octave_terms(
    image: Float[Array, "h w 3"],
    octave: int,
    network: Network,
    targets: Targets,
    config: Config,
) -> tuple[Terms, Terms]:
    """The same of the image at one octave."""
    target, regions = at_octave_of(targets.style, targets.regions, octave, config)
    weights = {} if regions is None else regions.weights
    key = targets.key
    if tiles.uses_tiles(config, image.shape):
        centers = {}
        if config.statistic == "gaussian":
            centers = {layer: each.mean for layer, each in target.items()}
        content = {layer: targets.content[layer] for layer in config.content_layers}
        errors, statistics = tiles.errors_and_statistics(
            image, network, config, content, centers, weights
        )
    else:
        features = network(image, config.layers, **config.network_options)
        errors = {
            layer: functional.squared_error(features[layer], targets.content[layer])
            for layer in config.content_layers
        }
        statistics = layer_statistics(features, config, weights, key)
    content_terms = {
        layer: functional.reduce_content(
            errors[layer], targets.content[layer], config.content_reduction
        )
        for layer in config.content_layers
    }
    style_terms = terms_of_statistics(
        network, image, statistics, target, config, regions, key
    )
    return content_terms, style_terms


def _column_terms(
    image: Float[Array, "h w 3"], network: Network, targets: Targets, config: Config
) -> tuple[Terms, Terms]:
    """The same with the style, or both, of hypercolumns."""
    features = network(image, config.layers, **config.network_options)
    key, content = targets.key, {}
    if config.content_terms == (HYPERCOLUMNS,):
        size = image.shape[0], image.shape[1]
        content[HYPERCOLUMNS] = hypercolumns.content_term(
            size, features, targets.content, config, key
        )
    else:
        for layer in config.content_layers:
            content[layer] = functional.content_loss(
                features[layer],
                targets.content[layer],
                reduction=config.content_reduction,
            )
    style = hypercolumns.style_term(
        image,
        features,
        targets.content,
        targets.style[HYPERCOLUMNS],
        config,
        key,
        targets.regions,
        targets.neighbours,
    )
    return content, {HYPERCOLUMNS: style}


def with_neighbours(
    image: Float[Array, "h w 3"], network: Network, targets: Targets, config: Config
) -> Targets:
    """Targets whose `Targets.neighbours` are those of an image as it is now."""
    image = composite(image, targets.regions)
    found = hypercolumns.find_neighbours(
        (image.shape[0], image.shape[1]),
        network(image, config.style_layers, **config.network_options),
        targets.content,
        targets.style[HYPERCOLUMNS],
        config,
        targets.regions,
    )
    return replace(targets, neighbours=found)


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
    have one. What is random in it is drawn by `Targets.draw`. With regions, of the
    image as `losses.composite` shows it, and S_l is the mean of theirs by area. Pure;
    jit, vmap, grad and shard it. Its derivatives are of reverse mode: `jax.grad`, and
    of that for products with second derivatives; not `jax.jvp`, `jax.jacfwd` or
    `jax.hessian`.

    Args:
        image: (H, W, 3), of the size of the content in `targets`.

    Returns:
        The loss, and {"loss", "content", "style", "tv", "content/LAYER" ...,
        "style/LAYER" ...}: "content" and "style" are summed over layers and, like
        "tv", not yet multiplied by alpha, beta and tv; with a temporal target
        "temporal", not yet weighted, too. Scalars, float32.
    """
    network = check_network(network)
    image = composite(image, targets.regions)
    of_config = _column_terms if config.hypercolumns else _layer_terms
    content_terms, style_terms = of_config(image, network, targets, config)
    content = [content_terms[name] for name in config.content_terms]
    style = [style_terms[name] for name in config.style_terms]
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
    layers = [f"content/{layer}" for layer in config.content_terms]
    layers += [f"style/{layer}" for layer in config.style_terms]
    per_layer = dict(zip(layers, content + style, strict=True))
    return loss, {"loss": loss, **terms, **per_layer}
