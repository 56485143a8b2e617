"""Many images side by side: one compiled loop over items, in microbatches that fit.

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
from jaxnst.losses.targets import Targets
from jaxnst.networks.network import Network
from jaxnst.optimize import optimizers
from jaxnst.optimize.loop import State, TargetAxis, init_state, run_steps
from jaxnst.optimize.memory import (
    MEMORY_SHARE,
    STEP_FACTOR,
    available_bytes,
    compiled_bytes,
    max_items,
    max_parallel_items,
    min_feature_bytes,
)
from jaxnst.optimize.options import RunOptions
from jaxnst.optimize.result import Callback, Progress, Result
from jaxnst.optimize.schedule import Schedule, join_levels, remove_margin, size_at
from jaxnst.optimize.single import StepArguments, run_loop

# Bytes by what was compiled: a caller with many batches of one shape asks again and
# again, and even a compilation that is cached takes a second to find.
_compiled_bytes: dict[Any, int] = {}


@dataclass(frozen=True)
class ItemNumbers:
    """The numbers of a step; every leaf has the axis of items.

    Attributes:
        weights: of the losses.
        optimizer: of `optimizers.as_factory`.
        decay: of the exponential moving average.
    """

    weights: Weights
    optimizer: Partial
    decay: Any

    @classmethod
    def of(cls, weights: Weights, options: RunOptions, config: Config) -> "ItemNumbers":
        """Those of a call, checked, not yet of one shape."""
        weights.check(config)
        factory = optimizers.as_factory(options.optimizer or optimizers.adam())
        return cls(weights, factory, 0.0 if options.ema is None else options.ema)

    @property
    def leaves(self) -> list[Any]:
        """Every number or array."""
        return jax.tree.leaves((self.weights, self.optimizer, self.decay))

    def spread(self, shape: tuple[int, ...]) -> "ItemNumbers":
        """Every leaf broadcast to `shape` and laid out along one axis of items."""

        def flat(leaf: Any) -> Array:
            leaf = jnp.asarray(leaf, jnp.float32)
            return jnp.broadcast_to(leaf, shape).reshape(-1)

        return self._mapped(flat)

    def at(self, items: np.ndarray | np.int32) -> "ItemNumbers":
        """Those of some items, or of one."""
        return self._mapped(lambda leaf: leaf[items])

    def _mapped(self, function: Callable[[Any], Any]) -> "ItemNumbers":
        parts = (self.weights, self.optimizer, self.decay)
        return ItemNumbers(*(jax.tree.map(function, part) for part in parts))


TargetsAt = Callable[[float, np.ndarray], Targets]
"""The targets at a level, a fraction of the size, of the items of those numbers."""


@dataclass(frozen=True)
class Microbatches:
    """The microbatches of one call of `optimize_many`; arguments as there."""

    network: Network
    targets_at: TargetsAt
    numbers: ItemNumbers
    config: Config
    schedule: Schedule
    target_axis: TargetAxis
    averaging: bool
    mesh: Mesh
    final: tuple[int, int]

    def placed(self, tree: Any, *, split: bool = True) -> Any:
        """Arrays on the devices: the axis of items divided, or everything on each."""
        spec = PartitionSpec("items") if split else PartitionSpec()
        return jax.device_put(tree, NamedSharding(self.mesh, spec))

    def state(self, images: Array, optimizer: Partial) -> State:
        guided = bool(self.config.guide)
        start = partial(init_state, averaging=self.averaging, guided=guided)
        return jax.vmap(start)(images, optimizer)

    def arguments(self, level: float, items: np.ndarray) -> StepArguments:
        """What a step takes for some items at a level."""
        targets, numbers = self.targets_at(level, items), self.numbers.at(items)
        weights = self.schedule.weights_at(numbers.weights, level)
        return StepArguments(
            self.placed(self.network, split=False),
            self.placed(targets, split=self.target_axis == "per_item"),
            self.placed(weights),
            self.placed(numbers.optimizer),
            self.config,
            self.placed(numbers.decay),
        )

    def size_that_fits(self, starts: Array, budget: int | None) -> int:
        """Items in a microbatch, evenly many in each."""
        count = starts.shape[0]
        margin, level = self.schedule.margin, max(self.schedule.levels)
        size = tuple(side + 2 * margin for side in size_at(starts, level))
        budget = int(available_bytes() * MEMORY_SHARE) if budget is None else budget
        one = min_feature_bytes(
            self.network, self.config.layers, size, self.config.precision
        )
        largest = min(count, max_parallel_items(size) * self.mesh.size)
        fitting = max_items(
            partial(self.bytes_of, level, size),
            largest,
            max(1, budget // (STEP_FACTOR * one)),
            multiple=self.mesh.size,
            budget=budget,
        )
        even = -(-count // -(-count // fitting))
        return -(-even // self.mesh.size) * self.mesh.size

    def bytes_of(self, level: float, size: tuple[int, ...], count: int) -> int:
        """Bytes that the loop takes for so many items of (height, width), as the
        compiler says."""
        arguments = self.arguments(level, np.zeros(count, int))
        image = jax.ShapeDtypeStruct((count, *size, 3), jnp.float32)
        split = NamedSharding(self.mesh, PartitionSpec("items"))
        state = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=split),
            jax.eval_shape(self.state, image, arguments.optimizer),
        )
        key = _shapes((state, *arguments)), self.target_axis, self.mesh
        if key not in _compiled_bytes:
            lowered = run_steps.lower(
                state, *arguments, 1, target_axis=self.target_axis
            )
            taken = compiled_bytes(lowered.compile()) * self.mesh.size
            _compiled_bytes[key] = taken
        return _compiled_bytes[key]

    def at_final_size(self, images: Array) -> Array:
        """Images of any level at the size of the last one."""
        return jax.vmap(lambda x: resize(x, self.final))(images)

    def run(
        self, starts: Array, items: np.ndarray, callback: Callback | None
    ) -> Result:
        """All levels of a microbatch."""
        schedule, results = self.schedule, list[Result]()
        image = starts[items]
        numbers: Any = self.numbers.weights.strength
        strength = None if numbers is None else numbers[items]
        for level, count in zip(schedule.levels, schedule.steps, strict=True):
            size = size_at(starts, level)
            start = jax.vmap(
                lambda image, initial, strength, size=size: schedule.start(
                    image, initial, size, strength
                )
            )(image, starts[items], strength)
            arguments = self.arguments(level, items)
            state = self.state(self.placed(start), arguments.optimizer)
            if results and results[-1].state is not None:
                last = results[-1].state
                state = jax.vmap(schedule.next_state)(last, state)
                state = replace(state, finite=last.finite)  # frozen ones stay so
            result = run_loop(
                self.placed(state),
                arguments,
                count,
                callback=callback,
                before=sum(result.steps for result in results),
                target_axis=self.target_axis,
            )
            image = jax.vmap(lambda x: remove_margin(x, schedule.margin))(result.image)
            results.append(result)
            if result.steps < count:
                break
        # What ended at a coarse level stands beside others that did not.
        final = np.asarray(self.at_final_size(image))
        return replace(join_levels(results), image=final, state=None)


def _shapes(tree: Any) -> Any:
    """What a compilation depends on: the structure, shapes and types of arguments."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, tuple((np.shape(x), str(x.dtype)) for x in leaves)


