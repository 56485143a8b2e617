"""Zip archives, before they are opened."""

import mmap
from pathlib import Path

ENTRIES = 10_000  # GoogLeNet's state dict has some hundreds

_ENTRY = b"PK\x01\x02"


def check_directory(path: Path) -> None:
    """Check that an archive does not list more entries than weights need.

    All of them are read, and kept in memory, when it is opened.

    Raises:
        ValueError: it does.
    """
    access = mmap.ACCESS_READ
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=access) as data:
        count = start = 0
        while (start := data.find(_ENTRY, start) + 1) > 0:
            count += 1
            if count > ENTRIES:
                raise ValueError(
                    f"it lists more than {ENTRIES:,} entries, which no weights need"
                )
