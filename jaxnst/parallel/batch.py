"""Many pairs of pictures, each with numbers of its own, in compiled microbatches."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import _checks
from jaxnst.images import resize
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.objectives import (
    Targets,
    content_targets,
    style_targets,
    style_terms,
)
from jaxnst.networks.network import Network
from jaxnst.optimize import optimizers
from jaxnst.optimize.initial import initial_image
from jaxnst.optimize.pyramid import size_at, widened
from jaxnst.optimize.single import Callback, Result
from jaxnst.parallel.microbatch import numbers_of, optimize_many, schedule_of, spread

Style = Array | Sequence[Array]


def stylize_batch(
    network: Network,
    contents: Array | Sequence[Array],
    styles: Sequence[Style] | Array,
    *,
    weights: Weights | None = None,
    optimizer: optimizers.Optimizer | None = None,
    key: Array | None = None,
    ema: float | None = None,
    config: Config | None = None,
    steps: int | Sequence[int] = 300,
    levels: Sequence[float] = (1.0,),
    keep_optimizer_state: bool = True,
    margin: int = 0,
    init: str | Sequence[Array] = "content",
    callback: Callback | None = None,
    budget: int | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> Result:
    """`stylize` for N pairs at once: a result is what its pair alone would give.

    Args:
        contents: N photographs of one shape, (N, H, W, 3) or a list.
        styles: N paintings of any sizes, for only their statistics travel; each may be
            several, mixed in equal parts. A picture that occurs more than once is
            looked at once.
        weights, optimizer, ema: numbers, or arrays (N,) with one for each pair.
        key: one for all, or an array of N.
        steps, levels, keep_optimizer_state, margin: as in `stylize_pyramid`; a number
            of steps for each level, or one for all.
        init: as in `stylize`, or a picture for each pair.
        budget, devices: as in `optimize_many`.
        callback: as in `stylize`; its terms are means over the pairs of a microbatch.

    Returns:
        image (N, H, W, 3), trace {term: (N, steps)}, finite (N,); NumPy's.

    Raises:
        TypeError, ValueError: bad arguments, before anything is compiled.
        MemoryError: not even one pair fits.
    """
    config = Config() if config is None else config
    numbers = numbers_of(weights, optimizer, ema, config)
    schedule = schedule_of(levels, steps, keep_optimizer_state, margin)
    photographs, paintings = _pairs(network, contents, styles, config)
    count = len(photographs)
    for leaf in jax.tree.leaves((numbers.weights, numbers.optimizer, numbers.decay)):
        if np.shape(leaf) not in ((), (count,)):
            raise ValueError(
                f"settings must be numbers or arrays ({count},), one for each pair; "
                f"got shape {np.shape(leaf)}"
            )
    keys = [None] * count if key is None else list(jnp.broadcast_to(key, (count,)))
    inits: list[Any] = [init] * count if isinstance(init, str) else list(init)
    if len(inits) != count:
        raise ValueError(f"got {len(inits)} init pictures for {count} pairs")
    starts = jnp.stack(
        [
            initial_image(first, content, style[0], own)
            for first, content, style, own in zip(
                inits, photographs, paintings, keys, strict=True
            )
        ]
    )
    seen: dict[Any, Any] = {}

    def style_at(style: list[Array], level: float) -> Any:
        name = (level, *map(id, style))
        if name not in seen:
            shrunk = [resize(s, size_at(s, level)) for s in style]
            seen[name] = style_targets(network, shrunk, config)
        return seen[name]

    def targets_at(level: float, part: np.ndarray) -> Targets:
        own = []
        for i in part:
            content = widened(resize(photographs[i], size_at(starts, level)), margin)
            aims = style_at(paintings[i], level)
            apart = None
            if numbers.weights.strength is not None:
                apart = style_terms(network, content, aims, config)
            own.append(Targets(content_targets(network, content, config), aims, apart))
        stacked: Targets = jax.tree.map(lambda *leaves: jnp.stack(leaves), *own)
        return stacked

    return optimize_many(
        network,
        starts,
        targets_at,
        spread(numbers, (count,)),
        config,
        schedule,
        items="own",
        averaging=ema is not None,
        budget=budget,
        devices=devices,
        callback=callback,
    )


def _pairs(
    network: Network,
    contents: Array | Sequence[Array],
    styles: Sequence[Style] | Array,
    config: Config,
) -> tuple[list[Array], list[list[Array]]]:
    """Photographs of one shape, and as many lists of paintings, all checked."""
    least = network.min_side(config.layers)
    photographs = [
        _checks.check_image(content, f"contents[{i}]", min_side=least)
        for i, content in enumerate(contents)
    ]
    if not photographs:
        raise ValueError("contents must hold at least one picture")
    for i, content in enumerate(photographs):
        if content.shape != photographs[0].shape:
            raise ValueError(
                f"contents[{i}] has shape {content.shape}, contents[0] "
                f"{photographs[0].shape}; give pictures of one shape in a call"
            )
    listed = list(styles)
    if len(listed) != len(photographs):
        raise ValueError(
            f"got {len(photographs)} contents and {len(listed)} styles; give one "
            "style, or one list of styles, for each content"
        )
    converted: dict[int, list[Array]] = {}  # the same object stays one
    for i, style in enumerate(listed):
        if id(style) not in converted:
            converted[id(style)] = _checks.check_images(style, f"styles[{i}]")
    return photographs, [converted[id(style)] for style in listed]
