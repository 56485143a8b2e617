"""TIFF with more than 8 bits a channel, which Pillow would cut down to 8."""

from typing import BinaryIO, NamedTuple

import numpy as np
import tifffile

from jaxnst.images.opening import ORIENTATION, PathLike, UnreadableError, check_pixels

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_ICC_PROFILE = 34675

_ASSOCIATED, _UNASSOCIATED = 1, 2  # kinds of alpha: premultiplied or not

_BEST_RATIO = 1100  # deflate shortens by at most 1032


class HighBitDepth(NamedTuple):
    """Channels as stored in a file, in [0, 1]; not yet upright."""

    color: np.ndarray  # (H, W, 1) grey or (H, W, 3) RGB
    alpha: np.ndarray | None  # (H, W)
    icc_profile: bytes | None
    orientation: int


def is_tiff(file: BinaryIO) -> bool:
    file.seek(0)
    magic = file.read(4)
    file.seek(0)
    return magic in _MAGIC


def _first_page(tiff: tifffile.TiffFile, path: PathLike) -> tifffile.TiffPage:
    page = tiff.pages.first
    check_pixels(path, page.imagelength, page.imagewidth)
    return page


def _orientation(page: tifffile.TiffPage) -> int:
    value = page.tags.valueof(ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def tiff_size(file: BinaryIO, path: PathLike) -> tuple[int, int]:
    """(height, width) of the first page, upright."""
    with tifffile.TiffFile(file) as tiff:
        page = _first_page(tiff, path)
        size = page.imagelength, page.imagewidth
        return size[::-1] if _orientation(page) >= 5 else size


def has_high_bit_depth(file: BinaryIO) -> bool:
    """Whether the first page has more than 8 bits a channel."""
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        return tiff.pages.first.bitspersample not in (1, 2, 4, 8)


def read_high_bit_depth(file: BinaryIO, path: PathLike) -> HighBitDepth:
    """First page of a grey or RGB TIFF of unsigned integers or floats in [0, 1]."""
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        page = _first_page(tiff, path)
        if page.photometric not in (0, 1, 2):
            raise ValueError(f"colours of kind {page.photometric!r}")
        if page.axes not in ("YX", "YXS", "SYX") or page.samplesperpixel > 8:
            raise ValueError(f"axes {page.axes}, {page.samplesperpixel} channels")
        if page.nbytes > _BEST_RATIO * tiff.filehandle.size:
            # tifffile would spend minutes on inventing what is not there.
            raise ValueError(f"{tiff.filehandle.size} bytes cannot hold {page.shape}")
        pixels = _unit_range(page.asarray(), page.bitspersample, path)
        pixels = {"YX": pixels[..., None], "YXS": pixels}.get(
            page.axes, np.moveaxis(pixels, 0, -1)
        )  # (H, W, channels)
        count = 3 if page.photometric == 2 else 1
        if pixels.shape[:2] != (page.imagelength, page.imagewidth):
            raise ValueError(f"pixels of shape {pixels.shape}")
        if pixels.shape[2] < count:
            raise ValueError(f"{pixels.shape[2]} channels")
        color, extra = pixels[..., :count], pixels[..., count:]
        if page.photometric == 0:  # white is zero
            color = 1 - color
        alpha = None
        kind = int(page.extrasamples[0]) if page.extrasamples else 0
        if kind in (_ASSOCIATED, _UNASSOCIATED) and extra.shape[-1]:
            alpha = extra[..., 0]
            if kind == _ASSOCIATED:
                color = color / np.maximum(alpha, 1e-6)[..., None]
        profile = page.tags.valueof(_ICC_PROFILE)
        return HighBitDepth(np.clip(color, 0, 1), alpha, profile, _orientation(page))


def _unit_range(pixels: np.ndarray, bits: int, path: PathLike) -> np.ndarray:
    """Float32 in [0, 1], from unsigned integers of `bits` bits or from floats."""
    if pixels.dtype.kind == "u":
        return np.divide(pixels, np.float32(2**bits - 1), dtype=np.float32)
    if pixels.dtype.kind != "f":
        raise ValueError(f"numbers of type {pixels.dtype}")
    if not np.isfinite(pixels).all():
        raise UnreadableError(
            f"cannot read {path}: it holds values that are not finite; mend it in "
            "the program that wrote it"
        )
    return np.clip(pixels, 0, 1).astype(np.float32)
