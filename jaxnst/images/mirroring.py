"""Images continued by their own mirror image, where they are too small."""

import jax.numpy as jnp
from jax import Array

Pads = tuple[tuple[int, int], tuple[int, int]]
"""Pixels above and below, left and right."""


def pads_to(size: tuple[int, int], wanted: tuple[int, int]) -> Pads:
    """What takes (height, width) to another, in equal parts on both sides."""
    rows, columns = (max(0, b - a) for a, b in zip(size, wanted, strict=True))
    return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)


def add_mirrored(image: Array, pads: Pads) -> Array:
    """An image (H, W, 3) continued on every side, mirrored at its outermost pixels."""
    if not any(map(any, pads)):
        return image
    return jnp.pad(image, (*pads, (0, 0)), mode="reflect")


def cut_off(image: Array, pads: Pads) -> Array:
    """The inverse of `add_mirrored`."""
    (top, below), (left, right) = pads
    height, width = image.shape[:2]
    return image[top : height - below, left : width - right]


def repeat_mirrored(image: Array, min_side: int) -> Array:
    """An image (H, W, 3) whose sides are at least `min_side`: itself, or followed by
    as many whole copies as it takes, each the mirror image of the one before.

    Every pixel is there equally often, so that statistics stay what they are.
    """
    rows, columns = ((-(-min_side // side) - 1) * side for side in image.shape[:2])
    if not rows and not columns:
        return image
    return jnp.pad(image, ((0, rows), (0, columns), (0, 0)), mode="symmetric")
