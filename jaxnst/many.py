"""Many pictures at once: one compiled loop over items, in microbatches that fit.

Items share the network's parameters and nothing else, so that what becomes of one does
not depend on its neighbours.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxnst import optimizers
from jaxnst.config import Config, Weights
from jaxnst.loop import Items
from jaxnst.microbatch import Microbatches, Numbers, Schedule, TargetsAt
from jaxnst.networks.network import Network
from jaxnst.pyramid import size_at
from jaxnst.transfer import Callback, Progress, Result, check_average


def schedule_of(
    levels: Sequence[float], steps: int | Sequence[int], carry: bool, margin: int
) -> Schedule:
    """A schedule from the arguments of `grid_search` or `stylize_batch`."""
    counts = (steps,) * len(levels) if isinstance(steps, int) else tuple(steps)
    return Schedule(tuple(levels), counts, carry, margin)


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
    average: Any,
    config: Config,
) -> Numbers:
    """The numbers of a call, not yet of one shape, checked."""
    weights = Weights() if weights is None else weights
    weights.check(config)
    check_average(average)
    factory = optimizers.as_factory(optimizer or optimizers.adam())
    return Numbers(weights, factory, 0.0 if average is None else average)


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
    return _joined(results, run.at_the_end(starts))


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


def _joined(results: list[Result], starts: Array) -> Result:
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
