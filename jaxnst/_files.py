"""Files that appear whole or not at all, their names, and checksums.

Everything the project writes goes beside its destination first and is renamed over
it at the end, so that an interruption or a full disk leaves what was there before.
"""

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import unicodedata
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psutil

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
    rest = without_secrets(f"{scheme}://{rest}").removeprefix(f"{scheme}://")
    if scheme.lower() == "file":
        raise ValueError(f"{scheme}:///{rest} is an address; give the file: /{rest}")
    raise ValueError(
        f"{scheme}://{rest} is an address on the web, which is not fetched; download "
        "it and give the file"
    )


# What stands before "@" where a host does; in the place of a bucket's name, which has
# no ":", also where a key with "/" in it does.
_PASSWORD = re.compile(
    r"""(?<=://)[^/\s?#'"]*@|(?<=(?:s3|gs)://)[^/\s?#'"@]*:[^\s?#'"@]*@"""
)
_QUERY = re.compile(r"""(?<=://)([^\s?'"]*)\?[^\s'"]*""")


def without_secrets(text: str) -> str:
    """A text without what may be secret in the addresses that it names: name and
    password before the host, and the query, in which signatures and tokens stand."""
    return _QUERY.sub(r"\1", _PASSWORD.sub("", text))


def check_writable_folder(path: str | os.PathLike[str]) -> Path:
    """`path` as a `Path`, after making sure that a file can be created there.

    Raises:
        FileNotFoundError: the folder of `path` does not exist.
        NotADirectoryError: what should be the folder is a file.
        IsADirectoryError: `path` itself is a folder.
        PermissionError: the folder may not be written to.
        OSError: the name is too long, or of a device, a pipe or a circle of links.
    """
    path = Path(path)
    folder = _target(path).parent
    if not folder.exists():
        raise FileNotFoundError(
            f"cannot write {path}: the folder {folder} does not exist; "
            f"create it first (mkdir -p {folder})"
        )
    if not folder.is_dir():
        raise NotADirectoryError(f"cannot write {path}: {folder} is not a folder")
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except OSError as error:
        raise _cannot_write(path, error) from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(
            f"cannot write {path}: it is a folder; give the name of a file in it"
        )
    if not stat.S_ISREG(mode):
        raise OSError(
            f"cannot write {path}: it is a device or a pipe; give the name of a file"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(
            f"cannot write {path}: no permission to write in {folder}; "
            "choose another folder"
        )
    return path


def check_output_file(path: str | os.PathLike[str]) -> Path:
    """As `check_writable_folder`, and the file is tried: created and removed again.

    For a long run to fail at its start. What runs that were killed left unfinished in
    the folder is removed.

    Raises:
        OSError: as there; or a name that the file system does not take, a disk that is
            full or may only be read.
    """
    path = check_writable_folder(path)
    target = _target(path)
    remove_unfinished(target.parent)
    trials = [_temporary(target), *([] if os.path.lexists(target) else [target])]
    for trial in trials:
        ours = True
        try:
            with open(trial, "xb") as file:
                file.write(b"\0")
        except FileExistsError:  # another program made it a moment ago
            ours = False
        except OSError as error:
            raise _cannot_write(path, error) from None
        finally:
            if ours:
                with suppress(OSError):
                    trial.unlink()
    return path


def check_space(path: str | os.PathLike[str], needed: int) -> None:
    """Check that the disk of a file, or of a folder, has so many bytes free.

    Raises:
        OSError: it has not.
    """
    place = _target(Path(path))
    try:
        free = shutil.disk_usage(place if place.is_dir() else place.parent).free
    except OSError:  # a file system that does not say
        return
    if free < needed:
        raise OSError(
            f"cannot write {path}: it needs about {needed / 2**20:,.1f} MiB and "
            f"{free / 2**20:,.1f} MiB are free; free some space or choose another "
            "folder"
        )


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
    """Check that every file that is to be written is one of its own, and none is read.

    Names of one file are told to be so: links, other paths to its folder, other case
    where the file system does not mind case.

    Raises:
        ValueError: one would be overwritten.
    """
    ignores_case = cache(_ignores_case)
    sources = {key: path for path in read for key in _identities(path, ignores_case)}
    taken: dict[Hashable, str | os.PathLike[str]] = {}
    for path in written:
        for key in _identities(path, ignores_case):
            if key in sources:
                called = f"{path} is read"
                if Path(sources[key]) != Path(path):
                    called = f"{path} is {sources[key]}, which is read"
                raise ValueError(
                    f"{called}, and would be overwritten; choose another name for "
                    "what is written"
                )
            if key in taken:
                raise ValueError(
                    f"{taken[key]} and {path} would be one file; choose another name "
                    "for one of them"
                )
        taken |= dict.fromkeys(_identities(path, ignores_case), path)


def _identities(
    path: str | os.PathLike[str], ignores_case: Callable[[str], bool]
) -> set[Hashable]:
    """What all names of a file have in common, whether it is there or not."""
    folder, name = os.path.split(os.path.realpath(path))
    found: set[Hashable] = set()
    try:
        status = os.stat(path)
        found.add((status.st_dev, status.st_ino))
    except (OSError, ValueError):
        pass
    try:
        status = os.stat(folder)
        place: Hashable = (status.st_dev, status.st_ino)
    except (OSError, ValueError):
        place = folder
    found.add((place, name))
    if ignores_case(folder):
        found.add((place, unicodedata.normalize("NFC", name).casefold()))
    return found


def _ignores_case(folder: str) -> bool:
    """Whether names in a folder are the same in capitals and small letters."""
    for path in _lettered(folder):
        parent, name = os.path.split(path)
        try:
            return os.path.samefile(path, os.path.join(parent, name.swapcase()))
        except OSError:
            return False
    return False


def _lettered(folder: str) -> Iterator[str]:
    """What is in a folder, itself and those above it, where the name has letters."""
    try:
        with os.scandir(folder) as entries:
            yield from (e.path for e in entries if e.name.swapcase() != e.name)
    except OSError:
        pass
    for path in (Path(folder), *Path(folder).parents):
        if path.name.swapcase() != path.name:
            yield str(path)


def printable(text: str) -> str:
    """A name as text that can be written: what is not text in it becomes "?".

    The system's names are bytes; those that are no UTF-8 are surrogates in Python.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


_LONGEST_NAME = 255  # bytes, of most file systems


def fitting_name(stem: str, suffix: str) -> str:
    """A file's name of a stem and a suffix, cut where no file system would take it.

    What is cut is told by a few letters that depend on all of the stem, so that two
    names stay two; some room is left for a number.
    """
    room = _LONGEST_NAME - len(os.fsencode(suffix)) - 8
    whole = os.fsencode(stem)
    if len(whole) <= room:
        return stem + suffix
    mark = hashlib.sha256(whole).hexdigest()[:8]
    cut = whole[: room - len(mark) - 1].decode("utf-8", "ignore")
    return f"{cut}-{mark}{suffix}"


def _target(path: Path) -> Path:
    """The file that is written under a name: where the name is a link, what it names.

    Raises:
        OSError: links that go in a circle.
    """
    if not os.path.islink(path):
        return path
    target = Path(os.path.realpath(path))
    if os.path.islink(target):
        raise _cannot_write(path, OSError(errno.ELOOP, os.strerror(errno.ELOOP)))
    return target


def _cannot_write(path: Path, error: OSError) -> OSError:
    """An error of the system in words that name the file and a way out."""
    mend = "free some space or choose another folder"
    if error.errno == errno.ENAMETOOLONG:
        mend = "choose a shorter one"
    return OSError(error.errno, f"cannot write {path}: {error.strerror}; {mend}")


# Whose a temporary file is: the machine's, the process's. No longer than must be, for
# its name has to fit wherever that of what is written does.
_UNFINISHED = re.compile(r"\.jaxnst-([0-9a-f]{4})-(\d+)-[0-9a-f]{6}\.part")


@cache
def _machine() -> str:
    return hashlib.sha256(platform.node().encode("utf-8", "replace")).hexdigest()[:4]


def _temporary(path: Path) -> Path:
    suffix = path.suffix if len(path.suffix) <= 8 else ""  # longer ones are no formats
    token = secrets.token_hex(3)
    return path.with_name(f".jaxnst-{_machine()}-{os.getpid()}-{token}.part{suffix}")


def remove_unfinished(folder: Path) -> None:
    """Remove what processes of this machine that are gone had not finished writing.

    Files of processes that run, of other machines and of other programs stay.
    """
    for path in folder.glob(".jaxnst-*.part*"):
        name = _UNFINISHED.match(path.name)
        if name is None or name[1] != _machine():
            continue
        try:
            if not _runs(int(name[2]), path.stat().st_mtime):
                path.unlink()
        except OSError:
            pass  # somebody else removed it, or it may not be removed


def _runs(process: int, since: float) -> bool:
    """Whether a process runs that did so at a time (seconds since 1970), too."""
    try:
        return bool(psutil.Process(process).create_time() <= since + 1)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:  # it is there, and somebody else's
        return True


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    The temporary name keeps the suffix, for libraries that choose a format by it.
    On any exception, KeyboardInterrupt included, the temporary file is removed and
    `path` is as it was. Where `path` is a link the file that it names is written.

    Raises:
        OSError: as `check_writable_folder`; or it could not be written, in words that
            name `path`.
    """
    path = check_writable_folder(path)
    target = _target(path)
    temporary = _temporary(target)
    try:
        yield temporary
        # Without this a power cut could leave the new name on empty blocks.
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        raise _cannot_write(path, error) from error
    finally:
        try:
            temporary.unlink(missing_ok=True)
        except OSError:
            pass  # the folder is gone, or the disk is: that it failed is known


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
