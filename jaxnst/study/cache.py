"""Arrays that took long to make, kept in a file until what they depend on changes."""

import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxnst._files import atomic_write

Arrays = dict[str, np.ndarray]

_KEY = "description"


def kept(path: Path, description: dict[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """What `make` gives, read from `path` if it was made under the same description.

    A file that is damaged, or of something else, is made anew.

    Args:
        description: of everything that the arrays depend on, as JSON's types.
    """
    text = json.dumps(description, sort_keys=True)
    found = _read(path, text)
    if found is not None:
        return found
    arrays = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        held: Any = {_KEY: np.array(text), **arrays}
        np.savez(file, **held)
    return arrays


def _read(path: Path, text: str) -> Arrays | None:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as held:
            arrays = dict(held)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    before = arrays.pop(_KEY, None)
    return arrays if before is not None and str(before) == text else None
