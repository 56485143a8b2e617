"""A grid of alpha and beta as files: pictures, contact sheet, tables, one web page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jax import Array

from jaxnst import images
from jaxnst._files import atomic_write
from jaxnst.optimize import Result
from jaxnst.pipeline.inputs import Inputs
from jaxnst.pipeline.provenance import describe, digests_of
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
        return [f"alpha {text}" for text in tables.axis_texts(self.alphas)]

    @property
    def column_labels(self) -> list[str]:
        return [f"beta {text}" for text in tables.axis_texts(self.betas)]

    def places(self) -> Iterator[tuple[int, ...]]:
        """Every (row, column) that there is a picture of, row by row.

        All, unless the run was interrupted before it came to some.
        """
        for place in np.ndindex(len(self.alphas), len(self.betas)):
            if self.steps(place):
                yield place

    def steps(self, place: tuple[int, ...]) -> int:
        """Steps done of a picture: fewer where a run was interrupted."""
        if not self.result.finite[place]:  # type: ignore[index]
            return self.result.steps
        done = np.flatnonzero(~np.isnan(self.result.trace["loss"][place]))
        return int(done[-1]) + 1 if done.size else 0

    def trace(self, place: tuple[int, ...]) -> dict[str, np.ndarray]:
        """{term: (steps,)} of a picture, as far as it came."""
        steps = self.steps(place)
        return {n: values[place][:steps] for n, values in self.result.trace.items()}

    def label(self, place: tuple[int, ...]) -> str:
        return f"{self.row_labels[place[0]]}, {self.column_labels[place[1]]}"

    def file(self, place: tuple[int, ...]) -> str:
        """The name of the picture's file."""
        alpha, beta = tables.axis_texts(self.alphas), tables.axis_texts(self.betas)
        return _file(alpha[place[0]], beta[place[1]])

    def losses(self) -> dict[str, np.ndarray]:
        """{label: (steps,)}, the loss of every picture."""
        losses = self.result.trace["loss"]
        return {self.label(place): losses[place] for place in self.places()}


def _file(alpha: str, beta: str) -> str:
    return f"alpha{alpha}_beta{beta}.png"


def files_of(alphas: Sequence[float], betas: Sequence[float]) -> list[str]:
    """Names of all that `write` writes of a grid."""
    names = [
        _file(a, b) for a in tables.axis_texts(alphas) for b in tables.axis_texts(betas)
    ]
    return [*names, "sheet.png", "results.csv", "losses.csv", "report.html"]


@dataclass(frozen=True)
class Sources:
    """What a report needs of photograph and paintings, taken before the work: the files
    may be gone when it is done.

    Attributes:
        names: what they are called.
        digests: as of `describe`.
        pictures: (H, W, 3) each, small, to be shown.
        like: what the written pictures take over from the photograph's file.
    """

    names: tuple[str, ...]
    digests: dict[str, str]
    pictures: list[Array]
    like: images.Like

    @classmethod
    def of(
        cls, files: Sequence[Path], names: Sequence[str], *, keep_metadata: bool = True
    ) -> "Sources":
        """Those of picture files that are called so; `keep_metadata` as of
        `images.read_like`."""
        digests = digests_of(dict(zip(files, names, strict=True)))
        pictures = [images.load_image(path, size=_SOURCE) for path in files]
        like = images.read_like(files[0], keep_metadata=keep_metadata)
        return cls(tuple(names), digests, pictures, like)


def write(grid: Grid, inputs: Inputs, sources: Sources, folder: Path) -> None:
    """Write every file of a grid: pictures, contact sheet, tables and the page.

    Args:
        sources: of the photograph and the paintings.
        folder: created where it does not exist.
    """
    folder.mkdir(exist_ok=True)
    save_pictures(grid, inputs, sources, folder)
    there = set(grid.places())
    sheet = images.contact_sheet(
        [
            [
                grid.result.image[row, column] if (row, column) in there else None
                for column in range(len(grid.betas))
            ]
            for row in range(len(grid.alphas))
        ],
        row_labels=grid.row_labels,
        column_labels=grid.column_labels,
    )
    images.save_image(folder / "sheet.png", sheet)
    write_results(folder / "results.csv", grid)
    tables.write_losses(folder / "losses.csv", grid.losses())
    content, *styles = sources.pictures
    names = sources.names[:2]
    text = page(
        grid,
        title=" as ".join(Path(name).stem.replace("_", " ") for name in names),
        content=content,
        styles=styles,
        facts=shared_facts(grid, inputs),
    )
    with atomic_write(folder / "report.html") as temporary:
        temporary.write_text(text, "utf-8")


def save_pictures(grid: Grid, inputs: Inputs, sources: Sources, folder: Path) -> None:
    """Save every picture with its own settings, so that each can be made again."""
    for place in grid.places():
        row, column = place
        terms = replace(
            inputs.settings.terms, alpha=grid.alphas[row], beta=grid.betas[column]
        )
        result = replace(
            grid.result,
            image=grid.result.image[place],
            trace=grid.trace(place),
            steps=grid.steps(place),
        )
        metadata = describe(
            replace(inputs.settings, terms=terms),
            inputs.network,
            result,
            pictures=[Path(name) for name in sources.names],
            digests=sources.digests,
            decoder=inputs.decoder,
        )
        images.save_image(
            folder / grid.file(place),
            result.image,
            like=sources.like,
            metadata=metadata,
        )


def write_results(path: Path, grid: Grid) -> None:
    """Write a row for each picture: settings, distances, final terms."""
    terms = list(grid.result.trace)
    head = ["file", "alpha", "beta", "finite", "suggested"]
    head += ["content distance", "style distance", *terms]
    alphas, betas = tables.axis_texts(grid.alphas), tables.axis_texts(grid.betas)
    rows = []
    for place in grid.places():
        row, column = place
        finals = (values[-1] for values in grid.trace(place).values())
        numbers = (grid.content[place], grid.style[place], *finals)
        rows.append(
            [
                grid.file(place),
                alphas[row],
                betas[column],
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
    there = set(grid.places())
    thumbnails = html.pictures(
        [
            [
                _entry(grid, (row, column)) if (row, column) in there else None
                for column in range(len(grid.betas))
            ]
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
    labels = [grid.label(place) for place in np.ndindex(grid.content.shape)]
    row, column = grid.suggested
    marked = row * len(grid.betas) + column
    best = pareto.front(*points.T)
    return {
        f"style against content ({measure})": plots.scatter_svg(
            points, labels, marked, best
        ),
        "loss of every setting": plots.curves_svg(grid.losses()),
    }
