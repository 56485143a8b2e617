"""Coarse to fine: the same optimisation at a rising sequence of sizes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import _checks
from jaxnst.images import resize
from jaxnst.networks.network import Network
from jaxnst.optimize import optimizers
from jaxnst.optimize.initial import initial_image
from jaxnst.optimize.loop import State, init_state
from jaxnst.optimize.single import Callback, Progress, Result, stylize


def stylize_pyramid(
    network: Network,
    content: Array,
    style: Array | Sequence[Array],
    *,
    levels: Sequence[float],
    steps: Sequence[int],
    optimizer: optimizers.Optimizer | None = None,
    init: str | Array = "content",
    key: Array | None = None,
    callback: Callback | None = None,
    keep_optimizer_state: bool = True,
    margin: int = 0,
    resume: Result | None = None,
    **options: Any,
) -> Result:
    """`stylize` at several sizes in turn, each started from the one before.

    Coarse levels set the large shapes, which the small receptive fields of a full
    size network cannot see, and cost little.

    Args:
        content, style: pictures at the final size.
        levels: sizes as fractions of the final one, at most 1 each.
        steps: steps at each level.
        init: as in `stylize`, at the final size.
        callback: told the steps over all levels, and pictures of the level's size.
        keep_optimizer_state: take the optimiser's state along, resized, where all of it
            is numbers and arrays of the picture's shape (Adam); else it starts anew.
        margin: pixels by which each level's pictures are continued, mirrored, on every
            side, and cut off again. A pixel at a border is seen by fewer features than
            others, and drifts to loud colours: let that happen outside.
        resume: go on from what a callback's `Progress.result` gave, with the same
            pictures and options: what is done is not done again, and the end is, bit
            for bit on the same machine, what it would have been.
        options: config, weights, ema, style_mix and every, as in `stylize`.

    Returns:
        The result of the last level that ran; its traces and steps are of all levels,
        its state is as wide as the margin made it.
    """
    check_levels(levels, steps, margin)
    content = _checks.check_image(content, "content")
    styles = _checks.check_images(style, "style")
    factory = optimizers.as_factory(optimizer or optimizers.adam())
    averaging = options.get("ema") is not None
    if len(content.devices()) == 1:
        network = network.prepared()  # once for all levels
    image = first = initial_image(init, content, styles[0], key)
    results: list[Result] = []
    weights = options.get("weights")
    strength = None if weights is None else weights.strength
    if resume is not None:
        image, results = resume.image, [resume]
    for end, level, count in zip(accumulate(steps), levels, steps, strict=True):
        done = sum(result.steps for result in results)
        if end <= done:
            continue
        size = size_at(content, level)
        if done > end - count and resume is not None:  # in the midst of this level
            state = resume.state
        else:
            begun = unmoved(
                resize(image, size),
                resize(first, size),
                strength,
            )
            start = widened(begun, margin)
            state = init_state(start, factory, averaging=averaging)
            if results and results[-1].state is not None:
                state = continued(
                    results[-1].state, state, keep_optimizer_state, margin
                )
        result = stylize(
            network,
            widened(resize(content, size), margin),
            [resize(s, size_at(s, level)) for s in styles],
            optimizer=factory,
            steps=end - done,
            state=state,
            before=done,
            callback=_offset(callback, sum(steps), results, margin),
            **options,
        )
        image = trimmed(result.image, margin)
        results.append(replace(result, image=image))
        if result.steps < end - done or not result.finite:
            break
    return _joined(results)


def unmoved(image: Array, first: Array, strength: Any) -> Array:
    """What a level starts from: `image`, the level before's, or what that started from,
    where the strength is 0: enlarged, it would not be the photograph any more.

    Args:
        image, first: (..., H, W, 3) at the level's size.
        strength: None, a number, or one for each picture.
    """
    if strength is None:
        return image
    still = jnp.asarray(strength) <= 0
    return jnp.where(still.reshape(*still.shape, 1, 1, 1), first, image)


def check_levels(levels: Sequence[float], steps: Sequence[int], margin: int) -> None:
    """All of it before the first level runs."""
    if len(levels) != len(steps) or not levels:
        raise ValueError(
            f"got {len(levels)} levels and {len(steps)} numbers of steps; "
            "give one number of steps for each level"
        )
    if not all(0 < level <= 1 for level in levels):
        raise ValueError(f"levels must be above 0 and at most 1, got {tuple(levels)}")
    for count in steps:
        _checks.check_whole(count, "steps")
    if margin:
        _checks.check_whole(margin, "margin")


def size_at(image: Array, level: float) -> tuple[int, int]:
    """(height, width) of a picture (..., H, W, 3) at a fraction of its size."""
    height, width = image.shape[-3:-1]
    return max(1, round(height * level)), max(1, round(width * level))


def widened(image: Array, margin: int) -> Array:
    """A picture continued on every side, mirrored."""
    border = ((margin, margin), (margin, margin), (0, 0))
    return jnp.pad(image, border, mode="reflect")


def trimmed(image: Array, margin: int) -> Array:
    """The inverse of `widened`."""
    height, width = image.shape[:2]
    return image[margin : height - margin, margin : width - margin]


def continued(old: State, new: State, keep_optimizer_state: bool, margin: int) -> State:
    """`new`, the state at a level's beginning, after `old`, that at the end of the one
    before: with its balance and, if it is to be carried, its optimiser's memory."""
    new = replace(new, balance=old.balance)
    return carried(old, new, margin) if keep_optimizer_state else new


def carried(old: State, new: State, margin: int) -> State:
    """`new` with the optimiser's memory of `old`, or `new` if a part cannot be resized.

    Linear interpolation: it keeps Adam's second moments from turning negative.
    """

    def resized(leaf: Array) -> Array:
        if leaf.shape == old.image.shape:
            inner = trimmed(new.image, margin).shape
            leaf = trimmed(leaf, margin)
            leaf = jax.image.resize(leaf, inner, "linear", antialias=True)
            return widened(leaf, margin)
        return leaf

    leaves = jax.tree.leaves(old.opt_state)
    if any(leaf.ndim and leaf.shape != old.image.shape for leaf in leaves):
        return new
    return replace(new, opt_state=jax.tree.map(resized, old.opt_state))


def _offset(
    callback: Callback | None, total: int, before: list[Result], margin: int
) -> Callback | None:
    """`callback`, told of all levels' steps and seconds, given pictures trimmed."""
    if callback is None:
        return None
    before = list(before)
    spent = sum(result.seconds for result in before)

    def offset(progress: Progress) -> bool | None:
        picture = progress.picture

        def result() -> Result:
            now = progress.result()
            return _joined([*before, replace(now, image=trimmed(now.image, margin))])

        return callback(
            replace(
                progress,
                steps=total,
                seconds=spent + progress.seconds,
                picture=lambda: trimmed(picture(), margin),
                result=result,
            )
        )

    return offset


def _joined(results: list[Result]) -> Result:
    trace = {
        name: np.concatenate([result.trace[name] for result in results])
        for name in results[0].trace
    }
    return replace(
        results[-1],
        trace=trace,
        steps=sum(result.steps for result in results),
        seconds=sum(result.seconds for result in results),
    )
