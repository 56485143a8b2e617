"""Frames to an animated GIF or WebP."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image

from jaxnst._checks import check_number
from jaxnst._files import check_output_file, check_writable_folder
from jaxnst.images.icc import to_8_bits
from jaxnst.images.opening import PathLike
from jaxnst.images.resampling import resize_channel
from jaxnst.images.write import check_sides, check_suffix, clipped_pixels, write_bytes

_WEBP_ALPHA = 0x10  # a flag of the file's header

_FORMATS = {".gif": "GIF", ".webp": "WEBP"}


def save_animation(
    path: PathLike,
    frames: Iterable[jax.Array | np.ndarray],
    *,
    seconds_per_frame: float = 0.1,
    hold_seconds: float = 2.0,
    alpha: np.ndarray | None = None,
) -> None:
    """Write `frames` as an endless animation, .gif or .webp (lossy, quality 90).

    In a GIF each frame has a palette of 256 colours of its own and error diffusion.

    Args:
        path: the file to write; it appears whole or not at all.
        frames: pictures (H, W, 3), sRGB, float in [0, 1], all of one size.
        seconds_per_frame: how long each is shown; at least 0.02, which is the least
            that viewers heed, and rounded to 0.01 in a GIF.
        hold_seconds: how long the last is shown, if that is longer.
        alpha: (h, w) in [0, 1], of all frames; resized to theirs. In a GIF, which knows
            no more, what is less than half opaque is transparent.

    Raises:
        ValueError: an unknown suffix, no frames, frames of several sizes, pixels that
            are not finite.
        TypeError, OSError: as `save_image`.
    """
    kind = check_suffix(check_writable_folder(path), _FORMATS)
    path = Path(path)
    check_number(seconds_per_frame, "seconds_per_frame", minimum=0.02)
    check_number(hold_seconds, "hold_seconds")
    pictures: list[Image.Image] = []
    for frame in frames:
        picture = _with_alpha(clipped_pixels(frame, kind), alpha)
        if pictures and picture.size != pictures[0].size:
            raise ValueError(
                f"frame {len(pictures)} is {picture.width} x {picture.height} pixels, "
                f"the first {pictures[0].width} x {pictures[0].height}; resize them"
            )
        pictures.append(_quantize(picture) if kind == "GIF" else picture)
    if not pictures:
        raise ValueError("frames is empty; give at least one picture")
    milliseconds = _milliseconds(seconds_per_frame, kind)
    durations = [milliseconds] * len(pictures)
    durations[-1] = max(milliseconds, _milliseconds(hold_seconds, kind))
    write_bytes(path, _encode(pictures, kind, durations))


def check_animation(path: PathLike, *, size: tuple[int, int] | None = None) -> str:
    """The kind of file that `path` would be; raises what `save_animation` would.

    Args:
        size: (height, width) of the frames, if that is known already.
    """
    kind = check_suffix(check_writable_folder(path), _FORMATS)
    if size is not None:
        check_sides(size, kind)
    check_output_file(path)
    return kind


def _milliseconds(seconds: float, kind: str) -> int:
    return 10 * round(seconds * 100) if kind == "GIF" else round(seconds * 1000)


def _with_alpha(pixels: np.ndarray, alpha: np.ndarray | None) -> Image.Image:
    if alpha is not None:
        alpha = resize_channel(alpha, pixels.shape[:2])
        pixels = np.concatenate([pixels, alpha[..., None]], -1)  # (H, W, 4)
    return Image.fromarray(to_8_bits(pixels))


_CLEAR = 255  # the palette's last entry, where something is transparent


def _quantize(picture: Image.Image) -> Image.Image:
    transparent = picture.mode == "RGBA"
    colors = picture.convert("RGB")
    # Pillow diffuses the error only onto a palette that is given.
    palette = colors.quantize(_CLEAR if transparent else 256, Image.Quantize.MEDIANCUT)
    reduced = colors.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    if transparent:
        clear = picture.getchannel("A").point(lambda level: 255 * (level < 128))
        reduced.paste(_CLEAR, mask=clear)
        reduced.info["transparency"] = _CLEAR
    return reduced


def _encode(pictures: list[Image.Image], kind: str, durations: list[int]) -> bytes:
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": 90} if kind == "WEBP" else {"optimize": False}
    pictures[0].save(
        buffer,
        kind,
        save_all=True,
        append_images=pictures[1:],
        duration=durations if len(pictures) > 1 else durations[0],
        loop=0,
        disposal=2 if "transparency" in pictures[0].info else 0,  # frames do not pile
        **options,
    )
    data = bytearray(buffer.getvalue())
    if kind == "WEBP" and pictures[0].mode == "RGBA" and data[12:16] == b"VP8X":
        # libwebp crops frames to what is opaque, and may then forget to say that the
        # rest is not.
        data[20] |= _WEBP_ALPHA
    return bytes(data)
