"""A clip: frames with the times at which they are shown, one after another."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxnst._files import check_no_address
from jaxnst.images.frames import is_webp, resize_frame
from jaxnst.video.decode import VideoFile
from jaxnst.video.source import AnimatedWebP, Decoded, Facts, Folder, Size, Source

_MOST_REPEATS = 100_000  # of one frame: more is a damaged time, not a long frame

Number = int | float | Fraction


class Frame(NamedTuple):
    """One frame.

    Attributes:
        pixels: (H, W, 3) uint8, RGB, sRGB, upright, with square pixels.
        pts: when it is shown, in units of the clip's time base.
        duration: for how long, in the same units.
        repeats: how often it is written, at equal distances, to keep a rate that was
            asked for.
    """

    pixels: np.ndarray
    pts: int
    duration: int
    repeats: int = 1


@dataclass(frozen=True)
class Clip:
    """What `open_clip` opens; iterating it reads the file anew and gives its frames.

    Attributes:
        path: the file, or the folder.
        source: what the frames come from.
        start, end: seconds from the clip's beginning; what lies between is the clip.
        fps: frames a second that were asked for; None, the source's own times.
    """

    path: Path
    source: Source
    start: Fraction
    end: Fraction | None
    fps: Fraction | None

    @property
    def facts(self) -> Facts:
        return self.source.facts

    @property
    def size(self) -> Size:
        """(height, width) of the frames, upright, with square pixels."""
        return self.facts.size

    @property
    def rotation(self) -> int:
        """Degrees by which the file has its stored frames turned counterclockwise;
        frames come turned already."""
        return self.facts.rotation

    @property
    def audio(self) -> tuple[str, ...]:
        """Codecs of its sound, one for each stream."""
        return self.facts.audio

    @property
    def rate(self) -> Fraction | None:
        """Frames a second on average, None where nobody says."""
        return self.fps or self.facts.rate

    @property
    def time_base(self) -> Fraction:
        """Seconds in one unit of the frames' times."""
        return 1 / self.fps if self.fps else self.facts.time_base

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is odd about the clip, in words; that it is damaged shows only when it
        has been read to its end."""
        return tuple(dict.fromkeys(self.facts.remarks))

    @cached_property
    def times(self) -> tuple[Fraction, ...]:
        """When the frames are shown, in seconds, read without decoding them. Of a
        damaged file, as it says, which may be more than can be read."""
        base = self.facts.time_base
        source = [max(pts * base, Fraction(0)) for pts in self.source.times()]
        gap = source[-1] - source[-2] if len(source) > 1 else base
        after = [*source[1:], source[-1] + gap] if source else []
        found = []
        for time, following in zip(source, after, strict=True):
            if following <= self.start or (self.end is not None and time >= self.end):
                continue
            shown = max(time - self.start, Fraction(0))
            if self.fps is None:
                found.append(shown)
                continue
            first = math.ceil(shown * self.fps)
            last = following if self.end is None else min(following, self.end)
            if first < (last - self.start) * self.fps:
                found.append(first / self.fps)
        return tuple(found)

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self, size: Size | None = None) -> Iterator[Frame]:
        """The frames, resized to (height, width), one after another: no more than two
        are held.

        Raises:
            OSError, ValueError: the file is gone, or is not what it was.
        """
        size = size or self.size
        for frame in self.selected():
            yield frame._replace(pixels=resize_frame(frame.pixels, size))

    def selected(self) -> Iterator[Frame]:
        """As `frames`, of whatever size the source's are."""
        return self._at_rate() if self.fps else self._selected()

    def _selected(self) -> Iterator[Frame]:
        """Between start and end, with times from the start on, each at its own."""
        base = self.facts.time_base
        start = round(self.start / base)
        end = None if self.end is None else round(self.end / base)
        for frame, following in _with_following(self.source.frames(self.start)):
            if following <= start:
                continue
            if end is not None and frame.pts >= end:
                break
            pts = max(frame.pts, start, 0)
            last = following if end is None else min(following, end)
            yield Frame(frame.pixels, pts - start, max(1, last - pts))

    def _at_rate(self) -> Iterator[Frame]:
        """As often as it takes to show, at every tick of `fps`, what is shown then."""
        assert self.fps is not None
        ticks, following = self.facts.time_base * self.fps, 0
        for frame in self._selected():
            first = math.ceil(frame.pts * ticks)
            last = math.ceil((frame.pts + frame.duration) * ticks)
            first = max(first, following)
            count = last - first
            if count > _MOST_REPEATS:
                raise ValueError(
                    f"{self.path}: one frame would be shown {count:,} times at "
                    f"{float(self.fps):g} frames a second; its times are damaged, or "
                    "leave fps"
                )
            if count > 0:
                following = last
                yield Frame(frame.pixels, first, count, count)


def _with_following(frames: Iterator[Decoded]) -> Iterator[tuple[Decoded, int]]:
    """Every frame with the time of the one after it; of the last its end."""
    held, gap = None, 1
    for frame in frames:
        if held is not None:
            gap = frame.pts - held.pts
            yield held, frame.pts
        held = frame
    if held is not None:
        yield held, held.pts + (held.duration or gap)


def open_clip(
    path: str | PathLike[str],
    *,
    start: Number | None = None,
    end: Number | None = None,
    fps: Number | None = None,
) -> Clip:
    """Open a clip: whatever FFmpeg reads (mp4, mov, webm, mkv, gif, ...), an animated
    WebP, or a folder of numbered pictures, of 25 frames a second unless `fps` says
    otherwise.

    The first frame is read, no other.

    Args:
        path: the file or the folder.
        start, end: seconds; the clip is what is shown between them.
        fps: frames a second; frames are left out or repeated to keep it. Of a folder
            the pictures are so many a second.

    Raises:
        OSError: as the system says.
        ValueError: no clip that can be read, encrypted, without a frame; or the numbers
            do not fit; or PyAV is not installed.
    """
    path = Path(path)
    begin = _seconds(start, "start", zero=True) or Fraction(0)
    until = _seconds(end, "end")
    if until is not None and until <= begin:
        raise ValueError(
            f"end must be after start, got {float(until):g} and {float(begin):g} s"
        )
    rate = _rate(fps)
    source = _source(path, rate)
    if isinstance(source, Folder):
        rate = None  # it is the folder's own
    clip = Clip(path, source, begin, until, rate)
    if begin and not clip.times:
        raise ValueError(
            f"{path} ends before {float(begin):g} s; choose a smaller start"
        )
    return clip


def _source(path: Path, rate: Fraction | None) -> Source:
    check_no_address(path)
    if not path.exists():
        raise FileNotFoundError(
            f"cannot read {path}: there is no such file; check the name and the folder"
        )
    if path.is_dir():
        return Folder(path, rate)
    if is_webp(path):  # which also refuses what is no file, or empty
        return AnimatedWebP(path)
    return VideoFile(path)


def _seconds(value: Number | None, name: str, zero: bool = False) -> Fraction | None:
    if value is None:
        return None
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        least = "0 or more" if zero else "more than 0"
        raise ValueError(f"{name} must be {least} seconds, got {value}")
    return Fraction(value).limit_denominator(1_000_000)


def _rate(fps: Number | None) -> Fraction | None:
    if fps is None:
        return None
    if not math.isfinite(fps) or not 0.01 <= fps <= 1000:
        raise ValueError(f"fps must be from 0.01 to 1000 frames a second, got {fps}")
    return Fraction(fps).limit_denominator(1001)
