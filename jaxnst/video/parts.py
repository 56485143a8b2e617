"""Parts of a clip's frames: what is painted of them, what shows beside it, and what of
the frames before still holds.

Where a border moves over what is seen, the frame before shows there what was on its
other side: the photograph in the place of strokes, or those of another painting. There
nothing is held to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst.losses.regions import Regions, composite, region_target, resize_mask
from jaxnst.pipeline.protection import Protection, protection_of
from jaxnst.video.coloring import to_image
from jaxnst.video.masks import ClipMasks, FrameMask

# Masks that differ by this hold a frame to nothing; less, in part.
_OTHER = 0.25

# By this, one is not even begun from the other.
_ANEW = 0.5


class Cover(NamedTuple):
    """What of a frame is painted.

    Attributes:
        weights: (H, W, R), how much of a pixel is of each region.
        painted: (H, W, 1), how much of it is painted in all.
        kept: (H, W, 3), what shows beside that: the frame, in other colours where it is
            protected.
    """

    weights: Array
    painted: Array
    kept: Array

    def over(self, image: Array, kept: Array | None = None) -> Array:
        """A painted picture, and what shows beside it.

        Args:
            kept: that in other colours.
        """
        target = region_target(self.weights, self.kept if kept is None else kept, {})
        return composite(image, target)

    def finished(self, image: Array) -> Array:
        """What `over` gave, and exactly the frame where nothing is painted."""
        return jnp.where(self.painted > 0, image, self.kept)


@dataclass(frozen=True)
class Parts:
    """Which parts of the frames take which parts of the paintings.

    Attributes:
        styles: of each painting (h, w, R).
        protection: how frames look where they are protected; None, they are not.
    """

    styles: tuple[Array, ...]
    protection: Protection | None

    def cover(self, masks: Sequence[FrameMask], content: Array) -> Cover:
        """What of a frame (H, W, 3) is painted, by the last of the masks.

        Raises:
            ValueError: there is none, or it is of another size.
        """
        if not masks or masks[-1].weights.shape[:2] != content.shape[:2]:
            raise ValueError(
                "the painter has masks; give those of the frame, of its size, as masks"
            )
        weights, kept = jnp.asarray(masks[-1].weights), content
        protected = masks[-1].protected
        if protected is not None and self.protection is not None:
            found = _protected(self.protection, content, weights, protected)
            weights, kept = found
        painted = jnp.clip(jnp.sum(weights, -1, keepdims=True), 0.0, 1.0)
        return Cover(weights, painted, kept)


@jax.jit
def _protected(
    how: Protection, content: Array, weights: Array, mask: Array
) -> tuple[Array, Array]:
    found = how(content, weights, mask)
    return found.weights, found.content


def parts_of(
    masks: ClipMasks | None,
    styles: Sequence[Array],
    reference: np.ndarray | None,
    *,
    color: str,
    style_mix: Sequence[float] | None,
) -> Parts | None:
    """The parts that a clip's masks name; None without masks.

    Args:
        styles: the paintings, (h, w, 3) or (h, w, 4) each; masks of other sizes are
            resized.
        reference: a frame of the clip, by whose colours those of what is protected are
            moved, for all frames alike; needed where something is.
        color, style_mix: as of `Settings`.

    Raises:
        ValueError: a reference is needed and none given.
    """
    if masks is None:
        return None
    own = tuple(
        resize_mask(mask, style.shape)
        for mask, style in zip(masks.styles, styles, strict=True)
    )
    if masks.protect_strength is None:
        return Parts(own, None)
    if reference is None:
        raise ValueError(
            "what is protected takes the paintings' colours by a frame of the clip; "
            "give its first as reference"
        )
    content = to_image(reference)
    first = resize_mask(jnp.asarray(masks.frames()(0).weights), content.shape)
    how = protection_of(
        content,
        styles,
        Regions(first, own),
        strength=masks.protect_strength,
        color=color,
        style_mix=style_mix,
    )
    return Parts(own, how)


def stay(masks: Sequence[FrameMask]) -> bool:
    """Whether the last of the masks is the one before, or there are none."""
    return len(masks) < 2 or masks[-1].equals(masks[-2])


def stacked(masks: Sequence[FrameMask], offsets: Sequence[int]) -> Array | None:
    """The masks of a frame and of earlier ones, (1 + n, H, W, C); None of none.

    Args:
        masks: oldest first, the present one last.
        offsets: how many frames earlier each is.
    """
    if not masks:
        return None
    needed = [masks[-1], *(masks[-1 - offset] for offset in offsets)]
    return jnp.stack(
        [
            jnp.concatenate([part for part in mask if part is not None], -1)
            for mask in needed
        ]
    )


def held(present: Array, before: Array) -> Array:
    """How firmly what was painted before holds, (H, W): 1 where the masks are the same,
    0 where a pixel was on the other side of a border.

    Args:
        present, before: (H, W, C), the earlier ones moved to the present.
    """
    return jnp.clip(1.0 - _apart(present, before) / _OTHER, 0.0, 1.0)


def known(present: Array, before: Array) -> Array:
    """1 where what was painted before is near enough to start from, (H, W)."""
    return (_apart(present, before) < _ANEW).astype(jnp.float32)


def _apart(present: Array, before: Array) -> Array:
    return jnp.max(jnp.abs(present - before), -1)


@jax.jit
def seen_share(mask: Array, painted: Array) -> Array:
    """How much of what is painted was seen before.

    Args:
        mask, painted: (H, W, 1), what was seen, and how much of a pixel is painted.
    """
    return jnp.sum(mask * painted) / jnp.maximum(jnp.sum(painted), 1e-6)
