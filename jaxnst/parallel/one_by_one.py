"""Many images one after another, each bit for bit what a run of its own gives.

That is how CPUs do it: their convolutions and products sum a batch in another order
than one image, and the difference grows with every step, so that what becomes of an
image would depend on how many others fit into memory beside it. Side by side
(`microbatch`) is no faster there but for very small pictures. The loop is that of a
single run, compiled once.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from jaxnst.images import resize
from jaxnst.losses.config import Config
from jaxnst.losses.regions import Regions
from jaxnst.networks.network import Network
from jaxnst.optimize import optimizers
from jaxnst.optimize.memory import with_tiles_if_needed
from jaxnst.optimize.options import RunKeywords, RunOptions
from jaxnst.optimize.pyramid import stylize_pyramid
from jaxnst.optimize.result import Callback, Progress, Result
from jaxnst.optimize.schedule import size_at
from jaxnst.optimize.single import MakeTargets
from jaxnst.parallel.microbatch import ItemNumbers, join_batches, over_batches


class Pictures(NamedTuple):
    """Of an item: its images, what makes their targets, and their regions."""

    content: Array
    styles: list[Array]
    make_targets: MakeTargets
    regions: Regions | None = None


def is_vectorized(
    vectorize: bool | None = None, devices: Sequence[jax.Device] | None = None
) -> bool:
    """Whether items are computed side by side: as is asked for, or else not on CPUs."""
    if vectorize is not None:
        return vectorize
    return (devices or jax.local_devices())[0].platform != "cpu"


def optimize_one_by_one(
    network: Network,
    starts: Array,
    pictures_of: Callable[[int], Pictures],
    numbers: ItemNumbers,
    options: RunOptions,
    *,
    budget: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    callback: Callback | None = None,
) -> Result:
    """Optimise N images, each by `stylize_pyramid`.

    Args:
        starts: (N, H, W, 3), where each begins.
        pictures_of: gives the pictures of an item by its number.
        options: of the call; optimizer, ema, init and key are replaced by each item's.
        budget: bytes that a run may take; None, four fifths of what is free. Where a
            picture does not fit it is seen in tiles, as `Config.tile` has it.
        devices: the first is used; None, the default one.
        callback, result: as of `optimize_many`, in microbatches of one.

    Raises:
        MemoryError: an item does not fit, not even in tiles.
    """
    if len(starts.devices()) == 1:
        asked = Config() if options.config is None else options.config
        network = network.prepared(asked.layers, asked.precision)  # once for all
    schedule = options.schedule
    final, count = size_at(starts, schedule.levels[-1]), starts.shape[0]
    results: list[Result] = []
    with _on(devices):
        for item in range(count):
            content, styles, make_targets, regions = pictures_of(item)
            own, config = numbers.at(np.int32(item)), options.config
            if budget is not None:
                config = config_for(network, options, [content, *styles], budget)
            given = RunKeywords(
                config=config,
                optimizer=own.optimizer,
                steps=schedule.steps,
                levels=schedule.levels,
                keep_optimizer_state=schedule.keep_optimizer_state,
                margin=schedule.margin,
                alpha_ratio=schedule.alpha_ratio,
                init=starts[item],
                ema=None if options.ema is None else own.decay,
                style_mix=options.style_mix,
                regions=regions,
            )
            told = over_batches(callback, item, count, schedule.total, results)
            result = stylize_pyramid(
                network,
                content,
                styles,
                weights=own.weights,
                callback=_with_axis(told),
                make_targets=make_targets,
                **given,
            )
            # What ended at a coarse level stands beside others that did not.
            image = resize(result.image, final)
            results.append(_as_many(replace(result, image=np.asarray(image))))
            if result.steps < schedule.total and result.finite:
                break  # the callback ended it
    return join_batches(results, jax.vmap(lambda x: resize(x, final))(starts))


def config_for(
    network: Network, options: RunOptions, images: Sequence[Array], budget: int
) -> Config:
    """The config of a run that stays within a budget of bytes."""
    margin, level = 2 * options.margin, max(options.levels)
    sizes = [tuple(side + margin for side in size_at(x, level)) for x in images]
    config = Config() if options.config is None else options.config
    return with_tiles_if_needed(
        network,
        config,
        max(sizes, key=math.prod),
        budget=budget,
        state_images=optimizers.state_images(options.optimizer or optimizers.adam()),
    )


def _on(devices: Sequence[jax.Device] | None) -> AbstractContextManager[Any]:
    """Arrays are made on the first of the devices. Not named where it is the default:
    that alone would compile the loop anew."""
    if not devices or devices[0] == jax.local_devices()[0]:
        return nullcontext()
    return jax.default_device(devices[0])


def _as_many(result: Result) -> Result:
    """The result of one image with an axis of items."""
    return replace(
        result,
        image=result.image[None],
        trace={name: values[None] for name, values in result.trace.items()},
        finite=np.array([result.finite]),
        state=None,
    )


def _with_axis(callback: Callback | None) -> Callback | None:
    """`callback`, told of one image with an axis of items."""
    if callback is None:
        return None

    def with_axis(progress: Progress) -> bool | None:
        return callback(
            replace(
                progress,
                picture=lambda: progress.picture()[None],
                result=lambda: _as_many(progress.result()),
            )
        )

    return with_axis
