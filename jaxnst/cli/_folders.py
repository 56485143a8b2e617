"""Folders of pictures that a command line names."""

from collections.abc import Sequence
from pathlib import Path

from jaxnst.cli._app import warn
from jaxnst.images.listing import describe_skipped, list_pictures


def pictures_in(places: Sequence[Path], *, without: Path | None = None) -> list[Path]:
    """The pictures of folders, in the order of their names; a line on stderr names
    what else lies there.

    Args:
        places, without: as of `list_pictures`.

    Raises:
        FileNotFoundError: as of `list_pictures`.
    """
    found = list_pictures(places, without=without)
    if found.skipped:
        count = len(found.skipped)
        what = "a file that is" if count == 1 else f"{count} files that are"
        kind = "no picture" if count == 1 else "no pictures"
        warn(f"skipped {what} {kind} known here: {describe_skipped(found.skipped)}")
    return list(found.pictures)
