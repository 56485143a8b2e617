"""A painted grid, and every file that is made of it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from _stored import describe

from jaxnst import images, page, report, tradeoff
from jaxnst._files import atomic_write
from jaxnst.networks.network import Network
from jaxnst.settings import Settings
from jaxnst.transfer import Result


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
    settings: Settings,
    network: Network,
    pictures: tuple[Path, ...],
    folder: Path,
) -> None:
    """Every file of a grid of the photograph and the paintings in `pictures`."""
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
            metadata=describe(own, pictures, pictures, network, one),
        )
    row_labels = [f"alpha {value:g}" for value in grid.alphas]
    column_labels = [f"beta {value:g}" for value in grid.betas]
    sheet = images.contact_sheet(
        list(grid.result.image), row_labels=row_labels, column_labels=column_labels
    )
    images.save_image(folder / "sheet.png", sheet)
    write_results(folder / "results.csv", grid)
    lines = {grid.label(p): grid.result.trace["loss"][p] for p in grid.places()}
    report.write_losses(folder / "losses.csv", lines)
    entries = [
        [entry(grid, (row, column)) for column in range(len(grid.betas))]
        for row in range(len(grid.alphas))
    ]
    measure = "distance, as judged" if grid.judged else "loss"
    points = np.stack([grid.content.ravel(), grid.style.ravel()], -1)
    labels = [grid.label(place) for place in grid.places()]
    marked = grid.suggested[0] * len(grid.betas) + grid.suggested[1]
    text = page.grid_page(
        entries,
        title=" as ".join(path.stem.replace("_", " ") for path in pictures[:2]),
        row_labels=row_labels,
        column_labels=column_labels,
        content=images.load_image(pictures[0], size=512),
        styles=[images.load_image(path, size=512) for path in pictures[1:]],
        suggested=entries[grid.suggested[0]][grid.suggested[1]],
        plots={
            f"style against content ({measure})": report.scatter_svg(
                points, labels, marked, tradeoff.front(*points.T)
            ),
            "loss of every setting": report.curves_svg(lines),
        },
        settings=common(settings, network, grid.result),
    )
    with atomic_write(folder / "report.html") as temporary:
        temporary.write_text(text, "utf-8")


def entry(grid: Grid, place: tuple[int, int]) -> page.Entry:
    numbers = {"style": grid.style[place], "content": grid.content[place]}
    return page.Entry(
        grid.label(place), grid.result.image[place], numbers, grid.file(place)
    )


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
