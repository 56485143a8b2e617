"""Opening picture files that may be missing, broken, hostile or no pictures at all.

Decoders answer a broken header with almost any exception. Here each becomes one
`ValueError` (or the `OSError` of the system) that names the file and the way out.
"""

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from jaxnst._files import check_no_address

# What a picture may unpack to: 178 million pixels are 2 GB as float32. Pillow's own
# limit of refusal is a little higher, so that this one speaks first.
MAX_PIXELS = 178_000_000

# An explicit list, for Pillow would also hand PostScript to an interpreter.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF")

ORIENTATION = 0x0112  # the EXIF and TIFF tag

PathLike = str | os.PathLike[str]

# `warnings.catch_warnings` swaps a list of the whole process, so that two threads
# inside it at once could leave warnings switched off for good.
_lock = threading.RLock()


class UnreadableError(ValueError):
    """A picture that cannot be read; the message is complete."""


@contextmanager
def open_file(path: PathLike) -> Iterator[BinaryIO]:
    """The file, open for reading bytes, and every error of the block translated.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError, OSError: as the system
            says, with the path and a remedy.
        ValueError: the block raised anything else.
    """
    check_no_address(path)
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(
            f"cannot read {path}: it is a folder; give the name of a picture in it"
        )
    try:
        with _lock, warnings.catch_warnings(), open(path, "rb") as file:
            # Decoders' remarks on tags and sizes; what matters becomes an error.
            warnings.simplefilter("ignore")
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


def _as_read_error(path: Path, error: Exception) -> Exception:
    if isinstance(error, UnreadableError):
        return error
    if isinstance(error, Image.DecompressionBombError):
        return _too_large(path, "more")
    if isinstance(error, UnidentifiedImageError):
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


def open_picture(file: BinaryIO, path: PathLike) -> Image.Image:
    """Pillow's picture, its header read and its size checked, pixels not decoded."""
    file.seek(0)
    picture = Image.open(file, formats=FORMATS)
    check_pixels(path, picture.height, picture.width)
    return picture


def orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        value = picture.getexif().get(ORIENTATION, 1)
    except Exception:  # broken EXIF does not make the pixels worthless
        return 1
    return value if value in range(1, 9) else 1
