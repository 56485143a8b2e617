"""All of one network in a study: painted, judged, written."""

from dataclasses import replace

import jax
import numpy as np

from jaxnst import metrics
from jaxnst.losses.layers import at_same_depth
from jaxnst.metrics import Scores
from jaxnst.networks.network import Network
from jaxnst.pipeline.settings import Settings
from jaxnst.study.findings import NONE, Studied
from jaxnst.study.pictures import asked_for, write_pictures
from jaxnst.study.plan import Pair, Plan, Subject, may_judge
from jaxnst.study.runs import Grid, Run, Told, bytes_of, grid_of, on_its_way

_AT_ONCE = 8  # pictures that are judged together


def studied(
    subject: Subject, plan: Plan, judges: dict[str, Network], told: Told
) -> Studied:
    """Single runs from every start, the grid, and what the judges say of both."""
    settings = _settings(subject, plan.settings)
    runs = {}
    for start in plan.starts:
        how = replace(settings.optimization, init=start)
        own, name = replace(settings, optimization=how), f"{subject.label}_{start}"
        given = (own, subject.network, plan.pair, plan.shown, told)
        runs[start] = on_its_way(name, *given)
    grid = grid_of(subject, settings, plan, told)
    write_pictures(subject, settings, grid, plan)
    scores: dict[str, dict[str, Scores]] = {}
    grid_scores: dict[str, np.ndarray] = {}
    for label, judge in judges.items():
        told(f"{subject.label} judged by {label}", 0, 1)
        scores[label] = dict.fromkeys(runs, NONE)
        grid_scores[label] = np.full((*grid.content.shape, 3), np.nan)
        if may_judge(judge, subject.network):
            scores[label], grid_scores[label] = _judged(judge, runs, grid, plan)
    held = bytes_of(settings, subject.network, plan.pair)
    return Studied(subject, runs, grid, held, scores, grid_scores)


def _settings(subject: Subject, settings: Settings) -> Settings:
    """With the network, layers of its kind, and its first choice of style layers."""
    objective = at_same_depth(settings.objective, subject.network)
    usual = next(iter(subject.choices.values()))
    return replace(
        settings,
        **asked_for(subject),
        objective=replace(objective, style_layers=usual),
        terms=replace(settings.terms, style_weights=None),
    )


def _judged(
    judge: Network, runs: dict[str, Run], grid: Grid, plan: Plan
) -> tuple[dict[str, Scores], np.ndarray]:
    """Of the runs' final pictures by start, and of the grid (*grid, 3)."""
    painted = np.isfinite(grid.content)
    flat = grid.images[painted]
    finals = [run.final for run in runs.values()]
    rows = judged(judge, np.concatenate([flat, finals]), plan.pair)
    named = zip(runs, rows[len(flat) :], strict=True)
    found = np.full((*painted.shape, 3), np.nan)
    found[painted] = rows[: len(flat)]
    return {start: Scores(*row) for start, row in named}, found


def judged(judge: Network, pictures: np.ndarray, pair: Pair) -> np.ndarray:
    """(N, 3): style, content and Q of pictures (N, H, W, 3)."""
    content, style = pair.load_for_judge()
    found = []
    for first in range(0, len(pictures), _AT_ONCE):
        # The last ones are filled up: one shape is compiled once.
        chosen = np.arange(first, first + _AT_ONCE).clip(max=len(pictures) - 1)
        found.append(_scores(judge, pictures[chosen], content, style))
    return np.concatenate([np.stack(part, -1) for part in found])[: len(pictures)]


@jax.jit
def _scores(
    judge: Network, pictures: jax.Array, content: jax.Array, style: jax.Array
) -> metrics.Scores:
    """Scores of (N,) each; what photograph and painting alone give is made once."""
    return jax.vmap(lambda image: metrics.judge(judge, image, content, style))(pictures)
