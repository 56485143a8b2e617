"""Painting a picture: from uploaded files and settings to a file that carries them."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from jaxnst import images
from jaxnst._files import fitting_name
from jaxnst.app.runs import Run, watch
from jaxnst.app.uploads import to_jpeg
from jaxnst.optimize.result import Result
from jaxnst.pipeline.continuation import continue_settings, scale_style
from jaxnst.pipeline.inputs import (
    Inputs,
    further_files,
    init_file,
    load_content,
    load_inputs,
)
from jaxnst.pipeline.provenance import describe, digests_of, shortened
from jaxnst.pipeline.region_masks import mask_files
from jaxnst.pipeline.run import render
from jaxnst.pipeline.settings import Settings

Kind = Literal["png", "jpg", "webp", "tif"]

KINDS: tuple[Kind, ...] = get_args(Kind)

MORE = 2.0
"""Times as much style that "a bit more" asks for; "a bit less" for the inverse."""

REFINE_STEPS = 40
"""At the final size, from a draft in one pass."""


@dataclass(frozen=True)
class Order:
    """What is to be painted.

    Attributes:
        content: the photograph's file.
        styles: files of one painting or several.
        settings: of the run.
        kind: of the file that is written.
        keep_metadata: whether EXIF and dots per inch of the photograph go into it.
    """

    content: Path
    styles: tuple[Path, ...]
    settings: Settings
    kind: Kind = "png"
    keep_metadata: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        """Every picture that is read."""
        return (self.content, *self.styles, *further_files(self.settings))


@dataclass(frozen=True)
class Painted:
    """A picture that was painted.

    Attributes:
        path: its file, which carries its settings.
        shown, before: JPEG files of it and of the photograph at its size.
        order: what was asked for.
        notice: on what was chosen that nobody asked for.
        width, height: in pixels.
        steps: that were done, of `planned`.
        seconds: of the run.
        losses: {term: at the end}.
        finite: False if the run turned infinite; the picture is from before.
    """

    path: Path
    shown: Path
    before: Path
    order: Order
    notice: str
    width: int
    height: int
    steps: int
    planned: int
    seconds: float
    losses: dict[str, float]
    finite: bool

    @property
    def masks(self) -> tuple[Path, ...]:
        """The masks that it was painted with."""
        return mask_files(self.order.settings.masks)

    @property
    def command(self) -> str:
        """What paints it again, in a folder with all of its files."""
        masks = self.order.settings.masks
        words = [self.order.content.name, *(path.name for path in self.order.styles)]
        words += ["--from", self.path.name]
        for option, name in (
            ("--content-mask", masks.content_mask),
            ("--protect", masks.protect),
        ):
            words += [] if name is None else [option, Path(name).name]
        return shlex.join(["jaxnst", *words, "-o", "again.png"])

    @property
    def facts(self) -> dict[str, Any]:
        """The run in words and numbers that JSON can hold."""
        return {
            "file": self.path.name,
            "content": self.order.content.name,
            "styles": [path.name for path in self.order.styles],
            "width": self.width,
            "height": self.height,
            "steps": self.steps,
            "planned_steps": self.planned,
            "seconds": round(self.seconds, 3),
            "finite": self.finite,
            "losses": self.losses,
            "settings": self.order.settings.to_json(),
        }


def check_order(content: Any, styles: Sequence[Any], kind: str) -> None:
    """ValueError where something is missing, in words for who looks at the page."""
    if content is None:
        raise ValueError("a photograph is missing; drop one, or take the samples")
    if not styles:
        raise ValueError("a painting is missing; drop one, or take the samples")
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")


def paint(order: Order, folder: Path, run: Run[Any]) -> Painted | None:
    """Paint, and write the picture into the folder.

    Returns:
        None if the run was stopped before there was anything.

    Raises:
        OSError, ValueError, MemoryError: as `load_inputs` and `save_image`.
    """
    if run.stopped():
        return None
    inputs = load_inputs(order.settings, order.content, order.styles)
    digests = digests_of({path: path.name for path in order.files})
    like = images.read_like(
        order.content, size=inputs.size, keep_metadata=order.keep_metadata
    )
    if run.stopped():
        return None
    one_pass = inputs.settings.optimization.one_pass
    levels = () if one_pass else inputs.levels
    steps = inputs.settings.optimization.steps_at(len(levels))
    result = render(
        inputs.settings,
        *inputs.arguments,
        init=inputs.init,
        callback=watch(run, levels, steps),
        decoder=inputs.decoder,
        regions=inputs.regions,
    )
    return _written(order, folder, inputs, digests, like, result, sum(steps))


def _written(
    order: Order,
    folder: Path,
    inputs: Inputs,
    digests: dict[str, str],
    like: images.Like,
    result: Result,
    planned: int,
) -> Painted:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{order.content.stem}__{order.styles[0].stem}"
    path = folder / fitting_name(name, f".{order.kind}")
    stored = describe(
        portable(inputs.settings),
        inputs.network,
        result,
        pictures=[Path(each.name) for each in (order.content, *order.styles)],
        digests=digests,
        decoder=inputs.decoder,
    )
    kept, _ = shortened(stored, lambda some: images.metadata_fits(path, some))
    images.save_image(path, result.image, like=like, metadata=kept)
    shown = np.asarray(images.over_white(np.asarray(result.image), like.alpha))
    pages = folder / "after.jpg", folder / "before.jpg"
    photograph = inputs.content
    if order.settings.masks.protect is not None:  # which shows it in other colours
        photograph = load_content(order.content, inputs.size)
    before = images.over_white(
        np.asarray(images.resize(photograph, shown.shape[:2])), like.alpha
    )
    for page, image in zip(pages, (shown, np.asarray(before)), strict=True):
        page.write_bytes(to_jpeg(image))
    losses = {
        name: float(values[-1])
        for name, values in result.trace.items()
        if "/" not in name and np.isfinite(values[-1])
    }
    return Painted(
        path,
        *pages,
        replace(order, settings=inputs.settings),
        inputs.notice,
        width=shown.shape[1],
        height=shown.shape[0],
        steps=result.steps,
        planned=planned,
        seconds=result.seconds,
        losses=losses,
        finite=bool(result.finite),
    )


def portable(settings: Settings) -> Settings:
    """Settings in which a picture to start from and masks are called by their names
    alone: their folder is one of this server's."""
    how, masks = settings.optimization, settings.masks
    if init_file(settings) is not None:
        how = replace(how, init=Path(how.init).name)
    if masks.content_mask is not None:
        masks = replace(masks, content_mask=Path(masks.content_mask).name)
    if masks.style_mask is not None:
        names = tuple(Path(name).name for name in masks.style_mask)
        masks = replace(masks, style_mask=names)
    if masks.protect is not None:
        masks = replace(masks, protect=Path(masks.protect).name)
    return replace(settings, optimization=how, masks=masks)


def go_on(painted: Painted, factor: float) -> Order:
    """What goes on from a picture with so many times as much style, and its masks."""
    order = go_on_from(
        painted.path,
        painted.order.content,
        painted.order.styles,
        factor,
        kind=painted.order.kind,
        keep_metadata=painted.order.keep_metadata,
    )
    masks = painted.order.settings.masks
    return replace(order, settings=replace(order.settings, masks=masks))


def go_on_from(
    path: Path, content: Path, styles: Sequence[Path], factor: float, **how: Any
) -> Order:
    """As `go_on`, from a file that carries its settings.

    Raises:
        ValueError: it carries none; a factor that is not above 0.
    """
    if not 0 < factor < np.inf:
        raise ValueError(f"factor must be above 0, got {factor:g}")
    settings = scale_style(continue_settings(path)[0], factor)
    return Order(content, tuple(styles), settings, **how)


def refined(settings: Settings) -> Settings:
    """Settings that optimise, in few steps at the final size, from one pass."""
    how = replace(settings.optimization, init="feedforward", steps=(REFINE_STEPS,))
    geometry = replace(settings.geometry, min_size=None)
    return replace(settings, optimization=how, geometry=geometry)
