"""Files to arrays and back; the only package here that knows about file formats.

A picture is (H, W, 3), RGB, float32 in [0, 1], sRGB-encoded, upright.
"""

from jaxnst.images.animation import check_animation, save_animation
from jaxnst.images.like import Like, read_like
from jaxnst.images.metadata import read_metadata
from jaxnst.images.opening import MAX_PIXELS
from jaxnst.images.read import Picture, load_image, picture_size, read_picture
from jaxnst.images.resampling import fit_size, resize, resize_pixels
from jaxnst.images.sheet import contact_sheet
from jaxnst.images.write import (
    check_fits,
    check_output,
    check_quality,
    encode,
    least_bytes,
    metadata_fits,
    over_white,
    save_image,
)

__all__ = [
    "MAX_PIXELS",
    "Like",
    "Picture",
    "check_animation",
    "check_fits",
    "check_output",
    "check_quality",
    "contact_sheet",
    "encode",
    "fit_size",
    "least_bytes",
    "load_image",
    "metadata_fits",
    "over_white",
    "picture_size",
    "read_like",
    "read_metadata",
    "read_picture",
    "resize",
    "resize_pixels",
    "save_animation",
    "save_image",
]
