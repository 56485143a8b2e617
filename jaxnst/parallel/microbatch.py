"""Many pictures at once: one compiled loop over items, in microbatches that fit.

Items share the network's parameters and nothing else, so that what becomes of one does
not depend on its neighbours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.tree_util import Partial

from jaxnst.images import resize
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.objectives import Targets
from jaxnst.networks.network import Network
from jaxnst.optimize import optimizers
from jaxnst.optimize.loop import Items, State, init_state, run_steps
from jaxnst.optimize.memory import (
    FACTOR,
    SHARE,
    available_bytes,
    compiled_bytes,
    items_that_fit,
    least_bytes,
    most_at_once,
)
from jaxnst.optimize.pyramid import (
    check_levels,
    continued,
    size_at,
    trimmed,
    unmoved,
    widened,
)
from jaxnst.optimize.single import Callback, Progress, Result, check_average, drive

# Bytes by what was compiled: a caller with many batches of one shape asks again and
# again, and even a compilation that is kept takes a second to find.
_analysed: dict[Any, int] = {}


@dataclass(frozen=True)
class Schedule:
    """How every item is optimised; arguments of `pyramid.stylize_pyramid`."""

    levels: tuple[float, ...]
    steps: tuple[int, ...]
    keep_optimizer_state: bool = True
    margin: int = 0

    def __post_init__(self) -> None:
        check_levels(self.levels, self.steps, self.margin)


@dataclass(frozen=True)
class Numbers:
    """What a step takes beside pictures; every leaf has the axis of items."""

    weights: Weights
    optimizer: Partial
    decay: Any


TargetsAt = Callable[[float, np.ndarray], Targets]
"""The targets at a level, a fraction of the size, of the items of those numbers."""


@dataclass(frozen=True)
class Microbatches:
    """The microbatches of one call of `many.optimize_many`; arguments as there."""

    network: Network
    targets_at: TargetsAt
    numbers: Numbers
    config: Config
    schedule: Schedule
    items: Items
    averaging: bool
    mesh: Mesh
    final: tuple[int, int]

    def placed(self, tree: Any, *, split: bool = True) -> Any:
        """Arrays on the devices: the axis of items divided, or everything on each."""
        spec = PartitionSpec("items") if split else PartitionSpec()
        return jax.device_put(tree, NamedSharding(self.mesh, spec))

    def state(self, images: Array, optimizer: Partial) -> State:
        start = partial(init_state, averaging=self.averaging)
        return jax.vmap(start)(images, optimizer)

    def arguments(self, level: float, part: np.ndarray) -> tuple[Any, ...]:
        """What `run_steps` takes between the state and the number of steps."""
        targets = self.targets_at(level, part)
        own = self.placed(
            jax.tree.map(
                lambda leaf: leaf[part],
                (self.numbers.weights, self.numbers.optimizer, self.numbers.decay),
            )
        )
        return (
            self.placed(self.network, split=False),
            self.placed(targets, split=self.items == "own"),
            own[0],
            own[1],
            self.config,
            own[2],
        )

    def size_that_fits(self, starts: Array, budget: int | None) -> int:
        """Items in a microbatch, evenly many in each."""
        count, height, width, _ = starts.shape
        margin, level = self.schedule.margin, max(self.schedule.levels)
        size = tuple(side + 2 * margin for side in size_at(starts, level))
        budget = int(available_bytes() * SHARE) if budget is None else budget
        one = least_bytes(self.network, self.config.layers, size, self.config.precision)

        def bytes_of(items: int) -> int:
            part = np.zeros(items, int)
            arguments = self.arguments(level, part)
            image = jax.ShapeDtypeStruct((items, *size, 3), jnp.float32)
            state = jax.eval_shape(self.state, image, arguments[3])
            split = NamedSharding(self.mesh, PartitionSpec("items"))
            state = jax.tree.map(
                lambda leaf: jax.ShapeDtypeStruct(
                    leaf.shape, leaf.dtype, sharding=split
                ),
                state,
            )
            key = _kind((state, *arguments)), self.items, self.mesh
            if key not in _analysed:
                lowered = run_steps.lower(state, *arguments, 1, items=self.items)
                _analysed[key] = compiled_bytes(lowered.compile()) * self.mesh.size
            return _analysed[key]

        best = min(count, most_at_once(size) * self.mesh.size)
        guess = max(1, budget // (FACTOR * one))
        most = items_that_fit(
            bytes_of, best, guess, multiple=self.mesh.size, budget=budget
        )
        even = -(-count // -(-count // most))
        return -(-even // self.mesh.size) * self.mesh.size

    def at_the_end(self, images: Array) -> Array:
        """Pictures of any level at the size of the last one."""
        return jax.vmap(lambda x: resize(x, self.final))(images)

    def chunk(
        self, starts: Array, part: np.ndarray, callback: Callback | None
    ) -> Result:
        """All levels of a microbatch."""
        schedule, margin = self.schedule, self.schedule.margin
        image, results = starts[part], list[Result]()
        strengths: Any = self.numbers.weights.strength
        strength = None if strengths is None else strengths[part]
        for level, count in zip(schedule.levels, schedule.steps, strict=True):
            size = size_at(starts, level)
            resized = jax.vmap(lambda x, s=size: resize(x, s))
            begun = unmoved(resized(image), resized(starts[part]), strength)
            start = jax.vmap(lambda x: widened(x, margin))(begun)
            arguments = self.arguments(level, part)
            state = self.state(self.placed(start), arguments[3])
            if results and results[-1].state is not None:
                last = results[-1].state
                state = jax.vmap(
                    lambda a, b: continued(a, b, schedule.keep_optimizer_state, margin)
                )(last, state)
                state = replace(state, finite=last.finite)  # frozen ones stay so
            before = sum(result.steps for result in results)
            result = drive(
                self.placed(state), arguments, count, None, callback, before, self.items
            )
            image = jax.vmap(lambda x: trimmed(x, margin))(result.image)
            results.append(result)
            if result.steps < count:
                break
        # What ended at a coarse level stands beside others that did not.
        image = self.at_the_end(image)
        finite = np.all([np.asarray(result.finite) for result in results], axis=0)
        return replace(
            results[-1],
            image=np.asarray(image),
            trace={
                name: np.concatenate([r.trace[name] for r in results], -1)
                for name in results[0].trace
            },
            steps=sum(result.steps for result in results),
            finite=finite,
            seconds=sum(result.seconds for result in results),
            state=None,
        )


def _kind(tree: Any) -> Any:
    """What a compilation depends on: the structure, shapes and types of arguments."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, tuple((np.shape(x), str(x.dtype)) for x in leaves)


