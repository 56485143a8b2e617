"""Text that a PNG carries, read chunk by chunk.

Pillow opens no PNG whose profile, or any other text, unpacks to more than 1 MiB.
"""

import struct
import zlib
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_BYTES = 1 << 26  # that a text may have, packed or not

_CHUNKS = 1_000_000  # of a picture of gigabytes


def is_png(file: BinaryIO) -> bool:
    """Whether a file begins as PNG does; its position is moved."""
    file.seek(0)
    return file.read(len(_SIGNATURE)) == _SIGNATURE


def read_text(file: BinaryIO, keyword: str) -> str | None:
    """The last text under a keyword in a PNG; None if there is none.

    Raises:
        ValueError: the file ends too early, or the text is damaged or too long.
    """
    file.seek(len(_SIGNATURE))
    found = None
    for _ in range(_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            raise ValueError("it ends before its last chunk")
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return found
        if kind not in (b"tEXt", b"zTXt", b"iTXt"):
            file.seek(length + 4, 1)
            continue
        if length > _BYTES:
            raise ValueError(f"a text of {length:,} bytes")
        data, stored = file.read(length), file.read(4)
        name, _, rest = data.partition(b"\0")
        if name != keyword.encode("latin-1"):
            continue
        if stored != struct.pack(">I", zlib.crc32(kind + data)):
            raise ValueError(f"the checksum of its text {keyword} differs")
        found = _decoded(kind, rest)
    raise ValueError("more chunks than a picture has")


def _decoded(kind: bytes, data: bytes) -> str:
    """The text of a chunk, after its keyword."""
    if kind == b"tEXt":
        return data.decode("latin-1")
    if kind == b"zTXt":
        return _unpacked(data[1:]).decode("latin-1")
    packed, data = data[:1] == b"\1", data[2:].split(b"\0", 2)[2]
    return (_unpacked(data) if packed else data).decode("utf-8")


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(data, _BYTES)
    if not unpacker.eof:
        raise ValueError("a text that is cut, or too long")
    return text
