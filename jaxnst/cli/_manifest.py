"""manifest.jsonl: what has become of every picture of a batch, a line for each try.

Where several machines share a batch each writes a manifest of its own and reads all.
"""

import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from jaxnst._files import sha256
from jaxnst._fingerprint import as_stored
from jaxnst.pipeline.provenance import with_current_settings

NAME = "manifest.jsonl"

_NAMES = re.compile(r"manifest(-\d+-of-\d+)?\.jsonl")

Record = dict[str, Any]


def read_records(path: Path) -> Iterator[Record]:
    """The lines of a manifest that are whole, in order."""
    for line in path.read_bytes().split(b"\n"):
        try:
            record = json.loads(line)
            if isinstance(record["output"], str):
                yield record
        except (ValueError, TypeError, KeyError, RecursionError):
            pass  # torn, or not ours: the picture is made again


def manifests(folder: Path) -> list[Path]:
    """Every manifest of a folder: that of a batch, and those of shares of one."""
    return sorted(path for path in folder.iterdir() if _NAMES.fullmatch(path.name))


class Manifest:
    """One manifest of a folder, held by one program at a time.

    A line is written with one call and reaches the disk before the next; what a crash
    or a full disk left of one is not read.
    """

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
            data = self.path.read_bytes()
        except OSError:
            self.held.release()
            raise
        self.lock = threading.Lock()
        self.torn = bool(data) and not data.endswith(b"\n")
        self.records = {record["output"]: record for record in read_records(self.path)}
        self.others: dict[str, list[Record]] = {}
        for path in manifests(folder):
            if path != self.path:
                for record in read_records(path):
                    self.others.setdefault(record["output"], []).append(record)

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
            self.records[record["output"]] = record

    def has(self, output: str, job: Record) -> bool:
        """Whether the picture of that name is there, made from this very job, by
        whichever of the machines."""
        own = self.records.get(output)
        records = [*([own] if own else []), *self.others.get(output, [])]
        path, wanted = self.path.with_name(output), as_stored(job)
        made = {
            record.get("sha256")
            for record in records
            if record.get("status") == "done"
            and with_current_settings(record.get("job")) == wanted
        }
        return bool(made) and path.is_file() and sha256(path) in made

    def close(self) -> None:
        os.close(self.file)
        self.held.release()
