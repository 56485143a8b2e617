"""The pickles of state dicts, kept from doing harm.

A pickle is a program. Before it runs, its instructions are compared with the few that
a state dict needs; while it runs, it can name five globals and no other, each replaced
by a stand-in that has nothing to change and calls nothing.
"""

import io
import math
import pickle
import pickletools
from typing import Any, NamedTuple

import numpy as np

_STEPS = 250_000  # instructions; those of torchvision's GoogLeNet are about 15,000

_TUPLES = 10_000  # nested that deep they still compare without exhausting the stack

_AXES = 8

STORAGE_TYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
    "ByteStorage": np.dtype("<u1"),
}

# No LONG1: numbers of more than 64 bits can have one hash, all of them, and a dict of
# such keys takes time in the square of their count.
# Python 2 may have written a published file: its strings are (SHORT_)BINSTRING.
_INSTRUCTIONS = frozenset(
    "PROTO STOP MARK GLOBAL REDUCE BUILD BINPERSID BINPUT LONG_BINPUT BINGET "
    "LONG_BINGET EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT SETITEM SETITEMS "
    "EMPTY_LIST APPEND APPENDS NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 "
    "BINUNICODE BINSTRING SHORT_BINSTRING".split()
)


class UnsafePickle(pickle.UnpicklingError):
    """The file asks for something that no state dict needs."""


class Storage(NamedTuple):
    kind: str
    key: str
    elements: int


class Tensor(NamedTuple):
    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _State(dict[str, Any]):
    """In place of OrderedDict; drops the attributes that a pickle would set on it."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        pass


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 40


class _Rebuild:
    """In place of torch._utils._rebuild_tensor_v2; without attributes to set."""

    __slots__ = ()

    def __call__(
        self, storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any
    ) -> Tensor:
        counts = [offset]
        for value in (shape, strides):
            if type(value) is not tuple or len(value) > _AXES:
                raise ValueError("a tensor's shape or strides are not a short tuple")
            counts += value
        if type(storage) is not Storage or not all(map(_is_count, counts)):
            raise ValueError("a tensor is not described by a storage and counts")
        if len(shape) != len(strides):
            raise ValueError("a tensor has as many strides as axes")
        last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        # The number of elements too, for a stride of 0 makes any size of one number.
        inside = last < storage.elements and math.prod(shape) <= storage.elements
        if math.prod(shape) and not inside:
            raise ValueError("a tensor reaches outside its storage")
        return Tensor(storage, offset, shape, strides)


# Strings stand for the storage types: nothing can be set on them or called.
_GLOBALS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _State,
    ("torch", "FloatStorage"): "FloatStorage",
    ("torch", "LongStorage"): "LongStorage",
    ("torch", "ByteStorage"): "ByteStorage",
    ("torch._utils", "_rebuild_tensor_v2"): _Rebuild(),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _GLOBALS:
            requested = f"{module}.{name}"[:80]
            raise UnsafePickle(f"it asks for {requested!r}, which no state dict needs")
        return _GLOBALS[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        if type(pid) is not tuple or len(pid) not in (5, 6) or pid[0] != "storage":
            raise ValueError("a storage is not described as one")
        _, kind, key, location, count = pid[:5]
        texts = all(type(text) is str for text in (kind, key, location))
        if not texts or kind not in STORAGE_TYPES or not _is_count(count):
            raise ValueError("a storage's type, key or size is not one")
        if pid[5:] not in ((), (None,)):
            raise ValueError("a storage that is a view of another is not supported")
        return Storage(kind, key, count)


def _check_instructions(stream: io.BytesIO) -> None:
    """Walk over one pickle, running nothing; `stream` is left after its end.

    Beyond the list, PyTorch's own writer never fetches a tuple that it stored and
    numbers what it stores from 0; others could have shared tuples take ages to
    compare and huge numbers allocate.
    """
    fetchable: set[Any] = set()
    before, tuples = "", 0
    for count, (code, value, _) in enumerate(pickletools.genops(stream)):
        name = code.name
        if name not in _INSTRUCTIONS:
            raise UnsafePickle(f"its pickle uses {name}, which no state dict needs")
        if count == _STEPS:
            raise ValueError("its pickle has more instructions than a state dict needs")
        tuples += name.startswith("TUPLE")
        if tuples > _TUPLES:
            raise ValueError("it describes too many tensors")
        if name.endswith("PUT"):
            if value is None or value > count:
                raise ValueError("its pickle is out of order")
            fetchable.discard(value)
            if not before.startswith("TUPLE") and before != "BINPERSID":
                fetchable.add(value)
        elif name.endswith("GET"):
            if value not in fetchable:
                raise ValueError("its pickle fetches what it did not store")
            before = "GET"
        else:
            before = name


def unpickle(stream: io.BytesIO) -> Any:
    """Run the pickle at `stream`'s position, which moves to the pickle's end.

    Tensors come as `Tensor`, inside their `Storage`.

    Raises:
        UnsafePickle: it asks for something that could do harm.
        Exception: almost any, from a damaged pickle.
    """
    start = stream.tell()
    _check_instructions(stream)
    end = stream.tell()
    return _Unpickler(io.BytesIO(stream.getvalue()[start:end]), encoding="utf-8").load()
