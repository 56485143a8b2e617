"""A report as one web page without other files: text, tables, pictures, plots.

Blocks are pieces of HTML, made from plain text by the functions here; `document` puts
them together. A click on a picture shows it at full size in a dialog.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from string import Template

import numpy as np
from jax import Array

from jaxnst import images
from jaxnst._files import printable

_JPEG_QUALITY = 88

Picture = Array | np.ndarray
Sections = Mapping[str, Sequence[str]]


@dataclass(frozen=True, eq=False)
class Entry:
    """A picture of a report, and the text that belongs to it.

    Attributes:
        image: (H, W, 3) in [0, 1].
        caption: text under the picture, on the page and in the heading of the dialog.
        details: text that only the dialog shows, such as distances.
        file: name of the file that holds this picture; only the dialog shows it.
    """

    image: Picture
    caption: str = ""
    details: str = ""
    file: str = ""


def image_source(image: Picture) -> str:
    """A picture (H, W, 3) as the address of an <img>."""
    data = images.encode(image, ".jpg", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def inline_svg(svg: str) -> str:
    """A drawing without the XML declaration that a file begins with."""
    return svg[svg.index("<svg") :]


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def listing(items: Sequence[str]) -> str:
    """A bulleted list."""
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str = ""
) -> str:
    """A table of numbers; the first cell of each row is its heading."""
    lines = (
        _row_heading(name) + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        for name, *cells in rows
    )
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table class="numbers">{above}<thead><tr>'
        f"{''.join(map(_column_heading, head))}</tr></thead>"
        f"<tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody></table></div>"
    )


def facts(values: Iterable[tuple[str, str]]) -> str:
    """A table of names and their values, which may be long text."""
    lines = (
        f"<tr>{_row_heading(name)}<td>{escape(value)}</td></tr>"
        for name, value in values
    )
    return f'<table class="facts">{"".join(lines)}</table>'


def pictures(
    rows: Sequence[Sequence[Entry | None]],
    *,
    row_labels: Sequence[str],
    column_labels: Sequence[str] = (),
    marked: tuple[int, int] | None = None,
    beside: Sequence[Entry] = (),
    thumbnail: int | None = None,
) -> str:
    """Pictures in rows and columns.

    In the dialog a picture's heading is its row label, column label and caption.

    Args:
        rows: None leaves a place empty.
        column_labels: none, or one for each column.
        marked: row and column of a picture that gets a frame.
        beside: pictures that the dialog shows next to each, such as photograph and
            painting.
        thumbnail: long side in pixels that the page shows; the dialog shows the whole
            picture. None shows the whole picture on the page, too.
    """
    lines = []
    if column_labels:
        head = "".join(map(_column_heading, column_labels))
        lines.append(f"<tr><td></td>{head}</tr>")
    for index, (row_label, row) in enumerate(zip(row_labels, rows, strict=True)):
        cells = "".join(
            _cell(entry, (row_label, label), (index, column) == marked, thumbnail)
            for column, (entry, label) in enumerate(
                zip(row, column_labels or [""] * len(row), strict=True)
            )
        )
        lines.append(f"<tr>{_row_heading(row_label)}{cells}</tr>")
    # The browser neither draws nor decodes what is in a <template>.
    sources = "".join(map(_source, beside))
    template = f"<template>{sources}</template>" if beside else ""
    return (
        f'<div class="scroll"><table class="pictures">{"".join(lines)}</table>'
        f"{template}</div>"
    )


def _cell(
    entry: Entry | None, labels: tuple[str, str], marked: bool, thumbnail: int | None
) -> str:
    if entry is None:
        return "<td></td>"
    name = ", ".join(filter(None, (*labels, entry.caption)))
    small, data = entry.image, {"details": entry.details, "file": entry.file}
    height, width = entry.image.shape[:2]
    if thumbnail is not None and max(height, width) > thumbnail:
        size = images.fit_size(height, width, thumbnail)
        small = images.resize_pixels(np.asarray(entry.image), size)
        data["picture"] = image_source(entry.image)
    attributes = "".join(
        f' data-{key}="{escape(value)}"' for key, value in data.items() if value
    )
    kind = ' class="marked"' if marked else ""
    return (
        f"<td{kind}><figure>"
        f'<button type="button"{attributes}>'
        f'<img src="{image_source(small)}" alt="{escape(name)}"></button>'
        f"{_figcaption(entry.caption)}</figure></td>"
    )


def _source(entry: Entry) -> str:
    image = f'<img src="{image_source(entry.image)}" alt="{escape(entry.caption)}">'
    return f"<figure>{image}{_figcaption(entry.caption)}</figure>"


def _figcaption(text: str) -> str:
    return f"<figcaption>{escape(text)}</figcaption>" if text else ""


def _row_heading(text: str) -> str:
    return f"<th scope=row>{escape(text)}</th>"


def _column_heading(text: str) -> str:
    return f"<th scope=col>{escape(text)}</th>"


def drawings(svgs: Mapping[str, str]) -> str:
    """SVG by caption, side by side where there is room."""
    figures = (
        f"<figure>{inline_svg(svg)}{_figcaption(caption)}</figure>"
        for caption, svg in svgs.items()
    )
    return f'<div class="plots">{"".join(figures)}</div>'


def document(title: str, sections: Sections) -> str:
    """The page: a heading over each section's blocks, and a list of the headings.

    What is no text in the names of files becomes "?".

    Args:
        title: over all; also the browser's.
        sections: {heading: blocks}.
    """
    anchors = {heading: f"section{index}" for index, heading in enumerate(sections)}
    template = (
        resources.files("jaxnst.reports").joinpath("report.html").read_text("utf-8")
    )
    text = Template(template).substitute(
        title=escape(title),
        contents="".join(
            f'<a href="#{anchor}">{escape(heading)}</a>'
            for heading, anchor in anchors.items()
        ),
        sections="".join(
            f'<section id="{anchors[heading]}"><h2>{escape(heading)}</h2>'
            f"{''.join(blocks)}</section>"
            for heading, blocks in sections.items()
        ),
    )
    return printable(text)
