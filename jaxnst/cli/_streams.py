"""The standard streams: where they are closed, and `-` in the place of a file for
pictures from standard input and to standard output."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

STREAM = Path("-")


def replace_closed() -> None:
    """Let standard streams that are closed (`2>&-`) be the null device.

    Otherwise Python prints on standard output what was for stderr, and the next file
    that is opened takes a closed stream's number, and what libraries print to it.
    Standard input and output stay None in `sys`, which tells that they were closed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)


@contextmanager
def from_stdin(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """The paths with a temporary file, of what standard input holds, for `-`.

    Raises:
        ValueError: `-` stands there twice, or standard input is closed or empty.
    """
    if list(paths).count(STREAM) > 1:
        raise ValueError("standard input (-) can be one picture, not several")
    if STREAM not in paths:
        yield tuple(paths)
        return
    with tempfile.TemporaryDirectory(prefix="jaxnst-") as folder:
        if sys.stdin is None:
            raise ValueError("standard input (-) is closed; name a file")
        file = Path(folder, "stdin")
        if not file.write_bytes(sys.stdin.buffer.read()):
            raise ValueError("standard input (-) is empty; pipe a picture into it")
        try:
            yield tuple(file if path == STREAM else path for path in paths)
        except (OSError, ValueError) as error:  # of a name that nobody gave
            error.args = tuple(
                part.replace(str(file), "standard input")
                if isinstance(part, str)
                else part
                for part in error.args
            )
            raise


@contextmanager
def to_stdout(path: Path) -> Iterator[Path]:
    """A file to write to: `path`; for `-` one that goes to standard output as PNG.

    Raises:
        ValueError: standard output is closed.
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
            sys.stdout.buffer.write(held.read_bytes())
            sys.stdout.buffer.flush()
