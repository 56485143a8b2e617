"""manifest.jsonl: what has become of every picture of a batch, a line for each try."""

import json
import os
import threading
from pathlib import Path
from typing import Any

from jaxnst._files import sha256
from jaxnst._fingerprint import as_stored
from jaxnst.pipeline.provenance import with_current_settings

try:
    import fcntl
except ImportError:  # Windows: two batches at once in one folder are not noticed
    fcntl = None  # type: ignore[assignment]

NAME = "manifest.jsonl"

Record = dict[str, Any]


class Manifest:
    """The manifest of a folder, held by one program at a time.

    A line is written with one call and reaches the disk before the next; what a crash
    or a full disk left of one is not read.
    """

    def __init__(self, folder: Path) -> None:
        """Raises OSError if it cannot be written, or is held by another program."""
        self.path = folder / NAME
        self.file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self.file)
            raise OSError(
                f"another batch is writing to {folder}; wait for it, or choose "
                "another folder"
            ) from None
        data = self.path.read_bytes()
        self.lock = threading.Lock()
        self.torn = bool(data) and not data.endswith(b"\n")
        self.records: dict[str, Record] = {}
        for line in data.split(b"\n"):
            self._read(line)

    def _read(self, line: bytes) -> None:
        try:
            record = json.loads(line)
            self.records[record["output"]] = record
        except (ValueError, TypeError, KeyError, RecursionError):
            pass  # torn, or not ours: the picture is made again

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
        """Whether the picture of that name is there, made from this very job."""
        record, path = self.records.get(output, {}), self.path.with_name(output)
        return (
            record.get("status") == "done"
            and with_current_settings(record.get("job")) == as_stored(job)
            and path.is_file()
            and sha256(path) == record.get("sha256")
        )

    def close(self) -> None:
        os.close(self.file)
