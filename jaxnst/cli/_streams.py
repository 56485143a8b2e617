"""`-` in the place of a file: a picture from standard input."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

STREAM = Path("-")


@contextmanager
def from_stdin(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """The paths with a temporary file, of what standard input holds, for `-`.

    Raises:
        ValueError: `-` stands there twice.
    """
    if list(paths).count(STREAM) > 1:
        raise ValueError("standard input (-) can be one picture, not several")
    if STREAM not in paths:
        yield tuple(paths)
        return
    with tempfile.TemporaryDirectory(prefix="jaxnst-") as folder:
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
