"""Files that appear whole or not at all, their names, and checksums.

Everything the project writes goes beside its destination first and is renamed over
it at the end, so that an interruption or a full disk leaves what was there before.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# Two letters at least: one alone is a drive.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")


def check_no_address(path: str | os.PathLike[str]) -> None:
    """Check that what should be a file is not an address on the web.

    Raises:
        ValueError: it is one, or a file's written like one.
    """
    found = _ADDRESS.match(os.fspath(path))
    if not found or os.path.exists(path):
        return
    scheme, rest = found[1], os.fspath(path)[found.end() :]
    if scheme.lower() == "file":
        raise ValueError(f"{scheme}:///{rest} is an address; give the file: /{rest}")
    raise ValueError(
        f"{scheme}://{rest} is an address on the web, which is not fetched; download "
        "it and give the file"
    )


def check_writable_folder(path: str | os.PathLike[str]) -> Path:
    """`path` as a `Path`, after making sure that a file can be created there.

    Raises:
        FileNotFoundError: the folder of `path` does not exist.
        NotADirectoryError: what should be the folder is a file.
        IsADirectoryError: `path` itself is a folder.
        PermissionError: the folder may not be written to.
    """
    path = Path(path)
    folder = path.parent
    if not folder.exists():
        raise FileNotFoundError(
            f"cannot write {path}: the folder {folder} does not exist; "
            f"create it first (mkdir -p {folder})"
        )
    if not folder.is_dir():
        raise NotADirectoryError(f"cannot write {path}: {folder} is not a folder")
    if path.is_dir():
        raise IsADirectoryError(
            f"cannot write {path}: it is a folder; give the name of a file in it"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(
            f"cannot write {path}: no permission to write in {folder}; "
            "choose another folder"
        )
    return path


def make_folder(path: str | os.PathLike[str]) -> Path:
    """`path` as a `Path`, after making it a folder with those above it.

    Raises:
        NotADirectoryError: it, or one above it, is a file.
        OSError: it cannot be made.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(
            f"cannot make the folder {path}: there is a file of that name; choose "
            "another folder"
        ) from None
    except OSError as error:
        raise type(error)(
            f"cannot make the folder {path}: {error.strerror}; choose another folder"
        ) from None
    return path


def check_not_read(
    written: Sequence[str | os.PathLike[str]], read: Sequence[str | os.PathLike[str]]
) -> None:
    """Check that no file that is to be written is one that is read.

    Raises:
        ValueError: one would be overwritten.
    """
    sources = {Path(path).resolve(): path for path in read}
    for path in written:
        if Path(path).resolve() in sources:
            raise ValueError(
                f"{path} is read, and would be overwritten; choose another name for "
                "what is written"
            )


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    The temporary name keeps the suffix, for libraries that choose a format by it.
    On any exception, KeyboardInterrupt included, the temporary file is removed and
    `path` is as it was.
    """
    path = check_writable_folder(path)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield temporary
        # Without this a power cut could leave the new name on empty blocks.
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256(source: Path | bytes) -> str:
    """SHA-256 (hex) of a file, or of bytes that are in memory already."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    return sha256_of([source])


def sha256_of(files: Sequence[Path]) -> str:
    """SHA-256 (hex) over the contents of several files, one after another."""
    digest = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