def schedule_of(
    levels: Sequence[float],
    steps: int | Sequence[int],
    keep_optimizer_state: bool,
    margin: int,
) -> Schedule:
    """A schedule from the arguments of `grid_search` or `stylize_batch`."""
    counts = (steps,) * len(levels) if isinstance(steps, int) else tuple(steps)
    return Schedule(tuple(levels), counts, keep_optimizer_state, margin)


def spread(numbers: Numbers, shape: tuple[int, ...]) -> Numbers:
    """Every leaf broadcast to `shape` and laid out along one axis of items."""

    def laid(leaf: Any) -> Array:
        leaf = jnp.asarray(leaf, jnp.float32)
        return jnp.broadcast_to(leaf, shape).reshape(-1)

    return Numbers(
        *(
            jax.tree.map(laid, part)
            for part in (numbers.weights, numbers.optimizer, numbers.decay)
        )
    )


def numbers_of(
    weights: Weights | None,
    optimizer: optimizers.Optimizer | None,
    ema: Any,
    config: Config,
) -> Numbers:
    """The numbers of a call, not yet of one shape, checked."""
    weights = Weights() if weights is None else weights
    weights.check(config)
    check_average(ema)
    factory = optimizers.as_factory(optimizer or optimizers.adam())
    return Numbers(weights, factory, 0.0 if ema is None else ema)


def optimize_many(
    network: Network,
    starts: Array,
    targets_at: TargetsAt,
    numbers: Numbers,
    config: Config,
    schedule: Schedule,
    *,
    items: Items,
    averaging: bool,
    budget: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    callback: Callback | None = None,
) -> Result:
    """Optimise N pictures, as many at a time as fit, over all devices.

    Args:
        starts: (N, H, W, 3), where each begins.
        targets_at: made when they are needed; without an axis of items where these are
            "shared".
        items: "own" or "shared" targets.
        averaging: whether the average of iterates is the result.
        budget: bytes that a microbatch may take on all devices together; None, four
            fifths of what is free.
        devices: None, all local ones. The axis of items is divided between them.
        callback: as in `stylize`; its terms are means over a microbatch, its steps
            are counted over all of them, its picture and its result are a
            microbatch's.

    Returns:
        image (N, H, W, 3) and finite (N,), NumPy's; trace {term: (N, steps)}. Where the
        callback ended it, items that were not reached are as they began, their traces
        NaN.

    Raises:
        MemoryError: a single item does not fit.
    """
    count = starts.shape[0]
    mesh = Mesh(np.array(devices or jax.local_devices()), ("items",))
    network = network.prepared()
    given = (network, targets_at, numbers, config, schedule, items, averaging, mesh)
    run = Microbatches(*given, size_at(starts, schedule.levels[-1]))
    size = run.size_that_fits(starts, budget)
    parts = [
        np.minimum(np.arange(first, first + size), count - 1)
        for first in range(0, count, size)
    ]
    results: list[Result] = []
    for index, part in enumerate(parts):
        told = _counted(callback, index, len(parts), sum(schedule.steps), results)
        results.append(run.chunk(starts, part, told))
        if results[-1].steps < sum(schedule.steps) and np.any(results[-1].finite):
            break  # the callback said so
    return _joined_items(results, run.at_the_end(starts))


def _counted(
    callback: Callback | None, index: int, parts: int, steps: int, before: list[Result]
) -> Callback | None:
    """`callback`, told of the steps of all microbatches."""
    if callback is None:
        return None
    spent = sum(result.seconds for result in before)

    def counted(progress: Progress) -> bool | None:
        return callback(
            replace(
                progress,
                step=index * steps + progress.step,
                steps=parts * steps,
                seconds=spent + progress.seconds,
            )
        )

    return counted


def _joined_items(results: list[Result], starts: Array) -> Result:
    """Microbatches one after another, without what only filled up the last.

    Items that none of them reached are as in `starts`.
    """
    steps, count = max(result.steps for result in results), starts.shape[0]
    rest = np.asarray(starts[sum(len(result.image) for result in results) :])

    def joined(arrays: list[Any]) -> Any:
        return np.concatenate(arrays)[:count]

    def whole(values: np.ndarray) -> np.ndarray:
        """A trace that ended early, continued with what it cannot be."""
        missing = steps - values.shape[1]
        return np.pad(values, ((0, 0), (0, missing)), constant_values=np.nan)

    return Result(
        joined([*(result.image for result in results), rest]),
        {
            name: joined(
                [
                    *(whole(result.trace[name]) for result in results),
                    np.full((len(rest), steps), np.nan, np.float32),
                ]
            )
            for name in results[0].trace
        },
        steps,
        joined([*(result.finite for result in results), np.ones(len(rest), bool)]),
        sum(result.seconds for result in results),
        None,
    )
