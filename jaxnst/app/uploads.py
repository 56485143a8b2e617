"""Pictures that a browser sent: what they are called, whether they can be read, and
how they are shown there."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxnst import images

SAMPLES = ("harbour.jpg", "strokes.jpg")
"""The photograph and the painting that come with jaxnst."""

MAX_BYTES = images.MAX_PIXELS * 8
"""Of a file: the most pixels there may be, with four channels of 16 bits."""

_SHOWN_BY_BROWSERS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".avif"}

_PREVIEW = ".preview.png"  # at the end of the name of a copy for the browser

_PREVIEW_SIDE = 1024  # pixels


def sample_pictures() -> tuple[Path, Path]:
    """The photograph and the painting that come along: the repository's, or the
    installed package's.

    Raises:
        FileNotFoundError: they are not where they should be.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "scripts" / "samples", package / "data"):
        content, style = (folder / name for name in SAMPLES)
        if content.exists() and style.exists():
            return content, style
    raise FileNotFoundError(
        "the samples that come with jaxnst are not there; install it again "
        "(pip install --force-reinstall)"
    )


def for_browser(path: Path) -> Path:
    """The file itself, or beside it a copy that a browser can show.

    Raises:
        OSError, ValueError, MemoryError: the library cannot read it, and why.
    """
    longest = max(images.picture_size(path))
    if path.suffix.lower() in _SHOWN_BY_BROWSERS:
        return path
    preview = path.with_name(path.name + _PREVIEW)
    images.save_image(
        preview, images.load_image(path, size=min(longest, _PREVIEW_SIDE))
    )
    return preview


def original(path: Path) -> Path:
    """The file that `for_browser` gave a copy of, or the file itself."""
    if path.name.endswith(_PREVIEW):
        return path.with_name(path.name.removesuffix(_PREVIEW))
    return path


def without_folders(text: str, paths: Sequence[Path]) -> str:
    """A message in which files are called as their owner called them."""
    for path in paths:
        text = text.replace(str(path), path.name)
    return re.sub(r"(?<![\w.])/\S*/(?=[\w.-]+)", "", text)


def write_data_address(address: str, path: Path) -> None:
    """Write a picture that came as a data address, "data:image/jpeg;base64,...".

    Raises:
        ValueError: it is none.
    """
    kind, _, data = address.partition(";base64,")
    if kind != "data:image/jpeg":
        raise ValueError("the camera's picture is no JPEG in a data address")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(data, validate=True))


def from_data_address(address: str, path: Path) -> np.ndarray:
    """(H, W, 3) in [0, 1]: such a picture, by way of a file of that name, so that it is
    read as any other."""
    write_data_address(address, path)
    return np.asarray(images.load_image(path))


def to_jpeg(image: np.ndarray, *, side: int | None = None) -> bytes:
    """A picture (H, W, 3) in [0, 1] as JPEG, for the eye: its long side at most `side`
    pixels."""
    if side is not None and max(image.shape[:2]) > side:
        size = images.fit_size(image.shape[0], image.shape[1], side)
        image = images.resize_pixels(np.asarray(image, np.float32), size)
    return images.encode(np.clip(np.nan_to_num(image), 0, 1), ".jpg", quality=88)
