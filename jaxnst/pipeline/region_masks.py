"""Regions from mask files: which colour or grey level means which painting."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import images
from jaxnst._files import check_no_address
from jaxnst.losses.regions import Regions, merged, resize_mask
from jaxnst.pipeline.settings import Masks

_LEAST = 0.004  # share of a mask's pixels that makes a colour one of its colours
_NEAR = 20  # levels of 255 by which a JPEG file changes a colour, at most
_MOST = 16  # regions
_PIXELS = 2**22  # of a mask that are looked at: of larger ones every second or so

Size = tuple[int, int]
Color = tuple[int, int, int]


def mask_files(masks: Masks) -> tuple[Path, ...]:
    """Every file that they name."""
    named = (masks.content_mask, *(masks.style_mask or ()))
    paths = []
    for name in named:
        if name is not None:
            check_no_address(name)
            paths.append(Path(name))
    return tuple(paths)


def check_no_masks(masks: Masks) -> None:
    """ValueError if there are any: clips know no regions yet."""
    if mask_files(masks):
        raise ValueError("a clip has no masks yet; leave content_mask, style_mask")


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
    check_count(masks, len(styles))
    paths, notice = mask_files(masks), ""
    photograph: Mask | None = None
    weights: list[np.ndarray]
    if masks.content_mask is not None:
        photograph, paths = read_mask(paths[0]), paths[1:]
    paintings = [read_mask(path) for path in paths]
    if photograph is None:
        content = np.ones((1, 1, 1), np.float32)
        weights = [
            (mask.grey[..., None] / 255).astype(np.float32) for mask in paintings
        ]
    elif paintings:
        content, weights, notice = _by_color(photograph, paintings)
    else:
        content = _by_level(photograph, len(styles))
        owns = np.eye(len(styles), dtype=np.float32)
        weights = [own[None, None] for own in owns]
    resized = np.asarray(_at_size(jnp.asarray(content, jnp.float32), size))
    regions = Regions(
        jnp.asarray(feathered(resized, round(masks.feather * max(size)))),
        tuple(
            _at_size(jnp.asarray(weight, jnp.float32), style.shape[:2])
            for weight, style in zip(weights, styles, strict=True)
        ),
    )
    _check_any(masks, regions)
    return merged(regions), notice


def check_count(masks: Masks, paintings: int) -> None:
    """ValueError unless there are as many masks of paintings as paintings."""
    count = len(masks.style_mask or ())
    if count not in (0, paintings):
        raise ValueError(
            f"got {count} style_mask for {paintings} paintings; give one for each, in "
            "their order"
        )


def _check_any(masks: Masks, regions: Regions) -> None:
    if not float(regions.content.max()) > 0:
        raise ValueError(
            f"{masks.content_mask} leaves nothing to paint: black keeps the "
            "photograph; paint white what is to be painted"
        )
    for name, mask in zip(masks.style_mask or (), regions.styles, strict=False):
        if not float(mask.max()) > 0:
            raise ValueError(f"{name} leaves nothing of its painting to be used")


def _at_size(mask: Array, size: Any) -> Array:
    """A mask at (height, width); one of a single pixel is that everywhere."""
    if mask.shape[:2] == (1, 1):
        return jnp.broadcast_to(mask, (*size, mask.shape[-1]))
    return resize_mask(mask, size)


@dataclass(frozen=True)
class Mask:
    """A mask file.

    Attributes:
        path: the file.
        pixels: (h, w, 3), whole numbers of 0 to 255, upright; transparent ones black.
        colors: those that cover a part of it, from dark to bright.
        grey: (h, w), their mean, or of a file of one colour alone its alpha.
    """

    path: Path
    pixels: np.ndarray
    colors: tuple[Color, ...]
    grey: np.ndarray

    @property
    def is_grey(self) -> bool:
        """Whether there are no colours in it, but for what JPEG makes of grey."""
        spread = self.pixels.max(-1) - self.pixels.min(-1)
        return float(np.mean(spread > _NEAR)) < _LEAST

    def parts(self, colors: Sequence[Color | None]) -> np.ndarray:
        """How much each pixel is of each colour, (h, w, len(colors)).

        Between two colours, and between grey levels, linearly; else it is of the
        nearest.

        Args:
            colors: of its own; None, what it has nothing of.
        """
        own = np.array(self.colors, np.float32)
        pixels = self.pixels.astype(np.float32)
        parts = np.zeros((*pixels.shape[:2], len(own)), np.float32)
        if len(own) == 2:
            along = own[1] - own[0]
            share = np.clip((pixels - own[0]) @ along / (along @ along), 0, 1)
            parts[..., 0], parts[..., 1] = 1 - share, share
        elif self.is_grey:
            parts = between(self.grey, own.mean(-1))
        else:
            distances = [np.abs(pixels - color).sum(-1) for color in own]
            np.put_along_axis(parts, np.argmin(distances, 0)[..., None], 1, -1)
        nothing = np.zeros(pixels.shape[:2], np.float32)
        return np.stack(
            [
                nothing if color is None else parts[..., self.colors.index(color)]
                for color in colors
            ],
            -1,
        )

    def nearest(self, color: Color) -> Color | None:
        """Its colour that is that one, but for what JPEG changes."""
        for own in self.colors:
            if max(abs(a - b) for a, b in zip(own, color, strict=True)) <= 2 * _NEAR:
                return own
        return None


def read_mask(path: Path) -> Mask:
    """A mask file, upright.

    Raises:
        OSError, ValueError: as of `images.load_image`.
    """
    image = np.asarray(images.load_image(path, alpha=True))
    every = math.ceil(math.sqrt(image.shape[0] * image.shape[1] / _PIXELS))
    image = image[every // 2 :: every, every // 2 :: every]
    pixels = np.rint(image[..., :3] * 255).astype(np.int32)
    if image.shape[-1] == 4:
        alpha = image[..., 3]
        seen = pixels[alpha > 0]
        if seen.size and np.ptp(seen, axis=0).max() <= _NEAR:  # its shape says all
            pixels = np.full_like(pixels, 255)
        pixels = np.rint(pixels * alpha[..., None]).astype(np.int32)
    grey = np.rint(pixels.mean(-1)).astype(np.int32)
    return Mask(path, pixels, _colors_of(pixels), grey)


def _colors_of(pixels: np.ndarray) -> tuple[Color, ...]:
    """The colours that cover a part of a mask, from dark to bright; those that JPEG
    made of one are that one, and those on the way between two are none."""
    even = _is_even(pixels)
    flat = pixels[even] if even.any() else pixels.reshape(-1, 3)
    # As one number each, which sort a hundred times as fast.
    codes, counts = np.unique(flat @ (1 << 16, 1 << 8, 1), return_counts=True)
    values = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1)
    order = np.argsort(-counts, kind="stable")
    found: list[np.ndarray] = []
    covered: list[int] = []
    for value, count in zip(values[order], counts[order], strict=True):
        near = [i for i, own in enumerate(found) if np.abs(own - value).max() <= _NEAR]
        if near:
            covered[near[0]] += int(count)
        elif len(found) < 4 * _MOST:
            found.append(value)
            covered.append(int(count))
    least = _LEAST * len(flat)
    colors = [own for own, count in zip(found, covered, strict=True) if count >= least]
    colors.sort(key=lambda color: (int(color.sum()), *map(int, color)))
    return tuple((int(r), int(g), int(b)) for r, g, b in colors)


def _is_even(pixels: np.ndarray) -> np.ndarray:
    """(h, w): where pixels are of the colour of those around them, but for JPEG's."""
    wide = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = pixels.shape[:2]
    changes = [
        np.abs(wide[i : i + height, j : j + width] - pixels).max(-1)
        for i in range(3)
        for j in range(3)
    ]
    return np.max(changes, 0) <= _NEAR


