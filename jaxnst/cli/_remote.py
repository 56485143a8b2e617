"""Files in object stores, by fsspec: read into a copy, written in one piece, listed.

A store has no rename and no lock. What it does have: a file of a name is there whole,
or not at all.
"""

import errno
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from jaxnst._files import atomic_write, sha256, without_secrets
from jaxnst.cli._locations import Address, Location

_AT_ONCE = 32  # requests; each waits for an answer most of the time

_PACKAGES = {"s3": "s3fs", "gs": "gcsfs"}

Info = Mapping[str, Any]
"""What a store says of a file: its size, and in words of its own when it was written
and its checksum."""

T = TypeVar("T")
R = TypeVar("R")


@cache
def file_system(scheme: str) -> Any:
    """fsspec's file system of a scheme.

    Raises:
        ValueError: a package for it is not installed.
    """
    try:
        fsspec = import_module("fsspec")
    except ImportError:
        raise ValueError(
            f"{scheme}:// needs the package fsspec; install it with: "
            "pip install 'jaxnst[remote]'"
        ) from None
    try:
        # What others write meanwhile is to be seen.
        return fsspec.filesystem(scheme, use_listings_cache=False)
    except ImportError:
        package = _PACKAGES.get(scheme, "fsspec")
        raise ValueError(
            f"{scheme}:// needs the package {package}; install it with: "
            f"pip install {package}"
        ) from None


@contextmanager
def _system_for(doing: str, address: Address) -> Iterator[Any]:
    """The file system of an address; every error that the block has with it becomes one
    of the system's kinds, in a line without secrets.

    Raises:
        FileNotFoundError, PermissionError, OSError: what was being done, and why not.
        ValueError: as `file_system`.
    """
    system = file_system(address.scheme)
    try:
        yield system
    except Exception as error:  # stores have kinds of their own
        known = (FileNotFoundError, PermissionError)
        kind = next((k for k in known if isinstance(error, k)), OSError)
        lines = without_secrets(str(error)).strip().splitlines()
        why = lines[0] if lines else type(error).__name__
        if kind is FileNotFoundError and why.endswith(address.name):
            why = "there is nothing of that name"
        raise kind(f"cannot {doing} {address}: {why}") from None


@dataclass(frozen=True)
class Copy:
    """A file of this machine that is called as what it is a copy of."""

    file: Path
    address: Address

    def __fspath__(self) -> str:
        return str(self.file)

    def __str__(self) -> str:
        return str(self.address)


Readable = Path | Copy


@contextmanager
def opened(place: Location, digest: str | None = None) -> Iterator[Readable]:
    """A file to read: itself, or of an address a copy, as long as the block runs.

    Args:
        digest: SHA-256 that what is at an address must still have; None, any.

    Raises:
        OSError: it cannot be read, or not be copied for want of space.
        ValueError: it has another checksum.
    """
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="jaxnst-") as folder:
        file = Path(folder, f"copy{place.suffix}")
        try:
            with _system_for("read", place) as system:
                # Not `get_file`: in memory all threads read by one file's position.
                file.write_bytes(system.cat_file(str(place)))
        except OSError:
            if not _takes_a_file(Path(folder)):
                raise OSError(
                    f"cannot copy {place} to {folder}: no space left; free some, or "
                    "name another folder for temporary files in TMPDIR"
                ) from None
            raise
        if digest is not None and sha256(file) != digest:
            raise ValueError(
                f"{place} has changed since the batch began; the same command paints "
                "it anew"
            )
        yield Copy(file, place)


def _takes_a_file(folder: Path) -> bool:
    try:
        (folder / "trial").write_bytes(bytes(4096))
    except OSError as error:
        return error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return True


def read_bytes(address: Address) -> bytes:
    """Raises OSError if it cannot be read."""
    with _system_for("read", address) as system:
        return bytes(system.cat_file(str(address)))


def write_bytes(address: Address, data: bytes) -> None:
    """Write a file that is there whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    if address.local is not None:
        address.local.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(address.local) as temporary:
            temporary.write_bytes(data)
        return
    with _system_for("write", address) as system:
        system.pipe_file(str(address), data)


def remove(address: Address) -> None:
    """Remove a file; one that is not there, or stays, is no error."""
    with suppress(OSError), _system_for("remove", address) as system:
        system.rm_file(str(address))


def files_in(folder: Address) -> dict[str, Info]:
    """The files in a folder itself, by name; none where there is no such folder.

    Raises:
        OSError: it cannot be listed.
    """
    try:
        with _system_for("list", folder) as system:
            found = system.ls(str(folder), detail=True)
    except FileNotFoundError:
        return {}
    names = ((str(one["name"]).rpartition("/")[2], one) for one in found)
    return {name: one for name, one in names if name and one.get("type") == "file"}


def files_under(place: Address) -> dict[str, Info]:
    """The files in and under a folder, by what follows its name and "/"; of a file
    alone, itself as ""; none where there is neither.

    Raises:
        OSError: it cannot be listed.
    """
    with _system_for("list", place) as system:
        root = str(system._strip_protocol(str(place))).rstrip("/")
        found = system.find(root, detail=True)
    names = {path.removeprefix(root).lstrip("/"): info for path, info in found.items()}
    return {name: info for name, info in names.items() if not name.endswith("/")}


def modified(info: Info) -> float | None:
    """When a file was written, in seconds since 1970, if the store says."""
    for name in ("LastModified", "mtime", "updated", "created"):
        value = info.get(name)
        if isinstance(value, str):
            with suppress(ValueError):
                value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return None


def at_once(function: Callable[[T], R], items: Sequence[T]) -> Iterable[R]:
    """The function of each, many at a time, in order."""
    if len(items) < 2:
        return map(function, items)
    with ThreadPoolExecutor(min(_AT_ONCE, len(items))) as pool:
        return list(pool.map(function, items))


def check_writable(folder: Address) -> None:
    """Check that files can be written in a folder, by one that is removed again.

    Raises:
        OSError: they cannot.
        ValueError: a package for the store is not installed.
    """
    trial = folder / f".trial-{os.getpid()}"
    write_bytes(trial, b"jaxnst")
    remove(trial)
