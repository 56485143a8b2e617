"""What all events of the page share: its components, its tabs, errors as lines."""

import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from jaxnst.app.components import STROKES
from jaxnst.app.controls import NAMES, Controls
from jaxnst.app.page import Page
from jaxnst.app.sessions import Sessions
from jaxnst.app.uploads import original, without_folders

DEVICE: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": 1}
"""Of events that run one at a time; the others wait in their order."""

PRIVATE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Of events that are quick and the page's alone."""

Describe = Callable[[Exception], str]

Update = Any
"""What a component is given: its value, or `gr.update`."""


@dataclass(frozen=True)
class Handlers:
    """Some of the page's events.

    Attributes:
        describe: an error as one line.
    """

    page: Page
    sessions: Sessions
    describe: Describe

    def line(self, error: Exception, *paths: Path) -> str:
        """An error as one line in which files are called by their names alone; what
        nobody expected is also shown whole where the server runs."""
        if not isinstance(error, OSError | ValueError | TypeError | MemoryError):
            traceback.print_exception(error, file=sys.stderr)
        return without_folders(self.describe(error), paths)


def paths_of(gallery: Any) -> tuple[Path, ...]:
    """The files of a gallery's pictures."""
    return tuple(original(Path(item[0])) for item in gallery or ())


def controls_on(look: Sequence[Any]) -> Controls:
    """Values of the controls' components, in their order, as one."""
    return Controls(**dict(zip(NAMES, look, strict=True)))


def as_value(name: str, value: Any) -> Update:
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
