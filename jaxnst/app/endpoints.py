"""The same for programs: endpoints that Gradio's client calls.

Files go in as the client's `handle_file` sends them, options by the names of
`controls.Controls`; what comes back are files that carry their settings, and facts.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import gradio as gr

from jaxnst.app import clips, drafts, grids, painting
from jaxnst.app.controls import controls_from, settings_of
from jaxnst.app.painting import Order
from jaxnst.app.runs import Run, Update, device
from jaxnst.app.sessions import Sessions
from jaxnst.app.uploads import to_jpeg, without_folders
from jaxnst.pipeline.provenance import read_settings

_DEVICE: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": 1}


class Endpoints:
    """What programs may call; every error is one line, as the client's `AppError`."""

    def __init__(self, folder: Path, describe: Callable[[Exception], str]) -> None:
        self._made, self._describe = folder, describe
        self._numbers = count()

    def paint(
        self, content: str | None, styles: list[str] | None, options: Any
    ) -> Iterator[tuple[str | None, dict[str, Any]]]:
        """Paint a photograph in the style of one painting or several.

        Gives how far it is, about every second, and at the end the picture."""

        def order() -> Order:
            given = dict(options or {})
            kind = given.pop("kind", painting.KINDS[0])
            painting.check_order(content, styles or (), kind)
            keep = bool(given.pop("keep_metadata", True))
            settings = settings_of(controls_from(given))
            return Order(Path(str(content)), _paths(styles), settings, kind, keep)

        yield from self._painted(order, (content, *(styles or ())))

    def go_on(
        self,
        picture: str | None,
        content: str | None,
        styles: list[str] | None,
        factor: float,
    ) -> Iterator[tuple[str | None, dict[str, Any]]]:
        """Go on from a picture made by jaxnst with so many times as much style."""

        def order() -> Order:
            painting.check_order(content, styles or (), painting.KINDS[0])
            if picture is None:
                raise ValueError("the picture to go on from is missing")
            paths = Path(str(content)), _paths(styles)
            return painting.go_on_from(Path(picture), *paths, float(factor))

        yield from self._painted(order, (picture, content, *(styles or ())))

    def draft(
        self, content: str | None, styles: list[str] | None, options: Any
    ) -> Iterator[str]:
        """One pass: a small picture in a moment."""
        with self._in_words((content, *(styles or ()))), self._folder() as folder:
            painting.check_order(content, styles or (), painting.KINDS[0])
            settings = settings_of(controls_from(options or {}))
            with device():
                image = drafts.draft(settings, Path(str(content)), _paths(styles))
            path = folder / "draft.jpg"
            path.write_bytes(to_jpeg(image))
            yield str(path)

    def grid(
        self,
        content: str | None,
        styles: list[str] | None,
        axes: Any,
        options: Any,
    ) -> Iterator[tuple[list[tuple[str, str]] | None, dict[str, Any]]]:
        """Paint under every value of two controls in one call, such as
        {"strength": [0.3, 0.6], "style_scale": [1, 2]}.

        Gives how far it is, and at the end the pictures, row by row."""
        with self._in_words((content, *(styles or ()))), self._folder() as folder:
            painting.check_order(content, styles or (), painting.KINDS[0])
            run: Run[list[grids.Cell]] = Run()
            controls, path = controls_from(options or {}), Path(str(content))
            found = _axes(axes)
            run.start(
                lambda run: grids.paint_grid(
                    controls, found, path, _paths(styles), folder, run
                )
            )
            for update in run.updates():
                yield None, _progress(update)
            cells = run.result()
            yield (
                [(str(cell.path), cell.label) for cell in cells],
                {"cells": [cell.label for cell in cells]},
            )

    def clip(
        self, clip: str | None, styles: list[str] | None, options: Any
    ) -> Iterator[tuple[str | None, dict[str, Any]]]:
        """Paint a clip, each frame in one pass, or with {"optimised": true} among the
        options optimised; "start" and "end" are seconds.

        Gives how far it is in frames, and at the end an MP4."""
        with self._in_words((clip, *(styles or ()))), self._folder() as folder:
            if clip is None:
                raise ValueError("the clip is missing")
            painting.check_order(clip, styles or (), painting.KINDS[0])
            given = dict(options or {})
            optimised = bool(given.pop("optimised", False))
            start, end = given.pop("start", 0.0), given.pop("end", None)
            settings = clips.clip_settings(controls_from(given), optimised=optimised)
            order = clips.ClipOrder(
                Path(clip), _paths(styles), settings, float(start or 0.0), end
            )
            run: Run[Any] = Run()
            run.start(lambda run: clips.paint(order, folder, run))
            for update in run.updates():
                yield None, _progress(update)
            made = run.result()
            yield (
                str(made.path),
                {
                    "file": made.path.name,
                    "frames": made.frames,
                    "duration": float(made.duration),
                    "seconds": round(made.seconds, 3),
                    "remarks": list(made.remarks),
                },
            )

    def read(self, picture: str | None) -> dict[str, Any]:
        """The settings of a picture made by jaxnst."""
        with self._in_words((picture,)):
            if picture is None:
                raise ValueError("the picture to read is missing")
            settings, names = read_settings(Path(picture))
            return {
                "settings": settings.to_json(),
                "content": names[0].name,
                "styles": [name.name for name in names[1:]],
            }

    def _painted(
        self, make: Callable[[], Order], given: Sequence[str | None]
    ) -> Iterator[tuple[str | None, dict[str, Any]]]:
        with self._in_words(given), self._folder() as folder:
            order = make()
            run: Run[painting.Painted | None] = Run()
            run.start(lambda run: painting.paint(order, folder, run))
            for update in run.updates():
                yield None, _progress(update)
            done = run.result()
            assert done is not None, "nobody stopped it"
            yield str(done.path), done.facts

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """A folder for what is made; Gradio has copied it when the block ends."""
        folder = self._made / f"program-{next(self._numbers)}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _in_words(self, paths: Sequence[str | None]) -> "_InWords":
        return _InWords(self._describe, [Path(path) for path in paths if path])


