"""What a clip's frames come from: a video file, an animation, a folder of pictures."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from jaxnst.images import picture_size
from jaxnst.images.frames import read_frame, webp_frames
from jaxnst.images.listing import picture_suffixes

Size = tuple[int, int]

FOLDER_RATE = Fraction(25)
"""Frames a second of a folder of pictures, which does not say."""


class Decoded(NamedTuple):
    """A frame as it is stored, upright.

    Attributes:
        pixels: (H, W, 3) uint8, sRGB.
        pts: when it is shown, in units of the source's time base, from its origin.
        duration: for how long, if that is known, in the same units.
    """

    pixels: np.ndarray
    pts: int
    duration: int | None


@dataclass
class Facts:
    """What is known of a source before its frames are read.

    Attributes:
        size: (height, width) of the upright picture with square pixels.
        time_base: seconds of one unit of time.
        rate: frames a second on average, None if unknown.
        rotation: degrees by which stored frames are turned counterclockwise.
        audio: names of the codecs of its sound.
        origin: its first moment in seconds, as the file counts.
        remarks: what is odd about it, in words; reading adds to them.
    """

    size: Size
    time_base: Fraction
    rate: Fraction | None
    rotation: int = 0
    audio: tuple[str, ...] = ()
    origin: Fraction = Fraction(0)
    remarks: list[str] = field(default_factory=list)


class Source(Protocol):
    """Where frames come from."""

    facts: Facts
    files: tuple[Path, ...]
    """All of what is read."""

    def times(self) -> list[int]:
        """When its frames are shown, without decoding them: in order, from the
        origin."""

    def frames(self, start: Fraction) -> Iterator[Decoded]:
        """The frames in order, each time anew, at least from that second on."""


class Folder:
    """Numbered pictures of one size in a folder, in the order of their numbers."""

    def __init__(self, path: Path, rate: Fraction | None) -> None:
        """Raises OSError, ValueError: there is none, or the first cannot be read."""
        self.files = numbered_pictures(path)
        rate = rate or FOLDER_RATE
        self.facts = Facts(picture_size(self.files[0]), 1 / rate, rate)

    def times(self) -> list[int]:
        return list(range(len(self.files)))

    def frames(self, start: Fraction) -> Iterator[Decoded]:
        height, width = self.facts.size
        first = int(start / self.facts.time_base)
        for number, path in enumerate(self.files[first:], first):
            pixels = read_frame(path)
            if pixels.shape[:2] != self.facts.size:
                raise ValueError(
                    f"{path} is {pixels.shape[1]} x {pixels.shape[0]} pixels, the "
                    f"first frame {width} x {height}; give pictures of one size"
                )
            yield Decoded(pixels, number, 1)


def numbered_pictures(folder: Path) -> tuple[Path, ...]:
    """The pictures right in a folder, 2.png before 10.png.

    Raises:
        FileNotFoundError: there is none.
    """
    suffixes = picture_suffixes()
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes
        and not path.name.startswith(".")
        and path.is_file()
    ]
    if not found:
        raise FileNotFoundError(
            f"no pictures in {folder}; give a video, or a folder of numbered pictures"
        )
    return tuple(sorted(found, key=_number_order))


def _number_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Names in order, numbers in them by their value."""
    parts = re.findall(r"\d+|\D+", path.stem)
    key = [(int(p), "") if p.isdecimal() else (-1, p.lower()) for p in parts]
    return key, path.name


class AnimatedWebP:
    """An animated WebP, which FFmpeg does not read."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, ValueError: not even its first frame can be read."""
        self.files: tuple[Path, ...] = (path,)
        pixels, _ = next(webp_frames(path))
        height, width = pixels.shape[:2]
        self.facts = Facts((height, width), Fraction(1, 1000), None)
        self.starts = [0]
        for frame in self.frames(Fraction(0)):
            self.starts.append(frame.pts + (frame.duration or 0))
        seconds = Fraction(self.starts.pop(), 1000)
        if len(self.starts) == 1:
            raise ValueError(
                f"cannot read {path}: it is a picture, not a clip; jaxnst stylize "
                "paints pictures"
            )
        self.facts.rate = len(self.starts) / seconds

    def times(self) -> list[int]:
        return list(self.starts)

    def frames(self, start: Fraction) -> Iterator[Decoded]:
        pts, count = 0, 0
        try:
            for pixels, milliseconds in webp_frames(self.files[0]):
                # Viewers take what is below 0.01 s for 0.1 s.
                duration = milliseconds if milliseconds > 10 else 100
                yield Decoded(pixels, pts, duration)
                pts, count = pts + duration, count + 1
        except ValueError as error:
            remark = f"{error}; the {count} frames before it are used"
            if remark not in self.facts.remarks:
                self.facts.remarks.append(remark)
