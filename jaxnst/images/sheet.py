"""Contact sheets: many pictures on one, in rows and columns with labels."""

from collections.abc import Sequence

import jax
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxnst._checks import check_image
from jaxnst._files import printable
from jaxnst.images.resampling import fit_size, resize_pixels

Picture = jax.Array | np.ndarray

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_GAP = 6  # pixels between pictures

_TEXT_COLOR = (40, 40, 40)


def contact_sheet(
    rows: Sequence[Sequence[Picture | None]],
    *,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    captions: Sequence[Sequence[str]] = (),
    cell: int = 256,
) -> np.ndarray:
    """Pictures in rows and columns on white.

    Each is resized to a long side of `cell` pixels, its aspect kept; a row is as high
    as its highest picture.

    Args:
        rows: pictures (H, W, 3) in [0, 1], None for a place left empty; rows may be of
            different lengths.
        row_labels: written upwards at the left of each row.
        column_labels: written over each column.
        captions: for each row, what is written over each of its pictures.

    Returns:
        (H, W, 3), float32 in [0, 1].

    Raises:
        TypeError, ValueError: no pictures, or something that is not one.
    """
    if not any(picture is not None for row in rows for picture in row):
        raise ValueError("a contact sheet needs at least one picture")
    small = [[_thumbnail(picture, cell) for picture in row] for row in rows]
    heights = [
        max((p.shape[0] for p in row if p is not None), default=0) for row in small
    ]
    letters = max(11, cell // 15)  # pixels
    font, line = ImageFont.load_default(letters), letters * 8 // 5
    left = line if any(row_labels) else _GAP
    top = line if any(column_labels) else _GAP
    width = left + max(map(len, small)) * (cell + _GAP)
    captions = captions[: len(rows)]
    size = width, top + sum(heights) + _GAP * len(rows) + line * len(captions)
    sheet = Image.new("RGB", size, "white")
    corners = range(left, width, cell + _GAP)
    for x, text in zip(corners, column_labels, strict=False):
        sheet.paste(_label(text, font, (cell, line)), (x, 0))
    for index, (row, height) in enumerate(zip(small, heights, strict=True)):
        if index < len(captions):
            for x, text in zip(corners, captions[index], strict=False):
                sheet.paste(_label(text, font, (cell, line)), (x, top))
            top += line
        if index < len(row_labels):
            label = _label(row_labels[index], font, (height, line))
            sheet.paste(label.rotate(90, expand=True), (0, top))
        for x, picture in zip(corners, row, strict=False):
            if picture is not None:
                x += (cell - picture.shape[1]) // 2
                y = top + (height - picture.shape[0]) // 2
                sheet.paste(Image.fromarray(picture), (x, y))
        top += height + _GAP
    return np.asarray(sheet, np.float32) / 255


def _thumbnail(picture: Picture | None, cell: int) -> np.ndarray | None:
    if picture is None:
        return None
    picture = check_image(picture, "a picture of the sheet", unclipped=True)
    pixels = np.clip(np.asarray(picture), 0, 1)
    fitted = resize_pixels(pixels, fit_size(pixels.shape[0], pixels.shape[1], cell))
    return np.round(fitted * 255).astype(np.uint8)


def _label(text: str, font: Font, size: tuple[int, int]) -> Image.Image:
    """A line of text in the middle of a white rectangle."""
    text = _shortened(printable(text), font, size[0])
    label = Image.new("RGB", (max(1, size[0]), size[1]), "white")
    middle = size[0] / 2, size[1] / 2
    ImageDraw.Draw(label).text(middle, text, fill=_TEXT_COLOR, font=font, anchor="mm")
    return label


def _shortened(text: str, font: Font, width: int) -> str:
    """The text, less letters from its middle where it is too long: names of one folder
    begin alike, and what differs in a row of runs is said last."""
    shown, kept = text, len(text)
    while shown and font.getlength(shown) > width:
        kept -= 1
        end = kept // 2
        shown = text[: kept - end] + "…" + text[len(text) - end :] if kept > 0 else ""
    return shown
