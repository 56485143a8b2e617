"""Frames of a clip: pictures of 8 bits a channel, resized, and kept as they are."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from jaxnst.images.icc import to_8_bits
from jaxnst.images.opening import (
    PathLike,
    UnreadableError,
    open_file,
    open_picture,
)
from jaxnst.images.read import read_picture
from jaxnst.images.resampling import decode_srgb, encode_srgb, resize_channel
from jaxnst.images.write import over_white

_LIGHT = decode_srgb(np.arange(256, dtype=np.float32) / 255)  # of every level


def resize_frame(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A frame (H, W, 3) uint8 at another (height, width): Lanczos in linear light, as
    every picture is resized."""
    if pixels.shape[:2] == size:
        return pixels
    channels = [resize_channel(_LIGHT[pixels[..., c]], size) for c in range(3)]
    return to_8_bits(encode_srgb(np.stack(channels, -1)))


def read_frame(path: PathLike) -> np.ndarray:
    """A picture file as a frame, (H, W, 3) uint8: upright, sRGB, over white.

    Raises:
        OSError, ValueError, MemoryError: as `load_image`.
    """
    return to_8_bits(read_picture(path).image)


def write_kept(path: Path, pixels: np.ndarray) -> None:
    """A frame (H, W, 3) uint8 as a PNG, written quickly rather than small."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    path.write_bytes(buffer.getvalue())


def read_kept(path: Path) -> np.ndarray:
    """What `write_kept` wrote, bit for bit.

    Raises:
        OSError, ValueError: it is not there, or damaged: PNG has checksums.
    """
    with open_file(path) as file, Image.open(file, formats=("PNG",)) as picture:
        picture.load()
        return np.asarray(picture.convert("RGB"))


def is_webp(path: PathLike) -> bool:
    """Whether a file begins as WebP does.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    with open_file(path) as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def webp_frames(path: PathLike) -> Iterator[tuple[np.ndarray, int]]:
    """Every frame of a WebP, (H, W, 3) uint8 over white, and the milliseconds for which
    it is shown.

    Raises:
        OSError, ValueError: as `load_image`; a frame that is damaged, when its turn
            comes.
    """
    with open_file(path) as file:
        data = io.BytesIO(file.read())
        picture = open_picture(data, path)
    for number in range(getattr(picture, "n_frames", 1)):
        try:
            picture.seek(number)
            levels = np.asarray(picture.convert("RGBA"), np.float32)
        except Exception as error:  # Pillow raises several kinds
            raise UnreadableError(
                f"cannot read {path}: frame {number + 1} is damaged ({error})"
            ) from error
        color, alpha = levels[..., :3] / 255, levels[..., 3] / 255
        yield to_8_bits(over_white(color, alpha)), int(picture.info.get("duration", 0))
