"""Statistics of a picture that is too large to be seen at once, tile by tile.

Every tile is seen with a margin as wide as the network's receptive field reaches, and
counts only at positions of its own; a tile at a border of the picture ends there, so
that borders are padded as ever. Sums over tiles are then the sums over the picture, but
for rounding, and so are gradients.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxnst import gaussian
from jaxnst.losses import functional
from jaxnst.losses.config import Config
from jaxnst.losses.tile_layout import Tiling
from jaxnst.networks.network import Network


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _crops(image: Array, tiling: Tiling) -> Array:
    """The tiles of a picture, (tiles, h, w, 3).

    The gradient is added up tile by tile in one array; that of so many slices would be
    as many pictures, nearly all zeros.
    """
    size = tiling.rows.length, tiling.columns.length, image.shape[-1]
    at = jnp.asarray(tiling.corners)
    return lax.map(lambda c: lax.dynamic_slice(image, (c[0], c[1], 0), size), at)


def _crops_forward(image: Array, tiling: Tiling) -> tuple[Array, None]:
    return _crops(image, tiling), None


def _crops_backward(tiling: Tiling, _: None, parts: Array) -> tuple[Array]:
    zeros = jnp.zeros((tiling.rows.edges[-1], tiling.columns.edges[-1], 3))
    at = jnp.asarray(tiling.corners)

    def add(index: Array, total: Array) -> Array:
        corner = (at[index, 0], at[index, 1], 0)
        before = lax.dynamic_slice(total, corner, parts.shape[1:])
        return lax.dynamic_update_slice(total, before + parts[index], corner)

    return (lax.fori_loop(0, len(tiling), add, zeros),)


_crops.defvjp(_crops_forward, _crops_backward)


def tiled(config: Config, size: tuple[int, ...]) -> bool:
    """Whether a picture of (height, width) is seen in tiles."""
    return config.tile is not None and max(size[:2]) > config.tile


Sums = dict[str, Any]


def sums(
    image: Array,
    network: Network,
    config: Config,
    content: dict[str, Array],
    middles: dict[str, Array],
) -> tuple[dict[str, Array], dict[str, Any]]:
    """What the objective takes of a picture's features; differentiable.

    Memory is that of one tile: what the gradient needs of the others is computed again.

    Args:
        image: (H, W, 3).
        content: {layer: (h, w, c)}, the photograph's features; {} for none.
        middles: {layer: (c,)}, near the mean features of a layer, from which "gaussian"
            deviations are taken: the nearer, the less is lost to rounding.

    Returns:
        {content layer: Σ (F - P)²}, and {style layer: its Gram matrix or `Gaussian`}.
    """
    tiling = Tiling.of(network, config, (image.shape[0], image.shape[1]))
    counts = {
        layer: (image.shape[0] // stride) * (image.shape[1] // stride)
        for layer, stride in tiling.strides.items()
    }

    @partial(jax.checkpoint, prevent_cse=False)
    def of_tile(crop: Array, corner: Array, masks: Any) -> tuple[Sums, Sums]:
        layers = tuple(dict.fromkeys((*content, *config.style_layers)))
        found = network(crop, layers, **config.network_options)
        squares, moments = {}, {}
        for layer, target in content.items():
            features = found[layer].astype(jnp.float32)
            at = (*(corner // tiling.strides[layer]), 0)
            wanted = lax.dynamic_slice(target, at, features.shape)
            own = (masks[layer][0] * masks[layer][1])[..., None]
            squares[layer] = jnp.sum(jnp.square((features - wanted) * own))
        for layer in config.style_layers:
            own = (masks[layer][0] * masks[layer][1])[..., None]
            moments[layer] = _moments(
                found[layer], own, counts[layer], config, middles.get(layer)
            )
        return squares, moments

    def body(total: Any, tile: Any) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, of_tile(*tile)), None

    tiles = _crops(image, tiling), jnp.asarray(tiling.corners), tiling.masks()
    first = jax.tree.map(lambda leaf: leaf[0], tiles)
    zeros = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(of_tile, *first)
    )
    (squares, moments), _ = lax.scan(body, zeros, tiles)
    if config.statistic == "gram":
        return squares, moments
    return squares, {k: _gaussian(v, middles.get(k)) for k, v in moments.items()}


def _moments(
    features: Array, own: Array, count: int, config: Config, middle: Array | None
) -> Any:
    """A tile's part of the Gram matrix, or of the mean and the mean square."""
    features = features.astype(jnp.float32)
    if config.statistic == "gram":
        share = functional.gram_divisor(
            count, features.shape[-1], config.gram_normalize
        )
        flat = features * own * share**-0.5
        return functional.gram_matrix(flat, normalize="none")
    if middle is not None:
        features = features - middle[None, None]
    mean = jnp.sum(features * own, (0, 1)) / count
    return mean, functional.gram_matrix(features * own * count**-0.5, normalize="none")


def _gaussian(moment: Any, middle: Array | None) -> gaussian.Gaussian:
    """From the mean and the mean square of deviations from `middle`."""
    mean, square = moment
    covariance = square - mean[:, None] * mean[None]
    return gaussian.Gaussian(mean if middle is None else mean + middle, covariance)


def statistics(image: Array, network: Network, config: Config) -> dict[str, Any]:
    """{style layer: Gram matrix or `Gaussian`} of a picture, tile by tile."""
    found = sums(image, network, config, {}, {})[1]
    if config.statistic == "gram":
        return found
    # Once more about the means that are now known, for the digits' sake.
    middles = {layer: own.mean for layer, own in found.items()}
    return sums(image, network, config, {}, middles)[1]


def features(image: Array, network: Network, config: Config) -> dict[str, Array]:
    """{content layer: (h, w, c)} of a picture (H, W, 3), put together from tiles."""
    tiling = Tiling.of(network, config, (image.shape[0], image.shape[1]))
    seen = jax.jit(
        lambda crop: network(crop, config.content_layers, **config.network_options)
    )
    rows: dict[str, list[Array]] = {layer: [] for layer in config.content_layers}
    for top, *down in tiling.rows.extents():
        parts: dict[str, list[Array]] = {layer: [] for layer in config.content_layers}
        for left, *across in tiling.columns.extents():
            crop = image[
                top : top + tiling.rows.length, left : left + tiling.columns.length
            ]
            for layer, found in seen(crop).items():
                stride = tiling.strides[layer]
                y, x = (
                    slice((first - start) // stride, end // stride - start // stride)
                    for start, (first, end) in ((top, down), (left, across))
                )
                parts[layer].append(found[y, x])
        for layer, row in parts.items():
            rows[layer].append(jnp.concatenate(row, axis=1))
    return {layer: jnp.concatenate(parts) for layer, parts in rows.items()}
