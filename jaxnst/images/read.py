"""Picture files of many kinds to upright sRGB arrays."""

from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from jaxnst.images import icc, png
from jaxnst.images.decode import Decoded, Rows, over_white, uncovered, unit
from jaxnst.images.encodings import encoding_of_nclx, srgb_from
from jaxnst.images.opening import (
    PathLike,
    check_memory,
    check_pixels,
    open_file,
    open_picture,
    orientation,
    warn,
)
from jaxnst.images.resampling import Size, resolve_size
from jaxnst.images.tiff import (
    Page,
    Samples,
    float_range,
    is_tiff,
    main_page,
    read_samples,
    tiff_size,
    unit_range,
)

_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF", "JXL")


class Picture(NamedTuple):
    """A picture file's content, upright, at its working size."""

    image: np.ndarray  # (H, W, 3) float32 sRGB in [0, 1], over white
    alpha: np.ndarray | None  # (H, W) float32 in [0, 1], 1 opaque; None without
    icc_profile: bytes | None  # the file's, if usable; `image` is sRGB already


def load_image(
    path: PathLike, *, size: Size | None = None, alpha: bool = False
) -> jax.Array:
    """The picture in a file, upright, in sRGB.

    JPEG, PNG, WebP, TIFF (8, 16 and 32 bits), GIF, BMP, PPM and AVIF, and with the
    packages of the extra `formats` HEIC and JPEG XL; grey, palette, CMYK; of an
    animation the first frame, of a TIFF with several pictures the largest, with a
    `UserWarning`, as where it is a guess what the numbers mean.
    EXIF orientation and colour profile are applied; what is transparent is laid over
    white. 16 bits count in full in TIFF and grey PNG; in colour PNG the upper 8.

    Args:
        path: the file.
        size: the longest side in pixels, aspect kept, or (height, width).
        alpha: of a picture with transparent parts keep the alpha as a fourth channel.
            The colours are then as if all were opaque; where next to nothing covers,
            those around are continued. So a photograph is painted whose alpha the
            result is to have (`image[..., :3]`), and a painting of which the opaque
            parts alone are to count.

    Returns:
        (H, W, 3) float32 in [0, 1], or (H, W, 4).

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError, OSError: as named.
        ValueError: not a picture, damaged, over MAX_PIXELS; or a wrong size.
        MemoryError: decoding it takes more memory than is free.
    """
    source = decode(path)
    _warn(source)
    target = resolve_size(size, *source.size)
    if not alpha:
        return jnp.asarray(over_white(source, target)[0])
    image, cover = uncovered(source, target)
    if cover is not None and (cover < 1).any():
        image = np.concatenate([image, cover[..., None]], -1)
    return jnp.asarray(image)


def picture_size(path: PathLike) -> tuple[int, int]:
    """(height, width) in pixels of the upright picture in a file.

    Read from the header; a PNG without EXIF there is read whole, for the orientation
    may follow the pixels.

    Raises:
        OSError, ValueError: as `load_image`.
    """
    with open_file(path) as file:
        if is_tiff(file):
            return tiff_size(file, path)
        with open_picture(file, path) as picture:
            height, width = picture.height, picture.width
            return (width, height) if orientation(picture) >= 5 else (height, width)


def read_picture(path: PathLike, *, size: Size | None = None) -> Picture:
    """As `load_image`, with the alpha and the colour profile of the file.

    The colours under alpha are laid over white, x' = a x + 1 - a, which is what a
    viewer shows.

    Args:
        path, size: as `load_image`.

    Returns:
        `Picture`, NumPy arrays.

    Raises:
        as `load_image`. A broken colour profile is ignored with a `UserWarning`.
    """
    source = decode(path)
    _warn(source)
    image, alpha = over_white(source, resolve_size(size, *source.size))
    return Picture(image, alpha, source.icc_profile)


def _warn(source: Decoded) -> None:
    for text in source.remarks:
        warn(text, stacklevel=4)


def decode(path: PathLike) -> Decoded:
    """The file as it is stored, of which rows can be had in sRGB."""
    with open_file(path) as file:
        return _read_tiff(file, path) if is_tiff(file) else _read_pillow(file, path)


def _read_tiff(file: BinaryIO, path: PathLike) -> Decoded:
    with tifffile.TiffFile(file) as tiff:
        found = main_page(tiff, path)
        if found.number is None or not found.is_left_to_pillow:
            return _read_tifffile(tiff, found, path)
        try:
            file.seek(0)
            source = _read_pillow(file, path, found.number)
        except UnidentifiedImageError:
            # A layout that it does not know, the other library perhaps does; damage,
            # which shows when pixels are decoded, is none the less for another reader.
            return _read_tifffile(tiff, found, path)
    source.remarks += [found.remark] if found.remark else []
    return source


def _read_tifffile(tiff: tifffile.TiffFile, found: Page, path: PathLike) -> Decoded:
    samples, remark = read_samples(tiff, found.page, path)
    remarks = [text for text in (found.remark, remark) if text]
    return _of_samples(samples, found.icc_profile, found.orientation, path, remarks)


