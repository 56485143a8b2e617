"""Where a result goes when nobody says where: beside the photograph."""

from pathlib import Path

from jaxnst.cli._streams import is_stream


def _label(content: Path, style: Path) -> str:
    names = ["picture" if is_stream(p) else p.stem for p in (content, style)]
    return "__".join(names)


def _beside(content: Path, name: str) -> Path:
    """A name beside the photograph; of a stream, here."""
    return Path(name) if is_stream(content) else content.with_name(name)


def free(path: Path) -> Path:
    """The path, or with a number in its name the first that is not taken."""
    number, found = 2, path
    while found.exists():
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return found


def picture_beside(content: Path, style: Path) -> Path:
    """A new PNG beside the photograph: photo__painting.png."""
    return free(_beside(content, f"{_label(content, style)}.png"))


def folder_beside(content: Path, style: Path, kind: str) -> Path:
    """photo__painting-KIND beside the photograph; the same one every time."""
    return _beside(content, f"{_label(content, style)}-{kind}")
