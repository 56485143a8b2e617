"""A cache of arrays in files, each used until what it depends on changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxnst._files import atomic_write
from jaxnst._fingerprint import differences

Arrays = dict[str, np.ndarray]

_KEY = "description"


def cached(
    path: Path, description: dict[str, Any], make: Callable[[], Arrays]
) -> Arrays:
    """What `make` returns, read from `path` if it was made under the same description.

    A file that is damaged, or of something else, is replaced.

    Args:
        description: of everything that the arrays depend on, as JSON's types.
    """
    stored = _read(path)
    if stored is not None and not differences(stored[0], description):
        return stored[1]
    arrays = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    entries: Any = {_KEY: np.array(json.dumps(description)), **arrays}
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **entries)
    return arrays


def _read(path: Path) -> tuple[Any, Arrays] | None:
    """Description and arrays of a file; None if there are none."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as entries:
            arrays = dict(entries)
        return json.loads(str(arrays.pop(_KEY))), arrays
    # Damage shows as almost any exception of the libraries.
    except Exception:
        return None
