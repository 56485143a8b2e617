"""What happens on the page: from its components to the plain functions and back."""

import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from jaxnst import images
from jaxnst.app import drafts, grids, markup, painting
from jaxnst.app.components import STROKES, Page
from jaxnst.app.controls import (
    NAMES,
    Controls,
    controls_of,
    preset_controls,
    settings_of,
    values_of,
)
from jaxnst.app.painting import Order, Painted
from jaxnst.app.runs import Run, device
from jaxnst.app.sessions import Session, Sessions
from jaxnst.app.uploads import (
    for_browser,
    from_data_address,
    original,
    sample_pictures,
    without_folders,
    write_data_address,
)
from jaxnst.pipeline.provenance import read_settings

_CAMERA_WAIT = 1.0  # seconds that a frame waits for the device

DEVICE = "device"
"""Events of this name run one at a time; the others wait in their order."""

Describe = Callable[[Exception], str]
Update = Any


@dataclass(frozen=True)
class Events:
    """The page's events.

    Attributes:
        describe: an error as one line.
    """

    page: Page
    sessions: Sessions
    describe: Describe

    def connect(self, blocks: gr.Blocks) -> None:
        """Connect every component."""
        page = self.page
        blocks.unload(self.closed)
        page.tabs.select(_selected, None, page.tab, **_PRIVATE)
        self._connect_pictures()
        self._connect_paint()
        self._connect_draft()
        self._connect_grid()
        self._connect_live()
        page.finished.upload(
            self.read, page.finished, [page.read, *page.controls], **_PRIVATE
        )

    def closed(self, request: gr.Request) -> None:
        """The tab is closed."""
        self.sessions.close(request.session_hash)

    def line(self, error: Exception, *paths: Path) -> str:
        """An error as one line in which files are called by their names alone; what
        nobody expected is also shown whole where the server runs."""
        if not isinstance(error, OSError | ValueError | TypeError | MemoryError):
            traceback.print_exception(error, file=sys.stderr)
        return without_folders(self.describe(error), paths)

    # Pictures and controls

    def _connect_pictures(self) -> None:
        page, look = self.page, self.page.look
        page.samples.click(
            self.take_samples, None, [page.content, page.styles, page.message],
            **_PRIVATE,
        )  # fmt: skip
        page.content.upload(
            self.uploaded, page.content, [page.content, page.message], **_PRIVATE
        )
        page.styles.upload(
            self.uploaded_styles, page.styles, [page.styles, page.message], **_PRIVATE
        )
        others = [look[name] for name in NAMES if name != "preset"]
        look["preset"].input(self.preset, look["preset"], others, **_PRIVATE)
        look["how"].change(
            lambda how: gr.update(interactive=how == "strength"),
            look["how"],
            look["strength"],
            **_PRIVATE,
        )

    def take_samples(self) -> list[Update]:
        """The pictures that come along."""
        content, style = sample_pictures()
        return [str(content), [str(style)], gr.update(visible=False)]

    def uploaded(self, path: str | None) -> list[Update]:
        """A photograph was dropped: shown if it can be read."""
        if path is None:
            return [None, gr.update(visible=False)]
        try:
            shown = for_browser(Path(path))
        except Exception as error:
            return [None, self._message(error, Path(path))]
        kept = gr.skip() if shown == Path(path) else str(shown)
        return [kept, gr.update(visible=False)]

    def uploaded_styles(self, gallery: Any) -> list[Update]:
        """Paintings were dropped: those stay that can be read."""
        kept, lines = [], []
        for path in _paths(gallery):
            try:
                kept.append(str(for_browser(path)))
            except Exception as error:
                lines.append(self.line(error, path))
        shown = "".join(map(markup.error, lines))
        return [kept or None, gr.update(value=shown, visible=bool(lines))]

    def _message(self, error: Exception, *paths: Path) -> Update:
        return gr.update(value=markup.error(self.line(error, *paths)), visible=True)

    def preset(self, name: str) -> list[Update]:
        """Every other control as a preset has it."""
        values = values_of(preset_controls(name))
        return [_as_value(k, values[k]) for k in NAMES if k != "preset"]

    # Paint

    def _connect_paint(self) -> None:
        page = self.page
        given = [page.content, page.styles]
        how = [page.kind, page.keep_metadata]
        result = [
            *(page.progress, page.compare, page.done, page.paint, page.stop),
            *(page.less, page.more, page.download),
            *(page.look["strength"], page.look["beta"]),
        ]
        for button, work, inputs in (
            (page.paint, self.paint, [*given, *how, *page.controls]),
            (page.refine, self.refine, [*given, *how, *page.controls]),
            (page.more, self.more, []),
            (page.less, self.less, []),
        ):
            button.click(
                self.begin, None, [*result, page.tabs, page.tab],
                show_progress="hidden", queue=False, api_visibility="private",
            ).then(
                work, inputs, result, show_progress="minimal", concurrency_limit=1,
                concurrency_id=DEVICE, show_progress_on=page.progress,
                api_visibility="private",
            )  # fmt: skip
        for button in (page.stop, page.grid_stop):
            button.click(self.stop, None, None, queue=False, **_PRIVATE)

    def begin(self, request: gr.Request) -> list[Update]:
        """A button was pressed; the run waits until the device is free."""
        self.sessions.of(request.session_hash).begin()
        waiting = gr.update(value=markup.empty("waiting for its turn"), visible=True)
        return [*_running(waiting), gr.Tabs(selected="paint"), "paint"]

    def stop(self, request: gr.Request) -> None:
        """Stop was pressed."""
        self.sessions.of(request.session_hash).stop()

    def paint(
        self,
        request: gr.Request,
        content: Any,
        styles: Any,
        kind: Any,
        keep: bool,
        *look: Any,
    ) -> Iterator[list[Update]]:
        """Paint what stands on the page."""
        yield from self._painted(
            request, lambda session: _order(content, styles, kind, keep, look)
        )

    def refine(
        self,
        request: gr.Request,
        content: Any,
        styles: Any,
        kind: Any,
        keep: bool,
        *look: Any,
    ) -> Iterator[list[Update]]:
        """Optimise from what one pass makes of it."""

        def order(session: Session) -> Order:
            found = _order(content, styles, kind, keep, look)
            return replace(found, settings=painting.refined(found.settings))

        yield from self._painted(request, order)

    def more(self, request: gr.Request) -> Iterator[list[Update]]:
        """Go on from the last picture with more style."""
        yield from self._painted(request, partial_go_on(painting.MORE), moves=True)

    def less(self, request: gr.Request) -> Iterator[list[Update]]:
        """Go on from the last picture with less style."""
        yield from self._painted(request, partial_go_on(1 / painting.MORE), moves=True)

    def _painted(
        self,
        request: gr.Request,
        make: Callable[[Session], Order],
        *,
        moves: bool = False,
    ) -> Iterator[list[Update]]:
        """The picture as it comes about, and at the end with what can be done to it.

        Args:
            make: what is to be painted.
            moves: whether the controls follow its settings.
        """
        session = self.sessions.of(request.session_hash)
        run: Run[Painted | None] | None = session.run
        if run is None:  # the server was started anew under an open page
            run = session.begin()
        paths: tuple[Path, ...] = ()
        try:
            order = make(session)
            paths = order.files
            folder = session.new_folder()
            run.start(lambda run: painting.paint(order, folder, run))
            for update in run.updates():
                yield _running(markup.progress(update, ends=run.stopped()))
            done = run.result()
        except Exception as error:
            yield _ended(markup.error(self.line(error, *paths)), session.painted)
            return
        if done is None:
            yield _ended(markup.empty("stopped before it began"), session.painted)
            return
        session.painted = done
        yield _shown(done, moves)

    # At once

    def _connect_draft(self) -> None:
        page, look = self.page, self.page.look
        changes = [page.content.change, page.styles.change, page.tab.change]
        changes += [
            look[name].change
            for name in ("strength", "how", "color", "style_scale", "style_mix")
        ]
        gr.on(
            changes,
            self.draft,
            [page.tab, page.content, page.styles, *page.controls],
            page.draft,
            trigger_mode="always_last",
            show_progress="hidden",
            concurrency_limit=2,
            concurrency_id="drafts",
            api_visibility="private",
        )

    def draft(
        self, tab: str, content: Any, styles: Any, *look: Any
    ) -> Iterator[Update]:
        """One pass of what stands on the page, where that is looked at."""
        if tab != "draft" or not content or not styles:
            yield gr.skip()
            return
        path, paths = original(Path(content)), _paths(styles)
        try:
            settings = settings_of(_controls(look))
            with device(wait=0) as free:
                if free:
                    yield _draft_of(settings, path, paths)
                    return
            yield markup.note("a picture is being painted; the draft comes after it")
            with device():
                yield _draft_of(settings, path, paths)
        except Exception as error:
            yield markup.error(self.line(error, path, *paths))

    # Grid

    def _connect_grid(self) -> None:
        page = self.page
        shown = [page.grid_progress, page.gallery, page.grid, page.grid_stop]
        page.grid.click(
            self.begin_grid, None, shown, show_progress="hidden", queue=False,
            api_visibility="private",
        ).then(
            self.grid,
            [page.content, page.styles, page.rows, page.row_values, page.columns,
             page.column_values, page.grid_size, *page.controls],
            shown,
            show_progress="minimal", show_progress_on=page.grid_progress,
            concurrency_limit=1, concurrency_id=DEVICE, api_visibility="private",
        )  # fmt: skip
        page.rows.change(
            lambda rows: "0.25 0.5 0.75" if rows == "strength" else "0.3 1 3",
            page.rows, page.row_values, **_PRIVATE,
        )  # fmt: skip
        page.columns.change(
            lambda columns: "0.7 1 1.5" if columns == "style_scale" else "2 8 32",
            page.columns, page.column_values, **_PRIVATE,
        )  # fmt: skip
        page.gallery.select(
            self.take_over, None,
            [page.tabs, page.tab, page.progress, page.compare, page.done,
             *page.controls],
            **_PRIVATE,
        )  # fmt: skip

    def begin_grid(self, request: gr.Request) -> list[Update]:
        """The grid waits until the device is free."""
        self.sessions.of(request.session_hash).begin()
        return _grid_running(markup.note("waiting for its turn"))

    def grid(
        self, request: gr.Request, content: Any, styles: Any, rows: Any,
        row_values: str, columns: Any, column_values: str, size: float, *look: Any,
    ) -> Iterator[list[Update]]:  # fmt: skip
        """Paint the grid."""
        session = self.sessions.of(request.session_hash)
        run: Run[list[grids.Cell]] = session.run or session.begin()
        paths: tuple[Path, ...] = ()
        try:
            painting.check_order(content, styles, painting.KINDS[0])
            path, paths = original(Path(content)), _paths(styles)
            axes = grids.Axes(
                rows,
                grids.parse_axis(row_values, "rows"),
                columns,
                grids.parse_axis(column_values, "columns"),
            )
            controls = _controls(look)
            small = replace(controls, size=int(size))
            folder = session.new_folder()
            run.start(
                lambda run: grids.paint_grid(small, axes, path, paths, folder, run)
            )
            for update in run.updates():
                yield _grid_running(markup.progress(update, ends=run.stopped()))
            cells = run.result()
        except Exception as error:
            yield [markup.error(self.line(error, *paths)), gr.skip(), *_GRID_IDLE]
            return
        # At their full size: the grid's was for the grid.
        session.cells = [
            replace(cell, controls=replace(cell.controls, size=controls.size))
            for cell in cells
        ]
        pictures = [(str(cell.path), cell.label) for cell in cells]
        columns_shown = len(axes.column_values)
        gallery = gr.update(value=pictures, columns=columns_shown)
        few = "" if len(cells) == len(axes.cells) else "stopped before it was whole"
        yield [markup.note(few), gallery, *_GRID_IDLE]

    def take_over(self, event: gr.SelectData, request: gr.Request) -> list[Update]:
        """A picture of the grid was clicked: its setting goes into Paint."""
        cell = self.sessions.of(request.session_hash).cells[int(event.index)]
        image = np.asarray(images.load_image(cell.path))
        shown = markup.picture(image, cell.label) + markup.note(
            f"{cell.label}, as in the grid; Paint paints it at {cell.controls.size} "
            "pixels"
        )
        values = values_of(cell.controls)
        return [
            gr.Tabs(selected="paint"),
            "paint",
            gr.update(value=shown, visible=True),
            gr.update(visible=False),
            gr.update(visible=False),
            *(_as_value(name, values[name]) for name in NAMES),
        ]

    # Live

    def _connect_live(self) -> None:
        page, look = self.page, self.page.look
        given = [page.frame, page.camera_side, page.styles,
                 look["how"], look["strength"], look["style_scale"]]  # fmt: skip
        # The answer to a frame asks for the next: never is more than one on its way.
        for listen, take in ((page.camera.click, "start"), (page.live.change, "frame")):
            listen(
                self.frame,
                given,
                page.live,
                js=f"async (_, side, ...rest) => "
                f"[await jaxnst.{take}(side), side, ...rest]",
                queue=False,
                trigger_mode="multiple",
                **_PRIVATE,
            )
        page.camera_stop.click(None, None, None, js="() => jaxnst.stop()")
        page.snapshot.click(
            self.snapshot,
            page.frame,
            [page.content, page.message, page.tabs, page.tab],
            js="() => jaxnst.frame(4096)",
            queue=False,
            **_PRIVATE,
        )

    def frame(
        self, request: gr.Request, data: str, side: float, styles: Any, how: str,
        strength: float, scale: float,
    ) -> Update:  # fmt: skip
        """A frame of the camera in one pass; the browser drops those between."""
        session, paths = self.sessions.of(request.session_hash), _paths(styles)
        if data.startswith("error: "):
            return markup.error(f"no camera: {data.removeprefix('error: ')}")
        if not data:  # it was stopped
            return gr.skip()
        if not paths:
            return markup.error("a painting is missing; drop one, or take the samples")
        try:
            with device(wait=_CAMERA_WAIT) as free:
                if not free:
                    return markup.live(None, 0.0, session.camera.skip())
                image = session.camera.paint(
                    from_data_address(data, session.folder / "frame.jpg"),
                    paths,
                    strength=strength if how == "strength" else None,
                    side=int(side),
                    style_scale=scale,
                )
        except Exception as error:
            return markup.error(self.line(error, *paths))
        return markup.live(image, session.camera.rate, session.camera.count)

    def snapshot(self, request: gr.Request, data: str) -> list[Update]:
        """What the camera sees becomes the photograph."""
        session = self.sessions.of(request.session_hash)
        hidden = gr.update(visible=False)
        if not data:
            text = "the camera is off; start it first"
            shown = gr.update(value=markup.error(text), visible=True)
            return [gr.skip(), shown, gr.skip(), gr.skip()]
        path = session.new_folder() / "camera.jpg"
        write_data_address(data, path)
        return [str(path), hidden, gr.Tabs(selected="paint"), "paint"]

    # Read a picture

    def read(self, path: str | None) -> list[Update]:
        """A finished picture was dropped: its settings fill the page."""
        same = [gr.skip()] * len(NAMES)
        if path is None:
            return ["", *same]
        try:
            settings, pictures = read_settings(Path(path))
            controls = controls_of(settings)
        except Exception as error:
            return [markup.error(self.line(error, Path(path))), *same]
        values = values_of(controls)
        shown = markup.note("its settings are on the page now") + markup.table(
            [
                ("photograph", pictures[0].name),
                ("paintings", ", ".join(each.name for each in pictures[1:])),
                ("preset", settings.preset),
                ("network", settings.network),
                ("size", settings.geometry.size),
                ("steps", controls.steps),
                (
                    controls.how,
                    controls.strength if controls.how == "strength" else controls.beta,
                ),
            ]
        )
        return [shown, *(_as_value(name, values[name]) for name in NAMES)]


