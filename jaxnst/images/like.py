"""What the file of a picture takes over from the photograph that it was made of."""

from typing import NamedTuple

import numpy as np

from jaxnst.images.carried import Carried, read_carried
from jaxnst.images.decode import alpha_of
from jaxnst.images.opening import PathLike, open_file, open_picture
from jaxnst.images.read import decode
from jaxnst.images.resampling import Size, resize_channel, resolve_size


class Like(NamedTuple):
    """Of a photograph: (H, W) alpha in [0, 1], colour profile, and what its file says
    beside (EXIF, dots per inch); each None without."""

    alpha: np.ndarray | None
    icc_profile: bytes | None
    carried: Carried | None


def read_like(
    path: PathLike, *, size: Size | None = None, keep_metadata: bool = True
) -> Like:
    """What `save_image` takes of the file `like`, now: it may be gone at the end.

    Args:
        size: as of `load_image`, at which its alpha is kept; that of the pictures that
            will be written.
        keep_metadata: whether EXIF and dots per inch are taken, too.

    Raises:
        OSError, ValueError: as `load_image`.
    """
    source = decode(path)
    alpha = alpha_of(source)
    if alpha is not None:
        alpha = resize_channel(alpha, resolve_size(size, *source.size))
    carried = None
    if keep_metadata:
        with open_file(path) as file:
            try:
                with open_picture(file, path) as picture:
                    carried = read_carried(picture)
            except Exception:  # Pillow does not know every TIFF; its pixels are read
                carried = None
    return Like(alpha, source.icc_profile, carried)
