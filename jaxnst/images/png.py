"""PNG, chunk by chunk: what Pillow passes over, and what it stumbles over.

The chunks cICP, gAMA and cHRM say what the numbers of a picture without a colour
profile mean; text chunks are no reason to refuse pixels.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# Of these a decoder needs none for the pixels; a profile is read apart.
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_PROFILE = b"iCCP"

_LONGEST_TEXT = 2**20  # bytes, unpacked: the limit of Pillow

_LONGEST_TEXTS = 2**25  # all together

_CHUNKS = 1_000_000  # of a picture of gigabytes

_LONGEST_PROFILE = 2**24  # bytes, unpacked


class Chunk(NamedTuple):
    """A chunk's kind, and where its data begin and how long they are."""

    kind: bytes
    start: int
    length: int


class Encoding(NamedTuple):
    """What a file says of its numbers, None what it does not.

    Attributes:
        primaries, transfer: code points of ITU-T H.273.
        gamma: the exponent of the encoding, 1 / 2.2 for usual pictures.
        chromaticities: x and y of white, red, green and blue.
    """

    primaries: int | None = None
    transfer: int | None = None
    gamma: float | None = None
    chromaticities: tuple[float, ...] | None = None


def is_png(file: BinaryIO) -> bool:
    file.seek(0)
    return file.read(8) == _SIGNATURE


def chunks(file: BinaryIO) -> Iterator[Chunk]:
    """All chunks of a PNG.

    Raises:
        ValueError: the file ends before its last chunk.
    """
    size, start = file.seek(0, io.SEEK_END), len(_SIGNATURE)
    for _ in range(_CHUNKS):
        file.seek(start)
        head = file.read(8)
        length, kind = struct.unpack(">I4s", head) if len(head) == 8 else (0, b"")
        end = start + 12 + length
        if not kind or end > size:
            break
        yield Chunk(kind, start + 8, length)
        if kind == b"IEND":
            return
        start = end
    raise ValueError(f"it is cut off, {size:,} bytes are there")


def encoding(file: BinaryIO) -> Encoding | None:
    """What the chunks say of the numbers, the best of them; None where a profile or
    sRGB is what counts, or nothing is said.

    Raises:
        ValueError: as `chunks`.
    """
    data: dict[bytes, bytes] = {}
    for chunk in chunks(file):
        if chunk.kind in (b"cICP", b"sRGB", b"gAMA", b"cHRM", _PROFILE):
            file.seek(chunk.start)
            data[chunk.kind] = file.read(min(chunk.length, 32))
    if len(data.get(b"cICP", b"")) == 4:
        primaries, transfer, _, _ = data[b"cICP"]
        return Encoding(primaries=primaries, transfer=transfer)
    if {_PROFILE, b"sRGB"} & set(data):
        return None
    gamma, chromaticities = None, None
    if len(data.get(b"gAMA", b"")) == 4:
        gamma = struct.unpack(">I", data[b"gAMA"])[0] / 100_000 or None
    if len(data.get(b"cHRM", b"")) == 32:
        chromaticities = tuple(n / 100_000 for n in struct.unpack(">8I", data[b"cHRM"]))
    if gamma is None and chromaticities is None:
        return None
    return Encoding(gamma=gamma, chromaticities=chromaticities)


def decodable(file: BinaryIO) -> tuple[BinaryIO, bytes | None]:
    """The file, or a copy without what is no pixels and Pillow would refuse it for.

    That are texts and profiles that unpack to more than 1 MiB, and such chunks, EXIF,
    too, whose checksum is wrong.

    Returns:
        The file, and the profile that was left out, if it is sound and not too long.

    Raises:
        ValueError: as `chunks`.
    """
    dropped, profile, total = set(), None, 0
    for chunk in chunks(file):
        if chunk.kind not in (*_TEXTS, _PROFILE, b"eXIf"):
            continue
        file.seek(chunk.start)
        data, stored = file.read(chunk.length), file.read(4)
        sound = stored == struct.pack(">I", zlib.crc32(chunk.kind + data))
        total += min(_unpacked_size(chunk.kind, data), _LONGEST_TEXT + 1)
        if not sound or _unpacked_size(chunk.kind, data) > _LONGEST_TEXT:
            dropped.add(chunk)
            if chunk.kind == _PROFILE:
                profile = _unpacked(data)
        elif total > _LONGEST_TEXTS:
            dropped.add(chunk)
    if not dropped:
        return file, None
    kept = io.BytesIO()
    kept.write(_SIGNATURE)
    for chunk in chunks(file):
        if chunk not in dropped:
            file.seek(chunk.start - 8)
            kept.write(file.read(12 + chunk.length))
    return kept, profile


def _unpacked_size(kind: bytes, data: bytes) -> int:
    """Bytes that a chunk's text unpacks to, or one more than the limit."""
    _, _, rest = data.partition(b"\0")
    if kind == b"iTXt" and rest[:1] == b"\1":
        packed = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif kind in (b"zTXt", _PROFILE):
        packed = rest[1:]
    else:
        return len(data)
    try:
        return len(zlib.decompressobj().decompress(packed, _LONGEST_TEXT + 1))
    except zlib.error:
        return len(data)


def _unpacked(data: bytes) -> bytes | None:
    """The profile in a chunk; None if it is damaged or too long."""
    _, _, rest = data.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(rest[1:], _LONGEST_PROFILE)
    except zlib.error:
        return None
    return profile if unpacker.eof else None
