"""Many pairs of pictures, each with numbers of its own, in compiled microbatches."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import _check, ops, optimizers
from jaxnst.config import Config, Weights
from jaxnst.grid import schedule_of, spread
from jaxnst.many import Numbers, optimize_many
from jaxnst.networks.network import Network
from jaxnst.objective import Targets, content_targets, style_targets
from jaxnst.pyramid import size_at, widened
from jaxnst.transfer import Callback, Result, check_average, initial_image

Style = Array | Sequence[Array]


def stylize_batch(
    network: Network,
    contents: Array | Sequence[Array],
    styles: Sequence[Style] | Array,
    *,
    weights: Weights | None = None,
    optimizer: optimizers.Optimizer | None = None,
    key: Array | None = None,
    average: float | None = None,
    config: Config | None = None,
    steps: int | Sequence[int] = 300,
    levels: Sequence[float] = (1.0,),
    carry: bool = True,
    margin: int = 0,
    init: str = "content",
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
        weights, optimizer, average: numbers, or arrays (N,) with one for each pair.
        key: one for all, or an array of N.
        steps, levels, carry, margin: as in `stylize_pyramid`; a number of steps for
            each level, or one for all.
        budget, devices: as in `optimize_many`.
        callback: as in `stylize`; its terms are means over the pairs of a microbatch.

    Returns:
        image (N, H, W, 3), trace {term: (N, steps)}, finite (N,); NumPy's.

    Raises:
        TypeError, ValueError: bad arguments, before anything is compiled.
        MemoryError: not even one pair fits.
    """
    config = Config() if config is None else config
    weights = Weights() if weights is None else weights
    weights.check(config)
    check_average(average)
    schedule = schedule_of(levels, steps, carry, margin)
    photographs, paintings = _pairs(network, contents, styles, config)
    count = len(photographs)
    numbers = Numbers(
        weights,
        optimizers.as_factory(optimizer or optimizers.adam()),
        0.0 if average is None else average,  # type: ignore[arg-type]
    )
    for leaf in jax.tree.leaves((numbers.weights, numbers.optimizer, numbers.decay)):
        if np.shape(leaf) not in ((), (count,)):
            raise ValueError(
                f"settings must be numbers or arrays ({count},), one for each pair; "
                f"got shape {np.shape(leaf)}"
            )
    keys = [None] * count if key is None else list(jnp.broadcast_to(key, (count,)))
    starts = jnp.stack(
        [
            initial_image(init, content, style[0], own)
            for content, style, own in zip(photographs, paintings, keys, strict=True)
        ]
    )
    seen: dict[Any, Any] = {}

    def style_at(style: list[Array], level: float) -> Any:
        name = (level, *map(id, style))
        if name not in seen:
            shrunk = [ops.resize(s, size_at(s, level)) for s in style]
            seen[name] = style_targets(network, shrunk, config)
        return seen[name]

    def targets_at(level: float, part: np.ndarray) -> Targets:
        own = [
            content_targets(
                network,
                widened(ops.resize(photographs[i], size_at(starts, level)), margin),
                config,
            )
            for i in part
        ]
        painted = [style_at(paintings[i], level) for i in part]
        stack = lambda *leaves: jnp.stack(leaves)  # noqa: E731
        return Targets(jax.tree.map(stack, *own), jax.tree.map(stack, *painted))

    return optimize_many(
        network,
        starts,
        targets_at,
        spread(numbers, (count,)),
        config,
        schedule,
        items="own",
        averaging=average is not None,
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
        _check.check_image(content, f"contents[{i}]", min_side=least)
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
            converted[id(style)] = _check.check_images(style, f"styles[{i}]")
    return photographs, [converted[id(style)] for style in listed]
