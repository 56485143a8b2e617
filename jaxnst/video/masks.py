"""Masks of a clip: a still one, held for all frames, or one for each frame.

A moving mask is a clip itself, or a folder of numbered pictures. What its colours and
grey levels mean is decided once, from all of its frames: a region that leaves the frame
for a while does not change what the others are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst.images.opening import VIDEO_SUFFIXES
from jaxnst.losses.regions import same_styles
from jaxnst.pipeline.mask_pixels import (
    Mask,
    joined_colors,
    mask_of,
    read_mask,
    read_pixels,
)
from jaxnst.pipeline.region_masks import (
    at_size,
    check_any,
    mask_file,
    protection,
    reading_of,
)
from jaxnst.pipeline.settings import Masks
from jaxnst.video.clip import Clip, open_clip
from jaxnst.video.source import Decoded, Facts, Folder, Size, Source

_ANIMATIONS = (".gif", ".webp")  # which may be pictures as well

_LOOKED_AT = 2**17  # pixels of a frame in which colours are looked for
_HELD = 2**10  # pixels of it that are held, for a look at all frames together

_LOSS = 12  # levels by which a video's compression changes black and white

_At = Callable[[int], np.ndarray]
_Track = Callable[[], _At]
"""Begins at a clip's first frame; what it gives is asked for each frame in order, by
the time at which that is shown."""


class FrameMask(NamedTuple):
    """The masks of one frame, float32 in [0, 1].

    Attributes:
        weights: (H, W, R), how much of each pixel is of each region; where they sum to
            less than 1 the frame shows.
        protected: (H, W, 1), how much it is to stay recognisable; None, nothing is.
    """

    weights: np.ndarray
    protected: np.ndarray | None

    def equals(self, other: "FrameMask") -> bool:
        """Whether the other is the same to the bit."""
        pairs = zip(self, other, strict=True)
        return all(a is b or _equal(a, b) for a, b in pairs)


def _equal(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    return first is not None and second is not None and np.array_equal(first, second)


@dataclass(frozen=True)
class ClipMasks:
    """What `open_masks` opens.

    Attributes:
        styles: of each painting (h, w, R), which part of it each region takes.
        files: all that are read: of a folder all of its pictures.
        notice: a line on what is kept that was not asked for.
        protect_strength: how much of the frame shows where it is protected; None,
            nothing is.
    """

    styles: tuple[Array, ...]
    files: tuple[Path, ...]
    notice: str
    protect_strength: float | None
    _weights: _Track
    _protected: _Track | None

    def frames(self) -> Callable[[int], FrameMask]:
        """Of the clip's frames, from the first on: a function to be asked for each in
        order, by the time at which it is shown (`Frame.pts`)."""
        weights = self._weights()
        protected = None if self._protected is None else self._protected()
        return lambda pts: FrameMask(
            weights(pts), None if protected is None else protected(pts)
        )


def open_masks(
    masks: Masks, clip: Clip, size: Size, styles: Sequence[Array]
) -> ClipMasks | None:
    """The masks that the settings name, for the frames of a clip; None where there are
    none.

    Args:
        size: (height, width) of the frames that are painted.
        styles: the paintings, for their sizes.

    Raises:
        OSError, ValueError: a mask cannot be used, or has not as many frames as the
            clip.
    """
    if not (masks.content_mask or masks.style_mask or masks.protect):
        return None
    files = [mask_file(name) for name in masks.style_mask or ()]
    content, protect = (
        None if name is None else _Opened.of(mask_file(name), clip)
        for name in (masks.content_mask, masks.protect)
    )
    regions, notice = _regions(masks, content, size, styles)
    protected = None
    if protect is not None:
        protected = protect.track(
            lambda mask: at_size(protection(mask), size, masks.feather)
        )
    for opened in (content, protect):
        files += () if opened is None else opened.files
    strength = None if protect is None else masks.protect_strength
    return ClipMasks(regions[1], tuple(files), notice, strength, regions[0], protected)


def _regions(
    masks: Masks, content: "_Opened | None", size: Size, styles: Sequence[Array]
) -> tuple[tuple[_Track, tuple[Array, ...]], str]:
    """How much of the frames is of each region, the paintings' parts, and a line on
    what is kept."""
    everywhere = np.ones((*size, 1), np.float32)
    if content is None and not masks.style_mask:
        whole = tuple(jnp.ones((*style.shape[:2], 1)) for style in styles)
        return (lambda: lambda pts: everywhere, whole), ""
    photograph = None
    if content is not None:
        photograph = content.survey(several=bool(masks.style_mask) or len(styles) > 1)
    reading = reading_of(masks, photograph, styles)
    groups = same_styles(reading.styles)
    first = np.array([numbers[0] for numbers in groups])
    parts = tuple(mask[..., first] for mask in reading.styles)

    def weigh(mask: Mask) -> np.ndarray:
        found = reading.weigh(mask)
        found = np.stack([found[..., numbers].sum(-1) for numbers in groups], -1)
        return np.clip(at_size(found, size, masks.feather), 0.0, 1.0)

    if content is None:
        check_any(masks, None, parts)
        return (lambda: lambda pts: everywhere, parts), ""
    still = None if content.source is not None else weigh(content.picture)
    check_any(masks, still, parts)
    return (content.track(weigh), parts), reading.notice


@dataclass(frozen=True)
class _Opened:
    """A mask's file, or folder.

    Attributes:
        source: of its frames; None, it is a picture.
    """

    path: Path
    source: Source | None
    clip: Clip

    @classmethod
    def of(cls, path: Path, clip: Clip) -> "_Opened":
        """Raises OSError, ValueError: it cannot be read, or has another number of
        frames than the clip."""
        opened = cls(path, _moving_source(path), clip)
        if opened.source is not None:
            opened.check_count(opened.source)
        return opened

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,) if self.source is None else self.source.files

    @property
    def picture(self) -> Mask:
        return read_mask(self.path)

    def check_count(self, source: Source) -> None:
        count, whole = len(source.times()), len(self.clip.source.times())
        chosen = len(self.clip.times)
        if count not in (whole, chosen):
            part = "" if whole == chosen else f", of which {chosen} are painted"
            raise ValueError(
                f"{self.path} has {count} frames and the clip {self.clip.path} "
                f"{whole}{part}; give a mask of as many frames, or one picture for all"
            )

    def survey(self, *, several: bool) -> Mask:
        """A mask that stands for all of the frames' as to what their colours mean.

        Args:
            several: whether more is to be told of them than black and white.
        """
        if self.source is None:
            return self.picture
        first, *_ = parts = [
            mask_of(self.path, pixels, most=_LOOKED_AT)
            for pixels in _levels(self.source, None if several else 1)
        ]
        colors = joined_colors([mask.colors for mask in parts])
        small = [mask.thinned(_HELD) for mask in parts]
        pixels = np.concatenate([mask.pixels for mask in small])
        grey = np.concatenate([mask.grey for mask in small])
        return replace(first, colors=colors, pixels=pixels, grey=grey)

    def track(self, weigh: Callable[[Mask], np.ndarray]) -> _Track:
        """What `weigh` makes of the mask of each of the clip's frames."""
        if self.source is None:
            still = weigh(self.picture)
            return lambda: lambda pts: still
        return lambda: _in_order(self._timed(), weigh, self.path)

    def _timed(self) -> Iterator[tuple[int | None, np.ndarray]]:
        """Frames with the times of the clip's; of a mask of what is painted alone
        without."""
        assert self.source is not None
        if len(self.source.times()) == len(self.clip.source.times()):
            retimed = _Retimed(self.source, self.clip.source)
            for frame in replace(self.clip, source=retimed).selected():
                yield frame.pts, frame.pixels
            return
        for pixels in _levels(self.source):
            yield None, pixels


