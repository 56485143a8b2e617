"""Raw files of cameras, which are refused: what a picture reader finds in them is a
preview of the size of a stamp."""

import os
from pathlib import Path
from typing import Any

PathLike = str | os.PathLike[str]

SUFFIXES = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .kdc .mef .mos .mrw .nef "
    ".nrw .orf .pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f".split()
)

# How files begin that are raw and no TIFF; of ISO containers the brand at byte 4.
_BEGINNINGS = (
    b"FUJIFILMCCD-RAW",
    b"IIRO",
    b"IIRS",
    b"MMOR",
    b"IIU\0",
    b"FOVb",
    b"\0MRM",
)
_CR3 = b"ftypcrx "

_DNG_VERSION, _MAKE = 50706, 271
_SENSOR = (32803, 34892)  # photometric: colour filter array, linear raw
_COMPRESSIONS = (32767, 32769, 32770, 34713, 65000, 65535)  # Sony, Samsung, Nikon, ...


def raw_message(path: PathLike) -> str:
    """Why a camera's raw file is not read, and the way out."""
    kind = Path(path).suffix.lstrip(".").upper()
    return (
        f"cannot read {path}: it is a camera's raw file{f' ({kind})' if kind else ''}, "
        "which holds the sensor's data and a small preview; develop it in a raw "
        "converter such as darktable or RawTherapee and save it as TIFF or JPEG"
    )


def begins_as_raw(head: bytes) -> bool:
    """Whether a file that begins so is raw, and no TIFF."""
    return head.startswith(_BEGINNINGS) or head[4:12] == _CR3


def is_raw_tiff(path: PathLike, head: bytes, pages: list[Any]) -> bool:
    """Whether a TIFF container is a camera's.

    Args:
        head: the first 16 bytes.
        pages: of tifffile, those within others, too.
    """
    if Path(path).suffix.lower() in SUFFIXES or head[8:10] == b"CR":
        return True
    if any(_DNG_VERSION in page.tags or page.photometric in _SENSOR for page in pages):
        return True
    camera = any(_MAKE in page.tags for page in pages)
    return camera and any(page.compression in _COMPRESSIONS for page in pages)
