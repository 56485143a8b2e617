"""What the HDF5 library would not survive, looked for in the bytes of a file.

On some damaged structures it loops without end, where not even Ctrl-C reaches it, and a
text of the length that a damaged file declares is allocated before it is looked for.
Both are found here first, in a number of steps that does not grow with the damage.

The layouts are those of the HDF5 File Format Specification, version 3.0.
"""

import math
from collections.abc import Iterator
from itertools import accumulate

SIGNATURE = b"\x89HDF\r\n\x1a\n"

STEPS = 100_000  # entries of structures in a file; VGG-19's has some hundreds

LINKS = 10_000  # names in one group

_NO_FREE_BLOCK = 1

# Large groups of the newer layout: trees that are not looked into here.
_NEWER = (b"BTIN\0", b"FHIB\0")

_VARIABLE_LENGTH = 9  # the class of a type


class DamagedError(ValueError):
    """A structure that the library would not survive; says which."""


class _Budget:
    """So many steps and no more."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise DamagedError("it has more structures than weights need")


def _number(data: bytes, start: int, size: int = 8) -> int:
    return int.from_bytes(data[start : start + size], "little")


def _places(data: bytes, signature: bytes, budget: _Budget) -> Iterator[int]:
    """Where a signature stands."""
    start = data.find(signature)
    while start >= 0:
        budget.take()
        yield start
        start = data.find(signature, start + 1)


def check_structure(data: bytes) -> None:
    """Check the structures of the HDF5 file `data`.

    Raises:
        DamagedError: one that the library could hang on, or too many of them.
    """
    if not data.startswith(SIGNATURE):
        raise DamagedError("it does not begin as an HDF5 file does")
    version = _number(data, 8, 1)
    sizes, base = {0: (13, 24), 1: (13, 28)}.get(version, (9, 12))
    if data[sizes : sizes + 2] != b"\x08\x08" or _number(data, base):
        raise DamagedError("its addresses are not of 8 bytes, counted from its start")
    budget = _Budget(STEPS)
    for start in _places(data, b"GCOL\x01", budget):
        _check_global_heap(data, start, budget)
    for start in _places(data, b"HEAP\0", budget):
        _check_local_heap(data, start, budget)
    _check_trees(data, budget)
    filtered = (_number(data, at + 7, 2) for at in _places(data, b"FRHP\0", budget))
    if any(filtered) or any(data.find(signature) >= 0 for signature in _NEWER):
        raise DamagedError("it is in a newer layout than weights need")


def _check_global_heap(data: bytes, start: int, budget: _Budget) -> None:
    """Texts lie in such a heap, one after another; an empty step would never end."""
    end, position = start + _number(data, start + 8), start + 16
    sound = position <= end <= len(data)
    while sound and end - position >= 16:
        budget.take()
        size = _number(data, position + 8)
        free = _number(data, position, 2) == 0
        step = size if free else 16 + (size + 7) // 8 * 8
        position += step
        sound = step >= 16 and position <= end
    if not sound:
        raise DamagedError("a heap of its texts has no end")


def _check_local_heap(data: bytes, start: int, budget: _Budget) -> None:
    """Names of a group lie in such a heap, with a list of what is free in it."""
    size, free, address = (_number(data, start + at) for at in (8, 16, 24))
    seen = set()
    while free != _NO_FREE_BLOCK and free < size and address + free < len(data):
        budget.take()
        if free in seen:
            raise DamagedError("a heap of its names has no end")
        seen.add(free)
        free = _number(data, address + free)


def _check_trees(data: bytes, budget: _Budget) -> None:
    """Trees of the names in a group, and of the pieces of a dataset.

    A node that is a child of several is read as often, and what lies below it as often
    again: what counts is how many names a walk from the top would meet.
    """
    levels: dict[int, dict[int, list[int]]] = {}
    for start in _places(data, b"TREE", budget):
        kind, level = data[start + 4 : start + 5], _number(data, start + 5, 1)
        if kind == b"\1" and level:
            raise DamagedError("a dataset of it lies in thousands of pieces")
        if kind != b"\0":
            continue
        children = []
        for index in range(_number(data, start + 6, 2)):
            budget.take()
            children.append(_number(data, start + 32 + 16 * index))
        levels.setdefault(level, {})[start] = children
    links: dict[int, int] = {}
    for level in sorted(levels):
        below = links if level else None
        links = {}
        for start, children in levels[level].items():
            links[start] = sum(
                _number(data, child + 6, 2) if below is None else below.get(child, 0)
                for child in children
            )
            if links[start] > LINKS:
                raise DamagedError("a group of it has more names than weights need")


def text_lengths(data: bytes, name: str) -> list[int]:
    """Lengths that the file `data` declares for texts of variable length.

    Type, shape and value of an attribute follow its name in one piece, so that they
    can be found without asking the library.

    Args:
        name: of an attribute, or of several of that name.

    Returns:
        The bytes of every text of every attribute of that name; none if there is none.

    Raises:
        DamagedError: an attribute whose type lies elsewhere, or one of very many texts.
    """
    label, lengths = name.encode("utf-8", "surrogateescape") + b"\0", []
    budget = _Budget(STEPS)
    for start in _places(data, label, budget):
        for version, head, padded in ((1, 8, 8), (2, 8, 1), (3, 9, 1)):
            fields = data[max(start - head, 0) : start]
            if len(fields) < head or fields[0] != version:
                continue
            sizes = [_number(fields, at, 2) for at in (2, 4, 6)]
            if sizes[0] < len(label):
                continue
            if version > 1 and fields[1]:
                raise DamagedError(f"the type of {name!r} lies elsewhere in it")
            kind, space, texts = tuple(
                accumulate((start, *(-(-size // padded) * padded for size in sizes)))
            )[1:]
            if _number(data, kind, 1) % 16 == _VARIABLE_LENGTH:
                for index in range(_count(data, space)):
                    budget.take()
                    lengths.append(_number(data, texts + 16 * index, 4))
    return lengths


def _count(data: bytes, start: int) -> int:
    """Elements of the shape that begins there."""
    version, axes = data[start : start + 2].ljust(2, b"\0")
    sizes = start + (8 if version == 1 else 4)
    return math.prod(_number(data, sizes + 8 * axis) for axis in range(axes))
