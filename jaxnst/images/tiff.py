"""TIFF: which of its pictures, whether all of it is there, and more than 8 bits a
channel, which Pillow would cut down to 8."""

from typing import BinaryIO, NamedTuple

import numpy as np
import tifffile

from jaxnst.images.opening import (
    ORIENTATION,
    PathLike,
    UnreadableError,
    check_memory,
    check_pixels,
)
from jaxnst.images.raw import is_raw_tiff, raw_message

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_ICC_PROFILE = 34675
_SMALLEST, _LARGEST = 340, 341  # SMinSampleValue, SMaxSampleValue

_ASSOCIATED, _UNASSOCIATED = 1, 2  # kinds of alpha: premultiplied or not

_BEST_RATIO = 1100  # deflate shortens by at most 1032

_PAGES = 64  # that are looked at

_REDUCED, _MASK = 1, 4  # bits of NewSubfileType

_UNSIGNED, _FLOAT, _UNDEFINED = 1, 3, 4  # sample formats

_WITHOUT_CODECS = (1, 8, 32773, 32946)  # compressions that tifffile reads by itself


class Samples(NamedTuple):
    """Channels as stored in a file, not yet upright, and how they become [0, 1]."""

    color: np.ndarray  # (H, W, 1) grey or (H, W, 3) RGB, integers or floats
    alpha: np.ndarray | None  # (H, W)
    low: float  # the number that is black
    high: float  # the number that is white
    opaque: float  # the alpha that is opaque
    inverted: bool = False  # white is zero
    premultiplied: bool = False


class Page(NamedTuple):
    """The picture of a TIFF that is read.

    Attributes:
        number: its place in the file from 0, None within another.
        remark: what the user should know about the choice, in words; "" if nothing.
    """

    page: tifffile.TiffPage
    number: int | None
    remark: str

    @property
    def is_deep(self) -> bool:
        """Whether it has more than 8 bits a channel."""
        return self.page.bitspersample not in (1, 2, 4, 8)

    @property
    def orientation(self) -> int:
        value = self.page.tags.valueof(ORIENTATION, 1)
        return value if value in range(1, 9) else 1

    @property
    def icc_profile(self) -> bytes | None:
        return self.page.tags.valueof(_ICC_PROFILE)

    @property
    def is_left_to_pillow(self) -> bool:
        """Whether the other reader decompresses it, and to the same numbers."""
        page = self.page
        if not self.is_deep:
            return True
        grey = page.samplesperpixel == 1
        return (
            page.compression not in _WITHOUT_CODECS
            and page.bitspersample == 16
            and page.sampleformat == _UNSIGNED
            and (grey or page.planarconfig == 1)
        )


def is_tiff(file: BinaryIO) -> bool:
    file.seek(0)
    magic = file.read(4)
    file.seek(0)
    return magic in _MAGIC


def main_page(tiff: tifffile.TiffFile, path: PathLike) -> Page:
    """The largest picture, the first of several of that size.

    Raises:
        UnreadableError: a camera's raw file, too many pixels, numbers whose black and
            white are not said, or a file that was cut off.
    """
    pages: list[tuple[tifffile.TiffPage, int | None]] = []
    for number, page in enumerate(tiff.pages):
        if number == _PAGES:
            break
        page = page.aspage()
        pages.append((page, number))
        pages += [(inner.aspage(), None) for inner in (page.pages or ())[:_PAGES]]
    tiff.filehandle.seek(0)
    head = tiff.filehandle.read(16)
    if is_raw_tiff(path, head, [page for page, _ in pages]):
        raise UnreadableError(raw_message(path))
    full = [
        (page, place)
        for page, place in pages
        if not page.subfiletype & (_REDUCED | _MASK)
    ] or pages[:1]
    page, place = max(full, key=lambda each: each[0].imagelength * each[0].imagewidth)
    check_pixels(path, page.imagelength, page.imagewidth)
    remark = ""
    if len(full) > 1:
        which = 1 + [id(each) for each, _ in full].index(id(page))
        remark = (
            f"{path}: it holds {len(full)} pictures; number {which}, "
            f"{page.imagewidth} x {page.imagelength} pixels, is read"
        )
    _check_whole(page, tiff.filehandle.size, path)
    if page.sampleformat not in (_UNSIGNED, _FLOAT, _UNDEFINED):
        raise UnreadableError(
            f"cannot read {path}: its numbers are signed or complex, of which nobody "
            "knows what is black and what white; save it with unsigned numbers"
        )
    return Page(page, place, remark)


def _check_whole(page: tifffile.TiffPage, size: int, path: PathLike) -> None:
    """Refuse a page whose data would lie beyond the end of the file."""
    segments = zip(page.dataoffsets, page.databytecounts, strict=False)
    if any(start + count > size for start, count in segments) or not page.dataoffsets:
        raise UnreadableError(
            f"cannot read {path}: it is cut off ({size:,} bytes are there); copy it "
            "again"
        )


