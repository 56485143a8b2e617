"""Files that tell whether they are whole: the first line is the rest's SHA-256."""

import hashlib
import os
from pathlib import Path

from jaxnst._files import atomic_write

_MARK = b"jaxnst sha256 "

_LINE = len(_MARK) + 64 + 1


def write_checksummed(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` after a line with its checksum; whole or not at all.

    Raises:
        OSError: it cannot be written; what was there before is as it was.
    """
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        file.write(_MARK + hashlib.sha256(data).hexdigest().encode() + b"\n")
        file.write(data)


def read_checksummed(path: str | os.PathLike[str]) -> bytes:
    """What `write_checksummed` wrote, without the line.

    A file that begins with no such line, as those of earlier versions, comes as it is.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not an ordinary file, or has changed since it was written.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError("it is not an ordinary file")
    with open(path, "rb") as file:
        line, rest = file.read(_LINE), file.read()
    if not line.startswith(_MARK):
        return line + rest
    if line[len(_MARK) :] != hashlib.sha256(rest).hexdigest().encode() + b"\n":
        raise ValueError("it is not as it was written, its checksum differs")
    return rest
