"""Pictures and controls, painting, and reading what was painted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from jaxnst.app import markup, painting
from jaxnst.app.controls import (
    NAMES,
    controls_of,
    preset_controls,
    settings_of,
    values_of,
)
from jaxnst.app.handlers import (
    DEVICE,
    PRIVATE,
    Handlers,
    Update,
    as_value,
    controls_on,
    paths_of,
)
from jaxnst.app.painting import Order, Painted
from jaxnst.app.parts import names_of, with_parts, without_files
from jaxnst.app.runs import Run
from jaxnst.app.sessions import Session
from jaxnst.app.uploads import (
    for_browser,
    original,
    sample_pictures,
)
from jaxnst.pipeline.provenance import read_settings


class PaintEvents(Handlers):
    """Of the left side, and of the tabs Paint and Read a picture."""

    def connect(self) -> None:
        """Connect their components."""
        page = self.page
        self._connect_pictures()
        self._connect_paint()
        page.finished.upload(
            self.read, page.finished, [page.read, *page.controls], **PRIVATE
        )

    # Pictures and controls

    def _connect_pictures(self) -> None:
        page, look = self.page, self.page.look
        page.samples.click(
            self.take_samples, None, [page.content, page.styles, page.message],
            **PRIVATE,
        )  # fmt: skip
        page.content.upload(
            self.uploaded, page.content, [page.content, page.message], **PRIVATE
        )
        page.styles.upload(
            self.uploaded_styles, page.styles, [page.styles, page.message], **PRIVATE
        )
        others = [look[name] for name in NAMES if name != "preset"]
        look["preset"].input(self.preset, look["preset"], others, **PRIVATE)
        look["how"].change(
            lambda how: gr.update(interactive=how == "strength"),
            look["how"],
            look["strength"],
            **PRIVATE,
        )

    def take_samples(self) -> list[Update]:
        """The pictures that come along."""
        content, style = sample_pictures()
        return [str(content), [str(style)], ""]

    def uploaded(self, path: str | None) -> list[Update]:
        """A photograph was dropped: shown if it can be read."""
        if path is None:
            return [None, ""]
        try:
            shown = for_browser(Path(path))
        except Exception as error:
            return [None, markup.error(self.line(error, Path(path)))]
        kept = gr.skip() if shown == Path(path) else str(shown)
        return [kept, ""]

    def uploaded_styles(self, gallery: Any) -> list[Update]:
        """Paintings were dropped: those stay that can be read."""
        kept, lines = [], []
        for path in paths_of(gallery):
            try:
                kept.append(str(for_browser(path)))
            except Exception as error:
                lines.append(self.line(error, path))
        shown = "".join(map(markup.error, lines))
        return [kept or None, shown]

    def preset(self, name: str) -> list[Update]:
        """Every other control as a preset has it."""
        values = values_of(preset_controls(name))
        return [as_value(k, values[k]) for k in NAMES if k != "preset"]

    # Paint

    def _connect_paint(self) -> None:
        page = self.page
        given = [page.content, page.styles]
        how = [page.kind, page.keep_metadata]
        result = [
            *(page.progress, page.compare, page.done, page.paint, page.stop),
            *(page.less, page.more, page.download, page.mask),
            *(page.look["strength"], page.look["beta"]),
        ]
        for button, work, inputs in (
            (page.paint, self.paint, [*given, *how, *page.parts, *page.controls]),
            (page.refine, self.refine, [*given, *how, *page.parts, *page.controls]),
            (page.more, self.more, []),
            (page.less, self.less, []),
        ):
            button.click(
                self.begin, None, [*result, page.tabs, page.tab],
                show_progress="hidden", queue=False, api_visibility="private",
            ).then(
                work, inputs, result, show_progress="minimal", **DEVICE,
                show_progress_on=page.progress, api_visibility="private",
            )  # fmt: skip
        stops = (page.stop, page.grid_stop, page.clip_stop)
        for button in [each for each in stops if each is not None]:
            button.click(self.stop, None, None, queue=False, **PRIVATE)

    def begin(self, request: gr.Request) -> list[Update]:
        """A button was pressed; the run waits until the device is free."""
        self.sessions.of(request.session_hash).begin()
        waiting = markup.empty("waiting for its turn")
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
        drawn: Any,
        parts: Any,
        *look: Any,
    ) -> Iterator[list[Update]]:
        """Paint what stands on the page."""

        def order(session: Session) -> Order:
            found = _order(content, styles, kind, keep, look)
            return _in_parts(found, drawn, parts, session)

        yield from self._painted(request, order)

    def refine(
        self,
        request: gr.Request,
        content: Any,
        styles: Any,
        kind: Any,
        keep: bool,
        drawn: Any,
        parts: Any,
        *look: Any,
    ) -> Iterator[list[Update]]:
        """Optimise from what one pass makes of it."""

        def order(session: Session) -> Order:
            found = _order(content, styles, kind, keep, look)
            found = _in_parts(found, drawn, parts, session)
            return replace(found, settings=painting.refined(found.settings))

        yield from self._painted(request, order)

    def more(self, request: gr.Request) -> Iterator[list[Update]]:
        """Go on from the last picture with more style."""
        yield from self._painted(request, _go_on(painting.MORE), moves=True)

    def less(self, request: gr.Request) -> Iterator[list[Update]]:
        """Go on from the last picture with less style."""
        yield from self._painted(request, _go_on(1 / painting.MORE), moves=True)

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

    # Read a picture

    def read(self, path: str | None) -> list[Update]:
        """A finished picture was dropped: its settings fill the page."""
        same = [gr.skip()] * len(NAMES)
        if path is None:
            return ["", *same]
        try:
            settings, pictures = read_settings(Path(path))
            masks = names_of(settings.masks)
            settings = replace(settings, masks=without_files(settings.masks))
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
                *([("mask, to be painted anew", ", ".join(masks))] if masks else []),
            ]
        )
        return [shown, *(as_value(name, values[name]) for name in NAMES)]


def _go_on(factor: float) -> Callable[[Session], Order]:
    """What goes on from a tab's last picture with so many times as much style."""

    def order(session: Session) -> Order:
        if session.painted is None:
            raise ValueError("there is no picture to go on from; press Paint first")
        return painting.go_on(session.painted, factor)

    return order


