"""One pair of pictures under many settings, all in one compiled call."""

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
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.objectives import Targets, make_targets
from jaxnst.networks.network import Network, check_network
from jaxnst.optimize.initial import initial_image
from jaxnst.optimize.options import RunKeywords, RunOptions
from jaxnst.optimize.result import Callback, Result
from jaxnst.optimize.schedule import size_at
from jaxnst.parallel.microbatch import ItemNumbers, optimize_many


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
    **options: Unpack[RunKeywords],
) -> Result:
    """`stylize` under many settings at once.

    Features of the images are computed once, and all settings are optimised in one
    loop that is compiled once. Every number may be an array: those of `weights`, of an
    optimizer of `jaxnst.optimizers`, `ema`, and `key` an array of keys. They
    broadcast against each other as in NumPy; the shape S that comes out is the grid.

        grid_search(network, photo, painting, alphas=[0.1, 1], betas=[1, 10, 100])
        grid_search(network, photo, painting, weights=Weights.grid(tv=[0, 1, 2]))
        grid_search(network, photo, painting, init="noise", key=jax.random.split(key))

    Args:
        alphas, betas: the axes of an alpha / beta grid; what else `weights` holds must
            then be single numbers.
        callback: as in `stylize`; its terms are means over settings.
        budget, devices: as in `optimize_many`.
        options: of `RunOptions`: config, optimizer, steps, levels, init, key, ...

    Returns:
        image (*S, H, W, 3), trace {term: (*S, steps)}, finite (*S,); NumPy's. For
        alphas and betas S is (A, B).

    Raises:
        TypeError, ValueError: bad arguments, before anything is compiled.
        MemoryError: not even one setting fits.
    """
    given = RunOptions(**options)
    config = Config() if given.config is None else given.config
    weights = _with_axes(Weights() if weights is None else weights, alphas, betas)
    numbers = ItemNumbers.of(weights, given, config)
    schedule, key = given.schedule, given.key
    content = _checks.check_image(content, "content")
    styles = _checks.check_images(style, "style")
    least = check_network(network).min_side(config.layers)
    schedule.check_image(content, "content", least, schedule.margin)
    for image in styles:
        schedule.check_image(image, "style", least)
    shape = _grid_shape(numbers, key)

    @cache
    def targets_at(level: float) -> Targets:
        return make_targets(
            network,
            schedule.at_level(content, level),
            [resize(s, size_at(s, level)) for s in styles],
            config,
            style_mix=given.style_mix,
            with_content_style=weights.strength is not None,
        )

    result = optimize_many(
        network,
        _starts(given.init, content, styles[0], key, shape),
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
    return jax.vmap(lambda key: initial_image("noise", content, style, key))(keys)


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
