"""Motion between frames as pure functions: warping, occlusion, the warping error.

Flows are (H, W, 2) in pixels, x to the right and y down, as of `flow.optical_flow`;
pictures are (H, W, 3), float32 in [0, 1]; masks are (H, W), 1 where a pixel counts.
The constants are those of Ruder, Dosovitskiy and Brox, "Artistic style transfer for
videos" (GCPR 2016), section 4, after Sundaram, Brox and Keutzer (ECCV 2010).
"""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst._types import AnyArray


def warp(
    image: Float[AnyArray, "h w c"], flow: Float[AnyArray, "h w 2"]
) -> Float[Array, "h w c"]:
    """What lies at (x, y) + flow[y, x] of an image, for every (x, y).

    Bilinear; outside the image its nearest border pixel. Differentiable in both
    arguments. A frame is moved on to the next one's time by the flow backward.

    Args:
        image: (H, W, c).
        flow: (H, W, 2).

    Returns:
        (H, W, c).
    """
    height, width = image.shape[:2]
    x, y = _positions(flow)
    x, y = jnp.clip(x, 0.0, width - 1.0), jnp.clip(y, 0.0, height - 1.0)
    left = jnp.clip(jnp.floor(x), 0, max(width - 2, 0)).astype(jnp.int32)
    top = jnp.clip(jnp.floor(y), 0, max(height - 2, 0)).astype(jnp.int32)
    right, below = jnp.minimum(left + 1, width - 1), jnp.minimum(top + 1, height - 1)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = image[top, left] * (1.0 - across) + image[top, right] * across
    lower = image[below, left] * (1.0 - across) + image[below, right] * across
    return upper * (1.0 - down) + lower * down


def _positions(
    flow: Float[AnyArray, "h w 2"],
) -> tuple[Float[Array, "h w"], Float[Array, "h w"]]:
    """x and y of where each pixel comes from."""
    height, width = flow.shape[:2]
    x = jnp.arange(width, dtype=jnp.float32)[None] + flow[..., 0]
    y = jnp.arange(height, dtype=jnp.float32)[:, None] + flow[..., 1]
    return x, y


def is_inside(flow: Float[AnyArray, "h w 2"]) -> Float[Array, "h w"]:
    """1 where a pixel comes from within the frame, else 0.

    The frame ends half a pixel beyond the centres of its outermost pixels.
    """
    height, width = flow.shape[:2]
    x, y = _positions(flow)
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return inside.astype(jnp.float32)


def is_consistent(
    flow: Float[AnyArray, "h w 2"], inverse: Float[AnyArray, "h w 2"]
) -> Float[Array, "h w"]:
    """1 where the way there and back again ends where it began, else 0.

    Occluded is where |w + w'|² >= 0.01 (|w|² + |w'|²) + 0.5, with w the flow at a pixel
    and w' the other flow where w leads, or where that is outside the frame.

    Args:
        flow: w, (H, W, 2), of the frame for which the mask is.
        inverse: (H, W, 2), of the other frame, back to this one.
    """
    back = warp(inverse, flow)
    apart = _squared(flow + back)
    occluded = apart >= 0.01 * (_squared(flow) + _squared(back)) + 0.5
    return jnp.where(occluded, 0.0, is_inside(flow))


def is_smooth(flow: Float[AnyArray, "h w 2"]) -> Float[Array, "h w"]:
    """0 on the boundaries of what moves, where a flow is least to be trusted, else 1.

    A boundary is where |∇u|² + |∇v|² > 0.01 |w|² + 0.002 for a flow w = (u, v), with
    central differences, one-sided ones at the borders.
    """
    steepness = sum(
        (_squared(_difference(flow, axis)) for axis in (0, 1)),
        start=jnp.zeros(flow.shape[:2]),
    )
    boundary = steepness > 0.01 * _squared(flow) + 0.002
    return 1.0 - boundary.astype(jnp.float32)


def unoccluded(
    flow: Float[AnyArray, "h w 2"], inverse: Float[AnyArray, "h w 2"]
) -> Float[Array, "h w"]:
    """1 where a pixel is seen in the other frame, too, and its flow can be trusted.

    Args:
        flow, inverse: as of `is_consistent`: for what of a frame was seen in the one
            before, `flow` is the flow backward and `inverse` the one forward.
    """
    return is_consistent(flow, inverse) * is_smooth(flow)


def warping_error(
    first: Float[AnyArray, "h w c"],
    second: Float[AnyArray, "h w c"],
    flow: Float[AnyArray, "h w 2"],
    mask: Float[AnyArray, "h w"],
) -> Float[Array, ""]:
    """Flicker between two painted frames: Σ ((warp(b) - a) m)² / Σ m.

    The mean square of the difference over the values that count. Of a clip the mean
    over its pairs of neighbours is taken.

    Args:
        first, second: a and b, (H, W, c), painted frames.
        flow: (H, W, 2), from the first to the second, of the input.
        mask: m, (H, W), what of the first is seen in the second, of the input.

    Returns:
        A scalar, in squared units of the frames; 0 where nothing counts.
    """
    difference = (warp(second, flow) - first) * mask[..., None]
    count = jnp.sum(mask) * first.shape[-1]
    return jnp.sum(jnp.square(difference)) / jnp.maximum(count, 1.0)


def nearest_seen(
    images: Float[AnyArray, "n h w c"], masks: Float[AnyArray, "n h w"]
) -> tuple[Float[Array, "h w c"], Float[Array, "h w"]]:
    """Several earlier frames, moved along, as one.

    The long-term masks of Ruder et al., max(m_j - Σ_(k<j) m_k, 0), overlap nowhere, so
    that the sum of their terms is the term of one picture: each pixel of the first of
    the frames in which it is seen.

    Args:
        images: (n, H, W, c), nearest first.
        masks: (n, H, W), of 0 and 1.

    Returns:
        (H, W, c), where nothing is seen of the nearest frame, and (H, W).
    """
    image, seen = images[0], masks[0]
    for further, mask in zip(images[1:], masks[1:], strict=True):
        new = (mask > 0) & (seen <= 0)
        image = jnp.where(new[..., None], further, image)
        seen = jnp.where(new, mask, seen)
    return image, seen


def _squared(vectors: Float[AnyArray, "h w 2"]) -> Float[Array, "h w"]:
    return jnp.sum(jnp.square(vectors), -1)


def _difference(field: Float[AnyArray, "h w 2"], axis: int) -> Float[Array, "h w 2"]:
    """Change a pixel along an axis; 0 along an axis of one."""
    if field.shape[axis] < 2:
        return jnp.zeros(field.shape)
    found: Any = jnp.gradient(jnp.asarray(field), axis=axis)
    return jnp.asarray(found)
