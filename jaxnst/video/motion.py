"""What of a frame was seen before, and where: flows, cuts, frames that stand still."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst.video import parts, temporal
from jaxnst.video.cuts import is_cut
from jaxnst.video.flow import Flows, optical_flow


class Motion(NamedTuple):
    """The motion from earlier frames to the present one.

    Attributes:
        still: whether the frame is the one before, to the bit.
        flows: between each earlier frame that is looked at and the present one, nearest
            first; those of another shot, or before the clip, are left out.
    """

    still: bool
    flows: tuple[Flows, ...]


def motion_between(frames: Sequence[np.ndarray], offsets: Sequence[int]) -> Motion:
    """The motion to the last of some frames.

    Args:
        frames: uint8 (H, W, 3), oldest first.
        offsets: how many frames earlier each one is that is looked at, rising from 1.
    """
    *earlier, present = frames
    if earlier and np.array_equal(earlier[-1], present):
        return Motion(True, ())
    reach = same_shot(frames)
    seen = [earlier[-offset] for offset in offsets if offset <= reach]
    return Motion(False, tuple(optical_flow(past, present) for past in seen))


def same_shot(frames: Sequence[np.ndarray]) -> int:
    """How many frames before the last one are of its shot."""
    pairs = zip(reversed(frames[:-1]), reversed(frames[1:]), strict=True)
    for count, (before, after) in enumerate(pairs):
        if is_cut(before, after):
            return count
    return len(frames) - 1


class Carried(NamedTuple):
    """Earlier painted frames moved to the present, as one; pictures (H, W, 3), masks
    (H, W, 1), 1 where the picture holds.

    Attributes:
        image, mask: of what was seen before, but at the boundaries of what moves, where
            the flow is least to be trusted.
        start, known: with those boundaries: good enough to start from.
    """

    image: Array
    mask: Array
    start: Array
    known: Array


@jax.jit
def carried(
    painted: Sequence[Array], flows: Sequence[Flows], masks: Array | None = None
) -> Carried:
    """Earlier painted frames moved to the present, the nearest first choice
    (`temporal.nearest_seen`).

    Args:
        painted: (H, W, 3) each, nearest first.
        flows: from each to the present.
        masks: (1 + n, H, W, C), which parts are painted, of the present frame and of
            the n earlier ones; None, all of all.
    """
    both = [Flows(*map(jnp.asarray, between)) for between in flows]
    moved = jnp.stack(
        [
            temporal.warp(image, between.backward)
            for image, between in zip(painted, both, strict=True)
        ]
    )
    known = jnp.stack([temporal.is_consistent(b.backward, b.forward) for b in both])
    held = known * jnp.stack([temporal.is_smooth(b.backward) for b in both])
    if masks is not None:
        present, *earlier = masks
        before = [
            temporal.warp(mask, between.backward)
            for mask, between in zip(earlier, both, strict=True)
        ]
        held = held * jnp.stack([parts.held(present, mask) for mask in before])
        known = known * jnp.stack([parts.known(present, mask) for mask in before])
    image, mask = temporal.nearest_seen(moved, held)
    start, start_mask = temporal.nearest_seen(moved, known)
    return Carried(image, mask[..., None], start, start_mask[..., None])
