"""Regions from mask files: which colour or grey level means which painting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst._files import check_no_address
from jaxnst.losses.regions import Regions, merged, resize_mask
from jaxnst.pipeline.mask_pixels import (
    MOST,
    NEAR,
    Color,
    Mask,
    between,
    feathered,
    read_mask,
)
from jaxnst.pipeline.settings import Masks

Size = tuple[int, int]


def mask_files(masks: Masks) -> tuple[Path, ...]:
    """Every file that they name."""
    named = (masks.content_mask, *(masks.style_mask or ()), masks.protect)
    return tuple(mask_file(name) for name in named if name is not None)


def load_regions(
    masks: Masks, size: Size, styles: Sequence[Array]
) -> tuple[Regions | None, str]:
    """The regions that mask files name, and a line on what is kept that was not asked
    for; None where there are no masks.

    Args:
        size: (height, width) of the picture; masks of other sizes are resized.
        styles: the paintings, (h, w, 3) or (h, w, 4) each, at the sizes they have.

    Raises:
        OSError, ValueError: a file cannot be used, or its colours do not say which
            part takes which painting.
    """
    if masks.content_mask is None and not masks.style_mask:
        return None, ""
    photograph = None
    if masks.content_mask is not None:
        photograph = read_mask(mask_file(masks.content_mask))
    reading = reading_of(masks, photograph, styles)
    content = np.ones((1, 1, 1)) if photograph is None else reading.weigh(photograph)
    weights = at_size(content, size, masks.feather)
    regions = Regions(jnp.asarray(weights), reading.styles)
    check_any(masks, weights, reading.styles)
    return merged(regions), reading.notice


@dataclass(frozen=True)
class Reading:
    """What the colours and grey levels of masks mean: decided once, for all frames of a
    clip, too.

    Attributes:
        weigh: from a mask of the photograph to how much each of its pixels is of each
            region, (h, w, R).
        styles: of each painting (h, w, R), at its size.
        notice: a line on what is kept that was not asked for.
    """

    weigh: Callable[[Mask], np.ndarray]
    styles: tuple[Array, ...]
    notice: str = ""


def reading_of(
    masks: Masks, photograph: Mask | None, styles: Sequence[Array]
) -> Reading:
    """How the masks are to be read.

    Args:
        photograph: its mask, if it has one.
        styles: the paintings, for their sizes.

    Raises:
        OSError, ValueError: as of `load_regions`.
    """
    check_count(masks, len(styles))
    paintings = [read_mask(mask_file(name)) for name in masks.style_mask or ()]
    notice = ""
    weights: list[np.ndarray]
    if photograph is None:
        weigh: Callable[[Mask], np.ndarray] = _grey
        weights = [_grey(mask) for mask in paintings]
    elif paintings:
        weigh, weights, notice = _by_color(photograph, paintings)
    else:
        weigh = _by_level(photograph, len(styles))
        owns = np.eye(len(styles), dtype=np.float32)
        weights = [own[None, None] for own in owns]
    sized = tuple(
        _at_size(jnp.asarray(weight, jnp.float32), style.shape[:2])
        for weight, style in zip(weights, styles, strict=True)
    )
    return Reading(weigh, sized, notice)


def load_protection(masks: Masks, size: Size) -> Array | None:
    """How much each pixel of the photograph is to stay recognisable, (H, W, 1); None
    where there is no such mask.

    Raises:
        OSError, ValueError: the file cannot be used.
    """
    if masks.protect is None:
        return None
    mask = read_mask(mask_file(masks.protect))
    return jnp.asarray(at_size(protection(mask), size, masks.feather))


def protection(mask: Mask) -> np.ndarray:
    """(h, w, 1) of a mask of what is to stay recognisable.

    Raises:
        ValueError: it has colours, which mean nothing there.
    """
    if not mask.is_grey:
        raise ValueError(
            f"{mask.path} has colours; what is protected is white, or grey in part"
        )
    return _grey(mask)


def at_size(weights: np.ndarray, size: Size, feather: float) -> np.ndarray:
    """Weights (h, w, R) at (height, width), with soft borders.

    Args:
        feather: their width over the longer side.
    """
    resized = _at_size(jnp.asarray(weights, jnp.float32), size)
    return feathered(np.asarray(resized), round(feather * max(size)))


def mask_file(name: str) -> Path:
    """The file of a mask; ValueError where an address on the web is given."""
    check_no_address(name)
    return Path(name)


def _grey(mask: Mask) -> np.ndarray:
    """(h, w, 1) from 0 of black to 1 of white."""
    return mask.grey[..., None] / np.float32(255)


def check_count(masks: Masks, paintings: int) -> None:
    """ValueError unless there are as many masks of paintings as paintings."""
    count = len(masks.style_mask or ())
    if count not in (0, paintings):
        raise ValueError(
            f"got {count} style_mask for {paintings} paintings; give one for each, in "
            "their order"
        )


def check_any(
    masks: Masks, content: np.ndarray | None, styles: Sequence[Array]
) -> None:
    """ValueError if nothing would be painted, or nothing of a painting be used.

    Args:
        content: weights of the photograph; None, not to be looked at.
        styles: of the paintings.
    """
    if content is not None and not float(content.max()) > 0:
        raise ValueError(
            f"{masks.content_mask} leaves nothing to paint: black keeps the "
            "photograph; paint white what is to be painted"
        )
    for name, mask in zip(masks.style_mask or (), styles, strict=False):
        if not float(mask.max()) > 0:
            raise ValueError(f"{name} leaves nothing of its painting to be used")


def _at_size(mask: Array, size: Any) -> Array:
    """A mask at (height, width); one of a single pixel is that everywhere."""
    if mask.shape[:2] == (1, 1):
        return jnp.broadcast_to(mask, (*size, mask.shape[-1]))
    return resize_mask(mask, size)


def _by_level(mask: Mask, paintings: int) -> Callable[[Mask], np.ndarray]:
    """What a photograph's mask alone means: its grey levels from black to white are the
    paintings in their order, (h, w, paintings); of one painting how much of it."""
    if not mask.is_grey:
        raise ValueError(
            f"{mask.path} has colours, which stand for the same colours in masks of "
            "the paintings; give those, too, as style_mask, or a mask of grey levels"
        )
    if paintings == 1:
        return _grey
    levels = np.array([color[0] for color in mask.colors], np.float64)
    inside = np.abs(mask.grey[..., None] - levels).min(-1) <= NEAR
    if len(levels) == 0 or inside.mean() < 0.9 or len(levels) > 2 * paintings:
        levels = np.linspace(0, 255, paintings)  # it fades from one to the next
    if len(levels) not in (paintings, paintings + 1):
        raise ValueError(
            f"{mask.path} has {len(levels)} grey levels for {paintings} paintings; "
            f"give {paintings}, from black to white in the order of the paintings, or "
            "one more, of which the darkest keeps the photograph"
        )
    return lambda mask: between(mask.grey, levels)[..., -paintings:]


def _by_color(
    photograph: Mask, paintings: Sequence[Mask]
) -> tuple[Callable[[Mask], np.ndarray], list[np.ndarray], str]:
    """Weights of the photograph and of the paintings by the same colours, and in words
    what is kept for want of one."""
    if not photograph.colors or len(photograph.colors) > MOST:
        raise ValueError(
            f"{photograph.path} names no regions: it has "
            f"{len(photograph.colors) or 'no'} colours that cover a part of it; paint "
            f"each region in one colour, at most {MOST}"
        )
    there = [
        color
        for color in photograph.colors
        if any(mask.nearest(color) is not None for mask in paintings)
    ]
    if not there:
        raise ValueError(
            f"{photograph.path} and the masks of the paintings have no colour in "
            f"common: {_named(photograph.colors)} here, "
            f"{_named(paintings[0].colors)} in {paintings[0].path}"
        )
    weights = [
        mask.parts([mask.nearest(color) for color in there]) for mask in paintings
    ]
    left = [color for color in photograph.colors if color not in there]
    notice = ""
    if left:
        notice = f"{_named(left)} of {photograph.path} is in no mask of a painting: "
        notice += "the photograph stays there"

    def weigh(mask: Mask) -> np.ndarray:
        return replace(mask, colors=photograph.colors).parts(there)

    return weigh, weights, notice


def _named(colors: Sequence[Color]) -> str:
    return ", ".join(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colors)
