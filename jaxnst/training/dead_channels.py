"""Dead channels of a network in training: found, and drawn anew."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst.networks.network import Network
from jaxnst.training.teacher import DEAD_FRACTION, Params


def pad_params(params: Params, wider: Params) -> Params:
    """Parameters padded with zeros to the shapes of a wider network's.

    The network computes what it did, its further channels are dead, and `reinitialize`
    then draws them (Chen et al., "Net2Net", ICLR 2016).

    Raises:
        ValueError: other layers, or a layer that is narrower.
    """
    if params.keys() != wider.keys():
        raise ValueError(f"layers {list(params)} cannot become {list(wider)}")

    def pad(array: Array, like: Array) -> Array:
        widths = [new - old for new, old in zip(like.shape, array.shape, strict=True)]
        if min(widths) < 0:
            raise ValueError(f"shape {array.shape} cannot grow to {like.shape}")
        return jnp.pad(array, [(0, width) for width in widths])

    # In the order of `wider`, which is that of the layers.
    return {name: jax.tree.map(pad, params[name], wider[name]) for name in wider}


def find_dead_channels(
    network: Network, batches: Iterable[Array]
) -> dict[str, np.ndarray]:
    """{convolution: (c,), whether the channel is 0 after its ReLU, or nearly}.

    A channel that is 0 on every image has no gradient and stays dead.
    """
    names = tuple(network.params)
    layers = tuple(name.replace("conv", "relu") for name in names)

    @jax.jit
    def maxima(images: Array) -> list[Array]:
        features = network(images, layers)
        return [jnp.max(x, tuple(range(x.ndim - 1))) for x in features.values()]

    highest = [np.max(tops, 0) for tops in zip(*map(maxima, batches), strict=True)]
    return {
        name: top <= DEAD_FRACTION * max(top.max(), 1e-30)
        for name, top in zip(names, highest, strict=True)
    }


def reinitialize(
    key: Array,
    trainable: tuple[Params, Params],
    dead: dict[str, np.ndarray],
) -> tuple[Params, Params]:
    """Draw dead channels anew, without a change to the output of the others.

    A new kernel has the magnitude of the others in its layer and mean 0, for its inputs
    are not negative. The weights by which the next layer and the projections read the
    channel are set to 0, whose gradient is not.

    Args:
        trainable: the student's parameters and the projections.
        dead: of `find_dead_channels`.
    """
    params, projections = trainable
    names, new_params = list(params), {}
    alive_inputs = np.ones(3, bool)
    for name, layer_key in zip(names, jax.random.split(key, len(names)), strict=True):
        kernel, bias = params[name]["kernel"], params[name]["bias"]
        is_dead = jnp.asarray(dead[name]).reshape(1, 1, 1, -1)
        energy = jnp.sum(jnp.square(jnp.where(is_dead, 0.0, kernel)))
        inputs, alive = kernel.size // kernel.shape[3], jnp.sum(~is_dead)
        # Where no channel is alive: He et al. 2015, as at initialisation.
        variance = jnp.where(alive > 0, energy / jnp.maximum(alive, 1), 2.0) / inputs
        drawn = jax.random.normal(layer_key, kernel.shape) * jnp.sqrt(variance)
        drawn = drawn - jnp.mean(drawn, (0, 1, 2), keepdims=True)
        kernel = jnp.where(is_dead, drawn, kernel)
        reads = jnp.asarray(alive_inputs).reshape(1, 1, -1, 1) | is_dead
        new_params[name] = {
            "kernel": jnp.where(reads, kernel, 0.0),
            "bias": jnp.where(is_dead.reshape(-1), 0.0, bias),
        }
        alive_inputs = ~dead[name]
    new_projections = {}
    for layer, part in projections.items():
        is_dead = jnp.asarray(dead[layer.replace("relu", "conv")])
        kernel = jnp.where(is_dead.reshape(-1, 1), 0.0, part["kernel"])
        new_projections[layer] = {"kernel": kernel, "bias": part["bias"]}
    return new_params, new_projections
