"""What happens on the page: its events, and the tab that is looked at."""

import gradio as gr

from jaxnst.app.compare_events import CompareEvents
from jaxnst.app.components import TABS
from jaxnst.app.handlers import PRIVATE, Describe
from jaxnst.app.motion_events import MotionEvents
from jaxnst.app.page import Page
from jaxnst.app.paint_events import PaintEvents
from jaxnst.app.part_events import PartEvents
from jaxnst.app.sessions import Sessions


def connect(
    page: Page, sessions: Sessions, describe: Describe, blocks: gr.Blocks
) -> None:
    """Connect every component.

    Args:
        describe: an error as one line.
        blocks: that the page lies in.
    """

    def closed(request: gr.Request) -> None:
        sessions.close(request.session_hash)

    blocks.unload(closed)
    page.selected = page.tabs.select(_selected, None, page.tab, **PRIVATE)
    for kind in (PaintEvents, PartEvents, CompareEvents, MotionEvents):
        kind(page, sessions, describe).connect()


def _selected(event: gr.SelectData) -> str:
    """The name of the tab that was chosen."""
    return TABS.get(str(event.value), "paint")