def _order(
    content: Any, styles: Any, kind: Any, keep: bool, look: Sequence[Any]
) -> Order:
    painting.check_order(content, styles or (), kind)
    settings = settings_of(controls_on(look))
    return Order(original(Path(content)), paths_of(styles), settings, kind, keep)


def _in_parts(order: Order, drawn: Any, parts: Any, session: Session) -> Order:
    """What is to be painted where parts of the photograph were painted over."""
    folder = session.folder / "masks"
    chosen = with_parts(
        order.settings, order.styles, drawn, parts, order.content, folder
    )
    return replace(order, settings=chosen.settings, styles=chosen.styles)


def _running(shown: str) -> list[Update]:
    """The page while a picture comes about."""
    hidden, still = gr.update(visible=False), gr.update(interactive=False)
    progress = gr.update(value=shown, visible=True)
    return [progress, hidden, "", still, gr.update(interactive=True),
            still, still, still, still, gr.skip(), gr.skip()]  # fmt: skip


def _ended(shown: str, painted: Painted | None) -> list[Update]:
    """The page after a run that left no picture."""
    there = gr.update(interactive=painted is not None)
    return [gr.update(value=shown, visible=True), gr.skip(), gr.skip(),
            gr.update(interactive=True), gr.update(interactive=False),
            there, there, there, there, gr.skip(), gr.skip()]  # fmt: skip


def _shown(done: Painted, moves: bool) -> list[Update]:
    """The page with a picture."""
    pair = gr.update(value=(str(done.before), str(done.shown)), visible=True)
    live, still = gr.update(interactive=True), gr.update(interactive=False)
    download = gr.update(value=str(done.path), interactive=True)
    mask = gr.update(visible=False)
    if done.masks:
        mask = gr.update(value=str(done.masks[0]), visible=True, interactive=True)
    controls = controls_of(done.order.settings)
    followed = [controls.strength, controls.beta] if moves else [gr.skip(), gr.skip()]
    return [
        gr.update(value="", visible=False),
        pair,
        markup.painted(done),
        *(live, still, live, live, download, mask, *followed),
    ]
