"""Fingerprints: whether a file was made from what would be used now.

A cached result is stored with a description of everything that it depends on, and is
used again only under the same description.
"""

import json
from collections.abc import Mapping
from typing import Any


def as_stored(description: Mapping[str, Any]) -> dict[str, Any]:
    """A description as it comes back from a file: tuples are lists in JSON."""
    stored: dict[str, Any] = json.loads(json.dumps(dict(description)))
    return stored


def differences(stored: Any, current: Mapping[str, Any]) -> list[str]:
    """Names in `current` whose value in `stored` is another or missing; all of them if
    `stored` is no dict."""
    current = as_stored(current)
    if not isinstance(stored, dict):
        return list(current)
    return [name for name in current if stored.get(name) != current[name]]
