"""Colour profiles: other spaces to sRGB and back, by Little CMS (8 bits a channel)."""

import io
import struct
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_DATE = slice(24, 36)  # of creation, in a profile's header


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """An sRGB profile, the same bytes every time."""
    created = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    profile = bytearray(created.tobytes())
    profile[_DATE] = struct.pack(">6H", 2016, 1, 1, 0, 0, 0)
    return bytes(profile)


def lab_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


@lru_cache(maxsize=8)
def color_space(profile: bytes) -> str:
    """The profile's colour space: "RGB", "GRAY", "CMYK", ...

    Raises:
        ImageCms.PyCMSError or OSError: not a profile.
    """
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return opened.profile.xcolor_space.strip()


@lru_cache(maxsize=8)
def is_srgb(profile: bytes) -> bool:
    """Whether the profile maps no colour further than one 8-bit level off sRGB.

    Measured, for there are dozens of sRGB profiles under as many names.
    """
    if color_space(profile) != "RGB":
        return False
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    lattice = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(27, 27, 3)
    moved = np.asarray(convert(Image.fromarray(lattice), profile, srgb_profile()))
    return bool(np.abs(moved.astype(int) - lattice).max() <= 1)


def convert(picture: Image.Image, source: bytes, target: bytes) -> Image.Image:
    """8-bit `picture` from one profile to another (an RGB one), as a new RGB picture.

    Raises:
        as `converter`.
    """
    return converter(picture.mode, source, target)(picture)


def converter(
    mode: str, source: bytes, target: bytes
) -> Callable[[Image.Image], Image.Image]:
    """What converts 8-bit pictures of a mode from one profile to another (an RGB one).

    Relative colorimetric with black point compensation, as photo programs do.

    Raises:
        ImageCms.PyCMSError or OSError: a profile is broken or of another space.
    """
    transform = ImageCms.buildTransform(
        io.BytesIO(source),
        io.BytesIO(target),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        # Unoptimised is as fast and, unlike the default, exact in the shadows.
        ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOOPTIMIZE,
    )

    def apply(picture: Image.Image) -> Image.Image:
        converted = ImageCms.applyTransform(picture, transform)
        assert converted is not None  # None only for a conversion in place
        return converted

    return apply


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """[0, 1] to the nearest of 0 ... 255, halves upwards."""
    return np.floor(pixels * 255 + 0.5).astype(np.uint8)


def split_levels(pixels: np.ndarray) -> tuple[Image.Image, np.ndarray]:
    """Float (H, W, 1 or 3) in [0, 1] as the nearest 8-bit picture and the remainder.

    Profiles convert the 8-bit part; the remainder, below half a level, passes as it
    is, so that smooth 16-bit gradients stay smooth.
    """
    levels = to_8_bits(pixels)
    picture = Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)
    return picture, pixels - levels.astype(np.float32) / 255
