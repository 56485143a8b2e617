"""The conclusions of a study in words, computed from its numbers alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jaxnst.metrics import Scores
from jaxnst.reports import pareto
from jaxnst.study.plan import Candidate
from jaxnst.study.runs import Grid, Run

NO_SCORES = Scores(np.nan, np.nan, np.nan)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class NetworkResults:
    """Everything that was computed for one network.

    Attributes:
        runs: by start, with the usual style layers.
        grid: every start, choice and weight.
        loop_bytes: memory of the loop of one image.
        scores: {judge: {start: of the run's final image}}; NaN where the judge is
            the network itself.
        grid_scores: {judge: (starts, choices, alphas, betas, 3)}, style, content, Q.
    """

    candidate: Candidate
    runs: Mapping[str, Run]
    grid: Grid
    loop_bytes: int
    scores: Mapping[str, Mapping[str, Scores]]
    grid_scores: Mapping[str, np.ndarray]

    @property
    def label(self) -> str:
        return self.candidate.label


@dataclass(frozen=True)
class Study:
    """The results of all networks.

    Attributes:
        starts, alphas, betas: the axes of the grids.
        alpha_index, beta_index: of the single runs' weights in these.
    """

    networks: Sequence[NetworkResults]
    judges: Sequence[str]
    starts: Sequence[str]
    alphas: Sequence[float]
    betas: Sequence[float]
    alpha_index: int
    beta_index: int

    @property
    def image_count(self) -> int:
        """Images in the grids of all networks."""
        masks = (results.grid.mask for results in self.networks)
        return sum(len(self.starts) * int(mask.sum()) for mask in masks)

    def ordered_weights(self) -> list[tuple[int, int]]:
        """Indices (alpha, beta) from the most content to the most style."""
        indices = list(np.ndindex(len(self.alphas), len(self.betas)))
        return sorted(
            indices,
            key=lambda i: (self.betas[i[1]] / max(self.alphas[i[0]], 1e-30), i),
        )


def conclusions(study: Study) -> list[str]:
    lines = [*_networks(study), *_starts(study), *_layers(study), *_weights(study)]
    return lines or ["Nothing can be compared: one network, one start, no judge."]


def choose_judge(study: Study, min_networks: int = 1) -> str | None:
    """The first judge with scores of the most networks; None if none has as many as
    `min_networks`."""

    def count(judge: str) -> int:
        return sum(
            bool(np.isfinite(results.scores[judge][study.starts[0]].q))
            for results in study.networks
        )

    best = max(study.judges, key=count, default=None)
    return None if best is None or count(best) < min_networks else best


def _networks(study: Study) -> list[str]:
    judge, start = choose_judge(study, 2), study.starts[0]
    if judge is None:
        return []
    scores = {
        results: results.scores[judge][start]
        for results in study.networks
        if np.isfinite(results.scores[judge][start].q)
    }
    style = sorted(scores, key=lambda results: float(scores[results].style))
    content = sorted(scores, key=lambda results: float(scores[results].content))
    best = min(scores, key=lambda results: float(scores[results].q))
    named = [f"{results.label} ({scores[results].style:.3f})" for results in style]
    return [
        f"Judged by {judge}, {named[0]} came closest to the painting, then "
        f"{', '.join(named[1:])}; most of the photograph was kept by "
        f"{content[0].label} (content distance {scores[content[0]].content:.3f}), "
        f"least by {content[-1].label} ({scores[content[-1]].content:.3f}); by Q, "
        f"which counts both, {best.label} is best ({scores[best].q:.3f})."
    ]


def _starts(study: Study) -> list[str]:
    if len(study.starts) < 2:
        return []
    lines = []
    for results in study.networks:
        first, *others = study.starts
        for other in others:
            losses = [results.runs[s].trace["loss"] for s in (first, other)]
            line = f"{results.label}: {_compare_losses(losses, first, other)}"
            scored = [
                (judge, results.scores[judge][first], results.scores[judge][other])
                for judge in study.judges
                if np.isfinite(results.scores[judge][first].q)
            ]
            for judge, a, b in scored[:1]:
                line += (
                    f"; judged by {judge}, style {b.style:.3f} against {a.style:.3f} "
                    f"and content {b.content:.3f} against {a.content:.3f}"
                )
            lines.append(line + ".")
    return lines


def _compare_losses(losses: Sequence[np.ndarray], first: str, other: str) -> str:
    """After how many steps one start reaches the final loss of the other."""
    first_losses, other_losses = losses
    below = np.flatnonzero(other_losses <= first_losses[-1])
    text = f"started from {other} the loss ends at {other_losses[-1]:.3g}, "
    text += f"from {first} at {first_losses[-1]:.3g}"
    if below.size:
        return f"{text}, which {other} has after {below[0] + 1} steps"
    above = np.flatnonzero(first_losses <= other_losses[-1])
    if above.size:
        return f"{text}, and from {first} {above[0] + 1} steps do what all did there"
    return text


def _layers(study: Study) -> list[str]:
    lines = []
    for results in study.networks:
        judge = _judge_for(study, results)
        labels = list(results.candidate.layer_choices)
        if judge is None or len(labels) < 2:
            continue
        scores = results.grid_scores[judge][0, :, study.alpha_index, study.beta_index]
        if not np.isfinite(scores).any():
            continue
        best, closest = np.nanargmin(scores[:, 2]), np.nanargmin(scores[:, 0])
        worst = np.nanargmax(scores[:, 2])
        lines.append(
            f"{results.label}, style layers, judged by {judge}: best by Q with "
            f"{labels[best]} ({scores[best, 2]:.3f}), worst with {labels[worst]} "
            f"({scores[worst, 2]:.3f}); closest to the painting with {labels[closest]} "
            f"({scores[closest, 0]:.3f})."
        )
    return lines


def _judge_for(study: Study, results: NetworkResults) -> str | None:
    """The common judge, or else any that is not the network itself."""
    common = choose_judge(study)
    judges = [common] if common is not None else []
    judges += [judge for judge in study.judges if judge != common]
    return next((j for j in judges if np.isfinite(results.grid_scores[j]).any()), None)


def _weights(study: Study) -> list[str]:
    indices = study.ordered_weights()
    lines = []
    for results in study.networks:
        judge = _judge_for(study, results)
        if judge is None or len(indices) < 2:
            continue
        scores = np.array(
            [results.grid_scores[judge][0, 0][index] for index in indices]
        )
        if not np.isfinite(scores).all():
            continue
        best = indices[pareto.knee(scores[:, 1], scores[:, 0])]
        ratios = [
            study.betas[b] / study.alphas[a] for a, b in (indices[0], indices[-1])
        ]
        lines.append(
            f"{results.label}, weights, judged by {judge}: from beta / alpha "
            f"{ratios[0]:.3g} to {ratios[1]:.3g} the style distance goes from "
            f"{scores[0, 0]:.3f} to {scores[-1, 0]:.3f} and the content distance from "
            f"{scores[0, 1]:.3f} to {scores[-1, 1]:.3f}; the bend of the curve is at "
            f"alpha {study.alphas[best[0]]:g}, beta {study.betas[best[1]]:g}."
        )
    return lines