_PRIVATE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

_GRID_IDLE = [gr.update(interactive=True), gr.update(interactive=False)]


def _selected(event: gr.SelectData) -> str:
    """The name of the tab that was chosen."""
    return _TABS.get(str(event.value), "paint")


_TABS = {
    "Paint": "paint",
    "At once": "draft",
    "Grid": "grid",
    "Live": "live",
    "Read a picture": "read",
}


def partial_go_on(factor: float) -> Callable[[Session], Order]:
    """What goes on from a tab's last picture with so many times as much style."""

    def order(session: Session) -> Order:
        if session.painted is None:
            raise ValueError("there is no picture to go on from; press Paint first")
        return painting.go_on(session.painted, factor)

    return order


def _paths(gallery: Any) -> tuple[Path, ...]:
    """The files of a gallery's pictures."""
    return tuple(original(Path(item[0])) for item in gallery or ())


def _controls(look: Sequence[Any]) -> Controls:
    return Controls(**dict(zip(NAMES, look, strict=True)))


def _order(
    content: Any, styles: Any, kind: Any, keep: bool, look: Sequence[Any]
) -> Order:
    painting.check_order(content, styles or (), kind)
    settings = settings_of(_controls(look))
    return Order(original(Path(content)), _paths(styles), settings, kind, keep)


