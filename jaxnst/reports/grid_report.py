"""A grid of alpha and beta as files: pictures, contact sheet, tables, one web page."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from jaxnst import images
from jaxnst._files import atomic_write
from jaxnst.networks.network import Network
from jaxnst.optimize.single import Result
from jaxnst.pipeline.inputs import Inputs
from jaxnst.pipeline.provenance import describe, named
from jaxnst.pipeline.settings import Settings
from jaxnst.reports import html, pareto, plots, tables
from jaxnst.reports.html import Picture

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
    full = {entry.file: html.image_source(entry.image) for entry in entries}
    details = {
        entry.file: {"label": entry.label, "numbers": _numbers(entry.numbers)}
        for entry in entries
    }
    template = (
        resources.files("jaxnst.reports").joinpath("grid.html").read_text("utf-8")
    )
    return Template(template).substitute(
        title=escape(title),
        grid=_table(rows, row_labels, column_labels, suggested),
        suggestion=escape(suggested.label),
        suggested_file=html.script_json(suggested.file),
        content=html.image_source(content),
        styles="".join(
            f'<figure><img src="{html.image_source(style)}" alt="painting">'
            "<figcaption>painting</figcaption></figure>"
            for style in styles
        ),
        plots="".join(
            f"<figure>{html.inline_svg(svg)}<figcaption>{escape(caption)}</figcaption>"
            "</figure>"
            for caption, svg in plots.items()
        ),
        settings="".join(
            f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>"
            for name, value in settings.items()
        ),
        pictures=html.script_json(full),
        details=html.script_json(details),
    )


def _table(
    rows: Sequence[Sequence[Entry]],
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    suggested: Entry,
) -> str:
    head = "".join(f"<th scope=col>{escape(text)}</th>" for text in column_labels)
    lines = [f"<tr><td></td>{head}</tr>"]
    for label, row in zip(row_labels, rows, strict=True):
        cells = "".join(_thumbnail(entry, entry is suggested) for entry in row)
        lines.append(f"<tr><th scope=row>{escape(label)}</th>{cells}</tr>")
    return "".join(lines)


def _thumbnail(entry: Entry, marked: bool) -> str:
    height, width = entry.image.shape[:2]
    small = images.resize_pixels(
        np.asarray(entry.image), images.fit_size(height, width, _THUMBNAIL)
    )
    kind = ' class="suggested"' if marked else ""
    return (
        f'<td{kind}><button data-file="{escape(entry.file)}">'
        f'<img src="{html.image_source(small)}" alt="{escape(entry.label)}">'
        "</button></td>"
    )


def _numbers(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())


@dataclass(frozen=True)
class Grid:
    """One grid, painted and judged; arrays (A, B)."""

    alphas: tuple[float, ...]
    betas: tuple[float, ...]
    result: Result
    content: np.ndarray
    style: np.ndarray
    suggested: tuple[int, int]
    judged: bool

    def places(self) -> Iterator[tuple[int, ...]]:
        """Every (row, column)."""
        return np.ndindex(len(self.alphas), len(self.betas))

    def label(self, place: tuple[int, ...]) -> str:
        return f"alpha {self.alphas[place[0]]:g}, beta {self.betas[place[1]]:g}"

    def file(self, place: tuple[int, ...]) -> str:
        return f"alpha{self.alphas[place[0]]:g}_beta{self.betas[place[1]]:g}.png"


def write(
    grid: Grid,
    inputs: Inputs,
    pictures: tuple[Path, ...],
    folder: Path,
) -> None:
    """Every file of a grid of the photograph and the paintings in `pictures`."""
    settings, network = inputs.settings, inputs.network
    folder.mkdir(exist_ok=True)
    for place in grid.places():
        terms = replace(
            settings.terms, alpha=grid.alphas[place[0]], beta=grid.betas[place[1]]
        )
        trace = {name: v[place] for name, v in grid.result.trace.items()}
        one = replace(grid.result, image=grid.result.image[place], trace=trace)
        own = replace(settings, terms=terms)
        images.save_image(
            folder / grid.file(place),
            one.image,
            metadata=describe(
                own,
                network,
                one,
                pictures=pictures,
                files=named(pictures),
                decoder=inputs.decoder,
            ),
        )
    row_labels = [f"alpha {value:g}" for value in grid.alphas]
    column_labels = [f"beta {value:g}" for value in grid.betas]
    sheet = images.contact_sheet(
        list(grid.result.image), row_labels=row_labels, column_labels=column_labels
    )
    images.save_image(folder / "sheet.png", sheet)
    write_results(folder / "results.csv", grid)
    lines = {grid.label(p): grid.result.trace["loss"][p] for p in grid.places()}
    tables.write_losses(folder / "losses.csv", lines)
    entries = [
        [entry(grid, (row, column)) for column in range(len(grid.betas))]
        for row in range(len(grid.alphas))
    ]
    measure = "distance, as judged" if grid.judged else "loss"
    points = np.stack([grid.content.ravel(), grid.style.ravel()], -1)
    labels = [grid.label(place) for place in grid.places()]
    marked = grid.suggested[0] * len(grid.betas) + grid.suggested[1]
    text = grid_page(
        entries,
        title=" as ".join(path.stem.replace("_", " ") for path in pictures[:2]),
        row_labels=row_labels,
        column_labels=column_labels,
        content=images.load_image(pictures[0], size=512),
        styles=[images.load_image(path, size=512) for path in pictures[1:]],
        suggested=entries[grid.suggested[0]][grid.suggested[1]],
        plots={
            f"style against content ({measure})": plots.scatter_svg(
                points, labels, marked, pareto.front(*points.T)
            ),
            "loss of every setting": plots.curves_svg(lines),
        },
        settings=common(settings, network, grid.result),
    )
    with atomic_write(folder / "report.html") as temporary:
        temporary.write_text(text, "utf-8")


def entry(grid: Grid, place: tuple[int, int]) -> Entry:
    numbers = {"style": grid.style[place], "content": grid.content[place]}
    return Entry(grid.label(place), grid.result.image[place], numbers, grid.file(place))


def common(settings: Settings, network: Network, result: Result) -> dict[str, Any]:
    """What the page tells of the settings."""
    height, width = result.image.shape[-3:-1]
    return {
        "network": f"{settings.network}, {network.source}",
        "preset": settings.preset,
        "size": f"{width} x {height} pixels",
        "steps": result.steps,
        "tv": settings.terms.tv,
        "seconds": f"{result.seconds:.0f}, all pictures together",
    }


def write_results(path: Path, grid: Grid) -> None:
    """One row for each picture: settings, final terms, distances."""
    names = list(grid.result.trace)
    with atomic_write(path) as temporary, open(temporary, "w", newline="") as file:
        table = csv.writer(file)
        head = ["file", "alpha", "beta", "finite", "suggested"]
        table.writerow([*head, "content distance", "style distance", *names])
        for place in grid.places():
            finals = (grid.result.trace[name][place][-1] for name in names)
            numbers = (grid.content[place], grid.style[place], *finals)
            row, column = place
            table.writerow(
                [
                    grid.file(place),
                    f"{grid.alphas[row]:g}",
                    f"{grid.betas[column]:g}",
                    bool(grid.result.finite[place]),  # type: ignore[index]
                    place == grid.suggested,
                    *(f"{value:.6g}" for value in numbers),
                ]
            )
