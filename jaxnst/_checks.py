"""Checks of static shapes, types and choices at the public boundary.

Each raises `TypeError` or `ValueError` that says what was given, what was expected and
how to mend it. Traced values pass unread: nothing here looks at values inside
compiled code.
"""

import difflib
import math
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def check_image(image: Any, name: str = "image", *, min_side: int = 1) -> jax.Array:
    """`image` as a float32 array after checking that it is (H, W, 3)."""
    if not isinstance(image, jax.Array | np.ndarray):
        raise TypeError(
            f"{name} must be an array of shape (H, W, 3), got {type(image).__name__}; "
            "read files with jaxnst.load_image(path)"
        )
    if image.ndim != 3 or image.shape[-1] != 3:
        raise ValueError(
            f"{name} must have shape (H, W, 3), RGB, got {tuple(image.shape)}"
            + ("; use jax.vmap for a batch" if image.ndim > 3 else "")
        )
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise TypeError(
            f"{name} must be floating point in [0, 1], got {image.dtype}; "
            "divide 8-bit values by 255"
        )
    if min(image.shape[:2]) < min_side:
        raise ValueError(
            f"{name} is {image.shape[1]} x {image.shape[0]} pixels, too small: the "
            f"chosen layers need at least {min_side} on each side; "
            "enlarge it or choose shallower layers"
        )
    return jnp.asarray(image, jnp.float32)


def in_pixels(image: Any) -> str:
    """The size of an image (H, W, 3) in words: "640 x 480 pixels"."""
    height, width = image.shape[-3:-1]
    return f"{width} x {height} pixels"


def check_images(images: Any, name: str, *, min_side: int = 1) -> list[jax.Array]:
    """One image or a sequence of images of any sizes, as a list, each checked."""
    as_list = images if isinstance(images, list | tuple) else [images]
    if not as_list:
        raise ValueError(f"{name} must hold at least one picture")
    return [check_image(image, name, min_side=min_side) for image in as_list]


def check_choice(value: str, name: str, choices: Iterable[str]) -> str:
    """`value` if it is one of `choices`; otherwise an error that lists them."""
    options = tuple(choices)
    if value not in options:
        near = difflib.get_close_matches(str(value), options, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(
            f"unknown {name} {value!r}{hint}; choose one of: {', '.join(options)}"
        )
    return value


def check_number(
    value: Any, name: str, *, minimum: float = 0.0, maximum: float = math.inf
) -> Any:
    """`value` if it is finite and within bounds everywhere; tracers pass."""
    if isinstance(value, jax.core.Tracer):
        return value
    try:
        if isinstance(value, str):
            raise TypeError
        numbers = np.asarray(value, np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    upper = "" if maximum == math.inf else f" and at most {maximum:g}"
    for number in numbers:
        if not math.isfinite(number) or not minimum <= number <= maximum:
            raise ValueError(
                f"{name} must be finite and at least {minimum:g}{upper}, got {number:g}"
            )
    return value


def check_whole(value: Any, name: str) -> None:
    """ValueError unless `value` is a whole number from 1."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number from 1, got {value!r}")
