"""What of the page something happens to."""

from dataclasses import dataclass, field
from typing import Any

from jaxnst.app.controls import NAMES


@dataclass
class Page:
    """Every component that something happens to.

    Attributes:
        look: the controls by the names of `Controls`.
        selected: the event that another tab was chosen, by which `tab` is its name.
        drafts: changes when another draft is wanted.
    """

    content: Any = None
    styles: Any = None
    samples: Any = None
    message: Any = None
    parts_fold: Any = None
    parts_of: Any = None
    parts_how: Any = None
    parts_hint: Any = None
    editor: Any = None
    legend: Any = None
    look: dict[str, Any] = field(default_factory=dict)
    kind: Any = None
    keep_metadata: Any = None
    tabs: Any = None
    tab: Any = None
    selected: Any = None
    paint: Any = None
    stop: Any = None
    progress: Any = None
    compare: Any = None
    done: Any = None
    less: Any = None
    more: Any = None
    download: Any = None
    mask: Any = None
    drafts: Any = None
    draft: Any = None
    refine: Any = None
    rows: Any = None
    row_values: Any = None
    columns: Any = None
    column_values: Any = None
    grid_size: Any = None
    grid: Any = None
    grid_stop: Any = None
    grid_progress: Any = None
    gallery: Any = None
    clip: Any = None
    clip_mask: Any = None
    clip_how: Any = None
    clip_start: Any = None
    clip_end: Any = None
    clip_paint: Any = None
    clip_stop: Any = None
    clip_progress: Any = None
    clip_made: Any = None
    camera: Any = None
    camera_stop: Any = None
    frame: Any = None
    camera_side: Any = None
    live: Any = None
    snapshot: Any = None
    finished: Any = None
    read: Any = None

    @property
    def controls(self) -> list[Any]:
        """The components of `Controls`, in its order."""
        return [self.look[name] for name in NAMES]

    @property
    def parts(self) -> list[Any]:
        """What says which parts of the photograph are painted."""
        return [self.editor, self.parts_how]
