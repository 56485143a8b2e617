"""Drafts at once, and grids to choose from."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from jaxnst import images
from jaxnst.app import drafts, grids, markup, painting
from jaxnst.app.controls import NAMES, Controls, settings_of, values_of
from jaxnst.app.handlers import (
    DEVICE,
    PRIVATE,
    Handlers,
    Update,
    as_value,
    controls_on,
    paths_of,
)
from jaxnst.app.parts import Chosen, with_parts
from jaxnst.app.runs import Run, device
from jaxnst.app.uploads import (
    original,
)

_drafts = count(1)


class CompareEvents(Handlers):
    """Of the tabs At once and Grid."""

    def connect(self) -> None:
        """Connect their components."""
        self._connect_draft()
        self._connect_grid()

    # At once

    def _connect_draft(self) -> None:
        page, look = self.page, self.page.look
        changes = [page.content.change, page.styles.change, page.editor.input]
        changes += [page.parts_how.change, look["feather"].change]
        changes += [
            look[name].change
            for name in ("strength", "how", "color", "style_scale", "style_mix")
        ]
        # What was painted over is sent when a draft is wanted alone: first is asked.
        page.selected.then(self.wanted, page.tab, page.drafts, **PRIVATE)
        gr.on(changes, self.wanted, page.tab, page.drafts, **PRIVATE)
        page.drafts.change(
            self.draft,
            [page.content, page.styles, *page.parts, *page.controls],
            page.draft,
            trigger_mode="always_last",
            concurrency_limit=2,
            concurrency_id="drafts",
            **PRIVATE,
        )

    def wanted(self, tab: str) -> Update:
        """Something has changed: another draft, where that is looked at."""
        return next(_drafts) if tab == "draft" else gr.skip()

    def draft(
        self,
        request: gr.Request,
        content: Any,
        styles: Any,
        drawn: Any,
        parts: Any,
        *look: Any,
    ) -> Iterator[Update]:
        """One pass of what stands on the page."""
        if not content or not styles:
            yield gr.skip()
            return
        path, paths = original(Path(content)), paths_of(styles)
        try:
            chosen = self._chosen(request, controls_on(look), path, paths, drawn, parts)
            with device(wait=0) as free:
                if free:
                    yield _draft_of(chosen, path)
                    return
            yield markup.note("a picture is being painted; the draft comes after it")
            with device():
                yield _draft_of(chosen, path)
        except Exception as error:
            yield markup.error(self.line(error, path, *paths))

    def _chosen(
        self, request: gr.Request, controls: Controls, content: Path,
        styles: Sequence[Path], drawn: Any, parts: Any,
    ) -> Chosen:  # fmt: skip
        """Settings and paintings for what was painted over."""
        folder = self.sessions.of(request.session_hash).folder / "masks"
        settings = settings_of(controls)
        return with_parts(settings, styles, drawn, parts, content, folder)

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
             page.column_values, page.grid_size, *page.parts, *page.controls],
            shown,
            show_progress="minimal", show_progress_on=page.grid_progress,
            api_visibility="private", **DEVICE,
        )  # fmt: skip
        page.rows.change(
            lambda rows: "0.25 0.5 0.75" if rows == "strength" else "0.3 1 3",
            page.rows, page.row_values, **PRIVATE,
        )  # fmt: skip
        page.columns.change(
            lambda columns: "0.7 1 1.5" if columns == "style_scale" else "2 8 32",
            page.columns, page.column_values, **PRIVATE,
        )  # fmt: skip
        page.gallery.select(
            self.take_over, None,
            [page.tabs, page.tab, page.progress, page.compare, page.done,
             *page.controls],
            **PRIVATE,
        )  # fmt: skip

    def begin_grid(self, request: gr.Request) -> list[Update]:
        """The grid waits until the device is free."""
        self.sessions.of(request.session_hash).begin()
        return _grid_running(markup.note("waiting for its turn"))

    def grid(
        self, request: gr.Request, content: Any, styles: Any, rows: Any,
        row_values: str, columns: Any, column_values: str, size: float, drawn: Any,
        parts: Any, *look: Any,
    ) -> Iterator[list[Update]]:  # fmt: skip
        """Paint the grid."""
        session = self.sessions.of(request.session_hash)
        run: Run[list[grids.Cell]] = session.run or session.begin()
        paths: tuple[Path, ...] = ()
        try:
            painting.check_order(content, styles, painting.KINDS[0])
            path, paths = original(Path(content)), paths_of(styles)
            axes = grids.Axes(
                rows,
                grids.parse_axis(row_values, "rows"),
                columns,
                grids.parse_axis(column_values, "columns"),
            )
            controls = controls_on(look)
            chosen = self._chosen(request, controls, path, paths, drawn, parts)
            mix = chosen.settings.style_mix or ()
            small = replace(
                controls, size=int(size), style_mix=" ".join(f"{x:g}" for x in mix)
            )
            folder, masks = session.new_folder(), chosen.settings.masks
            given = path, chosen.styles, folder
            run.start(lambda run: grids.paint_grid(small, axes, *given, run, masks))
            for update in run.updates():
                yield _grid_running(markup.progress(update, ends=run.stopped()))
            cells = run.result()
        except Exception as error:
            yield [markup.error(self.line(error, *paths)), gr.skip(), *_GRID_IDLE]
            return
        # At their full size, and of all paintings: these were for the grid.
        kept: dict[str, Any] = {"size": controls.size, "style_mix": controls.style_mix}
        session.cells = [
            replace(cell, controls=replace(cell.controls, **kept)) for cell in cells
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
            "",
            *(as_value(name, values[name]) for name in NAMES),
        ]


_GRID_IDLE = [gr.update(interactive=True), gr.update(interactive=False)]


def _draft_of(chosen: Chosen, content: Path) -> str:
    image = drafts.draft(chosen.settings, content, chosen.styles)
    return markup.picture(image, "a draft")


def _grid_running(shown: str) -> list[Update]:
    return [shown, gr.skip(), gr.update(interactive=False), gr.update(interactive=True)]
