"""What of a frame was painted before, from earlier painted frames and the motion."""

from collections.abc import Sequence

import numpy as np

from jaxnst import _checks
from jaxnst.video.coloring import to_image, to_painted_colors
from jaxnst.video.flow import Flows
from jaxnst.video.masks import FrameMask
from jaxnst.video.motion import Carried, Motion, carried
from jaxnst.video.parts import Cover, seen_share, stacked

# Where less of a frame than this was seen before, it is begun anew.
_LEAST_SEEN = 0.15


def offsets_of(long_term: int) -> tuple[int, ...]:
    """1, 2, 4 ... up to `long_term`, 1 in any case."""
    if long_term:
        _checks.check_whole(long_term, "long_term")
    offsets = [1]
    while 2 * offsets[-1] <= long_term:
        offsets.append(2 * offsets[-1])
    return tuple(offsets)


def last_of(painted: Sequence[np.ndarray]) -> np.ndarray:
    if not painted:
        raise ValueError(
            "the frame is the one before, of which the painted one is not given; give "
            "the last painted frames"
        )
    return painted[-1]


def seen_before(
    painted: Sequence[np.ndarray],
    motion: Motion,
    offsets: Sequence[int],
    color: str,
    masks: Sequence[FrameMask],
    cover: Cover | None,
) -> Carried | None:
    """What of the frame was painted before; None where that is hardly anything, as
    after a cut."""
    flows = motion.flows
    if motion.still and offsets and painted:  # its masks alone have moved
        nowhere = np.zeros((*painted[-1].shape[:2], 2), np.float32)
        flows = (Flows(nowhere, nowhere),)
    if not flows:
        return None
    wanted = offsets[: len(flows)]
    if len(painted) < wanted[-1] or (masks and len(masks) <= wanted[-1]):
        raise ValueError(
            f"the motion looks {wanted[-1]} frames back, got {len(painted)} painted "
            "frames; give as many painted frames, and masks where the clip has them, "
            "as input frames before the present"
        )
    images = [to_painted_colors(color, to_image(painted[-n])) for n in wanted]
    if cover is None:
        found = carried(images, flows)
        share = found.mask.mean()
    else:
        found = carried(images, flows, stacked(masks, wanted))
        share = seen_share(found.mask, cover.painted)
    return None if float(share) < _LEAST_SEEN else found
