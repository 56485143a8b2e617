"""The pictures of a study, figure by figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxnst import images
from jaxnst.metrics import Scores
from jaxnst.reports import html, plots
from jaxnst.reports.html import Entry
from jaxnst.reports.tables import axis_texts
from jaxnst.study.findings import NetworkResults, Study
from jaxnst.study.runs import PresetRun


@dataclass(frozen=True)
class Figure:
    """Pictures in rows and columns, for the page and as a contact sheet."""

    name: str
    rows: list[list[Entry | None]]
    row_labels: list[str]
    column_labels: list[str]

    def block(self, sources: Sequence[Entry]) -> str:
        """A block of the page; its dialog shows `sources` beside every picture."""
        return html.pictures(
            self.rows,
            row_labels=self.row_labels,
            column_labels=self.column_labels,
            beside=sources,
        )

    def write(self, folder: Path) -> None:
        """Save the contact sheet as NAME.png."""
        sheet = images.contact_sheet(
            [
                [None if entry is None else entry.image for entry in r]
                for r in self.rows
            ],
            row_labels=self.row_labels,
            column_labels=self.column_labels,
        )
        images.save_image(folder / f"{self.name}.png", sheet)


def format_scores(scores: Sequence[float] | Scores) -> str:
    """Style and content distance as text; empty where the judge gave none."""
    style, content, _ = (float(value) for value in scores)
    return f"style {style:.2f}, content {content:.2f}" if np.isfinite(style) else ""


def steps_figure(study: Study, shown: Sequence[int]) -> Figure:
    """Every network and start after each number of steps in `shown`."""
    rows, names = [], []
    for results in study.networks:
        for start in study.starts:
            run = results.runs[start]
            rows.append([_entry(run.images.get(step)) for step in shown])
            names.append(f"{results.label}, from {start}")
    return Figure("steps", rows, names, [f"{step} steps" for step in shown])


def layers_figure(study: Study, judge: str | None) -> Figure:
    """Every network under each choice of layers, from the first start."""
    rows: list[list[Entry | None]] = []
    weights = (study.alpha_index, study.beta_index)
    for results in study.networks:
        row = []
        for index, choice in enumerate(results.candidate.layer_choices):
            scores = _scores(results, judge, (0, index, *weights))
            caption = ". ".join(filter(None, (choice, scores)))
            row.append(_entry(results.grid.images[0][index][weights], caption))
        rows.append(row)
    return Figure("layers", rows, [s.label for s in study.networks], [])


def weights_figure(study: Study, judge: str | None) -> Figure:
    """Every network from too much content to too much style, and from every start."""
    places = study.ordered_weights()
    rows: list[list[Entry | None]] = []
    names = []
    for results in study.networks:
        for index, start in enumerate(study.starts):
            row = []
            for place in places:
                scores = _scores(results, judge, (index, 0, *place))
                row.append(_entry(results.grid.images[index, 0][place], scores))
            rows.append(row)
            names.append(f"{results.label}, from {start}")
    alphas, betas = axis_texts(study.alphas), axis_texts(study.betas)
    heads = [f"alpha {alphas[a]}, beta {betas[b]}" for a, b in places]
    return Figure("weights", rows, names, heads)


def presets_figure(presets: Sequence[PresetRun]) -> Figure:
    """Every preset after each number of steps of which it has a picture."""
    rows = [
        [_entry(image, f"{step} steps") for step, image in preset.run.images.items()]
        for preset in presets
    ]
    columns = max(map(len, rows))
    rows = [row + [None] * (columns - len(row)) for row in rows]
    return Figure("presets", rows, [preset.name for preset in presets], [])


def _entry(image: np.ndarray | None, caption: str = "") -> Entry | None:
    return None if image is None else Entry(image, caption)


def _scores(results: NetworkResults, judge: str | None, place: tuple[int, ...]) -> str:
    return "" if judge is None else format_scores(results.grid_scores[judge][place])


def curves(study: Study) -> dict[str, str]:
    """Loss curves as SVG by caption: one drawing for each term."""
    drawings = {}
    for term in ("content", "style"):
        lines = {
            f"{results.label}, from {start}": results.runs[start].trace[term]
            for results in study.networks
            for start in study.starts
        }
        drawings[f"{term} loss"] = plots.curves_svg(lines)
    return drawings
