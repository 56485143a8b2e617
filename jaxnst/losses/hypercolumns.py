"""Hypercolumns: the features of all layers at a position of the image as one vector.

(Hariharan et al., "Hypercolumns for object segmentation and fine-grained localization",
CVPR 2015.)
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int, Key

from jaxnst.losses import nearest
from jaxnst.losses.config import HYPERCOLUMNS, Config
from jaxnst.losses.masks import mask_weights, split_alpha
from jaxnst.losses.samples import (
    TARGET_SAMPLES,
    Samples,
    draw_positions,
    features_at,
    grid_positions,
    join_samples,
    samples_of,
)
from jaxnst.losses.statistics import distance, target_of
from jaxnst.networks.network import Network

Features = dict[str, Float[Array, "_ _ _"]]


class ColumnsTarget(NamedTuple):
    """Target of the style loss of hypercolumns.

    Attributes:
        style: of the statistic.
        scales: {style layer: what its features are multiplied by}.
        palette: colours of the paintings, or None.
    """

    style: Any
    scales: dict[str, Float[Array, "*r"]]
    palette: Samples | None


def scales_of(
    scaling: str | None, images: Sequence[Features]
) -> dict[str, Float[Array, ""]]:
    """{layer: what its features are multiplied by}, as `Config.hypercolumns` has it.

    Args:
        images: features of those that are the target.
    """
    scales = {}
    for layer, features in images[0].items():
        if scaling == "equal":
            squares = [
                jnp.mean(jnp.square(x[layer].astype(jnp.float32))) for x in images
            ]
            mean = jnp.mean(jnp.stack(squares))
            scales[layer] = lax.rsqrt(jnp.where(mean > 0, mean, 1.0))
        else:
            channels = features.shape[-1] if scaling == "per_channel" else 1
            scales[layer] = jnp.float32(1 / channels)
    return scales


def columns(
    features: Features,
    scales: dict[str, Float[Array, ""]],
    positions: Float[Array, "n 2"],
) -> Float[Array, "n c"]:
    """The hypercolumns of the layers that have a scale, at positions of
    `samples.draw_positions`; c is the sum of their channels."""
    parts = [
        scale * features_at(features[layer], positions)
        for layer, scale in scales.items()
    ]
    return jnp.concatenate(parts, -1)


def style_target(
    network: Network,
    styles: Sequence[Float[Array, "_ _ _"]],
    shares: Float[Array, "..."],
    config: Config,
    masks: Sequence[Float[Array, "_ _ r"]] | None = None,
) -> dict[str, ColumnsTarget]:
    """`Targets.style` of hypercolumns.

    Args:
        styles: (h, w, 3), or with alpha (h, w, 4).
        shares: of each, with sum 1; of R regions (n, R).
        masks: of the styles' regions.
    """
    of_images = [
        network(split_alpha(style)[0], config.style_layers, **config.network_options)
        for style in styles
    ]
    scales = scales_of(config.hypercolumns, of_images)
    statistic = config.make_statistic(config.samples)

    def target(weights: list[Any], shares: Array) -> ColumnsTarget:
        found, colors = [], []
        for features, style, weight in zip(of_images, styles, weights, strict=True):
            size = style.shape[0], style.shape[1]
            count = min(TARGET_SAMPLES * (config.samples or 1), size[0] * size[1])
            positions = draw_positions(jax.random.key(0), size, count, weight)
            found.append(statistic.of(columns(features, scales, positions)[None]))
            colors.append(samples_of(features_at(style[..., :3], positions)[None]))
        palette = join_samples(colors, shares) if config.palette else None
        return ColumnsTarget(target_of(statistic, found, shares), scales, palette)

    each = _weights(styles, masks)
    if masks is None:
        return {HYPERCOLUMNS: target(each, shares)}
    return {HYPERCOLUMNS: jax.vmap(target, (0, 1))(each, shares)}


def _weights(
    styles: Sequence[Array], masks: Sequence[Array] | None
) -> list[Array | None]:
    """Of each painting how likely a pixel is drawn, (h, w); of regions (R, h, w)."""
    found: list[Array | None] = []
    for number, style in enumerate(styles):
        alpha = split_alpha(style)[1]
        if masks is None:
            found.append(None if alpha is None else mask_weights(alpha, alpha.shape))
            continue
        mask = jnp.moveaxis(masks[number], -1, 0)
        mask = mask if alpha is None else mask * alpha[None]
        found.append(jax.vmap(partial(mask_weights, size=mask.shape[1:]))(mask))
    return found


def style_term(
    image: Float[Array, "h w 3"],
    features: Features,
    content: Features,
    target: ColumnsTarget,
    config: Config,
    key: Key[Array, ""],
    regions: Any = None,
    neighbours: Int[Array, " n"] | None = None,
) -> Float[Array, ""]:
    """The style loss of an image.

    Args:
        features: of the image, all style layers'.
        content: of the content image, where there is a guide.
        regions: `losses.RegionTarget`, or None.
        neighbours: of `find_neighbours`, where there is a guide; None, they are found
            for the image as it is.
    """
    statistic = config.make_statistic(config.samples)
    size = image.shape[0], image.shape[1]

    def term(target: ColumnsTarget, weights: Array | None) -> Array:
        positions = draw_positions(key, size, config.samples or 1, weights)
        loss = jnp.float32(0)
        if not config.guide:
            found = statistic.of(columns(features, target.scales, positions)[None])
            loss = distance(statistic, found, target.style, key)
        if target.palette is not None:
            colors = samples_of(features_at(image, positions)[None])
            loss = loss + config.palette * nearest.palette_loss(colors, target.palette)
        return loss

    if regions is None:
        loss = term(target, None)
    else:
        each = jax.vmap(term)(target, regions.weights[HYPERCOLUMNS])
        loss = jnp.sum(regions.shares * each)
    if not config.guide:
        return loss
    if neighbours is None:
        neighbours = find_neighbours(size, features, content, target, config, regions)
    return loss + _guided_term(neighbours, size, features, target, regions)


def find_neighbours(
    size: tuple[int, int],
    features: Features,
    content: Features,
    target: ColumnsTarget,
    config: Config,
    regions: Any = None,
) -> Int[Array, " n"]:
    """Of a grid of positions, which of the target's is to be seen there.

    The painting's nearest hypercolumn, each side less its own mean, to the mixture of
    the content image's, with the share `Config.guide`, and the image's own (Kolkin et
    al., "Neural neighbor style transfer", 2022). A position belongs to the region that
    counts most there.

    Args:
        size: (height, width) of the image.
        features: of the image; content: of the content image.
        target: `ColumnsTarget.style` is `Samples`; of R regions each with an axis of
            them in front.

    Returns:
        Numbers of the target's samples, of R regions of (R m) in a row; for the
        positions of `samples.grid_positions`.
    """
    positions = grid_positions(size)
    features, content = lax.stop_gradient((features, content))

    def nearest_of(target: ColumnsTarget, weights: Array | None) -> Array:
        of_image, of_content = (
            columns(each, target.scales, positions) for each in (features, content)
        )
        mixed = config.guide * of_content + (1 - config.guide) * of_image
        queries = nearest.centered(Samples(mixed, weights))
        aims = nearest.centered(target.style)
        return nearest.nearest_neighbours(Samples(queries.features), aims)[0]

    if regions is None:
        return nearest_of(target, None)
    weights = _weights_at(positions, regions)
    each = jax.vmap(nearest_of)(target, weights)
    region = jnp.argmax(regions.shares[:, None] * weights, 0)
    places = jnp.take_along_axis(each, region[None], 0)[0]
    return region.astype(places.dtype) * target.style.features.shape[1] + places


def _guided_term(
    neighbours: Int[Array, " n"],
    size: tuple[int, int],
    features: Features,
    target: ColumnsTarget,
    regions: Any,
) -> Float[Array, ""]:
    """mean_i (1 - cos(f_i, t_ν(i))), ν the neighbours; arguments as of
    `find_neighbours`."""
    positions, scales, counts = grid_positions(size), target.scales, None
    if regions is not None:
        # Of the layer, not of the region: all have the same.
        scales = {layer: scale[0] for layer, scale in scales.items()}
        weights = _weights_at(positions, regions)
        counts = jnp.sum(regions.shares[:, None] * weights, 0)
    aims = target.style.features.reshape(-1, target.style.features.shape[-1])
    aims = nearest.unit_vectors(aims[neighbours])
    own = nearest.unit_vectors(columns(features, scales, positions))
    distances = 1 - jnp.sum(own * aims, -1)
    return jnp.mean(distances if counts is None else counts * distances)


def _weights_at(positions: Float[Array, "n 2"], regions: Any) -> Float[Array, "r n"]:
    """How much each position counts in each region."""
    weights = regions.weights[HYPERCOLUMNS]
    return features_at(jnp.moveaxis(weights, 0, -1), positions).T


def content_term(
    image_size: tuple[int, int],
    features: Features,
    content: Features,
    config: Config,
    key: Key[Array, ""],
) -> Float[Array, ""]:
    """`nearest.self_similarity_loss` of the content layers' hypercolumns.

    Args:
        image_size: (height, width).
        features: of the image; content: of the content image.
    """
    own = {layer: content[layer] for layer in config.content_layers}
    scales = scales_of(config.hypercolumns, [own])
    positions = draw_positions(key, image_size, config.samples or 1)
    return nearest.self_similarity_loss(
        columns(features, scales, positions), columns(content, scales, positions)
    )
