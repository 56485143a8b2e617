"""Statistics of an image whose features do not fit into memory at once, tile by tile.

The network is computed in segments, block by block. Of each, the features that the next
one takes are kept whole: they are few, as every pooling leaves a quarter of the
positions. All others are computed tile by tile, with a margin as wide as the receptive
fields of the segment alone extend, in which positions are not counted; a tile at a
border of the image ends there, so that borders are padded as without tiles. Sums over
tiles are then the sums over the image, but for rounding, and so are gradients.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int

from jaxnst import gaussian
from jaxnst._types import AnyArray
from jaxnst.losses import functional
from jaxnst.losses.config import Config
from jaxnst.losses.tile_layout import Tiling, stride, tilings
from jaxnst.networks.network import Network
from jaxnst.networks.packed_masks import KEEP_MASKS

_Masks = tuple[Float[AnyArray, "h 1"], Float[AnyArray, "1 w"]]
"""Of rows and of columns: 1 where positions are counted, 0 elsewhere."""


class _Core(NamedTuple):
    """What a tile has of a layer to join the whole from; `_Masks` of it."""

    corner: Array
    masks: Any


class _Place(NamedTuple):
    """Where a tile lies, and what counts of it; of many with an axis of them in front.

    Attributes:
        corner: (2,), row and column of what the segment takes.
        masks: {layer: `_Masks`}.
        cores: {layer: what is joined to the whole}.
    """

    corner: Array
    masks: dict[str, Any]
    cores: dict[str, _Core]


_Sums = Callable[[dict[str, Array], _Place], Any]
"""What is to be summed over tiles, from a tile's features by layer and its place."""


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _take(
    features: Float[Array, "h w c"], corner: Int[Array, "2"], size: tuple[int, int]
) -> tuple[Float[Array, "{size[0]} {size[1]} c"], Float[Array, "h w c"]]:
    """The tile of (height, width) at a corner, and the features themselves.

    Handed on from tile to tile, these gather the gradients of all in one array; that of
    a slice by itself is an array of the whole size, nearly all zeros, for every tile.
    """
    start = (corner[0], corner[1], 0)
    return lax.dynamic_slice(features, start, (*size, features.shape[-1])), features


def _take_forward(
    features: Float[Array, "h w c"], corner: Int[Array, "2"], size: tuple[int, int]
) -> tuple[tuple[Array, Array], Int[Array, "2"]]:
    return _take(features, corner, size), corner


def _take_backward(
    size: tuple[int, int], corner: Int[Array, "2"], cotangents: tuple[Array, Array]
) -> tuple[Float[Array, "h w c"], None]:
    tile, total = cotangents
    start = (corner[0], corner[1], 0)
    before = lax.dynamic_slice(total, start, tile.shape)
    return lax.dynamic_update_slice(total, before + tile, start), None


_take.defvjp(_take_forward, _take_backward)


@jax.custom_vjp
def _put(
    features: Float[Array, "_ _ c"],
    core: Float[Array, "h w c"],
    corner: Int[Array, "2"],
    masks: _Masks,
) -> Float[Array, "_ _ c"]:
    """The features with a tile's core at a corner.

    Where cores overlap they are equal, and that whose mask is 1 there gets the
    gradient. All read theirs in one array, which that of an update by itself would
    copy and overwrite.
    """
    return lax.dynamic_update_slice(features, core, (corner[0], corner[1], 0))


def _put_forward(
    features: Float[Array, "_ _ c"],
    core: Float[Array, "h w c"],
    corner: Int[Array, "2"],
    masks: _Masks,
) -> tuple[Float[Array, "_ _ c"], tuple[Int[Array, "2"], _Masks]]:
    return _put(features, core, corner, masks), (corner, masks)


