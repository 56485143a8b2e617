"""Parts of a photograph that were painted over on the page, as a mask's file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from jaxnst import images
from jaxnst._files import atomic_write, fitting_name
from jaxnst.pipeline.mask_pixels import LEAST
from jaxnst.pipeline.settings import Masks, Settings

How = Literal["paint", "keep", "protect"]

HOWS: tuple[How, ...] = get_args(How)

BRUSHES = (
    "#ea580c",
    "#2563eb",
    "#16a34a",
    "#c026d3",
    "#facc15",
    "#0891b2",
    "#7f1d1d",
    "#1e1b4b",
)
"""Colours of the brush, one for each of several paintings."""

OPACITY = 0.6
"""Of the brush: what is painted over is seen through it."""

_SIDE = 768  # pixels of the long side of what is painted on

_BRUSH = 0.07  # the brush's radius over the shorter side

_OPAQUE = 32  # alpha of 255 from which a pixel is painted over


@dataclass(frozen=True)
class Drawing:
    """What was painted over a photograph.

    Attributes:
        labels: (h, w), 0 where nothing was, else the number of the brush from 1 on.
    """

    labels: np.ndarray

    @property
    def brushes(self) -> list[int]:
        """Those that were used, from 0 on."""
        return [int(n) - 1 for n in np.unique(self.labels) if n]


def drawing_of(value: Any) -> Drawing | None:
    """The drawing in an image editor's value; None where nothing was drawn.

    Args:
        value: {"background": ..., "layers": [RGBA pictures of PIL, ...]}, or None.
    """
    if not value or value.get("background") is None:
        return None
    labels: np.ndarray | None = None
    colors = np.array([_rgb(color) for color in BRUSHES], np.float32)
    for layer in value.get("layers") or ():
        pixels = np.asarray(layer.convert("RGBA"), np.float32)
        distances = [((pixels[..., :3] - color) ** 2).sum(-1) for color in colors]
        nearest = np.argmin(distances, 0) + 1
        if labels is None or labels.shape != nearest.shape:
            labels = np.zeros(nearest.shape, np.int32)
        labels = np.where(pixels[..., 3] >= _OPAQUE, nearest, labels)
    return None if labels is None or not labels.any() else Drawing(labels)


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))


@dataclass(frozen=True)
class Chosen:
    """What a run takes: settings that name the mask, and the paintings that it uses."""

    settings: Settings
    styles: tuple[Path, ...]


def with_parts(
    settings: Settings,
    styles: Sequence[Path],
    value: Any,
    how: Any,
    content: Path,
    folder: Path,
) -> Chosen:
    """The settings with a mask of what was painted over; as they are where nothing was.

    Of several paintings each has the part in its brush's colour, and those without a
    part are left out.

    Args:
        value: of the image editor.
        how: "paint", these parts alone are painted; "keep", they stay the photograph;
            "protect", they stay recognisable.
        content: the photograph, after which the mask is called.
        folder: for the mask's file.

    Raises:
        ValueError: a part is too small to be told from a stray stroke.
    """
    drawing = drawing_of(value)
    if drawing is None:
        return Chosen(settings, tuple(styles))
    if how not in HOWS:
        raise ValueError(f"parts must be one of {', '.join(HOWS)}, got {how!r}")
    painted = drawing.labels > 0
    masks = replace(settings.masks, content_mask=None, style_mask=None, protect=None)
    used = list(range(len(styles)))
    if how == "paint" and len(styles) > 1:
        used = [n for n in drawing.brushes if n < len(styles)]
        if not used:
            raise ValueError(
                f"the brush is not of a painting; there are {len(styles)}, take the "
                "colour of one of them"
            )
        levels = _levels(drawing, used)
    else:
        levels = np.where(painted == (how != "keep"), 255, 0)
    path = str(_write(levels.astype(np.uint8), content, folder))
    if how == "protect":
        masks = replace(masks, protect=path)
    else:
        masks = replace(masks, content_mask=path)
    mix = settings.style_mix
    if len(used) < len(styles) and mix is not None:
        mix = tuple(mix[n] for n in used) if len(mix) == len(styles) else mix
    if len(used) == 1 < len(styles):
        mix = None
    return Chosen(
        replace(settings, masks=masks, style_mix=mix), tuple(styles[n] for n in used)
    )


def _levels(drawing: Drawing, used: Sequence[int]) -> np.ndarray:
    """(h, w), a grey level for each painting that is used, in their order; black is
    the photograph."""
    levels = np.zeros(drawing.labels.shape)
    for place, number in enumerate(used, 1):
        part = drawing.labels == number + 1
        if len(used) > 1 and part.mean() < 1.5 * LEAST:
            raise ValueError(
                f"the part of painting {number + 1} is too small to have a style; "
                "paint over more of it, or none"
            )
        levels[part] = round(255 * place / len(used))
    return levels


def _write(levels: np.ndarray, content: Path, folder: Path) -> Path:
    """The mask as a PNG, in a folder that is its own alone: other masks of the same
    name may still be read."""
    grey = np.repeat(levels.astype(np.float32)[..., None] / 255, 3, -1)
    data = images.encode(grey, ".png")
    place = folder / hashlib.sha256(data).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    path = place / fitting_name(f"{content.stem}-mask", ".png")
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)
    return path


def without_files(masks: Masks) -> Masks:
    """The masks of a picture that was read, whose files lie elsewhere."""
    return replace(masks, content_mask=None, style_mask=None, protect=None)


def names_of(masks: Masks) -> list[str]:
    """What their files are called."""
    named = (masks.content_mask, *(masks.style_mask or ()), masks.protect)
    return [Path(name).name for name in named if name is not None]


def brush_radius(path: Path) -> int:
    """Of a brush for a photograph, in pixels of `canvas`."""
    height, width = images.picture_size(path)
    scale = min(1.0, _SIDE / max(height, width))
    return max(4, round(_BRUSH * scale * min(height, width)))


def canvas(path: Path, folder: Path) -> Path:
    """A copy of a photograph to paint on, upright, no larger than needed.

    Raises:
        OSError, ValueError, MemoryError: it cannot be read.
    """
    side = min(_SIDE, max(images.picture_size(path)))
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "canvas.png"
    images.save_image(copy, images.load_image(path, size=side))
    return copy
