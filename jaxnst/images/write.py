"""Arrays to PNG, JPEG, WebP and 16-bit TIFF."""

import io
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tifffile
from PIL import Image

from jaxnst._checks import check_image
from jaxnst._files import (
    atomic_write,
    check_output_file,
    check_space,
    check_writable_folder,
)
from jaxnst.images import icc
from jaxnst.images.carried import (
    ARTIST,
    COPYRIGHT,
    DESCRIPTION,
    Carried,
    append_to_tiff,
)
from jaxnst.images.like import Like, read_like
from jaxnst.images.metadata import SOFTWARE, exif, png_info, to_json
from jaxnst.images.opening import PathLike, warn
from jaxnst.images.resampling import resize_channel

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}

_TIFF_TEXTS = (0x010F, 0x0110, 0x0132, ARTIST, 0x013C, COPYRIGHT)  # make, model, ...

_LONGEST_EXIF = 65500  # bytes, of JPEG

_LONGEST_SIDE = {"JPEG": 65535, "WEBP": 16383, "GIF": 65535}

# Bytes a pixel that a painted picture takes at least: where not even these are free
# there is no sense in beginning.
_LEAST_BYTES = {"PNG": 1.0, "TIFF": 2.0, "WEBP": 0.1, "JPEG": 0.1, "GIF": 0.3}

_LONGEST_TEXT = {"JPEG": 65000}  # characters of metadata


def save_image(
    path: PathLike,
    image: jax.Array | np.ndarray,
    *,
    like: PathLike | Like | None = None,
    metadata: dict[str, Any] | None = None,
    quality: int | None = None,
    keep_metadata: bool = True,
) -> None:
    """Write a picture, in the format that the suffix of `path` names.

    .png; .jpg and .jpeg (4:4:4); .webp (lossless unless `quality` is given); .tif and
    .tiff (16 bits, deflate). The file appears whole or not at all.

    Args:
        path: the file to write.
        image: (H, W, 3), RGB, sRGB, float in [0, 1]; values outside are clipped.
        like: the photograph's file, or what `read_like` gave of it earlier. Its alpha,
            resized to `image`, goes into the file, whose colours are `image`; into
            JPEG, which has no alpha, `image` laid over white. Read the photograph with
            `load_image(path, alpha=True)[..., :3]`, for colours that are over white
            already are paler by that. Its RGB colour profile is kept: pixels are
            converted to it, at 8 bits a channel, and it is embedded. Otherwise the
            profile is sRGB.
        metadata: a dict that JSON can hold, for `read_metadata`.
        quality: 1 to 100, of JPEG (95 by default) or lossy WebP.
        keep_metadata: whether EXIF (author, copyright, date, camera, place; without
            thumbnail, upright) and the dots per inch of `like` go into the file, too.

    Raises:
        ValueError: an unknown suffix, a wrong shape, pixels that are not finite, a
            side too long for the format, a wrong quality, NaN in metadata.
        TypeError: not an array; metadata that JSON cannot hold.
        OSError: as `load_image` for `like`; the folder or the disk cannot take the
            file, and then an old one of that name is as it was.
    """
    kind = check_suffix(check_writable_folder(path), FORMATS)
    _check_quality(kind, quality)
    path = Path(path)
    pixels = clipped_pixels(image, kind)
    text = _metadata_text(metadata, kind)
    alpha, profile, carried = None, icc.srgb_profile(), None
    if like is not None:
        if not isinstance(like, Like):
            like = read_like(like, keep_metadata=keep_metadata)
        carried = like.carried if keep_metadata else None
        if like.alpha is not None:
            alpha = resize_channel(like.alpha, pixels.shape[:2])
        if kind == "JPEG":
            pixels, alpha = over_white(pixels, alpha), None
        pixels, profile = _to_profile(pixels, like.icc_profile)
    if alpha is not None:
        pixels = np.concatenate([pixels, alpha[..., None]], -1)  # (H, W, 4)
    write_bytes(path, _encode(pixels, kind, profile, text, quality, carried))


