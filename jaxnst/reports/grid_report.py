"""A grid of alpha and beta as files: pictures, contact sheet, tables, one web page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jaxnst import images
from jaxnst._files import atomic_write
from jaxnst.optimize import Result
from jaxnst.pipeline.inputs import Inputs
from jaxnst.pipeline.provenance import describe
from jaxnst.reports import html, pareto, plots, tables
from jaxnst.reports.html import Entry, Picture

_THUMBNAIL = 320  # long side in pixels
_SOURCE = 512  # long side of photograph and paintings, which are shown for comparison


@dataclass(frozen=True)
class Grid:
    """Pictures under A values of alpha and B values of beta, with their distances.

    Attributes:
        alphas, betas: content and style weights: the rows and the columns.
        result: of all pictures, with leading axes (A, B).
        content, style: (A, B), distances from photograph and painting; NaN where the
            picture is not finite.
        suggested: (row, column) of the picture to look at first.
        judged: whether the distances are a judge network's; otherwise they are the
            final content and style losses.
    """

    alphas: tuple[float, ...]
    betas: tuple[float, ...]
    result: Result
    content: np.ndarray
    style: np.ndarray
    suggested: tuple[int, int]
    judged: bool

    @property
    def row_labels(self) -> list[str]:
        return [f"alpha {value:g}" for value in self.alphas]

    @property
    def column_labels(self) -> list[str]:
        return [f"beta {value:g}" for value in self.betas]

    def places(self) -> Iterator[tuple[int, ...]]:
        """Every (row, column), row by row."""
        return np.ndindex(len(self.alphas), len(self.betas))

    def label(self, place: tuple[int, ...]) -> str:
        return f"{self.row_labels[place[0]]}, {self.column_labels[place[1]]}"

    def file(self, place: tuple[int, ...]) -> str:
        """The name of the picture's file."""
        return f"alpha{self.alphas[place[0]]:g}_beta{self.betas[place[1]]:g}.png"

    def losses(self) -> dict[str, np.ndarray]:
        """{label: (steps,)}, the loss of every picture."""
        losses = self.result.trace["loss"]
        return {self.label(place): losses[place] for place in self.places()}


def write(
    grid: Grid, inputs: Inputs, pictures: Mapping[Path, str], folder: Path
) -> None:
    """Write every file of a grid: pictures, contact sheet, tables and the page.

    Args:
        pictures: {file: what it is called} of the photograph and the paintings.
        folder: created where it does not exist.
    """
    folder.mkdir(exist_ok=True)
    save_pictures(grid, inputs, pictures, folder)
    sheet = images.contact_sheet(
        list(grid.result.image),
        row_labels=grid.row_labels,
        column_labels=grid.column_labels,
    )
    images.save_image(folder / "sheet.png", sheet)
    write_results(folder / "results.csv", grid)
    tables.write_losses(folder / "losses.csv", grid.losses())
    content, *styles = (images.load_image(path, size=_SOURCE) for path in pictures)
    names = list(pictures.values())
    text = page(
        grid,
        title=" as ".join(Path(name).stem.replace("_", " ") for name in names[:2]),
        content=content,
        styles=styles,
        facts=shared_facts(grid, inputs),
    )
    with atomic_write(folder / "report.html") as temporary:
        temporary.write_text(text, "utf-8")


def save_pictures(
    grid: Grid, inputs: Inputs, pictures: Mapping[Path, str], folder: Path
) -> None:
    """Save every picture with its own settings, so that each can be made again."""
    size = inputs.content.shape[0], inputs.content.shape[1]
    like = images.read_like(next(iter(pictures)), size=size)
    for place in grid.places():
        row, column = place
        terms = replace(
            inputs.settings.terms, alpha=grid.alphas[row], beta=grid.betas[column]
        )
        trace = {name: values[place] for name, values in grid.result.trace.items()}
        result = replace(grid.result, image=grid.result.image[place], trace=trace)
        metadata = describe(
            replace(inputs.settings, terms=terms),
            inputs.network,
            result,
            pictures=[Path(name) for name in pictures.values()],
            files=pictures,
            decoder=inputs.decoder,
        )
        images.save_image(
            folder / grid.file(place), result.image, like=like, metadata=metadata
        )


