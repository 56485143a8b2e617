"""The records of a batch in an object store, one for each picture.

FOLDER/manifest/done/NAME.json is written when the picture FOLDER/NAME is there, so that
a picture without one is painted again; FOLDER/manifest/failed/NAME.json says what went
wrong at the last try. All who paint write there: there is nothing to append to, and
none of them waits for another.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from jaxnst._files import remove_unfinished, sha256
from jaxnst._fingerprint import as_stored
from jaxnst.cli._locations import Address
from jaxnst.cli._manifest import Made, Record, as_record, job_digest, made_by
from jaxnst.cli._remote import (
    Info,
    at_once,
    files_in,
    modified,
    read_bytes,
    write_bytes,
)

_SUFFIX = ".json"


def _folder_of(folder: Address, status: str) -> Address:
    return folder / "manifest" / status


class _Done(NamedTuple):
    """What the record of a picture says: what it is made from, and of its file MD5 and
    how many bytes it has."""

    made: Made
    md5: str
    size: int


class RemoteManifest:
    """The records of a folder in a store; as `Manifest` for those who paint."""

    by_painters = True
    """Whoever has painted a picture writes its record: an actor, too."""

    def __init__(self, folder: Address, outputs: Collection[str]) -> None:
        """`outputs` are the pictures that will be asked for.

        Raises:
            OSError: the folder cannot be listed, or the records not be read.
        """
        self.folder = folder
        self.pictures = files_in(folder)
        place, wanted = _folder_of(folder, "done"), set(outputs)
        there = wanted.intersection(self.pictures)
        records = there and files_in(place)
        names = [name for name in there if f"{name}{_SUFFIX}" in records]
        read = at_once(
            lambda name: _done(read_bytes(place / f"{name}{_SUFFIX}")), names
        )
        found = zip(names, read, strict=True)
        self.done = {name: done for name, done in found if done is not None}

    def append(self, record: Record) -> None:
        """Raises OSError if it was not written."""
        write_record(self.folder, record)

    def has(self, output: str, job: Record) -> bool:
        """Whether the picture of that name is there, made from this very job."""
        done, info = self.done.get(output), self.pictures.get(output)
        if done is None or info is None or done.size != info.get("size"):
            return False
        wanted = job_digest(as_stored(job))
        if not done.made.startswith(wanted):
            return False
        if md5_of(info) == done.md5:
            return True
        # The store says nothing, or encrypts: so it is read.
        try:
            digest = sha256(read_bytes(self.folder / output))
            return wanted + bytes.fromhex(digest) == done.made
        except OSError:
            return False

    def close(self) -> None:
        """Nothing is open."""


def remove_leftovers(folder: Address) -> None:
    """Remove what programs of this machine that were killed had not finished writing,
    where a store is a folder of files: of others nothing is seen until it is whole."""
    for place in (folder, *(_folder_of(folder, x) for x in ("done", "failed"))):
        if place.local is not None:
            remove_unfinished(place.local)


def write_record(folder: Address, record: Record) -> None:
    status = "done" if record["status"] == "done" else "failed"
    place = _folder_of(folder, status) / f"{record['output']}{_SUFFIX}"
    write_bytes(place, json.dumps(record).encode())


def _done(data: bytes) -> _Done | None:
    record = as_record(data)
    made = None if record is None else made_by(record)
    if record is None or made is None:
        return None
    md5, size = record.get("md5"), record.get("bytes")
    if not isinstance(md5, str) or not isinstance(size, int):
        return None
    return _Done(made, md5, size)


def md5_of(info: Info) -> str | None:
    """MD5 (hex) of a file, where the store lists it: S3 of what it has not encrypted
    with a key of one's own, and was written in one piece, Google always."""
    if isinstance(info.get("md5Hash"), str):
        return base64.b64decode(info["md5Hash"]).hex()
    tag = info.get("ETag")
    return tag.strip('"') if isinstance(tag, str) else None


def save_picture(address: Address, write: Callable[[Path], None]) -> dict[str, Any]:
    """Have a picture written on this machine, and bring it to its address.

    Returns:
        Checksums and size, for its record.

    Raises:
        OSError: it cannot be written, here or there.
    """
    with TemporaryDirectory(prefix="jaxnst-") as folder:
        file = Path(folder, address.name)
        write(file)
        data = file.read_bytes()
    write_bytes(address, data)
    return {
        "sha256": sha256(data),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "bytes": len(data),
    }


class Records(NamedTuple):
    """What the names of records tell: of pictures that are done when they were written,
    where the store says; and of which failed."""

    done: dict[str, float | None]
    failed: set[str]


def list_records(folder: Address) -> Records:
    """Raises OSError if the folder cannot be listed."""
    there = files_in(folder)
    listed = [files_in(_folder_of(folder, status)) for status in ("done", "failed")]
    done, failed = (
        {name.removesuffix(_SUFFIX): info for name, info in one.items()}
        for one in listed
    )
    times = {name: modified(info) for name, info in done.items() if name in there}
    return Records(times, set(failed))


def errors_of(folder: Address, names: list[str]) -> list[str]:
    """What went wrong with pictures that failed."""
    place = _folder_of(folder, "failed")

    def error(name: str) -> str:
        record = as_record(read_bytes(place / f"{name}{_SUFFIX}")) or {}
        return str(record.get("error", ""))

    return list(at_once(error, names))
