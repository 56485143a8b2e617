"""Channels of a network that have fallen silent in training, and new ones for them."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst.networks.network import Network
from jaxnst.training.teachers import LEAST, Params


def widened(params: Params, wider: Params) -> Params:
    """Parameters in the shapes of a wider network's, whose further channels are silent.

    Every layer says what it said, and `revive` then draws the rest: a network that
    grows without forgetting (Chen et al., "Net2Net", ICLR 2016).

    Raises:
        ValueError: other layers, or a layer that is narrower.
    """
    if params.keys() != wider.keys():
        raise ValueError(f"layers {list(params)} cannot become {list(wider)}")

    def padded(array: Array, like: Array) -> Array:
        room = [new - old for new, old in zip(like.shape, array.shape, strict=True)]
        if min(room) < 0:
            raise ValueError(f"shape {array.shape} cannot grow to {like.shape}")
        return jnp.pad(array, [(0, more) for more in room])

    # In the order of `wider`, which is that of the layers.
    return {name: jax.tree.map(padded, params[name], wider[name]) for name in wider}


def silent_channels(
    network: Network, batches: Iterable[Array]
) -> dict[str, np.ndarray]:
    """{convolution: (c,), whether the channel is 0 after its ReLU, or nearly}.

    A channel that is 0 on every picture has no gradient and stays so.
    """
    names = tuple(network.params)
    layers = tuple(name.replace("conv", "relu") for name in names)

    @jax.jit
    def highest(images: Array) -> list[Array]:
        features = network(images, layers)
        return [jnp.max(x, tuple(range(x.ndim - 1))) for x in features.values()]

    found = [np.max(tops, 0) for tops in zip(*map(highest, batches), strict=True)]
    return {
        name: top <= LEAST * max(top.max(), 1e-30)
        for name, top in zip(names, found, strict=True)
    }


def revive(
    key: Array,
    learned: tuple[Params, Params],
    learners: dict[str, str],
    silent: dict[str, np.ndarray],
) -> tuple[Params, Params]:
    """Draw silent channels anew, without a change to what the others say.

    A new kernel has the magnitude of the others in its layer and mean 0, for its inputs
    are not negative. Nothing listens to it at first: the weights by which the next
    layer and the maps read it are set to 0, whose gradient is not.

    Args:
        learned: the student's parameters and the maps.
        silent: of `silent_channels`.
    """
    params, maps = learned
    names, new = list(params), {}
    heard = np.ones(3, bool)
    for name, own in zip(names, jax.random.split(key, len(names)), strict=True):
        kernel, bias = params[name]["kernel"], params[name]["bias"]
        quiet = jnp.asarray(silent[name]).reshape(1, 1, 1, -1)
        loud = jnp.sum(jnp.square(jnp.where(quiet, 0.0, kernel)))
        inputs, speaking = kernel.size // kernel.shape[3], jnp.sum(~quiet)
        # Where nobody is left to be like: He et al. 2015, as at the beginning.
        mean = jnp.where(speaking > 0, loud / jnp.maximum(speaking, 1), 2.0) / inputs
        drawn = jax.random.normal(own, kernel.shape) * jnp.sqrt(mean)
        drawn = drawn - jnp.mean(drawn, (0, 1, 2), keepdims=True)
        kernel = jnp.where(quiet, drawn, kernel)
        listening = jnp.asarray(heard).reshape(1, 1, -1, 1) | quiet
        new[name] = {
            "kernel": jnp.where(listening, kernel, 0.0),
            "bias": jnp.where(quiet.reshape(-1), 0.0, bias),
        }
        heard = ~silent[name]
    read = {}
    for layer, part in maps.items():
        quiet = jnp.asarray(silent[learners[layer].replace("relu", "conv")])
        kernel = jnp.where(quiet.reshape(-1, 1), 0.0, part["kernel"])
        read[layer] = {"kernel": kernel, "bias": part["bias"]}
    return new, read
