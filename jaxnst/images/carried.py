"""What a photograph's file says beside its pixels, for the file of what is made of it:
EXIF with author, copyright, date, camera and place, and the dots per inch."""

import io
import struct
from collections.abc import Iterable
from typing import Any, NamedTuple

from PIL import Image, IptcImagePlugin
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

EXIF_IFD, GPS_IFD = 0x8769, 0x8825
USER_COMMENT, SOFTWARE, DESCRIPTION = 0x9286, 0x0131, 0x010E
ARTIST, COPYRIGHT = 0x013B, 0x8298
X_RESOLUTION, Y_RESOLUTION, UNIT = 0x011A, 0x011B, 0x0128
INCH, CENTIMETRE = 2, 3

OURS = '{"jaxnst":'
"""How the description or comment begins that this project wrote."""

# Description, make, model, date, artist, computer, rating, copyright, Windows' names.
_MAIN = (
    DESCRIPTION, 0x010F, 0x0110, 0x0132, ARTIST, 0x013C, 0x4746, COPYRIGHT,
    0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F,
)  # fmt: skip

# What is no longer so, or cannot be moved: the maker's note, colour space, sides in
# pixels, pointers, where in the picture the subject is, pixels to a millimetre.
_NOT_CARRIED = (
    0x927C, 0xA001, 0xA002, 0xA003, 0xA005, 0x9214, 0xA214, 0xA20E, 0xA20F, 0xA210,
)  # fmt: skip

_LONGEST = 4096  # bytes of one value

_PNG_TEXTS = {"Description": DESCRIPTION, "Author": ARTIST, "Copyright": COPYRIGHT}
_IPTC = {(2, 120): DESCRIPTION, (2, 80): ARTIST, (2, 116): COPYRIGHT}


class Carried(NamedTuple):
    """Values by EXIF tag: of the picture, of the exposure, of the place; dots per inch
    across and down, if they are known."""

    main: dict[int, Any]
    exposure: dict[int, Any]
    place: dict[int, Any]
    dpi: tuple[float, float] | None

    def text(self, tag: int) -> str | None:
        """A value that is text."""
        value = self.main.get(tag)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        return value if isinstance(value, str) and value else None


def read_carried(picture: ImageFile) -> Carried:
    """Of an opened file; what is broken is left out."""
    try:
        exif = picture.getexif()
    except Exception:  # broken EXIF does not make the pixels worthless
        exif = Image.Exif()
    main = {tag: exif[tag] for tag in _MAIN if tag in exif}
    for tag, text in (*_png_texts(picture), *_iptc(picture)):
        main.setdefault(tag, text.encode())
    exposure = _ifd(exif, EXIF_IFD)
    for values, tag in ((main, DESCRIPTION), (exposure, USER_COMMENT)):
        if _is_ours(values.get(tag)):
            del values[tag]
    return Carried(
        _writable({tag: _as_bytes(value) for tag, value in main.items()}),
        _writable(
            {k: v for k, v in exposure.items() if k not in _NOT_CARRIED}, EXIF_IFD
        ),
        _writable(_ifd(exif, GPS_IFD), GPS_IFD),
        _dpi(picture, exif),
    )


def _ifd(exif: Image.Exif, tag: int) -> dict[int, Any]:
    try:
        return dict(exif.get_ifd(tag))
    except Exception:  # as above
        return {}


def _png_texts(picture: Image.Image) -> Iterable[tuple[int, str]]:
    for name, tag in _PNG_TEXTS.items():
        text = picture.info.get(name)
        if picture.format == "PNG" and isinstance(text, str):
            yield tag, str(text)


def _iptc(picture: ImageFile) -> Iterable[tuple[int, str]]:
    try:
        fields = IptcImagePlugin.getiptcinfo(picture) or {}
    except Exception:  # as above
        return
    for key, tag in _IPTC.items():
        value = fields.get(key)
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, bytes):
            yield tag, value.decode("utf-8", "replace")


def _is_ours(value: Any) -> bool:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    return OURS in text[:32]


def _as_bytes(value: Any) -> Any:
    """Text as it was in the file: Pillow would write what is not ASCII as "?"."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("latin-1", "replace")
    return value


def _writable(values: dict[int, Any], group: int | None = None) -> dict[int, Any]:
    """Those values that can be written, and are not long."""
    kept = {}
    for tag, value in values.items():
        ifd = ImageFileDirectory_v2(group=group)
        try:
            ifd[tag] = value
            if len(ifd.tobytes()) <= _LONGEST:
                kept[tag] = value
        except Exception:  # of many kinds, as the values are
            pass
    return kept


def _dpi(picture: Image.Image, exif: Image.Exif) -> tuple[float, float] | None:
    try:
        if "dpi" in picture.info:
            across, down = picture.info["dpi"]
        else:
            per_inch = 2.54 if exif.get(UNIT) == CENTIMETRE else 1.0
            across, down = (
                float(exif[tag]) * per_inch for tag in (X_RESOLUTION, Y_RESOLUTION)
            )
        found = float(across), float(down)
    except Exception:  # not there, or broken
        return None
    return found if all(1 <= number <= 65535 for number in found) else None


def merged(
    carried: Carried | None, software: str, comment: bytes | None = None
) -> Image.Exif:
    """EXIF of a file that is written.

    Args:
        comment: a UserComment of our own, instead of the photograph's.
    """
    tags = Image.Exif()
    if carried is not None:
        for tag, value in carried.main.items():
            tags[tag] = value
        if carried.exposure:
            tags.get_ifd(EXIF_IFD).update(carried.exposure)
        if carried.place:
            tags.get_ifd(GPS_IFD).update(carried.place)
        if carried.dpi is not None:
            tags[X_RESOLUTION], tags[Y_RESOLUTION] = carried.dpi
            tags[UNIT] = INCH
    tags[SOFTWARE] = software
    if comment is not None:
        tags.get_ifd(EXIF_IFD)[USER_COMMENT] = comment
    return tags


def append_to_tiff(buffer: io.BytesIO, carried: Carried) -> None:
    """Add exposure and place to a little-endian TIFF of one picture.

    Their directories go to the end of the file, and after them a new main directory
    that names both; tifffile writes no such tags by itself.
    """
    data = bytearray(buffer.getvalue())
    if data[:4] != b"II*\0":  # beyond 4 GiB other sizes of numbers hold
        return
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = [bytes(data[start + 2 + 12 * i :][:12]) for i in range(count)]
    for tag, values in ((EXIF_IFD, carried.exposure), (GPS_IFD, carried.place)):
        if not values:
            continue
        directory = ImageFileDirectory_v2(group=tag)
        for each, value in values.items():
            directory[each] = value
        data += b"\0" * (len(data) % 2)
        entries.append(struct.pack("<HHII", tag, 4, 1, len(data)))
        data += directory.tobytes(len(data))
    if len(entries) == count:
        return
    entries.sort(key=lambda entry: struct.unpack("<H", entry[:2]))
    data += b"\0" * (len(data) % 2)
    struct.pack_into("<I", data, 4, len(data))
    data += struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    buffer.seek(0)
    buffer.write(data)
