"""Parts of the photograph: what the brush paints on, and with which colours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import gradio as gr

from jaxnst.app import markup
from jaxnst.app.components import brush
from jaxnst.app.handlers import PRIVATE, Handlers, Update, paths_of
from jaxnst.app.parts import brush_radius, canvas
from jaxnst.app.uploads import original

PartsOf: TypeAlias = tuple[str, int] | None
"""What the editor has: the photograph, and for how many paintings there are colours;
("", 0) without a photograph, None before it was opened."""


class PartEvents(Handlers):
    """Of the photograph's parts, on the left side.

    What an accordion holds is not there before it is opened, and keeps of several
    updates the last: it gets one, then. Gradio says of one picture several times
    within seconds that it is another; what the editor has already it isn't given
    again, for it would lose its strokes and the colour that was taken.
    """

    def connect(self) -> None:
        """Connect their components."""
        page = self.page
        shown = [page.parts_of, page.editor, page.parts_hint, page.legend]
        given = [page.parts_of, page.content, page.styles]
        page.parts_fold.expand(self.expanded, given, shown, **PRIVATE)
        page.content.change(self.photograph, given, shown, **PRIVATE).then(
            None, js="() => jaxnst.keep()", **PRIVATE
        )
        # The legend comes last: a click on it is for the colours that there are then.
        page.styles.change(
            self.paintings, given, [page.parts_of, page.editor], **PRIVATE
        ).then(
            self.legend,
            page.styles,
            page.legend,
            js="(styles) => { jaxnst.renew(styles); return [styles]; }",
            **PRIVATE,
        )

    def expanded(
        self, request: gr.Request, parts_of: PartsOf, content: Any, styles: Any
    ) -> list[Update]:
        """The accordion was opened; for the first time the photograph goes there."""
        if parts_of is not None:
            return [gr.skip()] * 4
        return self.photograph(request, ("", 0), content, styles)

    def photograph(
        self, request: gr.Request, parts_of: PartsOf, content: Any, styles: Any
    ) -> list[Update]:
        """Another photograph, without strokes, and a brush of its size."""
        if parts_of is None or parts_of[0] == content:
            return [gr.skip()] * 4
        paintings = paths_of(styles)
        nothing = [
            ("", 0), gr.update(value=None, visible=False), gr.update(visible=True), "",
        ]  # fmt: skip
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
            brush=brush(len(paintings), radius),
            eraser=gr.Eraser(default_size=radius),
        )
        known = (content, len(paintings))
        return [known, editor, gr.update(visible=False), _legend(paintings)]

    def paintings(self, parts_of: PartsOf, content: Any, styles: Any) -> list[Update]:
        """Other paintings: a colour of the brush for each of several."""
        count = len(paths_of(styles))
        if parts_of is None or parts_of in (("", 0), (content, count)):
            return [gr.skip()] * 2
        try:
            radius = brush_radius(original(Path(content)))
        except Exception:  # as above
            return [gr.skip()] * 2
        return [(parts_of[0], count), gr.update(brush=brush(count, radius))]

    def legend(self, styles: Any) -> str:
        """Which colour is which painting."""
        return _legend(paths_of(styles))


def _legend(paths: Sequence[Path]) -> str:
    try:
        return markup.legend(paths) if len(paths) > 1 else ""
    except Exception:  # what is wrong with one of them is said above
        return ""
