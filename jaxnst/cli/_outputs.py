"""Where a result goes when nobody says where: beside the photograph."""

from pathlib import Path

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
    return free(content.with_name(f"{_label(content, style)}.png"))


def folder_beside(content: Path, style: Path, kind: str) -> Path:
    """photo__painting-KIND beside the photograph; the same one every time."""
    return content.with_name(f"{_label(content, style)}-{kind}")
