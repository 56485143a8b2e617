"""manifest.jsonl: what has become of every picture of a batch, a line for each try.

Where several machines share a batch each writes a manifest of its own and reads all.
"""

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from jaxnst._files import sha256
from jaxnst._fingerprint import as_stored
from jaxnst.pipeline.provenance import with_current_settings

NAME = "manifest.jsonl"

_NAMES = re.compile(r"manifest(-\d+-of-\d+)?\.jsonl")

Record = dict[str, Any]


Made = bytes
"""Of a picture that is done, a checksum of what it was made from (16 bytes) and SHA-256
of its file (32): the records of a million would not fit into memory."""


def read_records(path: Path) -> Iterator[Record]:
    """The lines of a manifest that are whole, in order."""
    with open(path, "rb") as file:
        for line in file:
            record = as_record(line)
            if record is not None:
                yield record


def as_record(line: bytes) -> Record | None:
    """A record as it was written; None of what is torn, or not ours: the picture is
    made again."""
    try:
        record: Record = json.loads(line)
        return record if isinstance(record["output"], str) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def made_by(record: Record) -> Made | None:
    """What a record says of a picture that is done; None where it says of none, or
    damage has made something else of it."""
    digest = record.get("sha256")
    if record.get("status") != "done" or not isinstance(digest, str):
        return None
    try:
        return job_digest(_of_this_version(record.get("job"))) + bytes.fromhex(digest)
    except (ValueError, RecursionError):
        return None


def job_digest(job: Any) -> bytes:
    """A checksum (16 bytes) of what a picture is made from, the same of two that are
    equal as values of JSON."""
    text = json.dumps(_plain(job), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def _plain(value: Any) -> Any:
    """Tuples as lists; whole numbers as such, however they are written."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _of_this_version(job: Any) -> Any:
    """As `with_current_settings`: many records have the same settings."""
    if not isinstance(job, dict) or "settings" not in job:
        return job
    return job | {"settings": json.loads(_current(json.dumps(job["settings"])))}


@lru_cache(1024)
def _current(settings: str) -> str:
    record = with_current_settings({"settings": json.loads(settings)})
    return json.dumps(record["settings"])


def manifests(folder: Path) -> list[Path]:
    """Every manifest of a folder: that of a batch, and those of shares of one."""
    return sorted(path for path in folder.iterdir() if _NAMES.fullmatch(path.name))


class Manifest:
    """One manifest of a folder, held by one program at a time.

    A line is written with one call and reaches the disk before the next; what a crash
    or a full disk left of one is not read.
    """

    by_painters = False
    """The program that planned writes the records, whoever has painted."""

    def __init__(self, folder: Path, name: str = NAME) -> None:
        """Raises OSError if it cannot be written, or is held by another program."""
        self.path = folder / name
        self.held = FileLock(folder / f".{name}.lock")
        try:
            self.held.acquire(timeout=0)
        except Timeout:
            raise OSError(
                f"another batch is writing to {self.path}; wait for it, or choose "
                "another folder"
            ) from None
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self.file = os.open(self.path, flags, 0o666)
        except OSError:
            self.held.release()
            raise
        self.lock = threading.Lock()
        self.torn = self._is_torn()
        self.made: dict[str, Made] = {}
        for record in read_records(self.path):
            self._note(record)
        self.others: dict[str, list[Made]] = {}
        for path in manifests(folder):
            if path != self.path:
                for record in read_records(path):
                    made = made_by(record)
                    if made is not None:
                        self.others.setdefault(record["output"], []).append(made)

    def _is_torn(self) -> bool:
        with open(self.path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            return file.read() not in (b"", b"\n")

    def _note(self, record: Record) -> None:
        """The latest of a picture's own records counts."""
        made = made_by(record)
        if made is None:
            self.made.pop(record["output"], None)
        else:
            self.made[record["output"]] = made

    def append(self, record: Record) -> None:
        """Raises OSError if it did not reach the disk whole."""
        line = json.dumps(record).encode() + b"\n"
        with self.lock:
            if self.torn:
                line = b"\n" + line
            self.torn = True  # until it is there
            if os.write(self.file, line) != len(line):
                raise OSError(f"{self.path}: no space left for a line")
            os.fsync(self.file)
            self.torn = False
            self._note(record)

    def has(self, output: str, job: Record) -> bool:
        """Whether the picture of that name is there, made from this very job, by
        whichever of the machines."""
        own = self.made.get(output)
        known = [*([own] if own else []), *self.others.get(output, [])]
        if not known:
            return False
        path, wanted = self.path.with_name(output), job_digest(as_stored(job))
        if not any(made.startswith(wanted) for made in known) or not path.is_file():
            return False
        return wanted + bytes.fromhex(sha256(path)) in known

    def close(self) -> None:
        os.close(self.file)
        self.held.release()