def optimize_many(
    network: Network,
    starts: Array,
    targets_at: TargetsAt,
    numbers: ItemNumbers,
    config: Config,
    schedule: Schedule,
    *,
    target_axis: TargetAxis,
    averaging: bool,
    budget: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    callback: Callback | None = None,
) -> Result:
    """Optimise N images, as many at a time as fit, over all devices.

    Each becomes what a run of its own gives but for rounding, which grows with every
    step: a batch is summed in another order than one image.

    Args:
        starts: (N, H, W, 3), where each begins.
        targets_at: made when they are needed; without an axis of items where these are
            "shared".
        target_axis: "per_item" or "shared" targets.
        averaging: whether the moving average of iterates is the result.
        budget: bytes that a microbatch may take on all devices together; None, four
            fifths of what is free.
        devices: None, all local ones. The axis of items is divided between them.
        callback: as in `stylize`; its terms are means over a microbatch, its steps
            are counted over all of them, its image and its result are a microbatch's.

    Returns:
        image (N, H, W, 3) and finite (N,), NumPy's; trace {term: (N, steps)}. Where the
        callback ended it, items that were not reached are as they began, their traces
        NaN.

    Raises:
        MemoryError: a single item does not fit.
    """
    count = starts.shape[0]
    mesh = Mesh(np.array(devices or jax.local_devices()), ("items",))
    network = network.prepared(config.layers, config.precision)
    final = size_at(starts, schedule.levels[-1])
    microbatches = Microbatches(
        network,
        targets_at,
        numbers,
        config,
        schedule,
        target_axis,
        averaging,
        mesh,
        final,
    )
    size = microbatches.size_that_fits(starts, budget)
    batches = [
        np.minimum(np.arange(first, first + size), count - 1)
        for first in range(0, count, size)
    ]
    results: list[Result] = []
    for index, items in enumerate(batches):
        counted = over_batches(callback, index, len(batches), schedule.total, results)
        results.append(microbatches.run(starts, items, counted))
        if results[-1].steps < schedule.total and np.any(results[-1].finite):
            break  # the callback ended it
    return join_batches(results, microbatches.at_final_size(starts))


def over_batches(
    callback: Callback | None,
    index: int,
    batches: int,
    steps: int,
    before: list[Result],
) -> Callback | None:
    """`callback`, told of the steps of all microbatches."""
    if callback is None:
        return None
    spent = sum(result.seconds for result in before)

    def over_batches(progress: Progress) -> bool | None:
        return callback(
            replace(
                progress,
                step=index * steps + progress.step,
                steps=batches * steps,
                seconds=spent + progress.seconds,
            )
        )

    return over_batches


def join_batches(results: list[Result], starts: Array) -> Result:
    """Microbatches one after another, without what only filled up the last.

    Items that none of them reached are as in `starts`.
    """
    steps, count = max(result.steps for result in results), starts.shape[0]
    rest = np.asarray(starts[sum(len(result.image) for result in results) :])

    def joined(arrays: list[Any]) -> Any:
        return np.concatenate(arrays)[:count]

    def padded(values: np.ndarray) -> np.ndarray:
        """A trace that ended early, continued with NaN."""
        missing = steps - values.shape[1]
        return np.pad(values, ((0, 0), (0, missing)), constant_values=np.nan)

    return Result(
        joined([*(result.image for result in results), rest]),
        {
            name: joined(
                [
                    *(padded(result.trace[name]) for result in results),
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
