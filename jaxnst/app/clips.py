"""Painting a clip, frame after frame, as the page and programs ask for it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxnst import video
from jaxnst._files import fitting_name
from jaxnst.app.controls import Controls, settings_of
from jaxnst.app.painting import portable
from jaxnst.app.runs import Run
from jaxnst.feedforward import load_feedforward
from jaxnst.optimize.result import Result
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import Inputs, load_inputs
from jaxnst.pipeline.provenance import describe, digests_of
from jaxnst.pipeline.settings import Settings
from jaxnst.video import Clip, ClipMasks, FrameMask, PaintedClip, Painter
from jaxnst.video.paint import FrameProgress


def available() -> bool:
    """Whether what reads clips (PyAV) and what steadies them (OpenCV) is installed."""
    return find_spec("av") is not None and find_spec("cv2") is not None


@dataclass(frozen=True)
class ClipOrder:
    """A clip that is to be painted.

    Attributes:
        clip: its file.
        styles: files of one painting or several.
        settings: of the first frame of a shot; of one pass, of every frame.
        start, end: seconds between which it is painted; None, its end.
    """

    clip: Path
    styles: tuple[Path, ...]
    settings: Settings
    start: float = 0.0
    end: float | None = None


def clip_settings(controls: Controls, *, optimised: bool) -> Settings:
    """The settings that the controls stand for, of one pass unless frames are
    optimised."""
    settings = settings_of(controls)
    if optimised or settings.optimization.one_pass:
        return settings
    one = presets.get("encoder-transformer")
    terms = replace(one.terms, strength=settings.terms.strength)
    geometry = replace(settings.geometry, min_size=None, margin=0)
    return replace(
        one,
        color=settings.color,
        photorealism=settings.photorealism,
        style_mix=settings.style_mix,
        terms=terms,
        geometry=geometry,
        masks=settings.masks,
    )


def with_mask(settings: Settings, mask: str | None) -> Settings:
    """The settings with the file of a mask for the frames, still or moving."""
    if not mask:
        return settings
    return replace(settings, masks=replace(settings.masks, content_mask=str(mask)))


def paint(order: ClipOrder, folder: Path, run: Run[Any]) -> PaintedClip | None:
    """Paint, and write an MP4 with the clip's times and sound into the folder.

    Returns:
        None if the run was stopped before there was anything; a clip of the frames
        painted so far if on its way.

    Raises:
        OSError, ValueError, MemoryError: the clip or a painting cannot be read.
    """
    if run.stopped():
        return None
    clip = video.open_clip(order.clip, start=order.start or None, end=order.end or None)
    folder.mkdir(parents=True, exist_ok=True)
    name = fitting_name(f"{order.clip.stem}__{order.styles[0].stem}", ".mp4")
    output = folder / name
    geometry = order.settings.geometry.of_photograph(*clip.size)
    size = video.fitted_size(output, geometry.content_size(*clip.size))
    first = next(clip.frames(size), None)
    if first is None:
        raise ValueError(f"{clip.path} has no frame there; choose another start or end")
    inputs = load_inputs(
        order.settings,
        order.clip,
        order.styles,
        frame=jnp.asarray(first.pixels, jnp.float32) / 255,
    )
    masks = video.open_masks(inputs.settings.masks, clip, size, inputs.styles)
    read = (*order.styles, *(() if masks is None else masks.files))
    digests = digests_of({path: path.name for path in read})
    watched = _Watched(_painter(inputs, size, first.pixels, masks), run)
    return video.paint_clip(
        clip,
        watched,
        output,
        size=size,
        comment=json.dumps(_facts(order, inputs, digests)),
        callback=watched.told(clip),
        masks=masks,
    )


def _painter(
    inputs: Inputs, size: tuple[int, int], first: np.ndarray, masks: ClipMasks | None
) -> Painter:
    settings = inputs.settings
    decoder = inputs.decoder or load_feedforward()
    if settings.optimization.one_pass:
        return video.OnePassPainter(
            decoder,
            inputs.styles,
            strength=settings.terms.strength,
            style_mix=settings.style_mix,
            color=settings.color,
            photorealism=settings.photorealism,
            reference=first,
            masks=masks,
        )
    return video.OptimisedPainter(
        inputs.network,
        inputs.styles,
        settings,
        size=size,
        decoder=decoder,
        reference=first,
        masks=masks,
    )


def _facts(order: ClipOrder, inputs: Inputs, digests: dict[str, str]) -> dict[str, Any]:
    """What the clip's file keeps of the run."""
    found = describe(
        portable(inputs.settings),
        inputs.network,
        Result(None, {}, 0, True, 0.0, None),
        pictures=[Path(path.name) for path in (order.clip, *order.styles)],
        digests=digests,
        decoder=inputs.decoder,
    )
    return {name: x for name, x in found.items() if name not in ("steps", "final")}


class _Watched:
    """A painter whose frames a run is shown."""

    def __init__(self, painter: Painter, run: Run[Any]) -> None:
        self._painter, self._run = painter, run
        self.span = painter.span
        self._image: np.ndarray | None = None

    def motion(self, frames: Sequence[np.ndarray]) -> Any:
        return self._painter.motion(frames)

    def paint(
        self,
        frame: np.ndarray,
        motion: Any,
        painted: Sequence[np.ndarray],
        masks: Sequence[FrameMask] = (),
    ) -> np.ndarray:
        more: dict[str, Any] = {"masks": masks} if masks else {}
        made = self._painter.paint(frame, motion, painted, **more)
        self._image = np.asarray(made, np.float32) / 255
        return made

    def told(self, clip: Clip) -> Any:
        """A callback of `paint_clip`; the first frame compiles, and does not count."""
        first: list[float] = []

        def callback(progress: FrameProgress) -> bool:
            now = self._run.seconds
            first.append(now)
            done, left = progress.painted - 1, None
            if done:
                each = (now - first[0]) / done
                left = each * (progress.total - progress.done)
            self._run.report(
                step=progress.done,
                steps=progress.total,
                left=left,
                image=self._image,
            )
            return self._run.stopped()

        return callback
