"""Statistics of an image whose features do not fit into memory at once, tile by tile.

Every tile has a margin as wide as the network's receptive fields extend, in which
positions are not counted; a tile at a border of the image ends there, so that borders
are padded as without tiles. Sums over tiles are then the sums over the image, but for
rounding, and so are gradients.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int

from jaxnst import gaussian
from jaxnst.losses import functional
from jaxnst.losses.config import Config
from jaxnst.losses.tile_layout import Tiling
from jaxnst.networks.network import Network


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _crops(
    image: Float[Array, "_ _ 3"], tiling: Tiling
) -> Float[Array, "{len(tiling)} {tiling.rows.length} {tiling.columns.length} 3"]:
    """The tiles of an image, (tiles, h, w, 3).

    The custom gradient is added up tile by tile in one array; that of so many slices
    would be as many arrays of the image's size, nearly all zeros.
    """
    size = tiling.rows.length, tiling.columns.length, image.shape[-1]
    corners = jnp.asarray(tiling.corners)
    return lax.map(lambda c: lax.dynamic_slice(image, (c[0], c[1], 0), size), corners)


def _crops_forward(
    image: Float[Array, "_ _ 3"], tiling: Tiling
) -> tuple[Float[Array, "_ _ _ 3"], None]:
    return _crops(image, tiling), None


def _crops_backward(
    tiling: Tiling, _: None, cotangents: Float[Array, "_ _ _ 3"]
) -> tuple[Float[Array, "_ _ 3"]]:
    size = tiling.rows.edges[-1], tiling.columns.edges[-1], 3
    zeros = jnp.zeros(size, cotangents.dtype)  # not float64 where that is the default
    corners = jnp.asarray(tiling.corners)

    def add(index: Array, total: Array) -> Array:
        corner = (corners[index, 0], corners[index, 1], 0)
        before = lax.dynamic_slice(total, corner, cotangents.shape[1:])
        return lax.dynamic_update_slice(total, before + cotangents[index], corner)

    return (lax.fori_loop(0, len(tiling), add, zeros),)


_crops.defvjp(_crops_forward, _crops_backward)


def uses_tiles(config: Config, size: tuple[int, ...]) -> bool:
    """Whether features of an image of (height, width) are computed in tiles."""
    return config.tile is not None and max(size[:2]) > config.tile


def errors_and_statistics(
    image: Float[Array, "_ _ 3"],
    network: Network,
    config: Config,
    content: dict[str, Float[Array, "_ _ _"]],
    centers: dict[str, Float[Array, "*r _"]],
    weights: dict[str, Float[Array, "*r _ _"]],
) -> tuple[dict[str, Float[Array, ""]], dict[str, Any]]:
    """Content errors and style statistics of an image, for the objective.

    Differentiable. Memory is that of one tile: what the gradient needs of the others is
    computed again.

    Args:
        image: (H, W, 3).
        content: {layer: (h, w, c)}, the content target; {} for none.
        centers: {layer: (c,)}, close to the mean features of a layer, from which
            "gaussian" deviations are taken: the closer, the less is lost to rounding.
            Of R regions (R, c).
        weights: {style layer: (h, w)}, how much each position counts, with mean 1; of
            R regions (R, h, w); {}, all the same.

    Returns:
        {content layer: Σ (F - P)²}, and {style layer: its Gram matrix or `Gaussian`},
        of regions with their axis in front.
    """
    tiling = Tiling.of(network, config, (image.shape[0], image.shape[1]))
    counts = {
        layer: (image.shape[0] // stride) * (image.shape[1] // stride)
        for layer, stride in tiling.strides.items()
    }

    @partial(jax.checkpoint, prevent_cse=False)
    def tile_sums(
        crop: Float[Array, "_ _ 3"], corner: Int[Array, "2"], masks: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        layers = tuple(dict.fromkeys((*content, *config.style_layers)))
        features = network(crop, layers, **config.network_options)
        errors, moments = {}, {}
        for layer, target in content.items():
            tile_features = features[layer].astype(jnp.float32)
            start = (*(corner // tiling.strides[layer]), 0)
            tile_target = lax.dynamic_slice(target, start, tile_features.shape)
            mask = (masks[layer][0] * masks[layer][1])[..., None]
            difference = (tile_features - tile_target) * mask
            errors[layer] = jnp.sum(jnp.square(difference))
        for layer in config.style_layers:
            mask = masks[layer][0] * masks[layer][1]
            share = weights.get(layer)
            if share is not None:
                place = corner // tiling.strides[layer]
                part = _part(share, place, mask.shape)
                mask = part * jnp.broadcast_to(mask, part.shape)
            of_layer = partial(
                _moments, features[layer], counts[layer], config, share is not None
            )
            center = centers.get(layer)
            if mask.ndim == 3:
                axes = 0, None if center is None else 0
                moments[layer] = jax.vmap(of_layer, axes)(mask, center)
            else:
                moments[layer] = of_layer(mask, center)
        return errors, moments

    def add_tile(total: Any, tile: Any) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, tile_sums(*tile)), None

    tiles = _crops(image, tiling), jnp.asarray(tiling.corners), tiling.masks()
    first = jax.tree.map(lambda leaf: leaf[0], tiles)
    zeros = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(tile_sums, *first)
    )
    (errors, moments), _ = lax.scan(add_tile, zeros, tiles)
    if config.statistic == "gram":
        return errors, moments
    return errors, {
        k: jax.vmap(_gaussian)(v, centers.get(k))
        if v[0].ndim == 2
        else _gaussian(v, centers.get(k))
        for k, v in moments.items()
    }


def _part(
    weights: Float[Array, "*r _ _"], start: Int[Array, "2"], size: tuple[int, ...]
) -> Float[Array, "*r _ _"]:
    """The weights of a tile of (height, width) that begins there."""
    part = partial(lax.dynamic_slice, start_indices=start, slice_sizes=size)
    return jax.vmap(part)(weights) if weights.ndim == 3 else part(weights)


def _moments(
    features: Float[Array, "h w c"],
    count: int,
    config: Config,
    weighted: bool,
    mask: Float[Array, "h w"],
    center: Float[Array, " c"] | None,
) -> Float[Array, "c c"] | tuple[Float[Array, " c"], Float[Array, "c c"]]:
    """A tile's share of the Gram matrix, or of the mean and the second moments.

    Args:
        count: positions of the whole image.
        weighted: whether positions count differently.
        mask: how much each counts: 0 or 1, or a number.
        center: of the deviations whose moments are taken; None, 0.
    """
    features, mask = features.astype(jnp.float32), mask[..., None]
    root = jnp.sqrt(mask) if weighted else mask  # of 0 and 1 the same
    if config.statistic == "gram":
        divisor = functional.gram_divisor(
            count, features.shape[-1], config.gram_normalize
        )
        scaled = features * root * divisor**-0.5
        return functional.gram_matrix(scaled, normalize="none")
    if center is not None:
        features = features - center[None, None]
    mean = jnp.sum(features * mask, (0, 1)) / count
    return mean, functional.gram_matrix(features * root * count**-0.5, normalize="none")


def _gaussian(
    moments: tuple[Float[Array, " c"], Float[Array, "c c"]],
    center: Float[Array, " c"] | None,
) -> gaussian.Gaussian:
    """From the mean and the second moments of deviations from `center`."""
    mean, second = moments
    covariance = second - mean[:, None] * mean[None]
    return gaussian.Gaussian(mean if center is None else mean + center, covariance)


def statistics(
    image: Float[Array, "_ _ 3"],
    network: Network,
    config: Config,
    weights: dict[str, Float[Array, "*r _ _"]],
) -> dict[str, Any]:
    """{style layer: Gram matrix or `Gaussian`} of an image (H, W, 3), tile by tile.

    Args:
        weights: as of `errors_and_statistics`.
    """
    first_pass = errors_and_statistics(image, network, config, {}, {}, weights)[1]
    if config.statistic == "gram":
        return first_pass
    # Once more with deviations from the means, which are now known: fewer digits are
    # lost.
    means = {layer: statistic.mean for layer, statistic in first_pass.items()}
    return errors_and_statistics(image, network, config, {}, means, weights)[1]


def features(
    image: Float[Array, "_ _ 3"], network: Network, config: Config
) -> dict[str, Float[Array, "_ _ _"]]:
    """{content layer: (h, w, c)} of an image (H, W, 3), joined from tiles."""
    tiling = Tiling.of(network, config, (image.shape[0], image.shape[1]))
    extract = jax.jit(
        lambda crop: network(crop, config.content_layers, **config.network_options)
    )
    rows: dict[str, list[Array]] = {layer: [] for layer in config.content_layers}
    for top, *vertical in tiling.rows.extents():
        parts: dict[str, list[Array]] = {layer: [] for layer in config.content_layers}
        for left, *horizontal in tiling.columns.extents():
            crop = image[
                top : top + tiling.rows.length, left : left + tiling.columns.length
            ]
            for layer, tile_features in extract(crop).items():
                stride = tiling.strides[layer]
                y, x = (
                    slice((first - start) // stride, end // stride - start // stride)
                    for start, (first, end) in ((top, vertical), (left, horizontal))
                )
                parts[layer].append(tile_features[y, x])
        for layer, row in parts.items():
            rows[layer].append(jnp.concatenate(row, axis=1))
    return {layer: jnp.concatenate(parts) for layer, parts in rows.items()}
