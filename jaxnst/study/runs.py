"""What a study paints: single pictures on their way, and a grid for each network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import Any

import numpy as np

from jaxnst.losses.config import Weights
from jaxnst.losses.objectives import make_targets
from jaxnst.networks.network import Network
from jaxnst.optimize import optimizers
from jaxnst.optimize.loop import init_state, run_steps
from jaxnst.optimize.memory import compiled_bytes
from jaxnst.optimize.pyramid import widened
from jaxnst.optimize.single import Callback, Progress
from jaxnst.parallel.grid import grid_search
from jaxnst.pipeline.run import prepare, render
from jaxnst.pipeline.settings import Settings
from jaxnst.study.cache import Arrays
from jaxnst.study.plan import Pair, Plan, Subject

Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Run:
    """One picture on its way.

    Attributes:
        images: (H, W, 3) in [0, 1] after so many steps.
        trace: {term: (steps,)}.
        pace: seconds a step, compilation not counted.
        finite: whether all of it was.
    """

    images: dict[int, np.ndarray]
    trace: dict[str, np.ndarray]
    pace: float
    finite: bool

    @property
    def final(self) -> np.ndarray:
        return self.images[max(self.images)]


def on_its_way(
    name: str,
    settings: Settings,
    network: Network,
    pair: Pair,
    shown: Sequence[int],
    told: Told,
) -> Run:
    """`render`, with the picture after each number of steps in `shown`."""

    def make() -> Arrays:
        return _painted(name, settings, network, pair, shown, told)

    held = pair.kept(name, network, settings, list(shown), make)
    trace = {key[6:]: held[key] for key in held if key.startswith("trace/")}
    steps = held["steps"].tolist()
    pictures = dict(zip(steps, _from_bytes(held["images"]), strict=True))
    return Run(pictures, trace, float(held["pace"]), bool(held["finite"]))


def _painted(
    name: str,
    settings: Settings,
    network: Network,
    pair: Pair,
    shown: Sequence[int],
    told: Told,
) -> Arrays:
    found: dict[int, np.ndarray] = {}
    times: list[tuple[int, float]] = []

    def callback(progress: Progress) -> None:
        times.append((progress.step, progress.seconds))
        told(name, progress.step, progress.steps)
        if progress.step in shown:
            found[progress.step] = _to_bytes(progress.picture())

    every = gcd(*shown)
    pictures = pair.load(settings, network)
    result = render(settings, network, *pictures, callback=callback, every=every)
    if not found:  # ended before the first of them
        found[result.steps] = _to_bytes(result.image)
    (first, began), (last, ended) = times[0], times[-1]
    return {
        "steps": np.array(list(found)),
        "images": np.stack(list(found.values())),
        "pace": np.array((ended - began) / max(1, last - first)),
        "finite": np.array(result.finite),
        **{f"trace/{term}": values for term, values in result.trace.items()},
    }


@dataclass(frozen=True)
class Grid:
    """A network's pictures from every start under choices of layers and of weights.

    Attributes:
        painted: (choices, alphas, betas), whether there are pictures under these.
        images: (starts, choices, alphas, betas, H, W, 3) in [0, 1].
        content, style: final terms, (starts, choices, alphas, betas); NaN where there
            is no picture or the run was not finite.
    """

    painted: np.ndarray
    images: np.ndarray
    content: np.ndarray
    style: np.ndarray


def grid_of(subject: Subject, settings: Settings, plan: Plan, told: Told) -> Grid:
    """One compiled loop a network: layers and weights are numbers in it, and starts
    are pictures that it is given."""
    name = f"{subject.label}_grid"
    chosen = {label: list(layers) for label, layers in subject.choices.items()}
    painted = plan.painted(len(chosen))
    places = np.argwhere(painted)
    more = [list(plan.starts), chosen, list(plan.alphas), list(plan.betas)]

    def make() -> Arrays:
        ready = prepare(settings, *plan.pair.load(settings, subject.network))
        numbers = {
            **ready.options,
            "weights": _numbers(subject.shares(), settings.terms, plan, places),
            "config": replace(settings.objective, style_layers=subject.layers),
        }
        given = subject.network, ready.content, ready.styles
        parts = []
        for start in plan.starts:
            callback = _named(told, f"{name}, {start}")
            parts.append(
                grid_search(*given, **numbers | {"init": start}, callback=callback)
            )
        ends = {
            term: np.stack(
                [np.where(p.finite, p.trace[term][..., -1], np.nan) for p in parts]
            )
            for term in ("content", "style")
        }
        return {"images": _to_bytes(np.stack([p.image for p in parts])), **ends}

    held = plan.pair.kept(
        name, subject.network, settings, [*more, places.tolist()], make
    )
    shape = len(plan.starts), *painted.shape
    pictures, content, style = (
        _spread(held[part], places, shape) for part in ("images", "content", "style")
    )
    return Grid(painted, _from_bytes(np.nan_to_num(pictures)), content, style)


def _numbers(
    shares: np.ndarray, terms: Weights, plan: Plan, places: np.ndarray
) -> Weights:
    """Weights of the shape (places,)."""
    choices, alphas, betas = places.T
    numbers: dict[str, Any] = {
        "alpha": np.array(plan.alphas, np.float32)[alphas],
        "beta": np.array(plan.betas, np.float32)[betas],
        "style_weights": tuple(shares[choices].T),
    }
    return replace(terms, **numbers)


def _spread(
    values: np.ndarray, places: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """(starts, places, ...) as (*shape, ...), NaN elsewhere."""
    found = np.full((*shape, *values.shape[2:]), np.nan, np.float32)
    found[:, *places.T] = values
    return found


def _named(told: Told, name: str) -> Callback:
    def callback(progress: Progress) -> None:
        told(name, progress.step, progress.steps)

    return callback


def bytes_of(settings: Settings, network: Network, pair: Pair) -> int:
    """Bytes that the compiled loop of one picture takes, as the compiler says."""
    ready = prepare(settings, *pair.load(settings, network))
    content = widened(ready.content, settings.geometry.margin)
    config, averaging = settings.objective, settings.optimization.ema is not None
    factory = optimizers.as_factory(ready.options["optimizer"])
    targets = make_targets(network, content, ready.styles, config)
    state = init_state(content, factory, averaging=averaging)
    given = network.prepared(), targets, settings.terms, factory, config, 0.0, 1
    return compiled_bytes(run_steps.lower(state, *given).compile())


def _to_bytes(image: Any) -> np.ndarray:
    return np.round(np.asarray(image) * 255).astype(np.uint8)


def _from_bytes(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) / 255
