"""Where a batch's pictures lie: files of this machine, or addresses in object stores.

An address is text: nothing is looked up here (`_remote` does), and it holds no
credentials.
"""

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jaxnst._files import check_no_address, check_not_read, without_secrets

SCHEMES = ("s3", "gs", "memory", "file")

_ADDRESS = re.compile(rf"({'|'.join(SCHEMES)})://(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, order=True)
class Address:
    """A file or a folder in a store, such as s3://bucket/photos/a.png.

    Attributes:
        scheme: one of SCHEMES.
        path: what follows "://", without a slash at its end.
    """

    scheme: str
    path: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"

    def __truediv__(self, name: str) -> "Address":
        return Address(self.scheme, f"{self.path}/{name}")

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def stem(self) -> str:
        return PurePosixPath(self.path).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.path).suffix

    @property
    def parent(self) -> "Address":
        """The folder that it lies in; a bucket's is without a name."""
        return Address(self.scheme, self.path.rpartition("/")[0])

    @property
    def local(self) -> Path | None:
        """What a file:// names on this machine; None of other schemes."""
        if self.scheme != "file":
            return None
        return Path(self.path[1:] if os.name == "nt" else self.path)  # /C:/folder

    def holds(self, other: "Address") -> bool:
        """Whether another lies in the folder of this address."""
        return self.scheme == other.scheme and other.path.startswith(f"{self.path}/")


Location = Path | Address


def location(text: str) -> Location:
    """A file's name, or an address, as it is written.

    What may be secret in an address is left out, with a warning: credentials are taken
    from where the store's own programs take them.

    Raises:
        ValueError: an address that is incomplete, or of what is not fetched.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        check_no_address(text)
        return Path(text)
    scheme = found[1].lower()
    address = f"{scheme}://{found[2]}"
    if scheme != "file":  # whose names may hold anything
        clean = without_secrets(address)
        if clean != address:
            warnings.warn(
                "what stands before @ or after ? in an address is left out; stores "
                "are opened with the credentials of this machine (such as "
                "AWS_ACCESS_KEY_ID, ~/.aws or GOOGLE_APPLICATION_CREDENTIALS)",
                stacklevel=2,
            )
        address = clean
    path = address.removeprefix(f"{scheme}://").rstrip("/")
    if scheme == "file" and not path.startswith("/"):
        raise ValueError(f"{address} is not absolute; write file:///folder/file")
    if not path or (path.startswith("/") and scheme != "file"):
        raise ValueError(f"{address} names no bucket; write {scheme}://bucket/folder")
    return Address(scheme, path)


def joined(folder: Location, text: str) -> Location:
    """What a table names: relative to a folder, or complete by itself.

    Raises:
        ValueError: as `location`.
    """
    named = location(text)
    if isinstance(named, Address):
        return named
    if isinstance(folder, Path):
        return folder / named
    return named if named.is_absolute() else folder / named.as_posix()


def same_or_inside(place: Location, folder: Location) -> bool:
    """Whether a place is a folder, or lies in it, under whatever names."""
    place, folder = _plain(place), _plain(folder)
    if isinstance(place, Path) and isinstance(folder, Path):
        own, other = place.resolve(), folder.resolve()
        return own == other or other in own.parents
    if isinstance(place, Address) and isinstance(folder, Address):
        return place == folder or folder.holds(place)
    return False


def check_written_not_read(
    written: Sequence[Location], read: Sequence[Location]
) -> None:
    """As `check_not_read`, wherever the files lie.

    Raises:
        ValueError: one that is read would be overwritten, or one be written twice.
    """
    outputs, inputs = [_plain(x) for x in written], {_plain(x) for x in read}
    files = [x for x in outputs if isinstance(x, Path)]
    check_not_read(files, [x for x in inputs if isinstance(x, Path)])
    for address in outputs:
        if isinstance(address, Address) and address in inputs:
            raise ValueError(
                f"{address} is read, and would be overwritten; choose another name "
                "for what is written"
            )


def _plain(place: Location) -> Location:
    """A file:// as the file that it is."""
    return place if isinstance(place, Path) else place.local or place


def absolute(place: Location) -> Location:
    """Without "..", by names alone: links are not followed."""
    return Path(os.path.abspath(place)) if isinstance(place, Path) else place