def _put_backward(
    residuals: tuple[Int[Array, "2"], _Masks], cotangent: Float[Array, "_ _ c"]
) -> tuple[Float[Array, "_ _ c"], Float[Array, "h w c"], None, None]:
    corner, (rows, columns) = residuals
    size = rows.shape[0], columns.shape[1], cotangent.shape[-1]
    core = lax.dynamic_slice(cotangent, (corner[0], corner[1], 0), size)
    mask = (rows * columns)[..., None].astype(core.dtype)
    return cotangent, core * mask, None, None


_put.defvjp(_put_forward, _put_backward)


@jax.custom_vjp
def _release(features: Float[Array, "_ _ _"], results: Any) -> Any:
    """The results, after which `_take` takes nothing from the features any more.

    Their gradient begins here with zeros, made from the results' own: of zeros that
    depend on nothing the compiler makes arrays, of all segments, long before.
    """
    return results


def _release_forward(
    features: Float[Array, "_ _ _"], results: Any
) -> tuple[Any, Float[Array, "0 _ _ _"]]:
    return results, jnp.zeros((0, *features.shape), features.dtype)  # shape and type


def _release_backward(like: Array, cotangents: Any) -> tuple[Array, Any]:
    last = jax.tree.leaves(cotangents)[-1]
    zero = jnp.minimum(jnp.abs(last[(0,) * last.ndim]), 0).astype(like.dtype)
    return jnp.broadcast_to(zero, like.shape[1:]), cotangents


_release.defvjp(_release_forward, _release_backward)


def _over_tiles(
    taken: Float[Array, "_ _ _"],
    tiling: Tiling,
    compute: Callable[[Array], dict[str, Array]],
    sums_of: _Sums,
    joined: tuple[str, ...],
) -> tuple[Any, dict[str, Array]]:
    """A segment tile by tile: sums over all tiles, and {layer: (h, w, c)} of `joined`.

    Args:
        taken: (h, w, c), what the segment takes, whole.
        compute: the segment's features by layer from those that it takes.
    """

    alone = len(tiling) == 1

    # Within a loop nothing of the first pass is at hand. Outside of it a compiler may
    # keep all rather than compute it again, a CPU's does: no more than a tile's.
    @partial(jax.checkpoint, prevent_cse=alone, policy=KEEP_MASKS)
    def of_tile(tile: Array, place: _Place) -> tuple[Any, dict[str, Array]]:
        found = compute(tile)
        cores = {}
        for layer, core in place.cores.items():
            at = core.corner - place.corner // stride(layer)
            size = (*tiling.core_size(layer), found[layer].shape[-1])
            cores[layer] = lax.dynamic_slice(found[layer], (at[0], at[1], 0), size)
        return sums_of(found, place), cores

    def add_tile(carry: Any, place: _Place) -> tuple[Any, None]:
        rest, total, maps = carry
        tile, rest = _take(rest, place.corner, tiling.size)
        sums, cores = of_tile(tile, place)
        for layer, core in cores.items():
            maps[layer] = _put(maps[layer], core, *place.cores[layer])
        return (rest, jax.tree.map(jnp.add, total, sums), maps), None

    places = _Place(
        jnp.asarray(tiling.corners),
        {layer: tiling.masks(layer) for layer in tiling.segment.layers},
        {
            layer: _Core(
                jnp.asarray(tiling.core_corners(layer)), tiling.core_masks(layer)
            )
            for layer in joined
        },
    )
    first = jax.tree.map(lambda leaf: leaf[0], places)
    if alone:
        return of_tile(taken, first)
    tile = jax.ShapeDtypeStruct((*tiling.size, taken.shape[-1]), taken.dtype)
    sums, cores = jax.eval_shape(of_tile, tile, first)
    total = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), sums)
    maps = {
        layer: jnp.zeros((*tiling.map_size(layer), core.shape[-1]), core.dtype)
        for layer, core in cores.items()
    }
    (rest, total, maps), _ = lax.scan(add_tile, (taken, total, maps), places)
    return _release(rest, (total, maps))