def encode(
    image: jax.Array | np.ndarray, suffix: str, *, quality: int | None = None
) -> bytes:
    """A picture as the bytes of a file of that suffix, sRGB; errors as `save_image`."""
    kind = check_suffix(Path(f"picture{suffix}"), FORMATS)
    _check_quality(kind, quality)
    return _encode(clipped_pixels(image, kind), kind, icc.srgb_profile(), None, quality)


def check_output(
    path: PathLike, quality: int | None = None, *, size: tuple[int, int] | None = None
) -> str:
    """The kind of file that `path` would be, after every check without a picture.

    For a long run to fail at its start, not at its end: the file is tried, too.

    Args:
        size: (height, width) of the picture, if that is known already.

    Raises:
        ValueError, OSError: as `save_image`.
    """
    kind = check_suffix(check_writable_folder(path), FORMATS)
    _check_quality(kind, quality)
    if size is not None:
        check_sides(size, kind)
        check_space(path, least_bytes(path, size))
    check_output_file(path)
    return kind


def check_fits(path: PathLike, size: tuple[int, int]) -> None:
    """Check that the kind of file that `path` would be holds (height, width).

    Raises:
        ValueError: it does not, or an unknown suffix.
    """
    check_sides(size, check_suffix(Path(path), FORMATS))


def least_bytes(path: PathLike, size: tuple[int, int]) -> int:
    """Bytes that a picture of (height, width) takes at least as the file `path`: an
    estimate, for a painted picture."""
    kind = check_suffix(Path(path), FORMATS)
    return int(size[0] * size[1] * _LEAST_BYTES[kind])


def check_suffix(path: Path, formats: dict[str, str]) -> str:
    suffix = path.suffix.lower()
    if suffix not in formats:
        raise ValueError(
            f"cannot write {path}: unknown suffix {path.suffix!r}; choose one of: "
            f"{', '.join(formats)}"
        )
    return formats[suffix]


def _check_quality(kind: str, quality: int | None) -> None:
    if quality is None:
        return
    if kind not in ("JPEG", "WEBP"):
        raise ValueError(f"{kind} is lossless and takes no quality, got {quality}")
    if not isinstance(quality, int) or not 1 <= quality <= 100:
        raise ValueError(f"quality must be an integer from 1 to 100, got {quality!r}")


def check_quality(suffix: str, quality: int | None) -> None:
    """Check a quality against the kind of file that a suffix stands for.

    Raises:
        ValueError: a lossless kind, or not from 1 to 100.
    """
    _check_quality(FORMATS[suffix], quality)


def _metadata_text(content: dict[str, Any] | None, kind: str) -> str | None:
    text = to_json(content)
    most = _LONGEST_TEXT.get(kind)
    if most and text is not None and len(text) > most:
        raise ValueError(
            f"metadata of {len(text):,} characters is too long for {kind}, which holds "
            f"{most:,}; write PNG, WebP or TIFF, or store less"
        )
    return text


def metadata_fits(path: PathLike, metadata: dict[str, Any], *, spare: int = 0) -> bool:
    """Whether the kind of file that `path` would be holds all of the metadata.

    Args:
        spare: characters that may be added to it.
    """
    most = _LONGEST_TEXT.get(check_suffix(Path(path), FORMATS))
    return most is None or len(to_json(metadata) or "") + spare <= most


def clipped_pixels(image: jax.Array | np.ndarray, kind: str) -> np.ndarray:
    """`image` on the host, clipped, after checking that `kind` can hold it."""
    pixels = np.asarray(check_image(image, unclipped=True))
    if not np.isfinite(pixels).all():
        count = int((~np.isfinite(pixels).all(-1)).sum())
        raise ValueError(
            f"image has {count:,} pixels that are not finite (NaN or infinity), so "
            "there is nothing to write; lower the learning rate and run again"
        )
    check_sides(pixels.shape[:2], kind)
    return np.clip(pixels, 0, 1)


