"""Opening picture files that may be missing, broken, hostile or no pictures at all.

Decoders answer a broken header with almost any exception. Here each becomes one
`ValueError` (or the `OSError` of the system) that names the file and the way out.
"""

import logging
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import psutil
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from jaxnst._files import check_no_address
from jaxnst._memory_limits import limited_bytes
from jaxnst.images import png
from jaxnst.images.extra_formats import activate, reader_of
from jaxnst.images.raw import SUFFIXES as RAW_SUFFIXES
from jaxnst.images.raw import begins_as_raw, raw_message

# What a picture may unpack to: 178 million pixels are 2 GB as float32. Pillow's own
# limit of refusal is a little higher, so that this one speaks first.
MAX_PIXELS = 178_000_000

# An explicit list, for Pillow would also hand PostScript to an interpreter.
FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF")

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv"),
    *(".flv", ".mts", ".m2ts", ".3gp", ".ogv"),
)
"""Of files that are clips, no pictures."""

ORIENTATION = 0x0112  # the EXIF and TIFF tag

PathLike = str | os.PathLike[str]

# `warnings.catch_warnings` swaps a list of the whole process, so that two threads
# inside it at once could leave warnings switched off for good.
_lock = threading.RLock()


class UnreadableError(ValueError):
    """A picture that cannot be read; the message is complete."""


class TooLargeError(MemoryError):
    """A picture that memory does not hold; the message is complete."""


@contextmanager
def open_file(path: PathLike) -> Iterator[BinaryIO]:
    """The file, open for reading bytes, and every error of the block translated.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError, OSError: as the system
            says, with the path and a remedy.
        ValueError: the block raised anything else.
    """
    check_no_address(path)
    place = Path(path)
    if isinstance(path, str):
        path = place
    # Else it may be called otherwise, as what it is a copy of.
    if place.is_dir():
        raise IsADirectoryError(
            f"cannot read {path}: it is a folder; give the name of a picture in it"
        )
    try:
        if not stat.S_ISREG(place.stat().st_mode):
            # Opening a pipe would wait for its writer, with the lock held.
            raise UnreadableError(
                f"cannot read {path}: it is a pipe or a device; write what comes from "
                "it into a file"
            )
        with _lock, _without_remarks(), open(place, "rb") as file:
            if not file.read(1):
                raise UnreadableError(
                    f"cannot read {path}: the file is empty; copy or download it again"
                )
            file.seek(0)
            yield file
    except FileNotFoundError:
        raise FileNotFoundError(
            f"cannot read {path}: there is no such file; check the name and the folder"
        ) from None
    except PermissionError:
        raise PermissionError(
            f"cannot read {path}: no permission; change its mode (chmod u+r {path})"
        ) from None
    except Exception as error:
        raise _as_read_error(path, error) from error


def warn(text: str, *, stacklevel: int) -> None:
    """`warnings.warn`, while no other thread has warnings switched off."""
    with _lock:
        warnings.warn(text, stacklevel=stacklevel)


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Without decoders' remarks on tags and sizes; what matters becomes an error."""
    logger = logging.getLogger("tifffile")
    before = logger.disabled
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.disabled = True
        try:
            yield
        finally:
            logger.disabled = before


def _as_read_error(path: PathLike, error: Exception) -> Exception:
    suffix = Path(path).suffix.lower()
    if isinstance(error, UnreadableError | TooLargeError):
        return error
    if isinstance(error, Image.DecompressionBombError):
        return _too_large(path, "more")
    if isinstance(error, UnidentifiedImageError):
        if suffix in RAW_SUFFIXES:
            return UnreadableError(raw_message(path))
        if suffix in VIDEO_SUFFIXES:
            return UnreadableError(
                f"cannot read {path}: it is a video, not a picture; jaxnst video "
                "paints clips"
            )
        return UnreadableError(
            f"cannot read {path}: not a whole picture in a format known here "
            f"({', '.join(FORMATS)}); convert it to PNG or JPEG"
        )
    if isinstance(error, OSError) and error.errno is not None:
        return OSError(error.errno, f"cannot read {path}: {error.strerror}")
    return UnreadableError(
        f"cannot read {path}: it is damaged, incomplete or of a rare kind "
        f"({type(error).__name__}: {error}); copy it again, or open it in another "
        "program and save it as PNG"
    )


def _too_large(path: PathLike, pixels: str) -> UnreadableError:
    return UnreadableError(
        f"cannot read {path}: it unpacks to {pixels} pixels than the limit of "
        f"{MAX_PIXELS:,} (jaxnst.images.MAX_PIXELS); make it smaller in another program"
    )


def check_pixels(path: PathLike, height: int, width: int) -> None:
    """Refuse a picture with no pixels or more than MAX_PIXELS of them."""
    if height < 1 or width < 1:
        raise UnreadableError(f"cannot read {path}: it is {width} x {height} pixels")
    if height * width > MAX_PIXELS:
        raise _too_large(path, f"{width} x {height} = {height * width:,}, more")


def check_memory(path: PathLike, count: int) -> None:
    """Refuse to decode what would take so many bytes if they are not free.

    Raises:
        TooLargeError: with the numbers.
    """
    free, limited = psutil.virtual_memory().available, limited_bytes()
    free = free if limited is None else min(free, limited)
    if count > free:
        raise TooLargeError(
            f"decoding {path} takes {count / 2**30:.1f} GiB, of which "
            f"{free / 2**30:.1f} are free; make it smaller in another program"
        )


def open_picture(file: BinaryIO, path: PathLike) -> ImageFile:
    """Pillow's picture, its header read and its size checked, pixels not decoded."""
    profile, formats = None, FORMATS
    file.seek(0)
    head = file.read(64)
    reader = reader_of(head)
    if begins_as_raw(head):
        raise UnreadableError(raw_message(path))
    if reader is not None:
        if not activate(reader):
            raise UnreadableError(
                f"cannot read {path}: it is {reader.name}, which needs the package "
                f"{reader.package} (pip install {reader.package}); or save it as JPEG "
                "or PNG in another program"
            )
        formats = (reader.format,)
    if png.is_png(file):
        file, profile = png.decodable(file)
    file.seek(0)
    picture = Image.open(file, formats=formats)
    check_pixels(path, picture.height, picture.width)
    if profile is not None:
        picture.info["icc_profile"] = profile
    return picture


def orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read, and of
    JPEG XL, whose decoder has turned it."""
    if picture.format == "JXL":
        return 1
    try:
        value = picture.getexif().get(ORIENTATION, 1)
    except Exception:  # broken EXIF does not make the pixels worthless
        return 1
    return value if value in range(1, 9) else 1
