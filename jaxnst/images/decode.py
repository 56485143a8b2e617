"""Decoded pictures in strips of rows, so that a large one never lies whole as floats.

A file is decoded as it is stored, one to eight bytes a pixel; strips of it become sRGB
in float32 and are resized at once. Little more than the stored pixels is ever held.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from jaxnst.images.resampling import (
    decode_srgb,
    encode_srgb,
    resample,
    resize_channel,
)

_STRIP = 2**17  # pixels

# Colours below this alpha give way to those around them: 8 bits hold them badly, and
# programs that write files keep anything there.
_COVERED = 1 / 16

Rows = tuple[np.ndarray, np.ndarray | None]
"""(n, W, 3) sRGB, 8-bit levels or float32 in [0, 1], and (n, W) alpha in [0, 1]."""


@dataclass
class Decoded:
    """A picture as it is stored, not yet upright.

    Attributes:
        height, width: as stored.
        rows: gives the sRGB colours and the alpha of rows first to last.
        icc_profile: the file's, if it could be used.
        orientation: of EXIF, 1 to 8.
        remarks: what the user should know about the reading, in words.
    """

    height: int
    width: int
    rows: Callable[[int, int], Rows]
    icc_profile: bytes | None = None
    orientation: int = 1
    remarks: list[str] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width), upright."""
        size = self.height, self.width
        return size[::-1] if self.orientation >= 5 else size

    def strips(self) -> Iterator[tuple[slice, Rows]]:
        """All rows, strip by strip."""
        count = max(1, _STRIP // self.width)
        for first in range(0, self.height, count):
            last = min(first + count, self.height)
            yield slice(first, last), self.rows(first, last)


def alpha_of(source: Decoded) -> np.ndarray | None:
    """(H, W) alpha at its full size, upright; None without."""
    alpha: np.ndarray | None = None
    for rows, (_, part) in source.strips():
        if part is None:
            return None
        if alpha is None:
            alpha = np.empty((source.height, source.width), np.float32)
        alpha[rows] = part
    return None if alpha is None else apply_orientation(alpha, source.orientation)


def over_white(
    source: Decoded, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray | None]:
    """(H, W, 3) over white, x' = a x + 1 - a, and (H, W) alpha, upright, at a size."""

    def shown(color: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
        if alpha is None:
            return color
        cover = alpha[..., None]
        return unit(color) * cover + (1 - cover)

    if size == source.size:
        image, alpha = _whole(source, shown)
    else:
        image, alpha = _resized(source, size, lambda *strip: _linear(shown(*strip)))
    return _upright(image, alpha, source.orientation)


def uncovered(
    source: Decoded, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray | None]:
    """As `over_white`, but the colours as if all were opaque; where next to nothing
    covers, the colours around are continued."""
    transparent = False

    def weighted(color: np.ndarray, alpha: np.ndarray | None) -> list[np.ndarray]:
        nonlocal transparent
        linear = _linear(color)
        if alpha is None or (alpha == 1).all():
            return linear
        transparent = True
        return [plane * alpha for plane in linear]

    def divided(plane: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
        if alpha is None or not transparent:
            return plane
        return np.clip(plane / np.maximum(alpha, 1e-6), 0, 1)

    if size == source.size:
        image, alpha = _whole(source, lambda color, alpha: color)
        transparent = alpha is not None and bool((alpha < 1).any())
    else:
        image, alpha = _resized(source, size, weighted, divided)
    if alpha is not None and transparent:
        image = continued(image, np.minimum(alpha / _COVERED, 1))
    return _upright(image, alpha, source.orientation)


def continued(image: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Colours where `cover` is 1, and elsewhere those around, smoothly.

    Halved again and again to weighted means, and enlarged again under what is known
    (the pull and push of Gortler et al., "The lumigraph", 1996).

    Args:
        image: (H, W, 3) in [0, 1].
        cover: (H, W), how much each pixel's colour counts, in [0, 1].

    Returns:
        (H, W, 3); white where nothing is covered at all.
    """
    levels = [(image, cover)]
    while max(cover.shape) > 1:
        image, cover = _halved(image, cover)
        levels.append((image, cover))
    result = np.ones_like(image)
    for image, cover in reversed(levels):
        around = [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(result[..., c])).resize(
                    cover.shape[::-1], Image.Resampling.BILINEAR
                )
            )
            for c in range(3)
        ]
        weight = cover[..., None]
        result = weight * image + (1 - weight) * np.stack(around, -1)
    return result.astype(np.float32)


def _halved(image: np.ndarray, cover: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    odd = [(0, side % 2) for side in cover.shape]
    weighted = np.pad(image * cover[..., None], (*odd, (0, 0)))
    cover = np.pad(cover, odd)

    def sums(values: np.ndarray) -> np.ndarray:
        rows = values[::2] + values[1::2]
        return rows[:, ::2] + rows[:, 1::2]

    total = sums(cover)
    means = sums(weighted) / np.maximum(total, 1e-12)[..., None]
    return means.astype(np.float32), np.minimum(total, 1).astype(np.float32)


def _whole(
    source: Decoded, color_of: Callable[[np.ndarray, np.ndarray | None], np.ndarray]
) -> tuple[np.ndarray, np.ndarray | None]:
    """(H, W, 3) and (H, W) as stored, the colours as `color_of` makes them."""
    image = np.empty((source.height, source.width, 3), np.float32)
    alpha: np.ndarray | None = None
    for rows, (color, part) in source.strips():
        image[rows] = unit(color_of(color, part))
        if part is not None:
            if alpha is None:
                alpha = np.empty((source.height, source.width), np.float32)
            alpha[rows] = part
    return image, alpha


def _resized(
    source: Decoded,
    size: tuple[int, int],
    planes_of: Callable[[np.ndarray, np.ndarray | None], list[np.ndarray]],
    finish: Callable[[np.ndarray, np.ndarray | None], np.ndarray] = lambda p, _: p,
) -> tuple[np.ndarray, np.ndarray | None]:
    """(H, W, 3) and (H, W) at another size, resampled in linear light.

    Rows are brought to the new width strip by strip, then columns to the new height:
    the two passes of Pillow's own resampling, and its numbers.

    Args:
        planes_of: makes three linear planes of a strip's colours and alpha.
        finish: is given each resized plane and the resized alpha.
    """
    height, width = size[::-1] if source.orientation >= 5 else size
    narrow: list[np.ndarray] = []
    for rows, (color, alpha) in source.strips():
        parts = [*planes_of(color, alpha), *([] if alpha is None else [alpha])]
        if not narrow:
            narrow = [np.empty((source.height, width), np.float32) for _ in parts]
        for plane, part in zip(narrow, parts, strict=True):
            plane[rows] = resample(part, (part.shape[0], width))
    planes = [resize_channel(plane, (height, width)) for plane in narrow]
    cover = planes[3] if len(planes) > 3 else None
    image = np.stack([encode_srgb(finish(plane, cover)) for plane in planes[:3]], -1)
    return image, cover


_LEVELS = np.arange(256, dtype=np.float32) / 255

_LINEAR_LEVELS = decode_srgb(_LEVELS)


def unit(color: np.ndarray) -> np.ndarray:
    """Levels, or what is in [0, 1] already, as float32 in [0, 1]."""
    return _LEVELS[color] if color.dtype == np.uint8 else color


def _linear(color: np.ndarray) -> list[np.ndarray]:
    """Three planes in linear light."""
    channels = [color[..., c] for c in range(3)]
    if color.dtype == np.uint8:
        return [_LINEAR_LEVELS[channel] for channel in channels]
    return [decode_srgb(channel) for channel in channels]


def _upright(
    image: np.ndarray, alpha: np.ndarray | None, tag: int
) -> tuple[np.ndarray, np.ndarray | None]:
    alpha = None if alpha is None else apply_orientation(alpha, tag)
    return apply_orientation(image, tag), alpha


def apply_orientation(pixels: np.ndarray, tag: int) -> np.ndarray:
    """(H, W, ...) turned and mirrored as EXIF orientation `tag`, 1 to 8, says."""
    if tag >= 5:
        pixels = pixels.swapaxes(0, 1)
    if tag in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if tag in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