def check_sides(size: tuple[int, ...], kind: str) -> None:
    """Check that a kind of file can hold a picture of (height, width).

    Raises:
        ValueError: it cannot.
    """
    longest = _LONGEST_SIDE.get(kind)
    if longest and max(size) > longest:
        raise ValueError(
            f"image is {size[1]} x {size[0]} pixels; {kind} holds {longest} a side; "
            "write PNG or TIFF"
        )


def over_white(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """x' = a x + 1 - a of (..., H, W, 3) and (H, W): what a viewer shows of colours
    and their alpha; the colours themselves where that is None."""
    if alpha is None:
        return pixels
    cover = alpha[..., None]
    return pixels * cover + (1 - cover)


def _to_profile(pixels: np.ndarray, profile: bytes | None) -> tuple[np.ndarray, bytes]:
    """sRGB pixels in the colours of `profile` if it is an RGB one, else as they are."""
    srgb = icc.srgb_profile()
    try:
        if profile is None or icc.color_space(profile) != "RGB":
            return pixels, srgb
        if icc.is_srgb(profile):
            return pixels, profile
        base, remainder = icc.split_levels(pixels)
        converted = np.asarray(icc.convert(base, srgb, profile), np.float32) / 255
    except Exception as error:  # Little CMS and Pillow raise several kinds
        warn(
            "the photograph's colour profile cannot be written with; sRGB instead "
            f"({error})",
            stacklevel=4,
        )
        return pixels, srgb
    return np.clip(converted + remainder, 0, 1), profile


def _encode(
    pixels: np.ndarray,
    kind: str,
    profile: bytes,
    text: str | None,
    quality: int | None,
    carried: Carried | None = None,
) -> bytes:
    """(H, W, 3 or 4) in [0, 1] as the bytes of a file."""
    buffer = io.BytesIO()
    if kind == "TIFF":
        _encode_tiff(buffer, pixels, profile, text, carried)
        return buffer.getvalue()
    options: dict[str, Any] = {"icc_profile": profile}
    tags = exif(text, carried)
    if kind == "PNG":
        options["pnginfo"] = png_info(text, carried)
        tags = exif(None, carried)
    elif kind == "JPEG" and len(tags.tobytes()) > _LONGEST_EXIF:
        warn(
            "the photograph's EXIF data and the settings are too long together for "
            "JPEG; the settings alone are written",
            stacklevel=5,
        )
        tags = exif(text)
    if kind != "PNG" or carried is not None:
        options["exif"] = tags
    if kind == "JPEG":
        options |= {"quality": quality or 95, "subsampling": 0}
    if kind == "WEBP":
        options |= {"lossless": True} if quality is None else {"quality": quality}
    elif carried is not None and carried.dpi is not None:
        options["dpi"] = carried.dpi
    Image.fromarray(icc.to_8_bits(pixels)).save(buffer, kind, **options)
    return buffer.getvalue()


def _encode_tiff(
    buffer: io.BytesIO,
    pixels: np.ndarray,
    profile: bytes,
    text: str | None,
    carried: Carried | None,
) -> None:
    levels = np.floor(pixels.astype(np.float64) * 65535 + 0.5).astype(np.uint16)
    options: dict[str, Any] = {}
    if carried is not None:
        text = carried.text(DESCRIPTION) if text is None else text
        values = ((tag, carried.text(tag)) for tag in _TIFF_TEXTS)
        extra = [(tag, "s", 0, x.encode(), True) for tag, x in values if x is not None]
        options["extratags"] = extra
        if carried.dpi is not None:
            options |= {"resolution": carried.dpi, "resolutionunit": "INCH"}
    tifffile.imwrite(
        buffer,
        levels,
        photometric="rgb",
        compression="zlib",
        byteorder="<",
        extrasamples=["unassalpha"] if pixels.shape[-1] == 4 else None,
        iccprofile=profile,
        description=text if text is None else text.encode(),
        software=SOFTWARE,
        metadata=None,  # else tifffile writes its own description
        **options,
    )
    if carried is not None:
        append_to_tiff(buffer, carried)


def write_bytes(path: Path, data: bytes) -> None:
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)
