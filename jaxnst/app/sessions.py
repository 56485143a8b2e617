"""What the server remembers of each tab that is open."""

import shutil
import threading
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from jaxnst.app.drafts import Camera
from jaxnst.app.grids import Cell
from jaxnst.app.painting import Painted
from jaxnst.app.runs import Run


@dataclass
class Session:
    """A tab.

    Attributes:
        folder: for its pictures.
        run: what it computes, or waits for; None if nothing.
        painted: its last picture.
        cells: its last grid.
        camera: its camera's frames.
    """

    folder: Path
    run: Run[Any] | None = None
    painted: Painted | None = None
    cells: list[Cell] = field(default_factory=list)
    camera: Camera = field(default_factory=Camera)
    _numbers: Any = field(default_factory=count)

    def begin(self) -> Run[Any]:
        """A new run, in the place of one that may still be there, which is stopped."""
        self.stop()
        self.run = Run()
        return self.run

    def stop(self) -> None:
        """End what is computed in good order, or not begin it."""
        if self.run is not None:
            self.run.stop()

    def new_folder(self) -> Path:
        """A folder that no other picture lies in."""
        return self.folder / f"{next(self._numbers)}"


class Sessions:
    """Every tab, by the name that Gradio has for it.

    Attributes:
        folder: for all their pictures.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._lock = folder, threading.Lock()
        self._open: dict[str, Session] = {}
        self._numbers = count()

    def of(self, name: str | None) -> Session:
        """The tab of that name, which is new where it was not there."""
        key = name or "program"
        with self._lock:
            if key not in self._open:
                self._open[key] = Session(self.folder / f"tab-{next(self._numbers)}")
            return self._open[key]

    def close(self, name: str | None) -> None:
        """A tab is closed: what it computes ends, its pictures go."""
        with self._lock:
            session = self._open.pop(name or "program", None)
        if session is not None:
            session.stop()
            shutil.rmtree(session.folder, ignore_errors=True)

    def close_all(self) -> None:
        """The server ends."""
        for name in list(self._open):
            self.close(name)
