"""Networks with random weights: to train, to measure time on, to compare with."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnst.networks.network import Network
from jaxnst.networks.vgg import VGG, convolutions

FULL_WIDTHS = (64, 128, 256, 512, 512)
"""Channels of each block of the published VGG-19."""

# Those of the images that torchvision's networks were trained on.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def random_vgg(
    key: Array, widths: tuple[int, ...] = FULL_WIDTHS, *, padding: str = "zeros"
) -> Network:
    """A VGG-19 with random kernels (He et al. 2015) and biases of 0.

    Args:
        key: of `jax.random`.
        widths: channels of each block from the first; conv1_1 as far as the first
            convolution of the last block given.
        padding: as of `VGG`.

    Raises:
        ValueError: widths that are not 1 to 5 numbers above 0.
    """
    if not 1 <= len(widths) <= 5 or min(widths) < 1:
        raise ValueError(f"widths must be 1 to 5 numbers above 0, got {widths}")
    names = convolutions("vgg19")
    names = names[: names.index(f"conv{len(widths)}_1") + 1]
    module = VGG("vgg19", tuple(widths[int(name[4]) - 1] for name in names), padding)
    side = 2 << len(widths)
    params: Any = module.init(key, jnp.zeros((side, side, 3)), names[-1:])["params"]
    return Network(module, params, jnp.float32(_MEAN), jnp.float32(_STD))


def with_random_weights(network: Network, key: Array) -> Network:
    """A network of the same shape with random weights."""
    image, last = jnp.zeros((64, 64, 3)), network.layers[-1:]
    params: Any = jax.jit(network.module.init, static_argnums=2)(key, image, last)
    return replace(network, params=params["params"], source="random", checksum="random")
