"""Folders of pictures that a command line names."""

from collections.abc import Sequence
from pathlib import Path

from jaxnst.cli._app import warn
from jaxnst.cli._locations import Address, Location, same_or_inside
from jaxnst.cli._remote import files_under
from jaxnst.images.listing import (
    describe_skipped,
    is_litter,
    list_pictures,
    picture_suffixes,
)


def pictures_in(places: Sequence[Path], *, without: Path | None = None) -> list[Path]:
    """The pictures of folders, in the order of their names; a line on stderr names
    what else lies there.

    Args:
        places, without: as of `list_pictures`.

    Raises:
        FileNotFoundError: as of `list_pictures`.
    """
    found = list_pictures(places, without=without)
    _tell_skipped(found.skipped)
    return list(found.pictures)


def pictures_at(place: Address, *, without: Location | None = None) -> list[Address]:
    """As `pictures_in`, of a folder in a store, or of the one picture there.

    Pictures are told by their suffixes alone: no file is looked into.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be listed.
    """
    pictures: list[Address] = []
    skipped: list[Address] = []
    for name in sorted(files_under(place)):
        if not name:  # the place itself, which is taken as it is
            return [place]
        path = place / name
        if any(map(is_litter, name.split("/"))):
            continue
        if without is not None and same_or_inside(path, without):
            continue
        known = path.suffix.lower() in picture_suffixes()
        (pictures if known else skipped).append(path)
    if not pictures:
        others = f"; other files there: {describe_skipped(skipped)}" if skipped else ""
        raise FileNotFoundError(f"no pictures in {place}{others}")
    _tell_skipped(skipped)
    return pictures


def _tell_skipped(skipped: Sequence[Path] | Sequence[Address]) -> None:
    if skipped:
        count = len(skipped)
        what = "a file that is" if count == 1 else f"{count} files that are"
        kind = "no picture" if count == 1 else "no pictures"
        warn(f"skipped {what} {kind} known here: {describe_skipped(skipped)}")