def _of_samples(
    samples: Samples,
    profile: bytes | None,
    tag: int,
    path: PathLike,
    remarks: list[str],
) -> Decoded:
    height, width, channels = samples.color.shape
    to_srgb, used = _to_srgb("L" if channels == 1 else "RGB", profile, path, remarks)

    def rows(first: int, last: int) -> Rows:
        color, alpha = unit_range(samples, first, last)
        if used is None:
            return np.broadcast_to(color, (*color.shape[:2], 3)), alpha
        base, remainder = icc.split_levels(color)
        converted = np.asarray(to_srgb(base), np.float32) / 255
        return np.clip(converted + remainder, 0, 1), alpha

    return Decoded(height, width, rows, used, tag, remarks)


def _read_pillow(file: BinaryIO, path: PathLike, frame: int = 0) -> Decoded:
    remarks: list[str] = []
    said = png.encoding(file) if png.is_png(file) else None
    with open_picture(file, path) as picture:
        if frame:
            picture.seek(frame)
            check_pixels(path, picture.height, picture.width)
        check_memory(path, picture.width * picture.height * len(picture.getbands()))
        picture.load()
        if _is_animation(file, path, picture):
            remarks.append(f"{path}: it is an animation; its first frame is read")
        profile = picture.info.get("icc_profile") or None
        tag = orientation(picture)  # after load: Pillow turns a TIFF itself
    if profile is None and "nclx_profile" in picture.info:
        said = encoding_of_nclx(picture.info["nclx_profile"])
    recode = None if said is None else srgb_from(said, path, remarks)
    if recode is not None:
        return _recoded(_of_pillow(picture, None, tag, path, remarks), recode)
    return _of_pillow(picture, profile, tag, path, remarks)


def _is_animation(file: BinaryIO, path: PathLike, picture: Image.Image) -> bool:
    if picture.format != "GIF":
        return picture.format in _ANIMATED and getattr(picture, "is_animated", False)
    try:  # which moves on to the second frame, so not in the picture that is read
        with open_picture(file, path) as other:
            return getattr(other, "is_animated", False)
    except Exception:  # a second frame that is damaged does no harm to the first
        return False


def _recoded(source: Decoded, recode: Callable[[np.ndarray], np.ndarray]) -> Decoded:
    """The same picture, its numbers brought to sRGB."""

    def rows(first: int, last: int) -> Rows:
        color, alpha = source.rows(first, last)
        return recode(unit(color)), alpha

    return replace(source, rows=rows)


def _of_pillow(
    picture: Image.Image,
    profile: bytes | None,
    tag: int,
    path: PathLike,
    remarks: list[str],
) -> Decoded:
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        samples = _deep_grey(picture, path, remarks)
        return _of_samples(samples, profile, tag, path, remarks)
    return _of_levels(picture, profile, tag, path, remarks)


def _of_levels(
    picture: Image.Image,
    profile: bytes | None,
    tag: int,
    path: PathLike,
    remarks: list[str],
) -> Decoded:
    """Of a picture of 8 bits a channel."""
    grey, transparent = picture.mode in ("1", "L", "LA", "La"), False
    if picture.has_transparency_data:
        base_mode, transparent = "L" if grey else "RGB", True
    elif picture.mode in ("CMYK", "LAB"):
        base_mode = picture.mode
    else:
        base_mode = "L" if grey else "RGB"
    to_srgb, used = _to_srgb(base_mode, profile, path, remarks)

    def rows(first: int, last: int) -> Rows:
        strip = picture.crop((0, first, picture.width, last))
        alpha = None
        if transparent:
            strip = strip.convert("LA" if grey else "RGBA")
            alpha = np.asarray(strip.getchannel("A"), np.float32) / 255
            # Not convert(): taking the bands apart leaves their values alone.
            bands = strip.split()[:-1]
            base = bands[0] if grey else Image.merge("RGB", bands)
        else:
            base = strip if strip.mode == base_mode else strip.convert(base_mode)
        return np.asarray(to_srgb(base)), alpha

    return Decoded(picture.height, picture.width, rows, used, tag, remarks)


def _deep_grey(picture: Image.Image, path: PathLike, remarks: list[str]) -> Samples:
    """16-bit grey (which Pillow also gives as 32-bit "I") or float grey."""
    values = np.asarray(picture)
    alpha, clear = None, picture.info.get("transparency")
    if isinstance(clear, int):
        alpha = values != clear
    low, high = 0.0, 65535.0
    if picture.mode == "F":
        low, high, remark = float_range(values, path)
        remarks += [remark] if remark else []
    return Samples(values[..., None], alpha, low, high, opaque=1.0)


def _to_srgb(
    mode: str, profile: bytes | None, path: PathLike, remarks: list[str]
) -> tuple[Callable[[Image.Image], Image.Image], bytes | None]:
    """What makes 8-bit pictures of a mode sRGB, and the profile if it is used."""

    def plain(picture: Image.Image) -> Image.Image:
        return picture if picture.mode == "RGB" else picture.convert("RGB")

    srgb = icc.srgb_profile()
    if mode == "LAB":
        return icc.converter(mode, icc.lab_profile(), srgb), None
    if profile is None:
        return plain, None
    try:
        if mode == "L" and icc.color_space(profile) == "RGB":
            mode = "RGB"
        if icc.is_srgb(profile) and mode == "RGB":
            return plain, profile
        convert = icc.converter(mode, profile, srgb)
        if mode != "RGB":
            return convert, profile
        return lambda picture: convert(plain(picture)), profile
    except Exception as error:  # Little CMS and Pillow raise several kinds
        remarks.append(
            f"{path}: its colour profile cannot be used and is ignored ({error})"
        )
        return plain, None