class _InWords:
    """Within the block an error becomes Gradio's, with its line."""

    def __init__(self, describe: Callable[[Exception], str], paths: list[Path]) -> None:
        self._describe, self._paths = describe, paths

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            text = without_folders(self._describe(error), self._paths)
            raise gr.Error(text, print_exception=False) from error


def _progress(update: Update) -> dict[str, Any]:
    return {
        "step": update.step,
        "steps": update.steps,
        "losses": update.terms,
        "seconds": round(update.seconds, 1),
        "seconds_left": update.left,
    }


def _paths(styles: list[str] | None) -> tuple[Path, ...]:
    return tuple(map(Path, styles or ()))


def _axes(given: Any) -> grids.Axes:
    """Axes from a program's two lists of numbers by the names of their controls."""
    names = list(given or {})
    rows = [name for name in names if name in ("strength", "alpha")]
    columns = [name for name in names if name in ("style_scale", "beta")]
    if len(names) != 2 or len(rows) != 1 or len(columns) != 1:
        raise ValueError(
            "axes must hold numbers for strength or alpha and for style_scale or beta, "
            f"got {given!r}"
        )
    values = [tuple(map(float, given[name])) for name in (*rows, *columns)]
    return grids.Axes(rows[0], values[0], columns[0], values[1])


def add_endpoints(sessions: Sessions, describe: Callable[[Exception], str]) -> None:
    """Add them to the blocks that are built, with components that nobody sees."""
    ours = Endpoints(sessions.folder, describe)
    with gr.Group(visible=False):
        content, picture = gr.File(label="content"), gr.File(label="picture")
        styles = gr.File(label="styles", file_count="multiple")
        options, axes = gr.JSON(label="options"), gr.JSON(label="axes")
        factor = gr.Number(painting.MORE, label="factor")
        made, facts = gr.File(label="made"), gr.JSON(label="facts")
        many, film = gr.Gallery(label="grid"), gr.File(label="clip")
        works: list[tuple[Any, list[Any], Any]] = [
            (ours.paint, [content, styles, options], [made, facts]),
            (ours.go_on, [picture, content, styles, factor], [made, facts]),
            (ours.draft, [content, styles, options], made),
            (ours.grid, [content, styles, axes, options], [many, facts]),
            (ours.read, [picture], facts),
        ]
        if clips.available():
            works.append((ours.clip, [film, styles, options], [made, facts]))
        for work, inputs, outputs in works:
            name = work.__name__
            how = {} if name == "read" else _DEVICE
            gr.Button(name).click(
                work, inputs, outputs, api_name=name, api_visibility="public", **how
            )
