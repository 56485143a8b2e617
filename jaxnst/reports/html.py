"""A report as one web page that needs nothing else: text, tables, pictures, plots.

Blocks are pieces of HTML, made of plain text by the functions here; `document` puts
them together. Every picture can be looked at in full size by a click.
"""

import base64
import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template
from typing import Any

import numpy as np
from jax import Array

from jaxnst import images

_QUALITY = 88  # of JPEG

Picture = Array | np.ndarray


def image_source(image: Picture) -> str:
    """A picture (H, W, 3) as the address of an <img>."""
    data = images.encode(image, ".jpg", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def inline_svg(svg: str) -> str:
    """A drawing without the XML declaration that a file begins with."""
    return svg[svg.index("<svg") :]


def script_json(data: Any) -> str:
    """JSON that can stand in a script: no text in it ends the script."""
    return json.dumps(data).replace("<", "\\u003c")


Sections = Mapping[str, Sequence[str]]


def paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def listing(items: Sequence[str]) -> str:
    """A list with a point for each item."""
    return f"<ul>{''.join(f'<li>{html.escape(item)}</li>' for item in items)}</ul>"


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str = ""
) -> str:
    """A table; the first cell of each row names it."""
    first = "".join(f"<th scope=col>{html.escape(text)}</th>" for text in head)
    lines = []
    for name, *cells in rows:
        inner = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        lines.append(f"<tr><th scope=row>{html.escape(name)}</th>{inner}</tr>")
    above = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table class="numbers">{above}<thead><tr>{first}</tr>'
        f"</thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def pictures(
    rows: Sequence[Sequence[Picture | None]],
    *,
    row_labels: Sequence[str],
    column_labels: Sequence[str] = (),
    labels: Sequence[Sequence[str]],
    marked: tuple[int, int] | None = None,
) -> str:
    """Pictures in rows and columns.

    Args:
        rows: (H, W, 3) in [0, 1] each; None leaves a place empty.
        labels: what is said under each, and when it is looked at.
        marked: the row and column of one that is pointed out.
    """
    lines = []
    if column_labels:
        head = "".join(f"<th scope=col>{html.escape(t)}</th>" for t in column_labels)
        lines.append(f"<tr><td></td>{head}</tr>")
    for index, (name, row) in enumerate(zip(row_labels, rows, strict=True)):
        cells = "".join(
            _cell(picture, label, name, (index, place) == marked)
            for place, (picture, label) in enumerate(
                zip(row, labels[index], strict=True)
            )
        )
        lines.append(f"<tr><th scope=row>{html.escape(name)}</th>{cells}</tr>")
    return f'<div class="scroll"><table class="pictures">{"".join(lines)}</table></div>'


def _cell(picture: Picture | None, label: str, row: str, marked: bool) -> str:
    if picture is None:
        return "<td></td>"
    said = html.escape(label)
    name = html.escape(f"{row}, {label}".strip(", "))
    kind = ' class="marked"' if marked else ""
    return (
        f'<td{kind}><figure><button type="button"><img src="{image_source(picture)}" '
        f'alt="{name}"></button><figcaption>{said}</figcaption></figure></td>'
    )


def drawings(svgs: Mapping[str, str]) -> str:
    """SVG by caption, side by side where there is room."""
    figures = (
        f"<figure>{inline_svg(svg)}<figcaption>{html.escape(caption)}</figcaption>"
        "</figure>"
        for caption, svg in svgs.items()
    )
    return f'<div class="plots">{"".join(figures)}</div>'


def document(title: str, sections: Sections) -> str:
    """The page: a heading over each section's blocks, and a list of the headings.

    Args:
        title: over all; also the browser's.
        sections: {heading: blocks}.
    """
    places = {heading: f"section{index}" for index, heading in enumerate(sections)}
    template = (
        resources.files("jaxnst.reports").joinpath("report.html").read_text("utf-8")
    )
    return Template(template).substitute(
        title=html.escape(title),
        contents="".join(
            f'<a href="#{place}">{html.escape(heading)}</a>'
            for heading, place in places.items()
        ),
        sections="".join(
            f'<section id="{places[heading]}"><h2>{html.escape(heading)}</h2>'
            f"{''.join(blocks)}</section>"
            for heading, blocks in sections.items()
        ),
    )
