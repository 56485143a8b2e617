"""Damage to HDF5 files that their library hangs on, or that makes it allocate."""

import struct


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def empty_free_object(data: bytes) -> bytes:
    """In the heap of texts a free object of no size, and reserved bytes that are set:
    the library does not look at them."""
    heap = data.index(b"GCOL")
    position = heap + 16
    while data[position : position + 2] != bytes(2):
        (size,) = struct.unpack_from("<Q", data, position + 8)
        position += 16 + (size + 7) // 8 * 8
    return patched(patched(data, heap + 5, b"\1\2\3"), position + 8, bytes(8))


def circular_free_list(data: bytes) -> bytes:
    """In the heap of names a free block that is followed by itself."""
    heap = data.index(b"HEAP")
    _, free, address = struct.unpack_from("<QQQ", data, heap + 8)
    return patched(data, address + free, struct.pack("<Q", free))


def repeating_tree(data: bytes, depth: int) -> bytes:
    """Above the names of the first group a tree, each of whose nodes has 32 times the
    same child: 32**depth times the same names."""
    top = data.index(b"TREE")
    nodes, pointer = bytearray(data), struct.pack("<Q", top)
    while (at := bytes(nodes).find(pointer)) >= 0:
        nodes[at : at + 8] = struct.pack("<Q", len(data))
    for level in range(depth, 0, -1):
        child = len(nodes) + 544 if level > 1 else top
        head = b"TREE\0" + struct.pack("<BH", level, 32) + b"\xff" * 16
        entry = struct.pack("<QQ", 0, child)
        nodes += head + entry * 32 + struct.pack("<Q", 8)
    return patched(bytes(nodes), 40, struct.pack("<Q", len(nodes)))  # its length


def long_text(data: bytes, text: bytes, length: int = 0xFFFFFFFF) -> bytes:
    """The attribute of this text declares it to be so long."""
    heap = data.index(b"GCOL")
    index = data.rindex(struct.pack("<Q", len(text)) + text) - heap
    (number,) = struct.unpack_from("<H", data, heap + index - 8)
    place = data.index(struct.pack("<IQI", len(text), heap, number))
    return patched(data, place, struct.pack("<I", length))


def many_heaps(size: int) -> bytes:
    """Heaps in heaps, each of which reaches to the end; walking each of them takes
    steps in the square of their number."""
    count = size // 32
    heaps = (
        b"GCOL\x01\0\0\0"
        + struct.pack("<Q", (count - index) * 32 + 16)
        + struct.pack("<HHIQ", 1, 0, 0, 16)
        for index in range(count)
    )
    return b"".join(heaps) + bytes(16)
