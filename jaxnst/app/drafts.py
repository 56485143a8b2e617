"""Pictures in one pass, in a moment: drafts of a painting, and what a camera sees."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import images
from jaxnst.feedforward import FeedForward, load_feedforward
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import load_content, sizes_of
from jaxnst.pipeline.protection import load_masks
from jaxnst.pipeline.run import prepare
from jaxnst.pipeline.settings import Settings
from jaxnst.video import OnePassPainter

DRAFT_SIDE = 384
"""Pixels of a draft's long side, at most."""

_MULTIPLE = 64  # of a draft's sides, so that few shapes are compiled

_FRAMES = 20  # over which a rate is measured

_PAUSE = 5.0  # seconds between two frames after which a camera begins anew

_SMOOTH = 0.6  # of the painted frame before, where OpenCV tells what moved


@lru_cache(maxsize=1)
def model() -> FeedForward:
    """The network for one pass that comes with jaxnst."""
    return load_feedforward()


def draft_settings(settings: Settings) -> Settings:
    """One pass instead of the optimisation, small enough to be there in a moment.

    A fixed weight says nothing about one pass: it is then as stylised as it can be.
    """
    one = presets.get("encoder-transformer")
    size = settings.geometry.size
    side = DRAFT_SIDE if isinstance(size, str) else min(DRAFT_SIDE, size)
    geometry = replace(settings.geometry, size=side, min_size=None, margin=0)
    return replace(
        one,
        color=settings.color,
        photorealism=settings.photorealism,
        style_mix=settings.style_mix,
        terms=replace(one.terms, strength=settings.terms.strength),
        geometry=geometry,
        masks=settings.masks,
    )


def draft(settings: Settings, content: Path, styles: Sequence[Path]) -> np.ndarray:
    """(H, W, 3): one pass for the settings' colours, strength, sizes, shares and masks.

    Raises:
        OSError, ValueError, MemoryError: a picture cannot be read.
    """
    one, began = draft_settings(settings), time.perf_counter()
    sizes = sizes_of(one, content, styles)
    photograph = _content(content, content.stat().st_mtime_ns, sizes.content)
    paintings = [
        _style(path, path.stat().st_mtime_ns, size)
        for path, size in zip(styles, sizes.styles, strict=True)
    ]
    photograph, regions, _ = load_masks(one, photograph, paintings)
    network = model()
    prepared = prepare(
        one,
        network.encoder,
        photograph,
        paintings,
        multiple=_MULTIPLE,
        decoder=network,
        regions=regions,
    )
    image = np.asarray(prepared.one_pass(began).image)
    alpha = _alpha(content, content.stat().st_mtime_ns, sizes.content)
    return np.asarray(images.over_white(image, alpha))


@lru_cache(maxsize=4)
def _alpha(path: Path, changed: int, size: tuple[int, int]) -> np.ndarray | None:
    return images.read_like(path, size=size, keep_metadata=False).alpha


@lru_cache(maxsize=4)
def _content(path: Path, changed: int, size: tuple[int, int]) -> Array:
    return load_content(path, size)


@lru_cache(maxsize=16)
def _style(path: Path, changed: int, size: tuple[int, int]) -> Array:
    return images.load_image(path, size=size, alpha=True)


class Camera:
    """A camera's frames in one pass, one after another, and at what rate.

    Where OpenCV is installed they are steadied, as a clip's are. What is dropped while
    a frame is painted never comes here.

    Attributes:
        count: frames that came so far, painted or skipped.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=_FRAMES)
        self._key: object = None
        self._painter: OnePassPainter | None = None
        self._seen: list[np.ndarray] = []
        self._painted: list[np.ndarray] = []
        self.count = 0

    @property
    def rate(self) -> float:
        """Frames a second over the last ones; 0 before the second."""
        if len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / max(self._times[-1] - self._times[0], 1e-6)

    def skip(self) -> int:
        """A frame came while the device was busy; the count."""
        self.count += 1
        return self.count

    def paint(
        self,
        frame: np.ndarray,
        styles: Sequence[Path],
        *,
        strength: float | None,
        side: int,
        style_scale: float = 1.0,
    ) -> np.ndarray:
        """(h, w, 3) in [0, 1]: a frame (H, W, 3), its long side at most `side` pixels,
        in the style of the paintings in equal parts.

        Raises:
            OSError, ValueError, MemoryError: a painting cannot be read.
        """
        painter = self._painter_of(tuple(styles), side, style_scale)
        painter.strength = jnp.float32(1.0 if strength is None else strength)
        size = frame_size(frame.shape[0], frame.shape[1], side)
        scaled = images.resize_pixels(np.asarray(frame, np.float32), size)
        pixels = np.round(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
        now = self._clock()
        paused = bool(self._times) and now - self._times[-1] > _PAUSE
        if paused or (self._seen and self._seen[-1].shape != pixels.shape):
            self._times.clear()
            self._forget()
        seen = [*self._seen, pixels]
        made = painter.paint(pixels, painter.motion(seen), self._painted)
        if painter.span:
            self._seen, self._painted = [pixels], [made]
        self._times.append(self._clock())
        self.count += 1
        return np.asarray(made, np.float32) / 255

    def _forget(self) -> None:
        """What comes next has nothing to do with what was."""
        self._seen, self._painted = [], []

    def _painter_of(
        self, styles: tuple[Path, ...], side: int, scale: float
    ) -> OnePassPainter:
        key = styles, side, scale
        if self._painter is None or key != self._key:
            network = model()
            longest = max(network.min_side, round(side * scale))
            paintings = [images.load_image(path, size=longest) for path in styles]
            smooth = _SMOOTH if find_spec("cv2") else 0.0
            self._painter = OnePassPainter(network, paintings, smooth=smooth)
            self._key = key
            self._forget()
        return self._painter


def frame_size(height: int, width: int, side: int) -> tuple[int, int]:
    """The size at which a frame is painted: as near to its aspect as multiples of 16
    allow."""
    scale = min(1.0, side / max(height, width))
    rounded = (max(16, math.floor(x * scale / 16 + 0.5) * 16) for x in (height, width))
    found = tuple(rounded)
    return found[0], found[1]
