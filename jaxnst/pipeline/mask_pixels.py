"""A mask file's pixels: its colours, its grey levels, and how soft its borders are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jaxnst import images

LEAST = 0.004
"""Share of a mask's pixels that makes a colour one of its colours."""

NEAR = 20
"""Levels of 255 by which a JPEG file changes a colour, at most."""

MOST = 16
"""Regions."""

_PIXELS = 2**22  # of a mask that are looked at: of larger ones every second or so

Color = tuple[int, int, int]


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
        return float(np.mean(spread > NEAR)) < LEAST

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

    def thinned(self, most: int) -> "Mask":
        """Of about so many pixels, in rows of one length whatever its height."""
        count = self.grey.size
        places = np.linspace(0, count - 1, most).round().astype(int)
        pixels = self.pixels.reshape(count, 3)[places].reshape(-1, 32, 3)
        return replace(
            self, pixels=pixels, grey=self.grey.ravel()[places].reshape(-1, 32)
        )

    def nearest(self, color: Color) -> Color | None:
        """Its colour that is that one, but for what JPEG changes."""
        for own in self.colors:
            if max(abs(a - b) for a, b in zip(own, color, strict=True)) <= 2 * NEAR:
                return own
        return None


def read_mask(path: Path) -> Mask:
    """A mask file, upright.

    Raises:
        OSError, ValueError: as of `images.load_image`.
    """
    return mask_of(path, read_pixels(path))


def read_pixels(path: Path) -> np.ndarray:
    """(h, w, 3) of a mask file, whole numbers of 0 to 255; raises as `read_mask`."""
    image = np.asarray(images.load_image(path, alpha=True))
    pixels = np.rint(image[..., :3] * 255).astype(np.int32)
    if image.shape[-1] == 4:
        alpha = image[..., 3]
        seen = pixels[alpha > 0]
        if seen.size and np.ptp(seen, axis=0).max() <= NEAR:  # its shape says all
            pixels = np.full_like(pixels, 255)
        pixels = np.rint(pixels * alpha[..., None]).astype(np.int32)
    return pixels


def mask_of(
    path: Path,
    pixels: np.ndarray,
    *,
    colors: tuple[Color, ...] | None = None,
    most: int = _PIXELS,
) -> Mask:
    """A mask of pixels (h, w, 3), whole numbers of 0 to 255.

    Args:
        colors: that it is to have; None, those that cover a part of it.
        most: pixels that are looked at: of more every second or so.
    """
    every = _every(pixels.shape, most)
    pixels = pixels[every // 2 :: every, every // 2 :: every].astype(np.int32)
    grey = np.rint(pixels.mean(-1)).astype(np.int32)
    return Mask(path, pixels, _colors_of(pixels) if colors is None else colors, grey)


def _every(shape: tuple[int, ...], most: int) -> int:
    return math.ceil(math.sqrt(shape[0] * shape[1] / most))


def _colors_of(pixels: np.ndarray) -> tuple[Color, ...]:
    """The colours that cover a part of a mask, from dark to bright; those that JPEG
    made of one are that one, and those on the way between two are none."""
    even = _is_even(pixels)
    flat = pixels[even] if even.any() else pixels.reshape(-1, 3)
    # As one number each, which sort a hundred times as fast.
    codes, counts = np.unique(flat @ (1 << 16, 1 << 8, 1), return_counts=True)
    values = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1)
    order = np.argsort(-counts, kind="stable")
    least = LEAST * len(flat)
    return _joined(values[order], counts[order], least)


def joined_colors(several: Sequence[tuple[Color, ...]]) -> tuple[Color, ...]:
    """The colours of several masks together, from dark to bright."""
    values = np.array([color for colors in several for color in colors])
    if not len(values):
        return ()
    unique, counts = np.unique(values, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return _joined(unique[order], counts[order], 1)


def _joined(values: np.ndarray, counts: np.ndarray, least: float) -> tuple[Color, ...]:
    """Colours without those near to one that is counted more often, of at least so
    many."""
    found: list[np.ndarray] = []
    covered: list[int] = []
    for value, count in zip(values, counts, strict=True):
        near = [i for i, own in enumerate(found) if np.abs(own - value).max() <= NEAR]
        if near:
            covered[near[0]] += int(count)
        elif len(found) < 4 * MOST:
            found.append(value)
            covered.append(int(count))
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
    return np.max(changes, 0) <= NEAR


def between(grey: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """How much of each of rising levels grey values (h, w) have: linearly from one to
    the next, (h, w, len(levels))."""
    places = np.interp(grey, levels, np.arange(len(levels)))
    numbers = np.arange(len(levels), dtype=np.float32)
    return np.clip(1 - np.abs(places[..., None] - numbers), 0, 1).astype(np.float32)


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
