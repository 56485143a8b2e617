"""Picture files of many kinds to upright sRGB arrays."""

import warnings
from typing import BinaryIO, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxnst.images import icc
from jaxnst.images.opening import (
    PathLike,
    UnreadableError,
    open_file,
    open_picture,
    orientation,
)
from jaxnst.images.resampling import Size, resize_channel, resize_pixels, resolve_size
from jaxnst.images.tiff import (
    HighBitDepth,
    has_high_bit_depth,
    is_tiff,
    read_high_bit_depth,
    tiff_size,
)


class Picture(NamedTuple):
    """A picture file's content, upright, at its working size."""

    image: np.ndarray  # (H, W, 3) float32 sRGB in [0, 1], over white
    alpha: np.ndarray | None  # (H, W) float32 in [0, 1], 1 opaque; None without
    icc_profile: bytes | None  # the file's, if usable; `image` is sRGB already


class _Stored(NamedTuple):
    """Decoded, colours still in the file's own space."""

    base: Image.Image  # 8-bit: L, RGB, CMYK or LAB
    remainder: np.ndarray | None  # (H, W, 1 or 3), what 8 bits could not hold
    alpha: np.ndarray | None
    icc_profile: bytes | None
    orientation: int


def load_image(path: PathLike, *, size: Size | None = None) -> jax.Array:
    """The picture in a file, upright, in sRGB.

    JPEG, PNG, WebP, TIFF (8, 16 and 32 bits), GIF, BMP, PPM and AVIF; grey, palette,
    CMYK; of an animation the first frame. EXIF orientation and colour profile are
    applied; what is transparent is laid over white. 16 bits count in full in TIFF and
    grey PNG; in colour PNG the upper 8.

    Args:
        path: the file.
        size: the longest side in pixels, aspect kept, or (height, width).

    Returns:
        (H, W, 3) float32 in [0, 1].

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError, OSError: as named.
        ValueError: not a picture, damaged, over MAX_PIXELS; or a wrong size.
    """
    return jnp.asarray(read_picture(path, size=size).image)


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

    The colours under alpha are laid over white, x' = a x + 1 - a, for what lies under
    full transparency is often junk, and this is what a viewer shows; `save_image`
    with `like` takes the white out again.

    Args:
        path, size: as `load_image`.

    Returns:
        `Picture`, NumPy arrays.

    Raises:
        as `load_image`. A broken colour profile is ignored with a `UserWarning`.
    """
    image, alpha, profile = decode(path)
    target = resolve_size(size, *image.shape[:2])
    if alpha is not None:
        image = image * alpha[..., None] + (1 - alpha[..., None])
        alpha = resize_channel(alpha, target)
    return Picture(resize_pixels(image, target), alpha, profile)


def decode(path: PathLike) -> Picture:
    """The file at its full size, upright, sRGB, colours not laid over anything."""
    with open_file(path) as file:
        stored = _read(file, path)
    base, profile = _to_srgb(stored, path)
    image = np.asarray(base, np.float32) / 255
    if stored.remainder is not None:
        image = np.clip(image + stored.remainder, 0, 1)
    alpha = stored.alpha
    if alpha is not None:
        alpha = apply_orientation(alpha, stored.orientation)
    return Picture(apply_orientation(image, stored.orientation), alpha, profile)


def _read(file: BinaryIO, path: PathLike) -> _Stored:
    if not is_tiff(file):
        return _read_pillow(file, path)
    readers = [_read_pillow, _read_tifffile]
    if has_high_bit_depth(file):
        readers.reverse()
    try:
        return readers[0](file, path)
    except UnreadableError:
        raise
    except Exception as error:
        # Each library knows compressions and layouts that the other does not.
        try:
            return readers[1](file, path)
        except Exception:
            raise error from None


def _read_tifffile(file: BinaryIO, path: PathLike) -> _Stored:
    return _split_high_bit_depth(read_high_bit_depth(file, path))


def _split_high_bit_depth(image: HighBitDepth) -> _Stored:
    base, remainder = icc.split_levels(image.color)
    return _Stored(base, remainder, image.alpha, image.icc_profile, image.orientation)


def _read_pillow(file: BinaryIO, path: PathLike) -> _Stored:
    with open_picture(file, path) as picture:
        picture.load()
        profile = picture.info.get("icc_profile") or None
        tag = orientation(picture)  # after load: Pillow turns a TIFF itself
        if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
            return _split_high_bit_depth(_high_bit_depth_grey(picture, profile, tag))
        alpha = None
        if picture.has_transparency_data:
            grey = picture.mode in ("1", "L", "LA", "La")
            picture = picture.convert("LA" if grey else "RGBA")
            alpha = np.asarray(picture.getchannel("A"), np.float32) / 255
            # Not convert(): taking the bands apart leaves their values alone.
            bands = picture.split()[:-1]
            base = bands[0] if grey else Image.merge("RGB", bands)
        elif picture.mode in ("1", "L"):
            base = picture.convert("L")
        elif picture.mode in ("RGB", "CMYK", "LAB"):
            base = picture.copy()
        else:
            base = picture.convert("RGB")
    return _Stored(base, None, alpha, profile, tag)


def _high_bit_depth_grey(
    picture: Image.Image, profile: bytes | None, tag: int
) -> HighBitDepth:
    """16-bit grey (which Pillow also gives as 32-bit "I") or float grey."""
    values = np.asarray(picture).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("values that are not finite")
    alpha = None
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        alpha = (values != clear).astype(np.float32)
    unit = values if picture.mode == "F" else values / 65535
    return HighBitDepth(np.clip(unit, 0, 1)[..., None], alpha, profile, tag)


def _to_srgb(stored: _Stored, path: PathLike) -> tuple[Image.Image, bytes | None]:
    """The 8-bit part as RGB in sRGB, and the profile that it had."""
    base, profile = stored.base, stored.icc_profile
    if base.mode == "LAB":
        return icc.convert(base, icc.lab_profile(), icc.srgb_profile()), None
    if profile is None:
        return base.convert("RGB"), None
    try:
        if base.mode == "L" and icc.color_space(profile) == "RGB":
            base = base.convert("RGB")
        if icc.is_srgb(profile) and base.mode == "RGB":
            return base, profile
        return icc.convert(base, profile, icc.srgb_profile()), profile
    except Exception as error:  # Little CMS and Pillow raise several kinds
        warnings.warn(
            f"{path}: its colour profile cannot be used and is ignored ({error})",
            stacklevel=5,
        )
        return stored.base.convert("RGB"), None


def apply_orientation(pixels: np.ndarray, tag: int) -> np.ndarray:
    """(H, W, ...) turned and mirrored as EXIF orientation `tag`, 1 to 8, says."""
    if tag >= 5:
        pixels = pixels.swapaxes(0, 1)
    if tag in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if tag in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
