"""Painted frames, kept as they are beside the output until that is whole.

A run that ends early, however it ends, can so be gone on with: the frames are PNG files
in a folder whose name is the output's with `.jaxnst-frames` after it, with a
description of what they were painted from.
"""

import json
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from jaxnst._files import atomic_write, fitting_name, make_folder
from jaxnst._fingerprint import differences
from jaxnst.images.frames import read_kept, write_kept
from jaxnst.video.source import Size

_ABOUT, _LOCK = "clip.json", "lock"
_OURS = re.compile(r"\d{6,}\.png(\.part)?|clip\.json|lock")


def kept_folder(output: str | os.PathLike[str]) -> Path:
    """Where the frames of an unfinished clip are kept."""
    path = Path(output)
    return path.with_name(fitting_name(path.name, ".jaxnst-frames"))


def frame_name(number: int) -> str:
    """The file of a frame, counted from 1."""
    return f"{number:06d}.png"


def check_kept(output: str | os.PathLike[str], resume: bool) -> None:
    """Check that no run would be lost, or mixed up with files of somebody else.

    Raises:
        FileExistsError: frames of an earlier run are there, which is not to be gone on
            with; or the folder holds something else.
    """
    folder = kept_folder(output)
    if not os.path.lexists(folder):
        return
    names = [n for n in os.listdir(folder) if n != _LOCK] if folder.is_dir() else [""]
    if names and _ABOUT not in names:
        raise FileExistsError(
            f"{folder} is there, where frames would be kept on the way, and holds "
            "something else; move it, or choose another output"
        )
    if not resume and any(name.endswith(".png") for name in names):
        raise FileExistsError(
            f"{folder} holds painted frames of a run that did not end; ask to resume, "
            "which goes on with them, or remove that folder to begin anew"
        )


class KeptFrames:
    """The folder of one run, which no other may use at the same time."""

    def __init__(
        self,
        output: str | os.PathLike[str],
        description: Mapping[str, Any],
        size: Size,
        *,
        resume: bool = False,
    ) -> None:
        """
        Args:
            description: everything that decides what the frames look like; of JSON's
                types.
            size: (height, width) of the frames.

        Raises:
            FileExistsError: as of `check_kept`.
            ValueError: the frames that are there were painted from something else.
            OSError: the folder cannot be made, or another run uses it.
        """
        check_kept(output, resume)
        self.folder, self.size = make_folder(kept_folder(output)), size
        # Before a look at what is there: another run may be about to write its first.
        self._lock = FileLock(self.folder / _LOCK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise OSError(
                f"another run is painting into {self.folder}; wait for it, or choose "
                "another output"
            ) from None
        about = _flat(description)
        path = self.folder / _ABOUT
        if path.exists() and any(self.folder.glob("*.png")):
            try:
                stored = json.loads(path.read_text("utf-8"))
            except (ValueError, RecursionError):
                stored = None
            changed = sorted(
                {*differences(stored, about), *(set(stored or ()) - set(about))}
            )
            if changed:
                self.leave()
                raise ValueError(
                    f"the frames in {self.folder} were painted from something else "
                    f"({', '.join(changed[:8])}); run it as it was, or remove that "
                    "folder to begin anew"
                )
            return
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(about), "utf-8")

    def path(self, number: int) -> Path:
        """The file of a frame."""
        return self.folder / frame_name(number)

    def has(self, number: int) -> bool:
        """Whether a frame is there, whole or not."""
        return self.path(number).exists()

    def read(self, number: int) -> np.ndarray | None:
        """A frame, (H, W, 3) uint8; None where it is not there whole."""
        if not self.has(number):
            return None
        try:
            pixels = read_kept(self.path(number))
        except (OSError, ValueError):
            return None
        return pixels if pixels.shape[:2] == self.size else None

    def write(self, number: int, pixels: np.ndarray) -> None:
        """Keep a frame; it appears whole or not at all."""
        path = self.path(number)
        unfinished = path.with_name(f"{path.name}.part")
        write_kept(unfinished, pixels)
        os.replace(unfinished, path)

    def leave(self) -> None:
        """Let another run have the folder."""
        self._lock.release()

    def remove(self) -> None:
        """Remove what is kept: the output is whole."""
        self.leave()
        for place in (self.folder / "output", self.folder / "before"):
            shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):
            for entry in self.folder.iterdir():
                if _OURS.fullmatch(entry.name):
                    entry.unlink()
            self.folder.rmdir()


def _flat(description: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested names with dots between, so that a difference can be named."""
    found: dict[str, Any] = {}
    for name, value in description.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
