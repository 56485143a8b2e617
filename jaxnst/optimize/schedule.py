"""Coarse to fine: the sizes of a run, the steps at each, what one hands to the next.

Coarse levels set the large shapes, which the small receptive fields of a full size
network cannot see, and cost little. One image and images side by side share this
schedule, not the compiled loop: a batch sums in another order.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import _checks
from jaxnst._quick_jit import quick_jit
from jaxnst.images import resize
from jaxnst.losses.config import Weights
from jaxnst.losses.regions import Regions, resize_mask
from jaxnst.optimize.loop import State
from jaxnst.optimize.result import Result


@dataclass(frozen=True)
class Schedule:
    """The levels of a run.

    Attributes:
        levels: sizes as fractions of the final one, at most 1 each.
        steps: steps at each level.
        keep_optimizer_state: take the optimiser's state along, resized, where all of it
            is numbers and arrays of the image's shape (Adam); else it starts anew.
        margin: pixels by which each level's images are continued, mirrored, on every
            side, and cut off again. A pixel at a border is seen by fewer features than
            others, and drifts to loud colours: let that happen outside.

        alpha_ratio: alpha at each level over that at the level before.

    Raises:
        ValueError: levels or steps that cannot be, or not as many of each.
    """

    levels: tuple[float, ...]
    steps: tuple[int, ...]
    keep_optimizer_state: bool = True
    margin: int = 0
    alpha_ratio: float = 1.0

    def __post_init__(self) -> None:
        if len(self.levels) != len(self.steps) or not self.levels:
            raise ValueError(
                f"got {len(self.levels)} levels and {len(self.steps)} numbers of "
                "steps; give one number of steps for each level"
            )
        if not all(0 < level <= 1 for level in self.levels):
            raise ValueError(f"levels must be above 0 and at most 1, got {self.levels}")
        for count in self.steps:
            _checks.check_whole(count, "steps")
        if self.margin:
            _checks.check_whole(self.margin, "margin")
        _checks.check_number(self.alpha_ratio, "alpha_ratio")

    def check_image(self, image: Array, name: str, least: int, margin: int = 0) -> None:
        """Check that an image (H, W, 3) is large enough at every level.

        Args:
            name: what a message calls it.
            least: smallest side in pixels that the layers can look at.
            margin: pixels that are added on every side.

        Raises:
            ValueError: it is not; with the smallest level that works.
        """
        height, width = image.shape[:2]
        rows, columns = size_at(image, min(self.levels))
        if min(rows, columns) + 2 * margin >= least:
            return
        lowest = math.ceil(100 * (least - 2 * margin) / min(height, width)) / 100
        mend = "enlarge it or choose shallower layers"
        if lowest <= 1:
            mend = f"choose levels from {lowest:g}, or enlarge it"
        raise ValueError(
            f"{name} is {width} x {height} pixels, and {columns} x {rows} at level "
            f"{min(self.levels):g}, too small: the chosen layers need at least "
            f"{least} on each side; {mend}"
        )

    @property
    def total(self) -> int:
        """Steps at all levels."""
        return sum(self.steps)

    def weights_at(self, weights: Weights | None, level: float) -> Weights | None:
        """The loss weights of a level; `weights` are the first one's."""
        if self.alpha_ratio == 1:
            return weights
        weights = Weights() if weights is None else weights
        factor = self.alpha_ratio ** self.levels.index(level)
        return replace(weights, alpha=weights.alpha * factor)

    def at_level(self, image: Array, level: float) -> Array:
        """An image (H, W, 3) at a level, with the margin around it."""
        return add_margin(resize(image, size_at(image, level)), self.margin)

    def regions_at_level(self, regions: Regions | None, level: float) -> Regions | None:
        """Regions of the images at a level, with the margin around the content's."""
        if regions is None:
            return None
        content, *styles = (
            resize_mask(mask, size_at(mask, level))
            for mask in (regions.content, *regions.styles)
        )
        return Regions(add_margin(content, self.margin), tuple(styles))

    def start(
        self, image: Array, initial: Array, size: tuple[int, int], strength: Any
    ) -> Array:
        """What a level starts from, with the margin around it.

        Args:
            image: (H, W, 3), the result of the level before.
            initial: (H', W', 3), what the first level started from.
            size: (height, width) of this level, without the margin.
            strength: where it is 0 the level starts from `initial`: enlarged, the
                image would not be the content any more. None, a number or a tracer.
        """
        start = resize(image, size)
        if strength is not None:
            start = jnp.where(jnp.asarray(strength) <= 0, resize(initial, size), start)
        return add_margin(start, self.margin)

    def next_state(self, before: State, new: State) -> State:
        """`new`, the state at a level's beginning, after `before`, that at the end of
        the level before: with its log beta and, if that is wanted, its optimiser's
        state."""
        new = replace(new, log_beta=before.log_beta)
        if not self.keep_optimizer_state:
            return new
        return _with_optimizer_state(before, new, self.margin)


def size_at(image: Array, level: float) -> tuple[int, int]:
    """(height, width) of an image (..., H, W, 3) at a fraction of its size."""
    height, width = image.shape[-3:-1]
    return max(1, round(height * level)), max(1, round(width * level))


def add_margin(image: Array, margin: int) -> Array:
    """An image (H, W, 3) continued on every side, mirrored."""
    border = ((margin, margin), (margin, margin), (0, 0))
    return jnp.pad(image, border, mode="reflect")


def remove_margin(image: Array, margin: int) -> Array:
    """The inverse of `add_margin`."""
    height, width = image.shape[:2]
    return image[margin : height - margin, margin : width - margin]


def _with_optimizer_state(before: State, new: State, margin: int) -> State:
    """`new` with the optimiser's state of `before`, unless that cannot be resized.

    Linear interpolation: it keeps Adam's second moments from turning negative.
    """

    def resized(leaf: Array) -> Array:
        if leaf.shape != before.image.shape:
            return leaf
        height, width = new.image.shape[:2]
        return _enlarged(leaf, (height, width), margin)

    leaves = jax.tree.leaves(before.opt_state)
    if any(leaf.ndim and leaf.shape != before.image.shape for leaf in leaves):
        return new
    return replace(new, opt_state=jax.tree.map(resized, before.opt_state))


@quick_jit(static_argnums=(1, 2))
def _enlarged(leaf: Array, size: tuple[int, int], margin: int) -> Array:
    """A leaf of the optimiser's state (H, W, 3) at another size (height, width)."""
    inner = size[0] - 2 * margin, size[1] - 2 * margin, leaf.shape[2]
    leaf = remove_margin(leaf, margin)
    return add_margin(jax.image.resize(leaf, inner, "linear", antialias=True), margin)


def join_levels(results: Sequence[Result]) -> Result:
    """The results of several levels as one: the last image and state, the traces and
    steps of all."""
    finite = np.all([np.asarray(result.finite) for result in results], axis=0)
    return replace(
        results[-1],
        trace={
            name: np.concatenate([result.trace[name] for result in results], -1)
            for name in results[0].trace
        },
        steps=sum(result.steps for result in results),
        finite=bool(finite) if finite.ndim == 0 else finite,
        seconds=sum(result.seconds for result in results),
    )
