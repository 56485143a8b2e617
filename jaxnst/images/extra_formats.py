"""Formats that Pillow reads with the help of another package alone: HEIC and JPEG XL.

They are told by how a file begins, whatever its name says.
"""

import importlib
from typing import NamedTuple


class Reader(NamedTuple):
    """What reads a format.

    Attributes:
        name: of the format, for people.
        format: its name in Pillow.
        package: what is to be installed.
        module: what is imported, and what of it is called then, "" if nothing.
    """

    name: str
    format: str
    package: str
    module: str
    register: str


_HEIC = Reader("HEIC", "HEIF", "pillow-heif", "pillow_heif", "register_heif_opener")
_JPEG_XL = Reader("JPEG XL", "JXL", "pillow-jxl-plugin", "pillow_jxl", "")

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")  # which Pillow reads by itself

_JPEG_XL_BEGINNINGS = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")


def reader_of(head: bytes) -> Reader | None:
    """What a file that begins so needs; None for what Pillow reads, or nobody.

    Args:
        head: the first 64 bytes.
    """
    if head.startswith(_JPEG_XL_BEGINNINGS):
        return _JPEG_XL
    if head[4:8] != b"ftyp":
        return None
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[start : start + 4] for start in (8, *range(16, length, 4))]
    if set(brands) & set(_AVIF_BRANDS) or not set(brands) & set(_HEIC_BRANDS):
        return None
    return _HEIC


def activate(reader: Reader) -> bool:
    """Make Pillow read the format; whether that is possible here."""
    try:
        module = importlib.import_module(reader.module)
    except ImportError:
        return False
    if reader.register:
        getattr(module, reader.register)()
    return True
