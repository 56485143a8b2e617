"""Whether something kept in a file was made from what would be used now.

What is kept carries a description of everything that it depends on; it is used again
only under the same description.
"""

import json
from collections.abc import Mapping
from typing import Any


def as_stored(description: Mapping[str, Any]) -> dict[str, Any]:
    """A description as it comes back from a file: tuples are lists in JSON."""
    stored: dict[str, Any] = json.loads(json.dumps(dict(description)))
    return stored


def differences(before: Any, now: Mapping[str, Any]) -> list[str]:
    """Names of what is no longer as it was; all of them if `before` is no mapping."""
    wanted = as_stored(now)
    if not isinstance(before, dict):
        return list(wanted)
    return [name for name in wanted if before.get(name) != wanted[name]]
