"""Where an optimisation starts: `initial_image`."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxnst import _checks
from jaxnst.images import resize

INITS = ("content", "noise", "style")

FEEDFORWARD = "feedforward"  # a start that needs a trained network: see `render`

# White noise about middle grey: N(0.5, 0.15²), cut off at [0, 1].
NOISE_MEAN = 0.5

NOISE_SCALE = 0.15


def initial_image(
    init: str | Array, content: Array, style: Array, key: Array | None = None
) -> Array:
    """The picture to start from, (H, W, 3), of the content's size.

    Args:
        init: "content"; "noise", independent N(0.5, 0.15²) cut off at [0, 1];
            "style", resized to the content's size; or a picture.
        key: of `jax.random`, needed by "noise".

    Raises:
        ValueError: an unknown name, no key for noise, a picture of another size.
    """
    if not isinstance(init, str):
        image = _checks.check_image(init, "init", unclipped=True)
        if image.shape != content.shape:
            raise ValueError(
                f"init is {_checks.in_pixels(image)}, the content "
                f"{_checks.in_pixels(content)}; resize it to the content's size"
            )
        return image
    _checks.check_choice(init, "init", INITS)
    if init == "noise":
        if key is None:
            raise ValueError("init 'noise' needs key=jax.random.key(seed)")
        noise = jax.random.normal(key, content.shape, jnp.float32)
        return jnp.clip(NOISE_MEAN + NOISE_SCALE * noise, 0.0, 1.0)
    if init == "style":
        return resize(style[..., :3], content.shape[:2])
    return content