def _in_order(
    frames: Iterator[tuple[int | None, np.ndarray]],
    weigh: Callable[[Mask], np.ndarray],
    path: Path,
) -> _At:
    def at(pts: int) -> np.ndarray:
        for time, pixels in frames:
            if time is None or time >= pts:
                return weigh(mask_of(path, pixels, colors=()))
        raise ValueError(f"{path} ends before the clip; copy it again, it is damaged")

    return at


def _moving_source(path: Path) -> Source | None:
    """What a moving mask's frames come from; None of a picture."""
    suffix = path.suffix.lower()
    if not path.is_dir() and suffix not in (*VIDEO_SUFFIXES, *_ANIMATIONS):
        return None
    if suffix in _ANIMATIONS:
        try:
            source = open_clip(path).source
        except ValueError:  # which says that it is a picture, or `read_mask` says more
            return None
        return source if len(source.times()) > 1 else None
    return open_clip(path).source


class _Retimed:
    """A moving mask whose frames are shown when the clip's are, one for one."""

    def __init__(self, source: Source, clip: Source) -> None:
        self._source, self._times = source, clip.times()
        self.files = source.files
        self.facts: Facts = clip.facts

    def times(self) -> list[int]:
        return self._times

    def frames(self, start: Fraction) -> Iterator[Decoded]:
        for pts, pixels in zip(self._times, _levels(self._source), strict=False):
            yield Decoded(pixels, pts, None)


def _levels(source: Source, most: int | None = None) -> Iterator[np.ndarray]:
    """The frames of a moving mask, (h, w, 3), whole numbers of 0 to 255; black and
    white of a video as they were before it was compressed.

    Args:
        most: so many at most.
    """
    if isinstance(source, Folder):
        for path in source.files[:most]:
            yield read_pixels(path)
        return
    table = np.clip((np.arange(256) - _LOSS) / (255 - 2 * _LOSS), 0, 1)
    restored = np.rint(255 * table).astype(np.int32)
    for number, frame in enumerate(source.frames(Fraction(0)), 1):
        yield restored[frame.pixels]
        if number == most:
            return