def tiff_size(file: BinaryIO, path: PathLike) -> tuple[int, int]:
    """(height, width) of the picture that is read, upright."""
    with tifffile.TiffFile(file) as tiff:
        found = main_page(tiff, path)
        size = found.page.imagelength, found.page.imagewidth
        return size[::-1] if found.orientation >= 5 else size


def read_samples(
    tiff: tifffile.TiffFile, page: tifffile.TiffPage, path: PathLike
) -> tuple[Samples, str]:
    """The numbers of a grey or RGB page, unsigned or float, and a remark or "".

    Raises:
        UnreadableError: numbers that are not finite.
        ValueError: another kind of page.
    """
    if page.photometric not in (0, 1, 2):
        raise ValueError(f"colours of kind {page.photometric!r}")
    if page.axes not in ("YX", "YXS", "SYX") or page.samplesperpixel > 8:
        raise ValueError(f"axes {page.axes}, {page.samplesperpixel} channels")
    if page.nbytes > _BEST_RATIO * tiff.filehandle.size:
        # tifffile would spend minutes on inventing what is not there.
        raise ValueError(f"{tiff.filehandle.size} bytes cannot hold {page.shape}")
    check_memory(path, 2 * page.nbytes)
    pixels = page.asarray()
    pixels = {"YX": pixels[..., None], "YXS": pixels}.get(
        page.axes, np.moveaxis(pixels, 0, -1)
    )  # (H, W, channels)
    count = 3 if page.photometric == 2 else 1
    if pixels.shape[:2] != (page.imagelength, page.imagewidth):
        raise ValueError(f"pixels of shape {pixels.shape}")
    if pixels.shape[2] < count:
        raise ValueError(f"{pixels.shape[2]} channels")
    color, extra = pixels[..., :count], pixels[..., count:]
    kind = int(page.extrasamples[0]) if page.extrasamples else 0
    has_alpha = kind in (_ASSOCIATED, _UNASSOCIATED) and extra.shape[-1]
    alpha = extra[..., 0] if has_alpha else None
    low, high, remark = 0.0, float(2**page.bitspersample - 1), ""
    if color.dtype.kind == "f":
        said = page.tags.valueof(_SMALLEST), page.tags.valueof(_LARGEST)
        low, high, remark = float_range(color, path, *map(_number, said))
    elif color.dtype.kind != "u":
        raise ValueError(f"numbers of type {color.dtype}")
    opaque = high
    if alpha is not None and color.dtype.kind == "f" and not (alpha > 1).any():
        opaque = 1.0
    inverted, premultiplied = page.photometric == 0, kind == _ASSOCIATED
    return Samples(color, alpha, low, high, opaque, inverted, premultiplied), remark


def _number(value: object) -> float | None:
    """A tag's only number, or the first of several that are the same."""
    numbers = value if isinstance(value, tuple) else (value,)
    if len(set(numbers)) == 1 and isinstance(numbers[0], int | float):
        return float(numbers[0])
    return None


def float_range(
    values: np.ndarray,
    path: PathLike,
    smallest: float | None = None,
    largest: float | None = None,
) -> tuple[float, float, str]:
    """Which floats of a file are black and white, and a remark where that is a guess.

    Args:
        smallest, largest: what the file says.

    Raises:
        UnreadableError: values that are not finite.
    """
    bottom, top = float(values.min()), float(values.max())
    if not np.isfinite(bottom) or not np.isfinite(top):
        raise UnreadableError(
            f"cannot read {path}: it holds values that are not finite; mend it in "
            "the program that wrote it"
        )
    if bottom >= 0 and top <= 1:
        return 0.0, 1.0, ""
    if smallest is not None and largest is not None:
        if smallest <= bottom and top <= largest and smallest < largest:
            return smallest, largest, ""
    named = f"{path}: its values reach from {bottom:g} to {top:g}; "
    whole = top > 16 and bool((values == np.round(values)).all())
    if whole or np.count_nonzero(values > 1) > values.size // 2:
        high = next((n for n in (255.0, 65535.0) if top <= 1.01 * n), top)
        return 0.0, high, f"{named}0 is taken as black and {high:g} as white"
    return (
        0.0,
        1.0,
        f"{named}what is below 0 or above 1 is cut off; to keep it, bring the "
        "brightness to 0 to 1 in another program",
    )


def unit_range(
    samples: Samples, first: int, last: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows first to last as colours (n, W, 1 or 3) and alpha (n, W), in [0, 1]."""

    def scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
        kind = np.float32 if high < 2**24 else np.float64
        unit: np.ndarray = values[first:last].astype(kind)
        return np.clip((unit - low) / (high - low), 0, 1).astype(np.float32)

    color = scaled(samples.color, samples.low, samples.high)
    if samples.inverted:
        color = 1 - color
    if samples.alpha is None:
        return color, None
    alpha = scaled(samples.alpha, 0.0, samples.opaque)
    if samples.premultiplied:
        color = np.clip(color / np.maximum(alpha, 1e-6)[..., None], 0, 1)
    return color, alpha
