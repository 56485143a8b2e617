"""Settings of a run inside the picture it made, as one line of JSON.

PNG: an iTXt chunk named "jaxnst". JPEG and WebP: EXIF UserComment. TIFF:
ImageDescription. The text is {"jaxnst": {...}, "crc32": N}, so that a stranger's
comment in the same field, and damage, are told from ours.
"""

import json
import zlib
from typing import Any

import jax
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jaxnst.images.carried import (
    ARTIST,
    COPYRIGHT,
    DESCRIPTION,
    EXIF_IFD,
    OURS,
    USER_COMMENT,
    Carried,
    merged,
)
from jaxnst.images.opening import PathLike, open_file, open_picture
from jaxnst.images.png_text import is_png, read_text

SOFTWARE = "jaxnst"

_CHECKSUM = "crc32"  # of the dict as Python's JSON; earlier versions wrote none

_ASCII = b"ASCII\0\0\0"  # the character code that opens a UserComment


def to_json(metadata: dict[str, Any] | None) -> str | None:
    """One line of ASCII JSON; NumPy and JAX numbers and arrays become lists.

    Raises:
        TypeError: not a dict, or something in it that JSON cannot hold.
        ValueError: NaN or infinity in it.
    """
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise TypeError(f"metadata must be a dict, got {type(metadata).__name__}")
    try:
        text = json.dumps(metadata, default=_plain, allow_nan=False)
    except TypeError as error:
        raise TypeError(f"metadata cannot be written as JSON: {error}") from None
    except ValueError as error:
        raise ValueError(
            f"metadata cannot be written as JSON: {error}; replace NaN, infinity and "
            "cycles by None"
        ) from None
    return f'{{"{SOFTWARE}": {text}, "{_CHECKSUM}": {_crc32(json.loads(text))}}}'


def _crc32(content: Any) -> int:
    return zlib.crc32(json.dumps(content).encode("ascii"))


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no number, text, list or dict")


def png_info(text: str | None, carried: Carried | None = None) -> PngInfo:
    info = PngInfo()
    info.add_text("Software", SOFTWARE)
    for name, tag in (("Author", ARTIST), ("Copyright", COPYRIGHT)):
        value = None if carried is None else carried.text(tag)
        if value is not None:
            info.add_itxt(name, value)
    if text is not None:
        info.add_itxt(SOFTWARE, text)
    return info


def exif(text: str | None, carried: Carried | None = None) -> Image.Exif:
    """EXIF with our text in its UserComment and what is carried from the photograph."""
    comment = None if text is None else _ASCII + text.encode("ascii")
    return merged(carried, SOFTWARE, comment)


def read_metadata(path: PathLike) -> dict[str, Any] | None:
    """The dict that `save_image` stored in a file; None where there is none.

    Raises:
        OSError, ValueError: as `load_image`; ValueError also where the text is there
            but damaged.
    """
    with open_file(path) as file:
        if is_png(file):
            text = read_text(file, SOFTWARE)
        else:
            with open_picture(file, path) as picture:
                text = _stored_text(picture)
    if text is None:
        return None
    try:
        stored = json.loads(text)
        content = stored[SOFTWARE]
        if not isinstance(content, dict):
            raise TypeError
        if stored.get(_CHECKSUM, _crc32(content)) != _crc32(content):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError(
            f"{path}: the jaxnst metadata in it is damaged; save the picture again, "
            "or do without its settings"
        ) from None
    return content


def _stored_text(picture: Image.Image) -> str | None:
    try:
        text = _exif_text(picture)
    except Exception:  # broken EXIF holds no text of ours
        return None
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    return text if isinstance(text, str) and text.startswith(OURS) else None


def _exif_text(picture: Image.Image) -> Any:
    """What stands where our text would, text or bytes."""
    if picture.format == "TIFF":
        return picture.getexif().get(DESCRIPTION, "")
    comment = picture.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT, b"")
    return comment[len(_ASCII) :] if isinstance(comment, bytes) else comment
