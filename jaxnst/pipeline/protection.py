"""What is to stay recognisable, such as faces and lettering.

Where a mask protects, a part of the photograph shows through what is painted, as it
does where a region's mask is grey; but in the colours of the paintings, not its own,
beside which it would stand apart. The objective sees the two together, so that strokes
end where the photograph's edges are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from jaxnst import gaussian
from jaxnst.gaussian import Gaussian
from jaxnst.losses.masks import mask_weights, split_alpha
from jaxnst.losses.regions import Regions, style_shares, with_count
from jaxnst.pipeline.color_transfer import move_colors
from jaxnst.pipeline.region_masks import load_protection, load_regions
from jaxnst.pipeline.settings import Settings


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("source", "target", "strength"),
    meta_fields=(),
)
@dataclass(frozen=True)
class Protection:
    """How a photograph looks where it is protected; a pytree.

    Attributes:
        source, target: means and covariances of the colours of each region, those of
            the photograph and those that its paintings have, (R, 3) and (R, 3, 3);
            None, colours stay.
        strength: from 0, as if nothing were protected, to 1, nothing is painted there.
    """

    source: Gaussian | None
    target: Gaussian | None
    strength: Array

    def __call__(self, content: Array, weights: Array, mask: Array) -> "Protected":
        """The photograph in other colours where it is protected, and the regions with
        less to paint there.

        Args:
            content: (H, W, 3).
            weights: (H, W, R), how much of a pixel is of each region.
            mask: (H, W, 1) in [0, 1], how much it is protected.
        """
        kept = content
        if self.source is not None and self.target is not None:
            each = jax.vmap(partial(move_colors, content))(self.source, self.target)
            painted = jnp.moveaxis(weights, -1, 0)[..., None]
            kept = content + mask * jnp.sum(painted * (each - content[None]), 0)
        kept = jnp.clip(kept, 0.0, 1.0)
        return Protected(kept, weights * (1.0 - self.strength * mask))


@dataclass(frozen=True)
class Protected:
    """What a run takes in the place of the photograph and of its regions.

    Attributes:
        content: (H, W, 3).
        weights: (H, W, R).
    """

    content: Array
    weights: Array


def protection_of(
    content: Array,
    styles: Sequence[Array],
    regions: Regions,
    *,
    strength: float,
    color: str = "style",
    style_mix: Sequence[float] | None = None,
) -> Protection:
    """How a photograph looks where it is protected.

    Args:
        content: the photograph, or a clip's first frame, (H, W, 3).
        styles: the paintings, (h, w, 3) or (h, w, 4) each.
        regions: of these pictures, with masks of their sizes.
        strength: how much of the photograph shows.
        color, style_mix: as of `Settings`.
    """
    amount = jnp.float32(strength)
    if color != "style":  # the photograph's colours stay, or the paintings have them
        return Protection(None, None, amount)
    mix = jnp.asarray(style_mix or (1.0,) * len(styles), jnp.float32)
    source, target = _colors(content, list(styles), regions, mix)
    return Protection(source, target, amount)


@jax.jit
def _colors(
    content: Array, styles: list[Array], regions: Regions, mix: Array
) -> tuple[Gaussian, Gaussian]:
    each = jax.vmap(_color_statistics, (None, -1))
    found = [
        each(*_counted(style, mask))
        for style, mask in zip(styles, regions.styles, strict=True)
    ]
    target = jax.vmap(gaussian.mixture, (0, 1))(
        found, style_shares(mix, regions.styles)
    )
    return each(content, regions.content), target


def _counted(style: Array, mask: Array) -> tuple[Array, Array]:
    """Colours of a painting, and how much of its pixels counts, (h, w, R)."""
    color, alpha = split_alpha(style)
    return color, mask if alpha is None else mask * alpha[..., None]


def _color_statistics(image: Array, mask: Array) -> Gaussian:
    return gaussian.gaussian(image, mask_weights(mask, mask.shape))


def protect(
    settings: Settings,
    content: Array,
    styles: Sequence[Array],
    regions: Regions | None,
    mask: Array,
) -> tuple[Array, Regions]:
    """What `render` is to be given in the place of a photograph and its regions.

    Args:
        settings: of the run: colours, shares of the paintings, and of `masks` the
            `protect_strength`.
        content: (H, W, 3).
        styles: (h, w, 3) or (h, w, 4) each.
        regions: with masks of the images' sizes; None, all of all.
        mask: (H, W, 1) in [0, 1], how much of the photograph is to stay recognisable.
    """
    if mask.shape != (*content.shape[:2], 1):
        raise ValueError(
            f"mask must have the shape ({content.shape[0]}, {content.shape[1]}, 1) of "
            f"the content, got {mask.shape}"
        )
    regions = with_count(None, 1, content, styles) if regions is None else regions
    how = protection_of(
        content,
        styles,
        regions,
        strength=settings.masks.protect_strength,
        color=settings.color,
        style_mix=settings.style_mix,
    )
    found = how(content, regions.content, jnp.asarray(mask, jnp.float32))
    return found.content, Regions(found.weights, regions.styles)


def load_masks(
    settings: Settings, content: Array, styles: Sequence[Array]
) -> tuple[Array, Regions | None, str]:
    """What the masks that the settings name make of the photograph: what is to be
    stylised in its place, its regions, and a line on what is kept unasked.

    Args:
        content, styles: at their final sizes.

    Raises:
        OSError, ValueError: a mask cannot be used.
    """
    size = content.shape[0], content.shape[1]
    regions, notice = load_regions(settings.masks, size, styles)
    mask = load_protection(settings.masks, size)
    if mask is None:
        return content, regions, notice
    return *protect(settings, content, styles, regions, mask), notice
