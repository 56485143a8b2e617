"""Regions: parts of an image, each with the style of its own parts of the paintings.

Guided statistics of Gatys et al., "Controlling perceptual factors in neural style
transfer" (CVPR 2017), section 4: of a region the statistics of a layer are those of its
positions alone. A mask is averaged over the pixels of each position; of the paper's
ways that is the simple one. Another counts only neurons whose receptive fields lie
within the region: at relu4_1 those are 92 pixels wide, and nothing would be left of
what is narrower.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, no_type_check

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from jaxnst._types import AnyArray
from jaxnst.losses.masks import mask_weights


@no_type_check  # JAX builds it with whatever takes the place of arrays in a pytree
@partial(
    jax.tree_util.register_dataclass,
    data_fields=("content", "styles"),
    meta_fields=(),
)
@dataclass(frozen=True, repr=False)
class Regions:
    """Which parts of the image take the style of which parts of the paintings; a
    pytree.

    A pixel counts for several regions in parts. Where its weights sum to less than 1
    the image keeps so much of the content image; where all are 0 it is that.

    Attributes:
        content: (H, W, R) in [0, 1], of the image's pixels, summing to at most 1.
        styles: for each style image (h, w, R) in [0, 1].
    """

    content: Array
    styles: tuple[Array, ...]

    def __repr__(self) -> str:
        height, width, count = self.content.shape
        return f"Regions({count} of {width} x {height} pixels)"


class RegionTarget(NamedTuple):
    """What the objective needs of regions, at the image's size.

    Attributes:
        weights: {style layer: (R, h, w)}, how much each position counts, with mean 1;
            of several octaves a tuple of them for each layer.
        shares: (R,), each region's part of all that is painted, with sum 1.
        painted: (H, W, 1), how much of a pixel is painted.
        content: (H, W, 3), what the others show.
    """

    weights: dict[str, Array]
    shares: Array
    painted: Array
    content: Array


def check_regions(
    regions: Regions, content: Array, styles: Sequence[Array], name: str = "regions"
) -> Regions:
    """The regions as float32, of the images' sizes.

    Raises:
        TypeError, ValueError: as of `check_masks`; masks of other sizes than the
            images.
    """
    found = check_masks(regions, len(styles), name)
    pairs = [("content", found.content, content)]
    pairs += [("styles", *pair) for pair in zip(found.styles, styles, strict=True)]
    for part, mask, image in pairs:
        if mask.shape[:2] != image.shape[:2]:
            raise ValueError(
                f"{name}.{part} must have the shape ({image.shape[0]}, "
                f"{image.shape[1]}, regions) of its image, got {mask.shape}"
            )
    return found


def check_masks(regions: Regions, paintings: int, name: str = "regions") -> Regions:
    """The regions as float32, with masks of any sizes.

    Raises:
        TypeError, ValueError: not a mask for each of so many style images, or not of as
            many regions; numbers out of range; a region that no style image has.
    """
    if not isinstance(regions, Regions):
        raise TypeError(f"{name} must be jaxnst.Regions(content, styles)")
    masks = [_check_mask(regions.content, f"{name}.content")]
    count = masks[0].shape[-1]
    if len(regions.styles) != paintings:
        raise ValueError(
            f"{name} has masks of {len(regions.styles)} style images, given were "
            f"{paintings}; give one mask (h, w, {count}) for each"
        )
    for mask in regions.styles:
        masks.append(_check_mask(mask, f"{name}.styles"))
        if masks[-1].shape[-1] != count:
            raise ValueError(
                f"{name}.content has {count} regions, a mask of its styles "
                f"{masks[-1].shape[-1]}; give the same regions in the same order"
            )
    found = Regions(masks[0], tuple(masks[1:]))
    if not any(isinstance(mask, jax.core.Tracer) for mask in masks):
        _check_values(found, name)
    return found


def _check_mask(mask: Any, name: str) -> Array:
    shape = np.shape(mask)
    if len(shape) != 3 or not all(shape):
        raise ValueError(
            f"{name} must have the shape (height, width, regions), got {shape}"
        )
    return jnp.asarray(mask, jnp.float32)


def _check_values(regions: Regions, name: str) -> None:
    """Of masks that are not traced."""
    totals = []
    for mask in (regions.content, *regions.styles):
        values = np.asarray(mask)
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise ValueError(f"{name} must be within [0, 1]")
        totals.append(values.sum((0, 1)))
    if np.asarray(regions.content).sum(-1).max() > 1 + 1e-3:
        raise ValueError(f"masks of {name}.content must sum to at most 1 at a pixel")
    for number, total in enumerate(np.sum(totals[1:], 0)):
        if totals[0][number] > 0 and total == 0:
            raise ValueError(
                f"no style image has anything of region {number} of {name}; leave "
                "the region's mask of the content at 0 to keep the photograph there"
            )


def layer_weights(
    mask: Float[AnyArray, "_ _ *regions"] | None, sizes: dict[str, tuple[int, int]]
) -> dict[str, Array]:
    """{layer: weights with mean 1 of its positions}, of an image or of its regions.

    Args:
        mask: (H, W) or, of R regions, (H, W, R); None, all of it.
        sizes: {layer: (h, w)} of its feature maps.

    Returns:
        (h, w), or (R, h, w); {} without a mask.
    """
    if mask is None:
        return {}
    if mask.ndim == 2:
        return {k: mask_weights(mask, size) for k, size in sizes.items()}
    each = jax.vmap(mask_weights, (-1, None))
    return {k: each(mask, size) for k, size in sizes.items()}


def region_target(
    mask: Float[Array, "h w r"],
    content: Float[Array, "h w 3"],
    sizes: dict[str, tuple[int, int]],
) -> RegionTarget:
    """The target of `Regions.content`, beside the content image.

    A region's part in the loss is its part of the area: a pixel is pulled as strongly
    in a small region as in a large one.

    Args:
        sizes: {style layer: (h, w)}.
    """
    areas = jnp.mean(mask, (0, 1))
    total = jnp.sum(areas)
    shares = areas / jnp.where(total > 0, total, 1.0)
    painted = jnp.clip(jnp.sum(mask, -1, keepdims=True), 0.0, 1.0)
    # Sums such as 0.3 + 0.7 are 1 but for rounding: nothing shall shine through.
    painted = jnp.where(painted > 1 - 1e-3, 1.0, painted)
    return RegionTarget(layer_weights(mask, sizes), shares, painted, content)


def composite(
    image: Float[Array, "h w 3"], target: RegionTarget | None
) -> Float[Array, "h w 3"]:
    """The image where it is painted, else the content image; itself without regions."""
    if target is None:
        return image
    painted = target.painted
    return jnp.where(
        painted > 0, painted * image + (1.0 - painted) * target.content, target.content
    )


def style_shares(
    mix: Float[Array, " n"], styles: Sequence[Float[Array, "_ _ r"]]
) -> Float[Array, "n r"]:
    """What each style image gives to each region: its part of the mix among those that
    have something of the region; (n, R), of sum 1 where any has."""
    there = jnp.stack([jnp.max(mask, (0, 1)) > 0 for mask in styles])
    parts = jnp.where(there, mix[:, None], 0.0)
    total = jnp.sum(parts, 0, keepdims=True)
    return parts / jnp.where(total > 0, total, 1.0)


def merged(regions: Regions) -> Regions:
    """Regions with the same parts of the paintings as one; the mathematics would hold
    each to the whole style by itself."""
    groups = same_styles(regions.styles)
    first = np.array([numbers[0] for numbers in groups])
    content = jnp.stack([regions.content[..., n].sum(-1) for n in groups], -1)
    styles = tuple(mask[..., first] for mask in regions.styles)
    return Regions(jnp.clip(content, 0.0, 1.0), styles)


def same_styles(styles: Sequence[Float[AnyArray, "_ _ r"]]) -> list[np.ndarray]:
    """Numbers of the regions, those with the same parts of the paintings together."""
    groups: dict[bytes, list[int]] = {}
    for number in range(styles[0].shape[-1]):
        masks = (np.asarray(mask[..., number]) for mask in styles)
        key = b"".join(mask.tobytes() for mask in masks)
        groups.setdefault(key, []).append(number)
    return [np.array(numbers) for numbers in groups.values()]


def with_count(
    regions: Regions | None, count: int, content: Array, styles: Sequence[Array]
) -> Regions:
    """The same in so many regions, of which the further ones have nothing of the image;
    None, one region everywhere, of all styles.

    Args:
        content, styles: the images, for their sizes.
    """
    images = content, *styles
    if regions is None:
        regions = Regions(
            jnp.ones((*content.shape[:2], 1)),
            tuple(jnp.ones((*style.shape[:2], 1)) for style in styles),
        )
    more = count - regions.content.shape[-1]
    fills = (0.0, *(1.0 for _ in styles))
    found = [
        jnp.concatenate([mask, jnp.full((*image.shape[:2], more), fill)], -1)
        for mask, image, fill in zip(
            (regions.content, *regions.styles), images, fills, strict=True
        )
    ]
    return Regions(found[0], tuple(found[1:]))


def resize_mask(
    mask: Float[AnyArray, "_ _ r"], size: tuple[int, ...]
) -> Float[Array, "_ _ r"]:
    """A mask (H, W, R) at another (height, width): linear, antialiased, so that it
    stays in [0, 1] and its sums stay what they are."""
    if mask.shape[:2] == tuple(size[:2]):
        return jnp.asarray(mask)
    resized = jax.image.resize(
        mask, (*size[:2], mask.shape[-1]), "linear", antialias=True
    )
    return jnp.clip(resized, 0.0, 1.0)
