"""The numbers of a study: tables of its page, and as CSV."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxnst.reports import html
from jaxnst.reports.tables import axis_texts, write_csv
from jaxnst.study.findings import Study


def losses_table(study: Study, start: str, shown: Sequence[int]) -> str:
    """Content and style loss after some steps: two rows for each network."""
    rows = []
    for results in study.networks:
        trace = results.runs[start].trace
        for term in ("content", "style"):
            cells = [
                f"{trace[term][step - 1]:.4g}" if step <= len(trace[term]) else "–"
                for step in shown
            ]
            rows.append([f"{results.label}, {term}", *cells])
    head = [f"from {start}", *(f"{step} steps" for step in shown)]
    return html.table(head, rows, caption=f"Losses, started from {start}")


def judged_table(study: Study, judge: str) -> str:
    """A judge's distances of every network and start, but not of its own pictures."""
    rows = [
        [f"{results.label}, from {start}", *map(_number, results.scores[judge][start])]
        for results in study.networks
        for start in study.starts
        if np.isfinite(results.scores[judge][start].q)
    ]
    head = ["", "style", "content", "Q"]
    return html.table(head, rows, caption=f"Judged by {judge}")


def cost_table(study: Study) -> str:
    """Time and memory of every network."""
    rows = []
    for results in study.networks:
        pace = min(run.seconds_per_step for run in results.runs.values())
        rows.append(
            [results.label, f"{1000 * pace:.0f}", f"{results.loop_bytes / 2**20:.0f}"]
        )
    head = ["", "ms a step", "MiB"]
    return html.table(head, rows, caption="Time and memory of one picture")


def _number(value: Any) -> str:
    return f"{float(value):.3f}" if np.isfinite(value) else "–"


def write_losses(study: Study, path: Path) -> None:
    """Write every step of every single run as CSV."""
    rows = []
    for results in study.networks:
        for start in study.starts:
            trace = results.runs[start].trace
            terms = (trace[term] for term in ("loss", "content", "style"))
            for step, values in enumerate(zip(*terms, strict=True), start=1):
                numbers = [f"{value:.9g}" for value in values]
                rows.append([results.label, start, step, *numbers])
    write_csv(path, ["network", "start", "step", "loss", "content", "style"], rows)


def write_scores(study: Study, path: Path) -> None:
    """Write losses and judged distances of every picture of every grid as CSV."""
    judged = [f"{n}, {j}" for j in study.judges for n in ("style", "content", "Q")]
    head = ["network", "start", "layers", "alpha", "beta"]
    head += ["content loss", "style loss", *judged]
    alphas, betas = axis_texts(study.alphas), axis_texts(study.betas)
    rows = []
    for results in study.networks:
        grid, choices = results.grid, list(results.candidate.layer_choices)
        for place in np.ndindex(grid.content.shape):
            if not grid.mask[place[1:]]:
                continue
            start, choice, alpha, beta = place
            numbers = [grid.content[place], grid.style[place]]
            for judge in study.judges:
                numbers += list(results.grid_scores[judge][place])
            rows.append(
                [
                    results.label,
                    study.starts[start],
                    choices[choice],
                    alphas[alpha],
                    betas[beta],
                    *(f"{value:.6g}" for value in numbers),
                ]
            )
    write_csv(path, head, rows)