def _through_segments(
    image: Float[Array, "_ _ 3"],
    network: Network,
    config: Config,
    layers: tuple[str, ...],
    sums_of: _Sums,
    joined: tuple[str, ...] = (),
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Sums over the tiles of all segments, and {layer: (h, w, c)} of `joined`.

    Args:
        sums_of: gives a dictionary by layer for each of several kinds of sums, of the
            layers of one segment.
    """
    assert config.tile is not None
    size = image.shape[0], image.shape[1]
    taken, all_maps = image, dict[str, Array]()
    all_sums: dict[str, Any] = {}
    for tiling in tilings(network, layers, size, config.tile):
        segment = tiling.segment
        here = tuple(layer for layer in segment.layers if layer in joined)
        if segment.end and segment.end not in here:
            here = (*here, segment.end)
        compute = partial(network.segment, segment=segment, **config.network_options)
        sums, maps = _over_tiles(taken, tiling, compute, sums_of, here)
        for kind, of_layers in sums.items():
            all_sums.setdefault(kind, {}).update(of_layers)
        all_maps.update({layer: maps[layer] for layer in here if layer in joined})
        taken = maps[segment.end] if segment.end else taken
    return all_sums, all_maps


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

    Differentiable. Memory is that of one tile, of the features between segments, and of
    a bit for every other feature; what else the gradient needs is computed again.

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
    layers = tuple(dict.fromkeys((*content, *config.style_layers)))
    counts = network.positions(image.shape[:2], config.style_layers)

    def sums_of(features: dict[str, Array], place: _Place) -> dict[str, Any]:
        errors, moments = {}, {}
        for layer in features:
            corner = place.corner // stride(layer)
            if layer in content:
                errors[layer] = _squared_error(
                    features[layer], content[layer], corner, place.masks[layer]
                )
            if layer in config.style_layers:
                moments[layer] = _style_moments(
                    partial(_moments, features[layer], counts[layer], config),
                    weights.get(layer),
                    centers.get(layer),
                    corner,
                    place.masks[layer],
                )
        return {"errors": errors, "moments": moments}

    sums, _ = _through_segments(image, network, config, layers, sums_of)
    moments = sums["moments"]
    if config.statistic == "gram":
        return sums["errors"], moments
    return sums["errors"], {
        k: jax.vmap(_gaussian)(v, centers.get(k))
        if v[0].ndim == 2
        else _gaussian(v, centers.get(k))
        for k, v in moments.items()
    }


def _squared_error(
    features: Float[Array, "h w c"],
    target: Float[Array, "_ _ c"],
    corner: Int[Array, "2"],
    masks: _Masks,
) -> Float[Array, ""]:
    """A tile's share of Σ (F - P)²; the target is that of the whole image."""
    features = features.astype(jnp.float32)
    part = lax.dynamic_slice(target, (corner[0], corner[1], 0), features.shape)
    mask = (masks[0] * masks[1])[..., None]
    return jnp.sum(jnp.square((features - part) * mask))


def _style_moments(
    moments: Callable[..., Any],
    weights: Float[Array, "*r _ _"] | None,
    center: Float[Array, "*r _"] | None,
    corner: Int[Array, "2"],
    masks: _Masks,
) -> Any:
    """`_moments` of a tile, of regions with their axis in front.

    Args:
        weights: how much each position of the whole image counts.
    """
    mask = masks[0] * masks[1]
    if weights is None:
        return moments(False, mask, center)
    part = _part(weights, corner, mask.shape)
    mask = part * jnp.broadcast_to(mask, part.shape)
    if mask.ndim == 2:
        return moments(True, mask, center)
    axes = 0, None if center is None else 0
    return jax.vmap(partial(moments, True), axes)(mask, center)


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


@jax.jit
def features(
    image: Float[Array, "_ _ 3"], network: Network, config: Config
) -> dict[str, Float[Array, "_ _ _"]]:
    """{content layer: (h, w, c)} of an image (H, W, 3), joined from tiles."""
    layers = config.content_layers
    _, maps = _through_segments(
        image, network, config, layers, lambda *_: {}, joined=layers
    )
    return {layer: maps[layer] for layer in layers}