def write_results(path: Path, grid: Grid) -> None:
    """Write a row for each picture: settings, distances, final terms."""
    terms = list(grid.result.trace)
    head = ["file", "alpha", "beta", "finite", "suggested"]
    head += ["content distance", "style distance", *terms]
    rows = []
    for place in grid.places():
        row, column = place
        finals = (grid.result.trace[name][place][-1] for name in terms)
        numbers = (grid.content[place], grid.style[place], *finals)
        rows.append(
            [
                grid.file(place),
                f"{grid.alphas[row]:g}",
                f"{grid.betas[column]:g}",
                bool(grid.result.finite[place]),  # type: ignore[index]
                place == grid.suggested,
                *(f"{value:.6g}" for value in numbers),
            ]
        )
    tables.write_csv(path, head, rows)


def shared_facts(grid: Grid, inputs: Inputs) -> list[tuple[str, str]]:
    """Names and values of the settings that all pictures share, for the page."""
    settings = inputs.settings
    height, width = grid.result.image.shape[-3:-1]
    return [
        ("network", f"{settings.network}, {inputs.network.source}"),
        ("preset", str(settings.preset)),
        ("size", f"{width} x {height} pixels"),
        ("steps", str(grid.result.steps)),
        ("tv", str(settings.terms.tv)),
        ("seconds", f"{grid.result.seconds:.0f}, all pictures together"),
    ]


def page(
    grid: Grid,
    *,
    title: str,
    content: Picture,
    styles: Sequence[Picture],
    facts: Sequence[tuple[str, str]],
) -> str:
    """The grid as one page of HTML.

    Args:
        content, styles: photograph and paintings, shown beside a picture at full size.
        facts: from `shared_facts`.
    """
    intro = (
        f"Suggested to look at first: {grid.label(grid.suggested)} (framed), where "
        "more style begins to cost more of the photograph than it is worth. Click a "
        "picture to see it at full size; the arrows go from one to the next."
    )
    thumbnails = html.pictures(
        [
            [_entry(grid, (row, column)) for column in range(len(grid.betas))]
            for row in range(len(grid.alphas))
        ],
        row_labels=grid.row_labels,
        column_labels=grid.column_labels,
        marked=grid.suggested,
        beside=[
            Entry(content, "photograph"),
            *(Entry(style, "painting") for style in styles),
        ],
        thumbnail=_THUMBNAIL,
    )
    sections = {
        "Pictures": [html.paragraph(intro), thumbnails],
        "Trade-off and losses": [html.drawings(_plots(grid))],
        "Settings of all": [html.facts(facts)],
    }
    return html.document(title, sections)


def _entry(grid: Grid, place: tuple[int, int]) -> Entry:
    # A frame alone is easily missed, and colour is not seen by everyone.
    caption = "suggested" if place == grid.suggested else ""
    numbers = f"style {grid.style[place]:.4g}, content {grid.content[place]:.4g}"
    return Entry(grid.result.image[place], caption, numbers, grid.file(place))


def _plots(grid: Grid) -> dict[str, str]:
    """{caption: SVG}."""
    measure = "distance, as judged" if grid.judged else "loss"
    points = np.stack([grid.content.ravel(), grid.style.ravel()], -1)
    labels = [grid.label(place) for place in grid.places()]
    row, column = grid.suggested
    marked = row * len(grid.betas) + column
    best = pareto.front(*points.T)
    return {
        f"style against content ({measure})": plots.scatter_svg(
            points, labels, marked, best
        ),
        "loss of every setting": plots.curves_svg(grid.losses()),
    }
