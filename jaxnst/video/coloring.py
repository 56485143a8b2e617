"""Whose colours a painted clip has: what `Settings.color` means for frames.

A painting whose colours are matched to each frame's own would change from frame to
frame; here they are matched once, to one frame of the clip.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import _checks
from jaxnst.pipeline import color_transfer
from jaxnst.pipeline.photorealism import photorealistic


def to_image(frame: np.ndarray) -> Array:
    """A frame, uint8 (H, W, 3), as a picture: float32 in [0, 1].

    Raises:
        TypeError, ValueError: what is no frame.
    """
    frame = np.asarray(frame)
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise TypeError(
            f"a frame is uint8 (H, W, 3), got {frame.dtype} {frame.shape}; multiply a "
            "picture of [0, 1] by 255 and round it"
        )
    return jnp.asarray(frame, jnp.float32) / 255.0


def to_frame(image: Array) -> np.ndarray:
    """A picture (H, W, 3) in [0, 1] as a frame, uint8, rounded to the nearest."""
    return np.asarray(jnp.round(jnp.clip(image, 0.0, 1.0) * 255.0).astype(jnp.uint8))


def match_styles(
    color: str, styles: Sequence[Array], reference: np.ndarray | None
) -> list[Array]:
    """The paintings with the colours in which the clip is painted.

    Args:
        color: "style", "content" or "match", as of `Settings`.
        styles: (h, w, 3) each, or (h, w, 4) with alpha.
        reference: a frame of the clip, for "content" and "match".

    Raises:
        ValueError: a reference is needed and none given.
    """
    checked = _checks.check_images(styles, "styles", alpha=True)
    if color == "style":
        return checked
    if reference is None:
        raise ValueError(
            f"color {color!r} matches the painting to a frame of the clip; give its "
            "first as reference"
        )
    content = to_image(reference)
    if color == "match":
        return [color_transfer.match_color(style, content) for style in checked]
    grey = [color_transfer.to_luminance(style) for style in checked]
    return [color_transfer.match_luminance(style, content) for style in grey]


def to_painted_colors(color: str, image: Array) -> Array:
    """A picture (H, W, 3) in the colours that are painted: grey where the clip keeps
    its own."""
    return color_transfer.to_luminance(image) if color == "content" else image


def to_final_colors(
    color: str, painted: Array, content: Array, photorealism: float | None = None
) -> Array:
    """What was painted, (H, W, 3), in the colours that it is to have.

    Args:
        content: (H, W, 3), the frame.
        photorealism: as of `Settings`: with these colours on the frame's own edges.
    """
    if color == "content":
        painted = color_transfer.with_color_of(painted, content)
    if photorealism is None:
        return painted
    return photorealistic(painted, content, photorealism)
