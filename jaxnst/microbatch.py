"""A microbatch: as many pictures as fit, side by side in one compiled loop."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.tree_util import Partial

from jaxnst import ops
from jaxnst.config import Config, Weights
from jaxnst.loop import Items, State, init_state, run_steps
from jaxnst.memory import (
    FACTOR,
    SHARE,
    available_bytes,
    compiled_bytes,
    items_that_fit,
    least_bytes,
    most_at_once,
)
from jaxnst.networks.network import Network
from jaxnst.objective import Targets
from jaxnst.pyramid import check_levels, continued, size_at, trimmed, unmoved, widened
from jaxnst.transfer import Callback, Result, drive

# Bytes by what was compiled: a caller with many batches of one shape asks again and
# again, and even a compilation that is kept takes a second to find.
_analysed: dict[Any, int] = {}


@dataclass(frozen=True)
class Schedule:
    """How every item is optimised; arguments of `pyramid.stylize_pyramid`."""

    levels: tuple[float, ...]
    steps: tuple[int, ...]
    carry: bool = True
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
        return jax.vmap(lambda x: ops.resize(x, self.final))(images)

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
            resized = jax.vmap(lambda x, s=size: ops.resize(x, s))
            begun = unmoved(resized(image), resized(starts[part]), strength)
            start = jax.vmap(lambda x: widened(x, margin))(begun)
            arguments = self.arguments(level, part)
            state = self.state(self.placed(start), arguments[3])
            if results and results[-1].state is not None:
                last = results[-1].state
                state = jax.vmap(lambda a, b: continued(a, b, schedule.carry, margin))(
                    last, state
                )
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
