"""Where a result goes: beside the photograph where nobody says where, and elsewhere
where it cannot be written."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from jaxnst._files import fitting_name
from jaxnst.cli._app import describe_error
from jaxnst.cli._streams import STREAM


def _label(content: Path, style: Path) -> str:
    names = ["picture" if p == STREAM else p.stem for p in (content, style)]
    return "__".join(names)


def free(path: Path) -> Path:
    """The path, or with a number in its name the first that is not taken."""
    number, found = 2, path
    while found.exists():
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return found


def picture_beside(content: Path, style: Path) -> Path:
    """A new PNG beside the photograph: photo__painting.png."""
    return free(content.with_name(fitting_name(_label(content, style), ".png")))


def folder_beside(content: Path, style: Path, kind: str) -> Path:
    """photo__painting-KIND beside the photograph; the same one every time."""
    return content.with_name(fitting_name(_label(content, style), f"-{kind}"))


def existing(*names: str | Path | None) -> list[Path]:
    """Those that are files: of a network or its weights, which may be mere names."""
    return [Path(name) for name in names if name is not None and Path(name).is_file()]


def save(path: Path, write: Callable[[Path], None]) -> tuple[Path, str]:
    """Write a result that must not be lost: to `path`, or where that fails elsewhere.

    Returns:
        Where it is; and why not at `path`, with where instead, or "".

    Raises:
        OSError: nowhere.
    """
    try:
        write(path)
    except OSError as error:
        for folder in _elsewhere():
            found = free(folder / path.name)
            try:
                write(found)
            except OSError:
                continue
            return found, f"{describe_error(error)}; it is saved as {found}"
        raise
    return path, ""


def _elsewhere() -> Iterator[Path]:
    """Folders that are likely to take a file."""
    for folder in (Path.cwd, Path.home, tempfile.gettempdir):
        try:
            yield Path(folder())
        except (OSError, RuntimeError):  # there is no such folder any more
            continue
