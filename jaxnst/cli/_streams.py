"""`-` in the place of a file, and pipes: pictures from standard input and from what
another program writes."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from jaxnst.cli._parser import Misuse

STREAM = Path("-")


def is_stream(path: Path) -> bool:
    """Whether a path can be read once alone: standard input, or a pipe such as a
    shell's <(command) and, at the end of one, /dev/stdin."""
    return path == STREAM or (
        path.exists() and not path.is_file() and not path.is_dir()
    )


def check_read_again(path: Path) -> None:
    """Check that a picture can be read more than once.

    Raises:
        Misuse: it is a stream.
    """
    if is_stream(path):
        raise Misuse(
            f"{path} is read more than once, which a pipe cannot be; save it to a file"
        )


@contextmanager
def from_stdin(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """The paths, with temporary files of what standard input and pipes hold.

    Raises:
        Misuse: `-` stands there twice.
        ValueError: a stream is empty.
    """
    if list(paths).count(STREAM) > 1:
        raise Misuse("standard input (-) can be one picture, not several")
    if not any(map(is_stream, paths)):
        yield tuple(paths)
        return
    with tempfile.TemporaryDirectory(prefix="jaxnst-") as folder:
        files, names = [], {}
        for number, path in enumerate(paths):
            if not is_stream(path):
                files.append(path)
                continue
            file = Path(folder, f"stream-{number}")
            names[str(file)] = "standard input" if path == STREAM else str(path)
            _copy(path, file)
            files.append(file)
        try:
            yield tuple(files)
        except (OSError, ValueError) as error:  # of a name that nobody gave
            error.args = tuple(_renamed(part, names) for part in error.args)
            raise


def _copy(stream: Path, file: Path) -> None:
    """What a stream holds, written to a file; ValueError where that is nothing."""
    with open(file, "wb") as copy:
        if stream == STREAM:
            if sys.stdin is None:
                raise ValueError("standard input (-) is closed; name a file")
            shutil.copyfileobj(sys.stdin.buffer, copy)
        else:
            with open(stream, "rb") as source:
                shutil.copyfileobj(source, copy)
    if not file.stat().st_size:
        name = "standard input (-)" if stream == STREAM else str(stream)
        raise ValueError(f"{name} is empty; pipe a picture into it")


def _renamed(part: object, names: dict[str, str]) -> object:
    if isinstance(part, str):
        for file, name in names.items():
            part = part.replace(file, name)
    return part
