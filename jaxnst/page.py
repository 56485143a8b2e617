"""A grid as one web page that needs nothing else: pictures, curves and trade-off."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import Any

from jaxnst import embed, images
from jaxnst.embed import Picture

_THUMBNAIL = 320  # long side in pixels


@dataclass(frozen=True)
class Entry:
    """A picture of the grid.

    Attributes:
        label: its settings in words, such as "alpha 1, beta 8".
        image: (H, W, 3) in [0, 1].
        numbers: what the page shows beside it, by name.
        file: the name of the picture's own file.
    """

    label: str
    image: Picture
    numbers: Mapping[str, float]
    file: str


def grid_page(
    rows: Sequence[Sequence[Entry]],
    *,
    title: str,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    content: Picture,
    styles: Sequence[Picture],
    suggested: Entry,
    plots: Mapping[str, str],
    settings: Mapping[str, Any],
) -> str:
    """A page of HTML with everything in it.

    Args:
        rows: the grid.
        content, styles: shown beside a picture that is looked at.
        suggested: an entry of the grid, marked.
        plots: SVG by caption.
        settings: what all pictures have in common, shown as a table.
    """
    entries = [entry for row in rows for entry in row]
    full = {entry.file: embed.source(entry.image) for entry in entries}
    details = {
        entry.file: {"label": entry.label, "numbers": _numbers(entry.numbers)}
        for entry in entries
    }
    template = resources.files("jaxnst").joinpath("page.html").read_text("utf-8")
    return Template(template).substitute(
        title=html.escape(title),
        grid=_grid(rows, row_labels, column_labels, suggested),
        suggestion=html.escape(suggested.label),
        suggested_file=embed.script(suggested.file),
        content=embed.source(content),
        styles="".join(
            f'<figure><img src="{embed.source(style)}" alt="painting">'
            "<figcaption>painting</figcaption></figure>"
            for style in styles
        ),
        plots="".join(
            f"<figure>{embed.inline(svg)}<figcaption>{html.escape(caption)}</figcaption>"
            "</figure>"
            for caption, svg in plots.items()
        ),
        settings="".join(
            f"<tr><th>{html.escape(str(name))}</th>"
            f"<td>{html.escape(str(value))}</td></tr>"
            for name, value in settings.items()
        ),
        pictures=embed.script(full),
        details=embed.script(details),
    )


def _grid(
    rows: Sequence[Sequence[Entry]],
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    suggested: Entry,
) -> str:
    head = "".join(f"<th scope=col>{html.escape(text)}</th>" for text in column_labels)
    lines = [f"<tr><td></td>{head}</tr>"]
    for label, row in zip(row_labels, rows, strict=True):
        cells = "".join(_cell(entry, entry is suggested) for entry in row)
        lines.append(f"<tr><th scope=row>{html.escape(label)}</th>{cells}</tr>")
    return "".join(lines)


def _cell(entry: Entry, marked: bool) -> str:
    height, width = entry.image.shape[:2]
    small = images.resize(entry.image, images.fit_size(height, width, _THUMBNAIL))
    kind = ' class="suggested"' if marked else ""
    return (
        f'<td{kind}><button data-file="{html.escape(entry.file)}">'
        f'<img src="{embed.source(small)}" alt="{html.escape(entry.label)}">'
        "</button></td>"
    )


def _numbers(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
