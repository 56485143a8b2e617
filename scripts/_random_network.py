"""A full VGG-19 without its weights: what is measured on it takes the same time."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxnst import Network
from jaxnst.networks.vgg import VGG, convolutions

_FULL = (64, 128, 256, 512, 512)


def random_network(widths: tuple[int, ...] = _FULL) -> Network:
    """VGG-19 through conv5_1 with He-scaled random kernels.

    Args:
        widths: channels of each of the five blocks.
    """
    names = [n for n in convolutions("vgg19") if n <= "conv5_1"]
    channels = tuple(widths[int(name[4]) - 1] for name in names)
    module = VGG("vgg19", channels)
    keys = jax.random.key(0), jnp.zeros((16, 16, 3)), ("relu5_1",)
    params: Any = module.init(*keys)["params"]
    return Network(module, params, jnp.full(3, 0.45), jnp.full(3, 0.225))
