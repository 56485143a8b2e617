"""The optimisations of a study: single runs, and a grid for each network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import Any

import numpy as np

from jaxnst.losses.config import Weights
from jaxnst.losses.targets import make_targets
from jaxnst.networks.network import Network
from jaxnst.optimize import optimizers
from jaxnst.optimize.loop import init_state, run_steps_of_one
from jaxnst.optimize.memory import compiled_bytes
from jaxnst.optimize.result import Callback, Progress
from jaxnst.optimize.schedule import add_margin
from jaxnst.parallel.grid import grid_search
from jaxnst.pipeline.run import prepare, render
from jaxnst.pipeline.settings import Settings
from jaxnst.study.cache import Arrays
from jaxnst.study.plan import Candidate, Pair, Plan

ReportProgress = Callable[[str, int, int], None]
"""Called with the name of what runs, the step, and the number of steps."""


@dataclass(frozen=True)
class Run:
    """The course of one optimisation.

    Attributes:
        images: {step: (H, W, 3) in [0, 1]}.
        trace: {term: (steps,)}.
        seconds_per_step: without compilation.
        finite: whether the loss always was.
    """

    images: dict[int, np.ndarray]
    trace: dict[str, np.ndarray]
    seconds_per_step: float
    finite: bool

    @property
    def final(self) -> np.ndarray:
        return self.images[max(self.images)]


@dataclass(frozen=True)
class PresetRun:
    """A preset's run, and in words what was not as it prescribes."""

    name: str
    run: Run
    note: str


def run_single(
    name: str,
    settings: Settings,
    network: Network,
    pair: Pair,
    shown: Sequence[int],
    report_progress: ReportProgress,
) -> Run:
    """`render`, recording the image after each number of steps in `shown`."""

    def make() -> Arrays:
        return _record(name, settings, network, pair, shown, report_progress)

    arrays = pair.cached(name, network, settings, list(shown), make)
    trace = {k[6:]: values for k, values in arrays.items() if k.startswith("trace/")}
    steps = arrays["steps"].tolist()
    images = dict(zip(steps, _from_bytes(arrays["images"]), strict=True))
    return Run(images, trace, float(arrays["pace"]), bool(arrays["finite"]))


def _record(
    name: str,
    settings: Settings,
    network: Network,
    pair: Pair,
    shown: Sequence[int],
    report_progress: ReportProgress,
) -> Arrays:
    recorded: dict[int, np.ndarray] = {}
    times: list[tuple[int, float]] = []

    def callback(progress: Progress) -> None:
        times.append((progress.step, progress.seconds))
        report_progress(name, progress.step, progress.steps)
        if progress.step in shown:
            recorded[progress.step] = _to_bytes(progress.picture())

    every = gcd(*shown)
    inputs = pair.load(settings, network)
    result = render(settings, network, *inputs, callback=callback, every=every)
    if not recorded:  # ended before the first of them
        recorded[result.steps] = _to_bytes(result.image)
    (first, began), (last, ended) = times[0], times[-1]
    return {
        "steps": np.array(list(recorded)),
        "images": np.stack(list(recorded.values())),
        "pace": np.array((ended - began) / max(1, last - first)),
        "finite": np.array(result.finite),
        **{f"trace/{term}": values for term, values in result.trace.items()},
    }


@dataclass(frozen=True)
class Grid:
    """A network's images from every start under choices of layers and of weights.

    Attributes:
        mask: (choices, alphas, betas), which combinations there are images of.
        images: (starts, choices, alphas, betas, H, W, 3) in [0, 1].
        content, style: final terms, (starts, choices, alphas, betas); NaN where there
            is no image or the run was not finite.
    """

    mask: np.ndarray
    images: np.ndarray
    content: np.ndarray
    style: np.ndarray


def run_grid(
    candidate: Candidate,
    settings: Settings,
    plan: Plan,
    report_progress: ReportProgress,
) -> Grid:
    """All images of a network in one compiled loop: layers and weights are numbers in
    it, and starts are its arguments."""
    name = f"{candidate.label}_grid"
    choices = {k: list(layers) for k, layers in candidate.layer_choices.items()}
    mask = plan.grid_mask(len(choices))
    indices = np.argwhere(mask)
    more = [list(plan.starts), choices, list(plan.alphas), list(plan.betas)]

    def make() -> Arrays:
        network = candidate.network
        prepared = prepare(settings, network, *plan.pair.load(settings, network))
        options: dict[str, Any] = {
            **prepared.options,
            "weights": _grid_weights(
                candidate.layer_weights(plan.settings), settings.terms, plan, indices
            ),
            "config": replace(settings.objective, style_layers=candidate.layers),
        }
        inputs = network, prepared.content, prepared.styles
        parts = []
        for start in plan.starts:
            callback = _progress_callback(report_progress, f"{name}, {start}")
            parts.append(
                grid_search(*inputs, **options | {"init": start}, callback=callback)
            )
        ends = {
            term: np.stack(
                [np.where(p.finite, p.trace[term][..., -1], np.nan) for p in parts]
            )
            for term in ("content", "style")
        }
        images = [np.stack(list(map(prepared.finish, p.image))) for p in parts]
        return {"images": _to_bytes(np.stack(images)), **ends}

    arrays = plan.pair.cached(
        name, candidate.network, settings, [*more, indices.tolist()], make
    )
    shape = len(plan.starts), *mask.shape
    images, content, style = (
        _scatter(arrays[part], indices, shape)
        for part in ("images", "content", "style")
    )
    return Grid(mask, _from_bytes(np.nan_to_num(images)), content, style)


def _grid_weights(
    layer_weights: np.ndarray, terms: Weights, plan: Plan, indices: np.ndarray
) -> Weights:
    """Weights of the shape (N,), for each of the `indices` (N, 3)."""
    choices, alphas, betas = indices.T
    numbers: dict[str, Any] = {
        "alpha": np.array(plan.alphas, np.float32)[alphas],
        "beta": np.array(plan.betas, np.float32)[betas],
        "style_weights": tuple(layer_weights[choices].T),
    }
    return replace(terms, **numbers)


def _scatter(
    values: np.ndarray, indices: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """(starts, N, ...) as (*shape, ...), NaN elsewhere."""
    scattered = np.full((*shape, *values.shape[2:]), np.nan, np.float32)
    scattered[:, *indices.T] = values
    return scattered


def _progress_callback(report_progress: ReportProgress, name: str) -> Callback:
    def callback(progress: Progress) -> None:
        report_progress(name, progress.step, progress.steps)

    return callback


def loop_bytes(settings: Settings, network: Network, pair: Pair) -> int:
    """Memory of the compiled loop of one image in bytes, from the compiler."""
    prepared = prepare(settings, network, *pair.load(settings, network))
    content = add_margin(prepared.content, settings.geometry.margin)
    config, averaging = settings.objective, settings.optimization.ema is not None
    factory = optimizers.as_factory(prepared.options["optimizer"])
    targets = make_targets(network, content, prepared.styles, config)
    guided = bool(config.guide)
    state = init_state(content, factory, averaging=averaging, guided=guided)
    arguments = (
        network.prepared(config.layers, config.precision),
        targets,
        settings.terms,
        factory,
        config,
        0.0,
        1,
    )
    return compiled_bytes(run_steps_of_one.lower(state, *arguments).compile())


def _to_bytes(image: Any) -> np.ndarray:
    return np.round(np.asarray(image) * 255).astype(np.uint8)


def _from_bytes(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) / 255
