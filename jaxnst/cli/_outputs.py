"""Where a result goes: beside the photograph where nobody says where, and elsewhere
where it cannot be written."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from jaxnst._files import atomic_write, fitting_name
from jaxnst.cli._app import describe_error
from jaxnst.cli._console import silence
from jaxnst.cli._streams import STREAM, is_stream


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
    return free(_beside(content, fitting_name(_label(content, style), ".png")))


def folder_beside(content: Path, style: Path, kind: str) -> Path:
    """photo__painting-KIND beside the photograph; the same one every time."""
    return _beside(content, fitting_name(_label(content, style), f"-{kind}"))


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


@contextmanager
def to_stdout(path: Path) -> Iterator[Path]:
    """A file to write to: `path`; for `-` one that goes to standard output as PNG.

    Raises:
        ValueError: standard output is closed.
        OSError: it did not take the picture; where that is instead.
    """
    if path != STREAM:
        yield path
        return
    if sys.stdout is None:
        raise ValueError("standard output (-o -) is closed; name a file")
    with tempfile.TemporaryDirectory(prefix="jaxnst-") as folder:
        held = Path(folder, "stdout.png")
        yield held
        if held.exists():
            data = held.read_bytes()
            try:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            except OSError as error:
                silence(sys.stdout)
                place = save(free(Path(held.name)), partial(_write, data))[0]
                raise OSError(
                    f"standard output did not take the picture ({error.strerror}); it "
                    f"is saved as {place.absolute()}"
                ) from error


def _write(data: bytes, path: Path) -> None:
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def _elsewhere() -> Iterator[Path]:
    """Folders that are likely to take a file."""
    for folder in (Path.cwd, Path.home, tempfile.gettempdir):
        try:
            yield Path(folder())
        except (OSError, RuntimeError):  # there is no such folder any more
            continue
