"""Pictures in one pass, in a moment: drafts of a painting, and what a camera sees."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import images
from jaxnst.feedforward import (
    FeedForward,
    Style,
    apply_style,
    blended,
    load_feedforward,
    style_of,
)
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import load_content, sizes_of
from jaxnst.pipeline.run import prepare
from jaxnst.pipeline.settings import Settings

DRAFT_SIDE = 384
"""Pixels of a draft's long side, at most."""

_MULTIPLE = 64  # of a draft's sides, so that few shapes are compiled

_FRAMES = 20  # over which a rate is measured


@lru_cache(maxsize=1)
def model() -> FeedForward:
    """The network for one pass that comes with jaxnst."""
    return load_feedforward()


@lru_cache(maxsize=1)
def _prepared() -> FeedForward:
    return model().prepared()


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
        style_mix=settings.style_mix,
        terms=replace(one.terms, strength=settings.terms.strength),
        geometry=geometry,
    )


def draft(settings: Settings, content: Path, styles: Sequence[Path]) -> np.ndarray:
    """(H, W, 3): one pass for the settings' colours, strength, sizes and shares.

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
    network = model()
    prepared = prepare(
        one,
        network.encoder,
        photograph,
        paintings,
        multiple=_MULTIPLE,
        decoder=network,
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

    Statistics of the paintings are kept from frame to frame; what is dropped while a
    frame is painted never comes here.

    Attributes:
        count: frames that came so far, painted or skipped.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=_FRAMES)
        self._key: object = None
        self.count = 0
        self._style: Style | None = None

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
        """(h, w, 3) in [0, 1]: a frame (H, W, 3), its long side at most `side`
        pixels, in the style of the paintings in equal parts.

        Raises:
            OSError, ValueError, MemoryError: a painting cannot be read.
        """
        style = self._statistics(tuple(styles), side, style_scale)
        size = frame_size(frame.shape[0], frame.shape[1], side)
        pixels = images.resize_pixels(np.asarray(frame, np.float32), size)
        number = jnp.float32(1.0 if strength is None else strength)
        made = _apply(_prepared(), jnp.asarray(pixels), style, strength=number)
        image = np.clip(np.asarray(made), 0, 1)
        now = self._clock()
        if self._times and now - self._times[-1] > 5:  # it was paused
            self._times.clear()
        self._times.append(now)
        self.count += 1
        return image

    def _statistics(self, styles: tuple[Path, ...], side: int, scale: float) -> Style:
        key = styles, side, scale
        if self._style is None or key != self._key:
            longest = max(model().min_side * 2, round(side * scale))
            parts = [
                _style_of(_prepared(), images.load_image(path, size=longest))
                for path in styles
            ]
            self._style = parts[0] if len(parts) == 1 else blended(parts, None)
            self._key = key
        return self._style


def frame_size(height: int, width: int, side: int) -> tuple[int, int]:
    """The size at which a frame is painted: as near to its aspect as multiples of 16
    allow."""
    scale = min(1.0, side / max(height, width))
    rounded = (max(16, math.floor(x * scale / 16 + 0.5) * 16) for x in (height, width))
    found = tuple(rounded)
    return found[0], found[1]


_style_of = jax.jit(style_of)

_apply = jax.jit(apply_style)
