"""Which files of a folder are pictures, and which only lie beside them."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from jaxnst._files import check_no_address
from jaxnst.images.opening import FORMATS, PathLike
from jaxnst.images.read import picture_size

# What systems and programs leave in folders, in lower case, beside names with a dot in
# front: previews, settings of a folder, what was deleted.
_LITTER = {
    "$recycle.bin",
    "@eadir",
    "__macosx",
    "desktop.ini",
    "ehthumbs.db",
    "icon\r",
    "lost+found",
    "system volume information",
    "thumbs.db",
}


@dataclass(frozen=True)
class Listing:
    """What `list_pictures` found, both sorted by path.

    Attributes:
        pictures: files that are pictures by their suffix, or else by their beginning.
        skipped: other files, and folders that cannot be looked into.
    """

    pictures: tuple[Path, ...]
    skipped: tuple[Path, ...]


def list_pictures(
    places: Sequence[PathLike], *, without: PathLike | None = None
) -> Listing:
    """Every picture in and under folders.

    A file with the suffix of a format that `load_image` reads, in any case, is one,
    even where it turns out to be damaged; a file with another or no suffix is one if
    its beginning is that of a picture. What systems leave in folders (._*, Thumbs.db,
    hidden files and folders) is passed over.

    Args:
        places: folders, or single pictures, which are taken as they are.
        without: a folder that is not looked into.

    Raises:
        FileNotFoundError: a place is not there, or no picture is in any of them.
    """
    pictures: set[Path] = set()
    skipped: set[Path] = set()
    without = None if without is None else Path(without).resolve()
    for place in map(Path, places):
        check_no_address(place)
        if not place.exists():
            raise FileNotFoundError(
                f"there is no {place}; give a folder of pictures, or one picture"
            )
        if place.is_file():
            pictures.add(place)
        elif place.is_dir():
            for path in _files_under(place, without):
                (pictures if _is_picture(path) else skipped).add(path)
        else:
            raise FileNotFoundError(
                f"{place} is neither a folder nor a file; give a folder of pictures, "
                "or one picture"
            )
    if not pictures:
        others = f"; other files there: {describe_skipped(skipped)}" if skipped else ""
        raise FileNotFoundError(f"no pictures in {', '.join(map(str, places))}{others}")
    return Listing(tuple(sorted(pictures)), tuple(sorted(skipped)))


def image_files(places: Sequence[PathLike]) -> list[Path]:
    """The pictures of `list_pictures`."""
    return list(list_pictures(places).pictures)


def describe_skipped(skipped: Iterable[Any], *, most: int = 10) -> str:
    """The first few by name, and how many more."""
    names = [str(path) for path in sorted(skipped)]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _files_under(folder: Path, without: Path | None) -> Iterator[Path]:
    """Everything but folders in and under one, and folders that stay closed."""
    closed: list[Path] = []

    def note(error: OSError) -> None:
        closed.append(Path(str(error.filename)))

    for name, folders, files in os.walk(folder, onerror=note):
        here = Path(name)
        inside = [f for f in folders if not is_litter(f)]
        # A link to a folder is named, not followed: it may lead back up.
        yield from (here / f for f in inside if (here / f).is_symlink())
        folders[:] = [f for f in inside if (here / f).resolve() != without]
        yield from (here / f for f in files if not is_litter(f))
    yield from closed


def is_litter(name: str) -> bool:
    """Whether a file or folder of that name is none of the user's."""
    return name.startswith(".") or name.lower() in _LITTER


def _is_picture(path: Path) -> bool:
    if not path.is_file():  # a pipe would wait for ever
        return False
    if path.suffix.lower() in picture_suffixes():
        return True
    try:
        picture_size(path)
    except (OSError, ValueError):
        return False
    return True


@cache
def picture_suffixes() -> frozenset[str]:
    """Suffixes, in lower case, of the formats that are read."""
    known = Image.registered_extensions().items()
    return frozenset(suffix for suffix, name in known if name in FORMATS)
