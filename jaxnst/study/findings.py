"""What the numbers of a study say, in words: nothing here is known beforehand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jaxnst.metrics import Scores
from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.reports import pareto
from jaxnst.study.plan import Subject
from jaxnst.study.runs import Grid, Run

NONE = Scores(np.nan, np.nan, np.nan)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Studied:
    """All of one network.

    Attributes:
        runs: by start, with the usual style layers.
        grid: every start, choice and weight.
        bytes: that one picture's loop takes.
        scores: {judge: {start: of the run's final picture}}; NaN where the judge is
            the network itself.
        grid_scores: {judge: (starts, choices, alphas, betas, 3)}, style, content, Q.
    """

    subject: Subject
    runs: Mapping[str, Run]
    grid: Grid
    bytes: int
    scores: Mapping[str, Mapping[str, Scores]]
    grid_scores: Mapping[str, np.ndarray]

    @property
    def label(self) -> str:
        return self.subject.label


@dataclass(frozen=True)
class Study:
    """All that was painted and judged.

    Attributes:
        starts, alphas, betas: the axes of the grids; `start`, `alpha` and `beta` are
            the places in them that the single runs have.
    """

    networks: Sequence[Studied]
    judges: Sequence[str]
    starts: Sequence[str]
    alphas: Sequence[float]
    betas: Sequence[float]
    alpha: int
    beta: int

    def ordered_weights(self) -> list[tuple[int, int]]:
        """(alpha, beta) places from the most content to the most style."""
        places = list(np.ndindex(len(self.alphas), len(self.betas)))
        return sorted(
            places, key=lambda p: (self.betas[p[1]] / max(self.alphas[p[0]], 1e-30), p)
        )


def conclusions(study: Study) -> list[str]:
    found = [*_networks(study), *_starts(study), *_layers(study), *_weights(study)]
    return found or ["Nothing can be compared: one network, one start, no judge."]


def judge_of(study: Study, least: int = 1) -> str | None:
    """The judge that saw the most networks, the first of such; None if none saw as
    many as `least`."""

    def seen(judge: str) -> int:
        return sum(
            bool(np.isfinite(own.scores[judge][study.starts[0]].q))
            for own in study.networks
        )

    best = max(study.judges, key=seen, default=None)
    return None if best is None or seen(best) < least else best


def _networks(study: Study) -> list[str]:
    judge, start = judge_of(study, 2), study.starts[0]
    if judge is None:
        return []
    seen = {
        own: own.scores[judge][start]
        for own in study.networks
        if np.isfinite(own.scores[judge][start].q)
    }
    style = sorted(seen, key=lambda own: float(seen[own].style))
    content = sorted(seen, key=lambda own: float(seen[own].content))
    best = min(seen, key=lambda own: float(seen[own].q))
    named = [f"{own.label} ({seen[own].style:.3f})" for own in style]
    lines = [
        f"Judged by {judge}, {named[0]} came closest to the painting, then "
        f"{', '.join(named[1:])}; most of the photograph was kept by "
        f"{content[0].label} (content distance {seen[content[0]].content:.3f}), least "
        f"by {content[-1].label} ({seen[content[-1]].content:.3f}); by Q, which counts "
        f"both, {best.label} is best ({seen[best].q:.3f})."
    ]
    return lines + _published(study, style)


def _published(study: Study, ranked: Sequence[Studied]) -> list[str]:
    """Whether findings of the report behind preset `ncsu` hold here."""
    lines = []
    inception = [isinstance(o.subject.network.module, GoogLeNet) for o in ranked]
    if any(inception) and not all(inception):
        place = "so it is here, too" if inception[-1] else "not so here"
        lines.append(
            "The report behind preset ncsu found that GoogLeNet transfers style worst: "
            f"{place}, by the judge's style distance."
        )
    ends = {
        own.label: float(own.runs[study.starts[0]].trace["style"][-1])
        for own in study.networks
        if own.label in ("vgg16", "vgg19")
    }
    if len(ends) == 2:
        agrees = "does" if ends["vgg19"] < ends["vgg16"] else "does not"
        lines.append(
            "The report found that VGG-19 reaches a lower style loss than VGG-16; here "
            f"it {agrees} ({ends['vgg19']:.3g} and {ends['vgg16']:.3g}), which are "
            "losses of two networks and prove little."
        )
    return lines


def _starts(study: Study) -> list[str]:
    if len(study.starts) < 2:
        return []
    lines = []
    for own in study.networks:
        first, *others = study.starts
        for other in others:
            losses = [own.runs[s].trace["loss"] for s in (first, other)]
            line = f"{own.label}: {_catching_up(losses, first, other)}"
            scored = [
                (judge, own.scores[judge][first], own.scores[judge][other])
                for judge in study.judges
                if np.isfinite(own.scores[judge][first].q)
            ]
            for judge, a, b in scored[:1]:
                line += (
                    f"; judged by {judge}, style {b.style:.3f} against {a.style:.3f} "
                    f"and content {b.content:.3f} against {a.content:.3f}"
                )
            lines.append(line + ".")
    return lines


def _catching_up(losses: Sequence[np.ndarray], first: str, other: str) -> str:
    """When a start has the loss that the first one ends with."""
    ahead, behind = losses
    below = np.flatnonzero(behind <= ahead[-1])
    text = f"started from {other} the loss ends at {behind[-1]:.3g}, from {first} at "
    text += f"{ahead[-1]:.3g}"
    if below.size:
        return f"{text}, which {other} has after {below[0] + 1} steps"
    passed = np.flatnonzero(ahead <= behind[-1])
    if passed.size:
        return f"{text}, and from {first} {passed[0] + 1} steps do what all did there"
    return text


def _layers(study: Study) -> list[str]:
    lines = []
    for own in study.networks:
        judge = _judge_for(study, own)
        labels = list(own.subject.choices)
        if judge is None or len(labels) < 2:
            continue
        scores = own.grid_scores[judge][0, :, study.alpha, study.beta]
        if not np.isfinite(scores).any():
            continue
        best, closest = np.nanargmin(scores[:, 2]), np.nanargmin(scores[:, 0])
        worst = np.nanargmax(scores[:, 2])
        lines.append(
            f"{own.label}, style layers, judged by {judge}: best by Q with "
            f"{labels[best]} ({scores[best, 2]:.3f}), worst with {labels[worst]} "
            f"({scores[worst, 2]:.3f}); closest to the painting with {labels[closest]} "
            f"({scores[closest, 0]:.3f})."
        )
    return lines


def _judge_for(study: Study, own: Studied) -> str | None:
    """The common judge, or else any that is not the network itself."""
    common = judge_of(study)
    judges = [common] if common is not None else []
    judges += [judge for judge in study.judges if judge != common]
    return next((j for j in judges if np.isfinite(own.grid_scores[j]).any()), None)


def _weights(study: Study) -> list[str]:
    places = study.ordered_weights()
    lines = []
    for own in study.networks:
        judge = _judge_for(study, own)
        if judge is None or len(places) < 2:
            continue
        scores = np.array([own.grid_scores[judge][0, 0][place] for place in places])
        if not np.isfinite(scores).all():
            continue
        best = places[pareto.knee(scores[:, 1], scores[:, 0])]
        ratios = [study.betas[b] / study.alphas[a] for a, b in (places[0], places[-1])]
        lines.append(
            f"{own.label}, weights, judged by {judge}: from beta / alpha "
            f"{ratios[0]:.3g} to {ratios[1]:.3g} the style distance goes from "
            f"{scores[0, 0]:.3f} to {scores[-1, 0]:.3f} and the content distance from "
            f"{scores[0, 1]:.3f} to {scores[-1, 1]:.3f}; the bend of the curve is at "
            f"alpha {study.alphas[best[0]]:g}, beta {study.betas[best[1]]:g}."
        )
    return lines
