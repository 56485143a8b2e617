"""Text to consoles that cannot show it all, or that nobody looks at any more."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


def say(text: str, stream: TextIO | None) -> None:
    """A line for a person; if nobody listens any more, nothing is wrong.

    Args:
        stream: None, where there is none.
    """
    try:
        print(text, file=stream, flush=True)
    except OSError:
        if stream is not None:
            silence(stream)


def silence(stream: TextIO) -> None:
    """Send a stream that takes nothing any more nowhere, so that Python does not fail
    at its exit, where it writes what is left in it."""
    with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


@contextmanager
def tolerant_streams() -> Iterator[None]:
    """Within the block letters that the console does not have are shown as "?"."""
    changed = []
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            changed.append((stream, stream.errors))
            stream.reconfigure(errors="replace")
    try:
        yield
    finally:
        for stream, errors in changed:
            with suppress(ValueError):  # it was closed
                stream.reconfigure(errors=errors)
