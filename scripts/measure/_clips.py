"""Clips to measure on: frames of files, and a synthetic clip whose motion is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from jaxnst import images
from jaxnst.video import open_clip
from jaxnst.video.flow import Flows, optical_flow

SAMPLES = Path(__file__).parents[1] / "samples"


@dataclass(frozen=True)
class MeasuredClip:
    """Frames and how they move.

    Attributes:
        frames: uint8 (H, W, 3) each.
        flows: from each to the next; known, or measured of the frames.
    """

    name: str
    frames: list[np.ndarray]
    flows: list[Flows]


def file_clip(path: Path, start: float, count: int, size: int) -> MeasuredClip:
    """`count` frames of a file from `start` seconds on, with the long side `size`."""
    clip = open_clip(path, start=start)
    found = [np.asarray(frame.pixels) for frame in islice(clip.frames(), count)]
    small = [_small(frame, size) for frame in found]
    pairs = zip(small, small[1:], strict=False)
    return MeasuredClip(path.stem, small, [optical_flow(a, b) for a, b in pairs])


def _small(frame: np.ndarray, size: int) -> np.ndarray:
    """Both sides even, as most codecs want them."""
    height, width = images.fit_size(frame.shape[0], frame.shape[1], size)
    picture = Image.fromarray(frame)
    picture = picture.resize(
        (width // 2 * 2, height // 2 * 2), Image.Resampling.LANCZOS
    )
    return np.asarray(picture)


def camera_frames(
    count: int, size: int, *, camera: tuple[int, int] = (2, 1)
) -> list[np.ndarray]:
    """The sample photograph under a camera that swings.

    Args:
        camera: pixels a frame, to the right and down.
    """
    height, width = size * 3 // 4 // 2 * 2, size // 2 * 2
    scene = _sample(
        "harbour.jpg", (height + camera[1] * count, width + camera[0] * count)
    )
    corners = [(camera[0] * number, camera[1] * number) for number in range(count)]
    return [scene[y : y + height, x : x + width].copy() for x, y in corners]


def synthetic_clip(
    count: int, size: int, *, camera: tuple[int, int] = (2, 1)
) -> MeasuredClip:
    """The sample photograph under a camera that swings, and a disc of the sample
    painting that crosses it the other way.

    Args:
        camera: pixels a frame, to the right and down.
    """
    frames = camera_frames(count, size, camera=camera)
    height, width = frames[0].shape[:2]
    disc, cover = _disc(size // 4)
    step = -3 * camera[0] // 2
    lefts = [int(0.7 * width) + step * number for number in range(count)]
    covers = []
    for frame, left in zip(frames, lefts, strict=True):
        shown = _placed(cover, height // 3, left, (height, width))
        frame[shown] = _placed(disc, height // 3, left, frame.shape)[shown]
        covers.append(shown)
    flows = [
        _known_flows(covers[n], covers[n + 1], camera, lefts[n + 1] - lefts[n])
        for n in range(count - 1)
    ]
    return MeasuredClip("synthetic", frames, flows)


def _known_flows(
    first: np.ndarray, second: np.ndarray, camera: tuple[int, int], across: int
) -> Flows:
    """Both flows between two frames of the synthetic clip.

    Args:
        first, second: (H, W), where the disc is.
        across: pixels to the right by which it moves.
    """
    forward = np.zeros((*first.shape, 2), np.float32) - np.array(camera)
    forward[first] = across, 0
    backward = np.zeros((*second.shape, 2), np.float32) + np.array(camera)
    backward[second] = -across, 0
    return Flows(np.float32(forward), np.float32(backward))


def _sample(name: str, size: tuple[int, int]) -> np.ndarray:
    image = images.load_image(SAMPLES / name, size=size)
    return np.round(255 * np.asarray(image)).astype(np.uint8)


def _disc(side: int) -> tuple[np.ndarray, np.ndarray]:
    """A disc of paint, (side, side, 3), and where it is."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return _sample("strokes.jpg", (side, side)), np.hypot(x, y) < side / 2


def _placed(values: np.ndarray, top: int, left: int, size: Sequence[int]) -> np.ndarray:
    """`values` at a place in zeros of a size; what is beyond the frame is cut off."""
    whole = np.zeros(size, values.dtype)
    height, width = values.shape[:2]
    begin, end = max(left, 0), min(left + width, size[1])
    if begin < end:
        whole[top : top + height, begin:end] = values[:, begin - left : end - left]
    return whole
