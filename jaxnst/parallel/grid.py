"""One pair of pictures under many settings, in a loop that is compiled once."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import _checks
from jaxnst.images import resize
from jaxnst.losses import octaves
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.targets import Targets, compute_targets, make_targets
from jaxnst.networks.network import Network, check_network
from jaxnst.optimize.initial import initial_image
from jaxnst.optimize.options import RunKeywords, RunOptions
from jaxnst.optimize.result import Callback, Result
from jaxnst.optimize.schedule import size_at
from jaxnst.optimize.single import MakeTargets
from jaxnst.parallel.microbatch import ItemNumbers, optimize_many
from jaxnst.parallel.one_by_one import (
    Pictures,
    is_vectorized,
    optimize_one_by_one,
)


def grid_search(
    network: Network,
    content: Array,
    style: Array | Sequence[Array],
    *,
    alphas: Sequence[float] | None = None,
    betas: Sequence[float] | None = None,
    weights: Weights | None = None,
    callback: Callback | None = None,
    budget: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    vectorize: bool | None = None,
    **options: Unpack[RunKeywords],
) -> Result:
    """`stylize` under many settings.

    Features of the images are computed once, and all settings are optimised in a loop
    that is compiled once. Every number may be an array: those of `weights`, of an
    optimizer of `jaxnst.optimizers`, `ema`, and `key` an array of keys. They
    broadcast against each other as in NumPy; the shape S that comes out is the grid.

        grid_search(network, photo, painting, alphas=[0.1, 1], betas=[1, 10, 100])
        grid_search(network, photo, painting, weights=Weights.grid(tv=[0, 1, 2]))
        grid_search(network, photo, painting, init="noise", key=jax.random.split(key))

    Args:
        alphas, betas: the axes of an alpha / beta grid; what else `weights` holds must
            then be single numbers.
        callback: as in `stylize`; its terms are means over the settings of a
            microbatch, its image and its result are a microbatch's.
        budget: bytes to use; None, four fifths of what is free.
        devices: None, all local ones.
        vectorize: whether settings are computed side by side, by `jax.vmap`, as many
            as fit into the budget, divided between the devices. Each is then what a run
            of its own gives but for rounding, which grows with every step. Without it
            they are one after another on the first device, and bit for bit the same.
            None: not on CPUs, where it is faster for very small pictures alone.
        options: of `RunOptions`: config, optimizer, steps, levels, init, key, ...

    Returns:
        image (*S, H, W, 3), trace {term: (*S, steps)}, finite (*S,); NumPy's. For
        alphas and betas S is (A, B).

    Raises:
        TypeError, ValueError: bad arguments, before anything is compiled.
        MemoryError: not even one setting fits.
    """
    _checks.check_not_traced(
        "grid_search", network, content, style, alphas, betas, weights, options
    )
    given = RunOptions(**options)
    config = Config() if given.config is None else given.config
    weights = _with_axes(Weights() if weights is None else weights, alphas, betas)
    numbers = ItemNumbers.of(weights, given, config)
    schedule, key = given.schedule, given.key
    content = _checks.check_image(content, "content")
    styles = _checks.check_images(style, "style", alpha=True)
    least = octaves.min_side(check_network(network), config)
    schedule.check_image(content, "content", least, schedule.margin)
    for image in styles:
        schedule.check_image(image, "style", least)
    shape = _grid_shape(numbers, key)
    starts = _starts(given.init, content, styles[0], key, shape)
    if not is_vectorized(vectorize, devices):
        pictures = Pictures(content, styles, _targets_once(), given.regions)
        result = optimize_one_by_one(
            network,
            starts,
            lambda item: pictures,
            numbers.spread(shape),
            given,
            budget=budget,
            devices=devices,
            callback=callback,
        )
        return _reshaped(result, shape)

    @cache
    def targets_at(level: float) -> Targets:
        return make_targets(
            network,
            schedule.at_level(content, level),
            [resize(s, size_at(s, level)) for s in styles],
            config,
            style_mix=given.style_mix,
            with_content_style=weights.strength is not None,
            regions=schedule.regions_at_level(given.regions, level),
        )

    result = optimize_many(
        network,
        starts,
        lambda level, items: targets_at(level),
        numbers.spread(shape),
        config,
        schedule,
        target_axis="shared",
        averaging=given.ema is not None,
        budget=budget,
        devices=devices,
        callback=callback,
    )
    return _reshaped(result, shape)


def _targets_once() -> MakeTargets:
    """`compute_targets` of one pair of pictures, once for each size."""
    made: dict[Any, Targets] = {}

    def targets(
        network: Network,
        content: Array,
        styles: list[Array],
        config: Config,
        **how: Any,
    ) -> Targets:
        key = config, content.shape, tuple(style.shape for style in styles)
        if key not in made:
            made[key] = compute_targets(network, content, styles, config, **how)
        return made[key]

    return targets


def best_start(result: Result, *, window: int = 10) -> tuple[int, ...]:
    """Where in a grid the loss ended lowest: its mean over the last `window` steps.

    For runs that differ in their start alone; losses under different weights do not
    compare. What is not finite is never the best.

    Returns:
        An index into `result.image`.

    Raises:
        ValueError: nothing in the result is finite.
    """
    ends = result.trace["loss"][..., -window:].mean(-1)
    ends = np.where(np.asarray(result.finite) & np.isfinite(ends), ends, np.inf)
    if not np.isfinite(ends).any():
        raise ValueError("no run stayed finite; try a lower learning rate")
    return tuple(int(i) for i in np.unravel_index(np.argmin(ends), ends.shape))


def _with_axes(
    weights: Weights, alphas: Sequence[float] | None, betas: Sequence[float] | None
) -> Weights:
    """`weights` with the axes of an alpha / beta grid, if they are given."""
    if alphas is None and betas is None:
        return weights
    for leaf in jax.tree.leaves(weights):
        if np.ndim(leaf):
            raise ValueError(
                "alphas and betas take weights of single numbers; for other axes give "
                "weights=Weights.grid(alpha=..., beta=..., tv=...)"
            )
    axes = {
        "alpha": [weights.alpha] if alphas is None else alphas,
        "beta": [weights.beta] if betas is None else betas,
    }
    grid = Weights.grid(**axes)
    return replace(weights, alpha=grid.alpha, beta=grid.beta)


def _grid_shape(numbers: ItemNumbers, key: Array | None) -> tuple[int, ...]:
    """What all numbers, and the keys, broadcast to."""
    shapes = [np.shape(leaf) for leaf in numbers.leaves]
    if key is not None:
        shapes.append(_check_key(key).shape)
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        known = ", ".join(str(shape) for shape in dict.fromkeys(shapes) if shape)
        raise ValueError(
            f"the settings have shapes {known}, which do not broadcast together; "
            "Weights.grid makes such that do"
        ) from None


def _check_key(key: Array) -> Array:
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        raise TypeError(
            "key must come from jax.random.key(seed), or be an array of such keys, "
            f"got {key.dtype}"
        )
    return key


def _starts(
    init: str | Array, content: Array, style: Array, key: Array | None, shape: Any
) -> Array:
    """(N, H, W, 3), one for each setting."""
    if key is None or init != "noise":
        image = initial_image(init, content, style, key)
        return jnp.broadcast_to(image, (int(np.prod(shape)), *content.shape))
    keys = jnp.broadcast_to(key, shape).reshape(-1)
    return jnp.stack([initial_image("noise", content, style, own) for own in keys])


def _reshaped(result: Result, shape: tuple[int, ...]) -> Result:
    """The axis of items as the axes of the grid."""

    def reshaped(values: Any) -> np.ndarray:
        array = np.asarray(values)
        return array.reshape((*shape, *array.shape[1:]))

    return replace(
        result,
        image=reshaped(result.image),
        trace={name: reshaped(values) for name, values in result.trace.items()},
        finite=reshaped(result.finite),
    )
