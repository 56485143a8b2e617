"""Folders of pictures."""

from collections.abc import Sequence
from pathlib import Path

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")


def picture_files(folders: Sequence[Path]) -> list[Path]:
    """Every picture in and under `folders`, in the order of their names."""
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is not a folder of pictures")
        found += [p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES]
    if not found:
        raise FileNotFoundError(f"no pictures in {', '.join(map(str, folders))}")
    return sorted(set(found))
