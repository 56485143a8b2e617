"""The numbers of a study: tables of its page, and as CSV."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxnst._files import atomic_write
from jaxnst.reports import html
from jaxnst.study.findings import Study


def losses_table(study: Study, start: str, shown: Sequence[int]) -> str:
    """Content and style loss at some steps, a row for each of every network."""
    rows = []
    for own in study.networks:
        trace = own.runs[start].trace
        for term in ("content", "style"):
            cells = [
                f"{trace[term][step - 1]:.4g}" if step <= len(trace[term]) else "–"
                for step in shown
            ]
            rows.append([f"{own.label}, {term}", *cells])
    head = [f"from {start}", *(f"{step} steps" for step in shown)]
    return html.table(head, rows, caption=f"Losses, started from {start}")


def judged_table(study: Study, judge: str) -> str:
    """A judge's distances of every network and start; none of the judge's own."""
    rows = [
        [f"{own.label}, from {start}", *map(_number, own.scores[judge][start])]
        for own in study.networks
        for start in study.starts
        if np.isfinite(own.scores[judge][start].q)
    ]
    head = ["", "style", "content", "Q"]
    return html.table(head, rows, caption=f"Judged by {judge}")


def cost_table(study: Study) -> str:
    """Time and memory of every network."""
    rows = []
    for own in study.networks:
        pace = min(run.pace for run in own.runs.values())
        rows.append([own.label, f"{1000 * pace:.0f}", f"{own.bytes / 2**20:.0f}"])
    head = ["", "ms a step", "MiB"]
    return html.table(head, rows, caption="Time and memory of one picture")


def _number(value: Any) -> str:
    return f"{float(value):.3f}" if np.isfinite(value) else "–"


def write_losses(study: Study, path: Path) -> None:
    """Every step of every single run."""
    with atomic_write(path) as temporary, open(temporary, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["network", "start", "step", "loss", "content", "style"])
        for own in study.networks:
            for start in study.starts:
                trace = own.runs[start].trace
                terms = (trace[term] for term in ("loss", "content", "style"))
                for step, values in enumerate(zip(*terms, strict=True), start=1):
                    numbers = [f"{value:.9g}" for value in values]
                    table.writerow([own.label, start, step, *numbers])


def write_scores(study: Study, path: Path) -> None:
    """Every picture of every grid."""
    judged = [f"{n}, {j}" for j in study.judges for n in ("style", "content", "Q")]
    with atomic_write(path) as temporary, open(temporary, "w", newline="") as file:
        table = csv.writer(file)
        head = ["network", "start", "layers", "alpha", "beta"]
        table.writerow([*head, "content loss", "style loss", *judged])
        for own in study.networks:
            choices = list(own.subject.choices)
            for place in np.ndindex(own.grid.content.shape):
                if not own.grid.painted[place[1:]]:
                    continue
                start, choice, alpha, beta = place
                numbers = [own.grid.content[place], own.grid.style[place]]
                for judge in study.judges:
                    numbers += list(own.grid_scores[judge][place])
                table.writerow(
                    [
                        own.label,
                        study.starts[start],
                        choices[choice],
                        f"{study.alphas[alpha]:g}",
                        f"{study.betas[beta]:g}",
                        *(f"{value:.6g}" for value in numbers),
                    ]
                )
