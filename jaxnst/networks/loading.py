"""From the name of a network to the network with its weights."""

from os import PathLike

import jax.numpy as jnp

from jaxnst import _check
from jaxnst.networks.network import Network
from jaxnst.networks.vgg import ARCHITECTURES, VGG, convolutions
from jaxnst.sources import find_weights
from jaxnst.weights import NetworkWeights, read_weights


def network_from_weights(weights: NetworkWeights) -> Network:
    """The network that a weights file describes.

    Raises:
        ValueError: an architecture that this version cannot build.
    """
    _check.check_choice(weights.architecture, "architecture", ARCHITECTURES)
    names = [n for n in convolutions(weights.architecture) if n in weights.tensors]
    widths = tuple(int(weights.tensors[name]["bias"].shape[0]) for name in names)
    module = VGG(weights.architecture, widths, padding=weights.padding)
    params = {
        name: {part: jnp.asarray(a) for part, a in weights.tensors[name].items()}
        for name in names
    }
    return Network(
        module,
        params,
        jnp.asarray(weights.mean),
        jnp.asarray(weights.std),
        weights.source,
        weights.checksum,
    )


def load_network(
    name: str = "vgg19", *, weights: str | PathLike[str] | None = None
) -> Network:
    """A network with published weights, or with weights of your own.

    Looked for in this order: `weights` (a file in the project's HDF5 format, or the
    name of a source such as "keras"); the environment variable JAXNST_WEIGHTS (a file
    or a folder); the repository's `weights/`; the user's cache directory; the
    published file, which is downloaded, verified and converted once.

    Args:
        name: "vgg16" or "vgg19".
        weights: None, a path or the name of a source.

    Raises:
        FileNotFoundError, ConnectionError: no weights; the message names every place
            that was looked at and the command that mends it.
        ValueError: an unknown name, or a file that is damaged or of another network.
    """
    path = find_weights(name, weights)
    loaded = read_weights(path)
    if loaded.architecture != name:
        raise ValueError(
            f"{path} holds weights of {loaded.architecture}, not of {name}; "
            f"ask for network {loaded.architecture!r} or give another file"
        )
    return network_from_weights(loaded)
