"""State dicts of PyTorch (`.pth`, old and zip format) read without PyTorch.

Both formats are a pickle that names tensors, with the numbers beside it:

- old: four pickles (magic number, protocol version, system, state), a pickled list of
  storage keys, then for each key its element count (int64) and its elements;
- zip: `NAME/data.pkl`, `NAME/byteorder` and one stored entry `NAME/data/KEY` each.

How the pickles are kept from doing harm is said in `_unpickle.py`.
"""

import io
import math
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxnst.pretrained._unpickle import (
    STORAGE_TYPES,
    Storage,
    Tensor,
    UnsafePickle,
    unpickle,
)
from jaxnst.pretrained.archive import check_directory
from jaxnst.pretrained.hdf5 import WeightsError, check_readable

# The pickle of the number 0x1950A86A20F9469CFC6C, the only one that is so long.
_MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."

_PROTOCOL = 1001

_HEAD = 1 << 24  # bytes that the pickles may take; VGG-19's take five thousand


def _storages(state: Any) -> dict[str, Storage]:
    """The storages of a state dict by key, after checking that it is one."""
    if not isinstance(state, dict) or not state:
        raise ValueError("it does not hold a state dict (names and tensors)")
    storages: dict[str, Storage] = {}
    for name, tensor in state.items():
        if type(name) is not str or type(tensor) is not Tensor:
            raise ValueError(
                "it holds more than names and tensors; save model.state_dict() alone"
            )
        storage = tensor.storage
        if storages.setdefault(storage.key, storage) != storage:
            raise ValueError(f"storage {storage.key!r} is described in two ways")
    return storages


def _view(tensor: Tensor, elements: np.ndarray) -> np.ndarray:
    size = elements.itemsize
    # Bounds were checked when the tensor was described.
    return np.lib.stride_tricks.as_strided(
        elements[tensor.offset :] if math.prod(tensor.shape) else elements[:0],
        tensor.shape,
        [size * stride for stride in tensor.strides],
        writeable=False,
    )


def _read_old(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    data = np.memmap(path, np.uint8, "r")  # classifiers are never brought into memory
    head = io.BytesIO(data[:_HEAD].tobytes())
    if head.read(len(_MAGIC)) != _MAGIC or unpickle(head) != _PROTOCOL:
        raise ValueError("it does not begin as a file of torch.save does")
    system = unpickle(head)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("it was not written on a little-endian machine")
    state, keys = unpickle(head), unpickle(head)
    storages = _storages(state)
    if not isinstance(keys, list) or not all(type(key) is str for key in keys):
        raise ValueError("its list of storages is not one")
    if sorted(keys) != sorted(storages):
        raise ValueError("its list of storages is not that of its tensors")
    position, elements = head.tell(), {}
    for key in keys:
        kind, count = STORAGE_TYPES[storages[key].kind], storages[key].elements
        start = position + 8
        position = start + count * kind.itemsize
        if position > data.size:
            raise ValueError("it ends before its numbers do")
        if data[start - 8 : start].view("<i8")[0] != count:
            raise ValueError(f"storage {key!r} has not the size of its tensors")
        elements[key] = data[start:position].view(kind)
    if position != data.size:
        raise ValueError(f"{data.size - position:,} bytes follow its numbers")
    return state, elements


def _read_zip(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    check_directory(path)
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if len(entries) != len(archive.infolist()):
            raise ValueError("it holds two entries of one name")
        for entry in entries.values():
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                raise ValueError(f"its entry {entry.filename!r} is compressed")
        if sum(entry.file_size for entry in entries.values()) > path.stat().st_size:
            raise ValueError("its entries declare more bytes than it has")
        pickles = [name for name in entries if name.endswith("/data.pkl")]
        if len(pickles) != 1 or entries[pickles[0]].file_size > _HEAD:
            raise ValueError("it holds no single data.pkl of a reasonable size")
        top = pickles[0].removesuffix("data.pkl")
        order = f"{top}byteorder"
        if order in entries and archive.read(order) != b"little":
            raise ValueError("it was not written on a little-endian machine")
        state = unpickle(io.BytesIO(archive.read(pickles[0])))
        elements = {}
        for key, storage in _storages(state).items():
            data = archive.read(f"{top}data/{key}")
            kind = STORAGE_TYPES[storage.kind]
            if len(data) != storage.elements * kind.itemsize:
                raise ValueError(f"storage {key!r} has not the size of its tensors")
            elements[key] = np.frombuffer(data, kind)
    return state, elements


def _reader(path: Path) -> Callable[[Path], tuple[Any, dict[str, np.ndarray]]]:
    with open(path, "rb") as file:
        start = file.read(4)
    if start == b"PK\x03\x04":
        return _read_zip
    if start == _MAGIC[:4]:
        return _read_old
    raise ValueError("it does not begin as a file of torch.save does")


def read_torch_state(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read a state dict that `torch.save` wrote, in either format, running none of it.

    Returns:
        Name -> float32, int64 or uint8 array in the file's own layout, read-only; the
        old format's are mapped from the file, which must stay while they are in use.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: `path` cannot be read.
        ValueError: not such a file, damaged, or asking for more than tensors.
    """
    path = check_readable(path)
    try:
        state, elements = _reader(path)(path)
        return {
            name: _view(tensor, elements[tensor.storage.key])
            for name, tensor in state.items()
        }
    except UnsafePickle as error:
        raise WeightsError(
            f"{path} is refused: {error}; it could run code. Fetch it from its "
            "publisher, or save model.state_dict() with float32 tensors"
        ) from error
    # Damage shows as almost any exception of the two libraries.
    except Exception as error:
        what = str(error) or type(error).__name__
        raise WeightsError(
            f"{path} is not a whole PyTorch state dict: {what}; fetch it again"
        ) from error
