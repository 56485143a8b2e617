"""Downloads that resume, and that are checked before anyone sees them.

A file arrives under a name ending in `.part`, which stays when the connection drops
and is continued by the next attempt; only a file of the right size and checksum gets
its own name.
"""

import errno
import hashlib
import http.client
import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from jaxnst._files import check_writable_folder

MAX_BYTES = 2 << 30

TIMEOUT = 30.0  # seconds without a byte

ATTEMPTS = 4  # in a row that bring nothing new

_CHUNK = 1 << 18


class _ConnectionDropped(ConnectionError):
    """The connection failed in a way that another attempt may mend."""


class _CannotResume(Exception):
    """The server cannot continue what has been received."""


def verify(path: str | os.PathLike[str], checksum: str) -> bool:
    """Whether the file has the checksum "sha256:HEX", "md5:HEX", "sha256-prefix:HEX".

    Raises:
        ValueError: a checksum of another kind.
    """
    kind, _, expected = checksum.partition(":")
    if kind not in ("sha256", "md5", "sha256-prefix") or not expected:
        raise ValueError(
            f"unknown checksum {checksum!r}; give sha256:HEX, sha256-prefix:HEX or "
            "md5:HEX"
        )
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, kind.removesuffix("-prefix")).hexdigest()
    return digest[: len(expected)] == expected.lower() and (
        kind == "sha256-prefix" or len(digest) == len(expected)
    )


def _open(url: str, received: int) -> http.client.HTTPResponse | None:
    """The server's answer for `url` from byte `received` on; None if no more."""
    request = urllib.request.Request(url, headers={"User-Agent": "jaxnst"})
    if received:
        request.add_header("Range", f"bytes={received}-")
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(
            request, timeout=TIMEOUT
        )
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:
                if error.headers.get("Content-Range") == f"bytes */{received}":
                    return None
                raise _CannotResume from None
            answer = f"the server of {url} answers {error.code} {error.reason}"
        if error.code >= 500 or error.code in (408, 429):
            raise _ConnectionDropped(answer) from error
        raise OSError(
            f"{answer}; get the file elsewhere and convert it with "
            "jaxnst convert-weights"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise _ConnectionDropped(f"no connection to {url} ({reason})") from error
    return response


def _length(
    response: http.client.HTTPResponse, received: int
) -> tuple[int, int | None]:
    """(bytes received that the answer continues, size of the file if announced)."""
    if response.status == 206:
        if not response.headers.get("Content-Range", "").startswith(
            f"bytes {received}-"
        ):
            raise _CannotResume
    else:
        received = 0  # the server sends all of it again
    length = response.headers.get("Content-Length", "")
    return received, received + int(length) if length.isdecimal() else None


def _receive(response: http.client.HTTPResponse, url: str) -> bytes:
    """What has arrived, at most a chunk: waiting for all of one would lose what there
    is of it when the connection breaks."""
    try:
        return response.read1(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _ConnectionDropped(f"the connection to {url} broke ({error})") from error


def _check_total(url: str, total: int, size: int | None) -> None:
    if total > MAX_BYTES or size not in (None, total):
        expected = f"at most {MAX_BYTES:,}" if size is None else f"{size:,}"
        raise OSError(
            f"{url} has {total:,} bytes, expected {expected}; it is not the file that "
            "was published: update jaxnst"
        )


def _transfer(url: str, part: Path, size: int | None, progress: bool | None) -> None:
    """One attempt: continue `part`, or begin it where the server cannot continue."""
    received = part.stat().st_size if part.exists() else 0
    response = _open(url, received)
    if response is None:
        return _check_total(url, received, size)
    with response:
        received, total = _length(response, received)
        expected = total if size is None else size
        if total is not None:
            _check_total(url, total, size)
        bar = tqdm(
            desc=part.stem,
            total=expected,
            initial=received,
            unit="B",
            unit_scale=True,
            file=sys.stderr,
            disable=None if progress is None else not progress,
        )
        with open(part, "ab" if received else "wb") as file, bar:
            # The whole length is read, not more: a server may leave the line open.
            while received != total and (chunk := _receive(response, url)):
                received += len(chunk)
                if received > (MAX_BYTES if expected is None else expected):
                    raise OSError(
                        f"{url} sends more than the {expected or MAX_BYTES:,} bytes "
                        "expected; refused"
                    )
                file.write(chunk)
                bar.update(len(chunk))
    if expected is not None and received < expected:
        raise _ConnectionDropped(
            f"the connection to {url} broke after {received:,} bytes"
        )


def _complete(
    url: str,
    part: Path,
    size: int | None,
    progress: bool | None,
    sleep: Callable[[float], None],
) -> None:
    """Attempts until `part` is as long as the server says, or they bring no more."""
    farthest, failures = -1, 0
    while True:
        try:
            return _transfer(url, part, size, progress)
        except _CannotResume:
            part.unlink(missing_ok=True)
            failures += 1
            error: Exception = OSError(f"the server of {url} cannot continue a file")
        except _ConnectionDropped as dropped:
            received = part.stat().st_size if part.exists() else 0
            failures = 1 if received > farthest else failures + 1
            farthest, error = max(received, farthest), dropped
        if failures >= ATTEMPTS:
            received = part.stat().st_size if part.exists() else 0
            raise ConnectionError(
                f"{error}; {received:,} bytes are kept in {part}: check the connection "
                "and run the same again to continue"
            ) from error
        sleep(0.5 * 2 ** (failures - 1))


def _check_space(part: Path, size: int) -> None:
    needed = size - (part.stat().st_size if part.exists() else 0)
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise OSError(
            f"{part.parent} has {free:,} bytes free and the download needs {needed:,}; "
            "free some, or set JAXNST_WEIGHTS to weights held elsewhere"
        )


def fetch(
    url: str,
    path: str | os.PathLike[str],
    *,
    size: int | None = None,
    checksum: str,
    progress: bool | None = True,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Download `url` to `path` unless it is there already, and verify it.

    Args:
        url: http or https.
        path: where to; `path` with `.part` added holds what has arrived so far.
        size: bytes of the file, if known; longer bodies are refused.
        checksum: "sha256:HEX", "sha256-prefix:HEX" (its first digits) or "md5:HEX".
        progress: a bar on stderr: True, False, or None for only on a terminal.
        sleep: waits between attempts, given seconds.

    Raises:
        ConnectionError: no connection, or one that broke again and again; what has
            arrived stays for the next call.
        OSError: the server refuses, the size is wrong, the disk is full.
        ValueError: the checksum is wrong; the file is removed.
    """
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"cannot fetch {url!r}; give an http or https address")
    path = check_writable_folder(path)
    if path.exists() and verify(path, checksum):
        return path
    part = path.with_name(f"{path.name}.part")
    received = part.stat().st_size if part.exists() else 0
    if size is not None:
        if received > size:
            part.unlink()
        _check_space(part, size)
    try:
        if received != size:
            _complete(url, part, size, progress, sleep)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OSError(
                f"the disk that holds {part} is full; free some space and run the "
                "same again to continue"
            ) from error
        if error.errno is not None and error.filename is None:
            error.filename = str(part)
        raise
    if not verify(part, checksum):
        part.unlink()
        raise ValueError(
            f"{url} has not the checksum {checksum} and was removed; run the same "
            "again, and if that fails too, update jaxnst"
        )
    os.replace(part, path)
    return path
