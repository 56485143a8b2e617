"""One pair of pictures under many settings, all in one compiled call."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import _checks
from jaxnst.images import resize
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.objectives import Targets, make_targets
from jaxnst.networks.network import Network
from jaxnst.optimize import optimizers
from jaxnst.optimize.initial import initial_image
from jaxnst.optimize.pyramid import size_at, widened
from jaxnst.optimize.single import Callback, Result
from jaxnst.parallel.microbatch import (
    Numbers,
    numbers_of,
    optimize_many,
    schedule_of,
    spread,
)


def grid_search(
    network: Network,
    content: Array,
    style: Array | Sequence[Array],
    *,
    alphas: Sequence[float] | None = None,
    betas: Sequence[float] | None = None,
    weights: Weights | None = None,
    optimizer: optimizers.Optimizer | None = None,
    key: Array | None = None,
    ema: float | None = None,
    config: Config | None = None,
    steps: int | Sequence[int] = 300,
    levels: Sequence[float] = (1.0,),
    keep_optimizer_state: bool = True,
    margin: int = 0,
    init: str | Array = "content",
    style_mix: Sequence[float] | None = None,
    callback: Callback | None = None,
    budget: int | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> Result:
    """`stylize` under many settings at once.

    Features of the pictures are computed once, and all settings are optimised in one
    loop that is compiled once. Every number may be an array: those of `weights`, of an
    optimizer of `jaxnst.optimizers`, `ema`, and `key` an array of keys. They
    broadcast against each other as in NumPy; the shape S that comes out is the grid.

        grid_search(network, photo, painting, alphas=[0.1, 1], betas=[1, 10, 100])
        grid_search(network, photo, painting, weights=Weights.grid(tv=[0, 1, 2]))
        grid_search(network, photo, painting, init="noise", key=jax.random.split(key))

    Args:
        alphas, betas: the axes of an alpha / beta grid; what else `weights` holds must
            then be single numbers.
        steps, levels, keep_optimizer_state, margin: as in `stylize_pyramid`; a number
            of steps for each level, or one for all.
        budget, devices: as in `optimize_many`.
        callback: as in `stylize`; its terms are means over settings.

    Returns:
        image (*S, H, W, 3), trace {term: (*S, steps)}, finite (*S,); NumPy's. For
        alphas and betas S is (A, B).

    Raises:
        TypeError, ValueError: bad arguments, before anything is compiled.
        MemoryError: not even one setting fits.
    """
    config = Config() if config is None else config
    weights = _axes(Weights() if weights is None else weights, alphas, betas)
    numbers = numbers_of(weights, optimizer, ema, config)
    schedule = schedule_of(levels, steps, keep_optimizer_state, margin)
    content = _checks.check_image(
        content, "content", min_side=network.min_side(config.layers)
    )
    styles = _checks.check_images(style, "style")
    shape = _shape(numbers, key)
    starts = jnp.broadcast_to(content, (*shape, *content.shape))
    starts = starts.reshape(-1, *content.shape)
    if key is not None or init != "content":
        starts = _starts(init, content, styles[0], key, shape)

    @cache
    def targets_at(level: float) -> Targets:
        return make_targets(
            network,
            _at(content, level, margin),
            [_at(s, level, 0) for s in styles],
            config,
            style_mix=style_mix,
            apart=weights.strength is not None,
        )

    found = optimize_many(
        network,
        starts,
        lambda level, part: targets_at(level),
        spread(numbers, shape),
        config,
        schedule,
        items="shared",
        averaging=ema is not None,
        budget=budget,
        devices=devices,
        callback=callback,
    )
    return _shaped(found, shape)


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


def _axes(
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


def _shape(numbers: Numbers, key: Array | None) -> tuple[int, ...]:
    """What all numbers, and the keys, broadcast to."""
    leaves = jax.tree.leaves((numbers.weights, numbers.optimizer, numbers.decay))
    shapes = [np.shape(leaf) for leaf in leaves]
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


def _at(image: Array, level: float, margin: int) -> Array:
    return widened(resize(image, size_at(image, level)), margin)


def _shaped(found: Result, shape: tuple[int, ...]) -> Result:
    """The axis of items as the axes of the grid."""

    def shaped(values: Any) -> np.ndarray:
        array = np.asarray(values)
        return array.reshape((*shape, *array.shape[1:]))

    return replace(
        found,
        image=shaped(found.image),
        trace={name: shaped(values) for name, values in found.trace.items()},
        finite=shaped(found.finite),
    )