def _as_value(name: str, value: Any) -> Update:
    """A control's value; a size that is no number, the photograph's, stays as it is on
    the page."""
    if name == "size" and isinstance(value, str):
        return gr.skip()
    if name == "style_scale":
        least, most = STROKES
        return gr.update(
            value=value, minimum=min(least, value), maximum=max(most, value)
        )
    return gr.update(value=value)


def _draft_of(settings: Any, content: Path, styles: Sequence[Path]) -> str:
    return markup.picture(drafts.draft(settings, content, styles), "a draft")


def _running(shown: Any) -> list[Update]:
    """The page while a picture comes about."""
    hidden, still = gr.update(visible=False), gr.update(interactive=False)
    progress = gr.update(value=shown, visible=True) if isinstance(shown, str) else shown
    return [progress, hidden, hidden, still, gr.update(interactive=True),
            still, still, still, gr.skip(), gr.skip()]  # fmt: skip


def _ended(shown: str, painted: Painted | None) -> list[Update]:
    """The page after a run that left no picture."""
    there = gr.update(interactive=painted is not None)
    return [gr.update(value=shown, visible=True), gr.skip(), gr.skip(),
            gr.update(interactive=True), gr.update(interactive=False),
            there, there, there, gr.skip(), gr.skip()]  # fmt: skip


def _shown(done: Painted, moves: bool) -> list[Update]:
    """The page with a picture."""
    pair = gr.update(value=(str(done.before), str(done.shown)), visible=True)
    live, still = gr.update(interactive=True), gr.update(interactive=False)
    download = gr.update(value=str(done.path), interactive=True)
    controls = controls_of(done.order.settings)
    followed = [controls.strength, controls.beta] if moves else [gr.skip(), gr.skip()]
    return [
        gr.update(value="", visible=False),
        pair,
        gr.update(value=markup.painted(done), visible=True),
        *(live, still, live, live, download, *followed),
    ]


def _grid_running(shown: str) -> list[Update]:
    return [shown, gr.skip(), gr.update(interactive=False), gr.update(interactive=True)]
