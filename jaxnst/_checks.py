"""Checks of static shapes, types and choices at the public boundary.

Each raises `TypeError` or `ValueError` that says what was given, what was expected and
how to mend it. Traced values pass unread: nothing here looks at values inside
compiled code, and of arrays that are spread over several processes nothing either.
"""

import difflib
import math
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Beyond [0, 1] by rounding.
_TOLERANCE = 1e-3

# No optimisation that may leave [0, 1] goes so far; 0 to 255 does.
_OTHER_SCALE = 8.0


def check_not_traced(name: str, *given: Any) -> None:
    """TypeError under jax.jit, vmap, grad and their kin.

    For functions that look at values between compiled calls of their own.

    Args:
        name: of the function that is called.
        given: its arguments; under jit no operation is done at once, whatever they are.
    """
    if is_traced(given):
        raise TypeError(
            f"{name} compiles and runs loops of its own and cannot be called under "
            "jax.jit, jax.vmap or jax.grad; call it outside of them, with arrays. "
            "jaxnst.objective can be traced, stylize_batch and grid_search take many"
        )


def is_traced(given: Any) -> bool:
    """Whether what is done now, with these arguments, becomes part of a program."""
    leaves = [*jax.tree.leaves(given), jnp.add(0.0, 0.0)]
    return any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)


def check_image(
    image: Any,
    name: str = "image",
    *,
    min_side: int = 1,
    alpha: bool = False,
    unclipped: bool = False,
) -> jax.Array:
    """`image` as a float32 array after checking that it is (H, W, 3) in [0, 1].

    Args:
        alpha: (H, W, 4) will do, too.
        unclipped: it may be the result of an optimisation that leaves [0, 1]: what is
            of another scale altogether is refused alone.
    """
    if not isinstance(image, jax.Array | np.ndarray):
        raise TypeError(
            f"{name} must be an array of shape (H, W, 3), got {type(image).__name__}; "
            "read files with jaxnst.load_image(path)"
        )
    if image.ndim != 3 or image.shape[-1] not in ((3, 4) if alpha else (3,)):
        also = ", or (H, W, 4) with alpha" if alpha else ""
        hint = "; use jax.vmap for a batch" if image.ndim > 3 else ""
        if image.ndim == 3 and image.shape[-1] == 4:
            hint = "; leave the alpha: image[..., :3]"
        raise ValueError(
            f"{name} must have shape (H, W, 3), RGB{also}, got {tuple(image.shape)}"
            + hint
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
    check_range(image, name, unclipped=unclipped)
    if image.shape[-1] == 4 and _is_readable(image):
        if not np.asarray(image)[..., 3].any():
            raise ValueError(
                f"{name} is transparent everywhere; give one of which something is seen"
            )
    return jnp.asarray(image, jnp.float32)


def check_range(
    image: jax.Array | np.ndarray, name: str, *, unclipped: bool = False
) -> None:
    """Check that values lie in [0, 1], or are at least of that scale; NaN passes.

    Args:
        image: of any shape.
        unclipped: as of `check_image`.
    """
    if not image.size or not _is_readable(image):
        return
    pixels = np.asarray(image)
    low, high = float(pixels.min()), float(pixels.max())
    if -_TOLERANCE <= low and high <= 1 + _TOLERANCE:
        return
    signed = -1 - _TOLERANCE <= low < 0 and high <= 1 + _TOLERANCE
    if unclipped and not high > _OTHER_SCALE:
        # Of a picture in [-1, 1] much is negative, of an unclipped one little.
        if not signed or np.count_nonzero(pixels < -0.1) <= pixels.size // 8:
            return
    if math.isnan(low) or math.isnan(high):
        return
    if signed:
        mend = "if it is in [-1, 1], give (x + 1) / 2"
    elif low >= -_TOLERANCE and high > _OTHER_SCALE:
        top = 255 if high <= 256 else 65535
        mend = f"if it is in [0, {top}], give x / {top}"
    else:
        mend = "cut off what is beyond with jax.numpy.clip(x, 0, 1), or rescale it"
    raise ValueError(
        f"{name} must lie in [0, 1], got values from {low:.4g} to {high:.4g}; {mend}"
    )


def _is_readable(array: jax.Array | np.ndarray) -> bool:
    """Whether values can be looked at: not those of a trace or of other processes."""
    if isinstance(array, jax.core.Tracer):
        return False
    return isinstance(array, np.ndarray) or array.is_fully_addressable


def in_pixels(image: Any) -> str:
    """The size of an image (H, W, 3) in words: "640 x 480 pixels"."""
    height, width = image.shape[-3:-1]
    return f"{width} x {height} pixels"


def check_images(
    images: Any, name: str, *, min_side: int = 1, alpha: bool = False
) -> list[jax.Array]:
    """One image or a sequence of images of any sizes, as a list, each checked."""
    as_list = images if isinstance(images, list | tuple) else [images]
    if not as_list:
        raise ValueError(f"{name} must hold at least one picture")
    return [
        check_image(image, name, min_side=min_side, alpha=alpha) for image in as_list
    ]


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
