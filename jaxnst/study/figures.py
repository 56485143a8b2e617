"""The pictures of a study, figure by figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxnst import images
from jaxnst.metrics import Scores
from jaxnst.reports import html, plots
from jaxnst.study.findings import Studied, Study
from jaxnst.study.runs import Run


@dataclass(frozen=True)
class Preset:
    """A preset's run, and in words what was not as it prescribes."""

    name: str
    run: Run
    note: str


@dataclass(frozen=True)
class Figure:
    """Pictures in rows and columns, with what is said of each."""

    name: str
    rows: list[list[np.ndarray | None]]
    row_labels: list[str]
    column_labels: list[str]
    labels: list[list[str]]

    def block(self) -> str:
        return html.pictures(
            self.rows,
            row_labels=self.row_labels,
            column_labels=self.column_labels,
            labels=self.labels,
        )

    def write(self, folder: Path) -> None:
        sheet = images.contact_sheet(
            self.rows, row_labels=self.row_labels, column_labels=self.column_labels
        )
        images.save_image(folder / f"{self.name}.png", sheet)


def said(scores: Sequence[float] | Scores) -> str:
    """Distances of a picture, in a few characters."""
    style, content, _ = (float(value) for value in scores)
    return f"style {style:.2f}, content {content:.2f}" if np.isfinite(style) else ""


def steps_figure(study: Study, shown: Sequence[int]) -> Figure:
    """Every network and start on its way."""
    rows, names, labels = [], [], []
    for own in study.networks:
        for start in study.starts:
            run = own.runs[start]
            rows.append([run.images.get(step) for step in shown])
            names.append(f"{own.label}, from {start}")
            labels.append([f"{step} steps" for step in shown])
    return Figure("steps", rows, names, [f"{step} steps" for step in shown], labels)


def layers_figure(study: Study, judge: str | None) -> Figure:
    """Every network under each choice of layers, from the first start."""
    rows: list[list[np.ndarray | None]] = []
    labels = []
    for own in study.networks:
        place = (study.alpha, study.beta)
        rows.append([picture[place] for picture in own.grid.images[0]])
        labels.append(
            [
                f"{label}. {_said_of(own, judge, (0, index, *place))}"
                for index, label in enumerate(own.subject.choices)
            ]
        )
    return Figure("layers", rows, [o.label for o in study.networks], [], labels)


def weights_figure(study: Study, judge: str | None) -> Figure:
    """Every network from too much content to too much style, and from every start."""
    places = study.ordered_weights()
    rows: list[list[np.ndarray | None]] = []
    names, labels = [], []
    for own in study.networks:
        for index, start in enumerate(study.starts):
            rows.append([own.grid.images[index, 0][place] for place in places])
            names.append(f"{own.label}, from {start}")
            labels.append([_said_of(own, judge, (index, 0, *p)) for p in places])
    heads = [f"alpha {study.alphas[a]:g}, beta {study.betas[b]:g}" for a, b in places]
    return Figure("weights", rows, names, heads, labels)


def presets_figure(presets: Sequence[Preset]) -> Figure:
    rows: list[list[np.ndarray | None]] = [list(p.run.images.values()) for p in presets]
    widest = max(map(len, rows))
    rows = [row + [None] * (widest - len(row)) for row in rows]
    labels = [
        [f"{step} steps" for step in p.run.images] + [""] * (widest - len(p.run.images))
        for p in presets
    ]
    return Figure("presets", rows, [p.name for p in presets], [], labels)


def _said_of(own: Studied, judge: str | None, place: tuple[int, ...]) -> str:
    return "" if judge is None else said(own.grid_scores[judge][place])


def curves(study: Study) -> dict[str, str]:
    """Loss curves: one drawing for each term."""
    found = {}
    for term in ("content", "style"):
        lines = {
            f"{own.label}, from {start}": own.runs[start].trace[term]
            for own in study.networks
            for start in study.starts
        }
        found[f"{term} loss"] = plots.curves_svg(lines)
    return found
