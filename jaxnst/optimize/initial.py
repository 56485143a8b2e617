"""Where an optimisation starts: `initial_image`."""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array

from jaxnst import _checks
from jaxnst.images import resize
from jaxnst.images.resampling import resolve_size
from jaxnst.losses.config import Config

INITS = ("content", "noise", "style")

FEEDFORWARD = "feedforward"  # a start that needs a trained network: see `render`

# White noise about middle grey: N(0.5, 0.15²), cut off at [0, 1].
NOISE_MEAN = 0.5

NOISE_SCALE = 0.15


def without_content(
    content: Array | None, size: tuple[int, int] | None, config: Config
) -> tuple[Array, Config]:
    """The content image and the config of a run; without one, a grey image of the size
    asked for that nothing is compared with.

    Args:
        size: (height, width) of a texture; None beside a content image.

    Raises:
        ValueError: neither or both are given.
    """
    if (content is None) == (size is None):
        raise ValueError(
            "give a content image, or content=None and size=(height, width) for a "
            "texture"
        )
    if content is not None:
        return content, config
    height, width = resolve_size(size, 1, 1)
    grey = jnp.full((height, width, 3), NOISE_MEAN, jnp.float32)
    return grey, replace(config, content_layers=(), guide=0.0)


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
