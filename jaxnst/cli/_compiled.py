"""Entries of the cache of compiled code that cannot be read, such as half-written ones.

JAX warns of one, compiles anew, and writes nothing in its place as long as it is there.
"""

import glob
import re
import zlib
from pathlib import Path
from typing import Any

import jax

_WARNING = re.compile(
    r"Error reading persistent compilation cache entry for '([\w.<>-]+)'"
)


def drop_broken(message: str) -> bool:
    """Remove the entry that a warning of JAX is about, so that it is written again.

    The warning names the function alone: of its entries those are removed that do not
    unpack, or all where every one does.

    Returns:
        Whether the message was such a warning, and there is nothing to say any more.
    """
    config: Any = jax.config
    found, folder = _WARNING.match(message), config.jax_compilation_cache_dir
    if found is None or not folder:
        return False
    entries = sorted(Path(folder).glob(f"{glob.escape(found[1])}-*-cache"))
    try:
        for path in [path for path in entries if not _unpacks(path)] or entries:
            path.unlink(missing_ok=True)
    except OSError:  # of another user: JAX's warning says what it costs
        return False
    return bool(entries)


def _unpacks(path: Path) -> bool:
    try:
        zlib.decompress(path.read_bytes())
    except zlib.error:
        return False
    return True
