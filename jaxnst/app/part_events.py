"""Parts of the photograph: what the brush paints on, and with which colours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from jaxnst.app import markup
from jaxnst.app.components import brush
from jaxnst.app.handlers import PRIVATE, Handlers, Update, paths_of
from jaxnst.app.parts import brush_radius, canvas
from jaxnst.app.uploads import original


class PartEvents(Handlers):
    """Of the photograph's parts, on the left side.

    What an accordion holds is not there before it is opened, and keeps of several
    updates the last: it gets one, then.
    """

    def connect(self) -> None:
        """Connect their components."""
        page = self.page
        shown = [page.editor, page.parts_hint, page.legend]
        given = [page.parts_opened, page.content, page.styles]
        page.parts_fold.expand(
            self.expanded, given, [page.parts_opened, *shown], **PRIVATE
        )
        page.content.change(self.photograph, given, shown, **PRIVATE)
        # The legend comes last: a click on it is for the colours that there are then.
        page.styles.change(self.paintings, given, page.editor, **PRIVATE).then(
            self.legend,
            page.styles,
            page.legend,
            js="(styles) => { jaxnst.renew(); return [styles]; }",
            **PRIVATE,
        )

    def expanded(
        self, request: gr.Request, opened: bool, content: Any, styles: Any
    ) -> list[Update]:
        """The accordion was opened; for the first time the photograph goes there."""
        if opened:
            return [gr.skip()] * 4
        return [True, *self.photograph(request, True, content, styles)]

    def photograph(
        self, request: gr.Request, opened: bool, content: Any, styles: Any
    ) -> list[Update]:
        """Another photograph: the brush begins anew on it."""
        if not opened:
            return [gr.skip()] * 3
        nothing = [gr.update(value=None, visible=False), gr.update(visible=True), ""]
        if not content:
            return nothing
        path = original(Path(content))
        folder = self.sessions.of(request.session_hash).new_folder()
        try:
            copy, radius = canvas(path, folder), brush_radius(path)
        except Exception:  # what is wrong with it is said above
            return nothing
        value: dict[str, Any] = {
            "background": str(copy),
            "layers": [],
            "composite": None,
        }
        editor = gr.update(
            value=value,
            visible=True,
            brush=brush(len(paths_of(styles)), radius),
            eraser=gr.Eraser(default_size=radius),
        )
        return [editor, gr.update(visible=False), _legend(paths_of(styles))]

    def paintings(self, opened: bool, content: Any, styles: Any) -> Update:
        """Other paintings: a colour of the brush for each of several."""
        if not opened or not content:
            return gr.skip()
        try:
            radius = brush_radius(original(Path(content)))
        except Exception:  # as above
            return gr.skip()
        return gr.update(brush=brush(len(paths_of(styles)), radius))

    def legend(self, styles: Any) -> str:
        """Which colour is which painting."""
        return _legend(paths_of(styles))


def _legend(paths: Sequence[Path]) -> str:
    try:
        return markup.legend(paths) if len(paths) > 1 else ""
    except Exception:  # what is wrong with one of them is said above
        return ""