def between(grey: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """How much of each of rising levels grey values (h, w) have: linearly from one to
    the next, (h, w, len(levels))."""
    places = np.interp(grey, levels, np.arange(len(levels)))
    numbers = np.arange(len(levels), dtype=np.float32)
    return np.clip(1 - np.abs(places[..., None] - numbers), 0, 1).astype(np.float32)


def _by_level(mask: Mask, paintings: int) -> np.ndarray:
    """(h, w, paintings) of a photograph's mask alone: its grey levels from black to
    white are the paintings in their order; of one painting how much of it."""
    if not mask.is_grey:
        raise ValueError(
            f"{mask.path} has colours, which stand for the same colours in masks of "
            "the paintings; give those, too, as style_mask, or a mask of grey levels"
        )
    if paintings == 1:
        return mask.grey[..., None] / np.float32(255)
    levels = np.array([color[0] for color in mask.colors], np.float64)
    inside = np.abs(mask.grey[..., None] - levels).min(-1) <= _NEAR
    if len(levels) == 0 or inside.mean() < 0.9 or len(levels) > 2 * paintings:
        levels = np.linspace(0, 255, paintings)  # it fades from one to the next
    if len(levels) == paintings:
        return between(mask.grey, levels)
    if len(levels) == paintings + 1:
        return between(mask.grey, levels)[..., 1:]
    raise ValueError(
        f"{mask.path} has {len(levels)} grey levels for {paintings} paintings; give "
        f"{paintings}, from black to white in the order of the paintings, or one more, "
        "of which the darkest keeps the photograph"
    )


def _by_color(
    photograph: Mask, paintings: Sequence[Mask]
) -> tuple[np.ndarray, list[np.ndarray], str]:
    """Weights of the photograph and of the paintings by the same colours, and in words
    what is kept for want of one."""
    if not photograph.colors or len(photograph.colors) > _MOST:
        raise ValueError(
            f"{photograph.path} names no regions: it has "
            f"{len(photograph.colors) or 'no'} colours that cover a part of it; paint "
            f"each region in one colour, at most {_MOST}"
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
    content = photograph.parts(there)
    weights = [
        mask.parts([mask.nearest(color) for color in there]) for mask in paintings
    ]
    left = [color for color in photograph.colors if color not in there]
    notice = ""
    if left:
        notice = f"{_named(left)} of {photograph.path} is in no mask of a painting: "
        notice += "the photograph stays there"
    return content, weights, notice


def _named(colors: Sequence[Color]) -> str:
    return ", ".join(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colors)


def feathered(mask: np.ndarray, radius: int) -> np.ndarray:
    """A mask (H, W, R) whose borders are softened over `radius` pixels on both sides:
    means with weights that fall linearly. Sums over regions stay what they are, and
    farther off the mask is the same.
    """
    if radius < 1:
        return mask
    reach = np.arange(-radius, radius + 1)
    kernel = (radius + 1 - np.abs(reach)).astype(np.float32) / (radius + 1) ** 2
    for axis, side in enumerate(mask.shape[:2]):
        pads = [(0, 0), (0, 0), (0, 0)]
        pads[axis] = (radius, radius)
        wide = np.pad(mask, pads, mode="edge")
        total = np.zeros_like(mask)
        for i, weight in enumerate(kernel):
            total += weight * np.take(wide, range(i, i + side), axis)
        mask = total
    return np.clip(mask, 0.0, 1.0)
