"""Files from elsewhere, read as if hostile.

Nothing is allocated because a header says so, no link is followed, and every fault is
one error that names the file and the remedy.
"""

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from jaxnst._files import check_no_address
from jaxnst.pretrained.hdf5_structure import (
    SIGNATURE,
    DamagedError,
    check_structure,
    text_lengths,
)

MAX_BYTES = 2 << 30

# Of others the library reads, and crashes on, what damage made of them.
_CLASSES = (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT)

_TEXT = 1 << 20  # bytes that an attribute may take; Keras's lists of names take some KB

_OBJECTS = 10_000  # groups and datasets; GoogLeNet in Keras's format has some hundreds

_NAME = 1 << 10  # characters, of the groups that it is in, too

_AGAIN = "fetch or convert it again"

MEND = "convert it again from its source (jaxnst convert-weights FILE -o OUT)"


class WeightsError(ValueError):
    """A file that cannot be used as weights; says which, why and how to mend it."""


def check_readable(path: str | os.PathLike[str]) -> Path:
    """`path` as a `Path` after checking that it is a file of a size that can be read.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: as they say.
        ValueError: an address on the web.
        WeightsError: a device or pipe, empty, or larger than 2 GiB.
    """
    check_no_address(path)
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file in it")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the name")
    if not path.is_file():
        raise WeightsError(f"{path} is not an ordinary file")
    if not os.access(path, os.R_OK):
        raise PermissionError(f"{path} may not be read; chmod u+r {path}")
    size = path.stat().st_size
    if size == 0:
        raise WeightsError(f"{path} is empty; fetch or convert it again")
    if size > MAX_BYTES:
        raise WeightsError(
            f"{path} has {size:,} bytes; weights of more than {MAX_BYTES:,} are refused"
        )
    return path


@dataclass(frozen=True)
class Hdf5:
    """An open file and its bytes."""

    file: h5py.File
    data: bytes
    path: Path
    lengths: dict[str, list[int]] = field(default_factory=dict)  # of texts looked at

    def attribute(self, name: str, item: h5py.Group | None = None) -> Any:
        """A small attribute: text as `str`, arrays as NumPy arrays; None if absent.

        Args:
            item: that it is of; None, the file.
        """
        item = self.file if item is None else item
        if name not in item.attrs:
            return None
        stored = item.attrs.get_id(name)
        kind, count = stored.get_type(), math.prod(stored.shape or ())
        if kind.get_class() not in _CLASSES:
            raise WeightsError(
                f"{self.path}: attribute {name!r} is not text or numbers; {MEND}"
            )
        size = count * kind.get_size()
        if size <= _TEXT and _is_variable(kind):
            # What a text declares is allocated before it is looked for.
            if name not in self.lengths:
                self.lengths[name] = text_lengths(self.data, name)
            lengths = [] if kind.committed() else self.lengths[name]
            size = sum(lengths) if lengths else _TEXT + 1
        if size > _TEXT:
            raise WeightsError(
                f"{self.path}: attribute {name!r} is too large or damaged; {MEND}"
            )
        value = item.attrs[name]
        return value.decode() if isinstance(value, bytes) else value


def _is_variable(kind: h5py.h5t.TypeID) -> bool:
    return kind.get_class() == h5py.h5t.STRING and bool(kind.is_variable_str())


@contextmanager
def open_hdf5(path: Path) -> Iterator[Hdf5]:
    """Open an HDF5 file that is in memory; any failure is a `WeightsError`."""
    with open(path, "rb") as stream:
        if stream.read(len(SIGNATURE)) != SIGNATURE:
            raise WeightsError(
                f"{path} is not a whole HDF5 file: it does not begin as one; {_AGAIN}"
            )
        stream.seek(0)
        data = stream.read()
    try:
        check_structure(data)
        with h5py.File(io.BytesIO(data), "r") as file:
            yield Hdf5(file, data, path)
    except WeightsError:
        raise
    except DamagedError as error:
        raise WeightsError(f"{path} is damaged ({error}): {_AGAIN}") from None
    # The library meets damage with half a dozen types of exception.
    except Exception as error:
        raise WeightsError(
            f"{path} is not a whole HDF5 file ({error}); "
            f"it is damaged or cut short: {_AGAIN}"
        ) from error


def _is_number(dtype: Any, indices: bool) -> bool:
    if dtype.kind == "f":
        return dtype.itemsize in (2, 4)
    return indices and dtype.kind == "u" and dtype.itemsize == 1


def _check_dataset(dataset: h5py.Dataset, size: int, path: Path, indices: bool) -> int:
    """Bytes of `dataset`, after checking that a file of `size` bytes holds them all."""
    name, plist = dataset.name.lstrip("/"), dataset.id.get_create_plist()
    if plist.get_nfilters():
        raise WeightsError(f"{path}: {name} is compressed or filtered; store it plain")
    layout = plist.get_layout()
    if plist.get_external_count() or layout == h5py.h5d.VIRTUAL:
        raise WeightsError(
            f"{path}: {name} is stored in another file, which is refused"
        )
    if not _is_number(dataset.dtype, indices):
        raise WeightsError(
            f"{path}: {name} holds {dataset.dtype}, not float32 or float16; {MEND}"
        )
    declared = math.prod(dataset.shape or ()) * dataset.dtype.itemsize
    available = dataset.id.get_storage_size()
    if layout == h5py.h5d.CONTIGUOUS and declared:
        start = dataset.id.get_offset()
        available = 0 if start is None else min(available, size - start)
    if not declared <= available <= size:
        raise WeightsError(
            f"{path}: {name} declares {declared:,} bytes and the file holds "
            f"{available:,}; it is damaged or cut short: fetch or convert it again"
        )
    return declared


def find_datasets(opened: Hdf5, *, indices: bool = False) -> dict[str, h5py.Dataset]:
    """Every dataset of a file by name, checked but not yet read.

    Args:
        indices: whether datasets may hold uint8, too.
    """
    path, size = opened.path, len(opened.data)
    arrays: dict[str, h5py.Dataset] = {}
    addresses: set[int] = set()
    groups, total = [opened.file["/"]], 0
    while groups:
        group = groups.pop()
        for key in group:
            name = f"{group.name}/{key}".lstrip("/")
            if len(name) > _NAME or len(addresses) == _OBJECTS:
                raise WeightsError(
                    f"{path}: {name[:80]} is more, or has a longer name, than weights "
                    f"need; {MEND}"
                )
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise WeightsError(f"{path}: {name} is a link, which is not followed")
            item = group[key]
            address = h5py.h5o.get_info(item.id).addr
            if address in addresses:  # or a group inside itself would never end
                raise WeightsError(f"{path}: {name} is stored twice; {MEND}")
            addresses.add(address)
            if isinstance(item, h5py.Group):
                groups.append(item)
            elif isinstance(item, h5py.Dataset):
                arrays[name] = item
                total += _check_dataset(item, size, path, indices)
    if total > size:
        raise WeightsError(f"{path}: its datasets overlap; {MEND}")
    return arrays
