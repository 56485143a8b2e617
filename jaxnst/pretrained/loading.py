"""From the name of a network to the network with its weights."""

from os import PathLike
from pathlib import Path

import jax
import jax.numpy as jnp

from jaxnst import _checks
from jaxnst.networks import googlenet, vgg
from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.networks.network import Network
from jaxnst.networks.vgg import VGG
from jaxnst.pretrained import sources
from jaxnst.pretrained.convert import convert
from jaxnst.pretrained.format import ARCHITECTURES, NetworkWeights
from jaxnst.pretrained.registry import BUILTINS, architecture_of

AUTO = "auto"
"""VGG-19 if its weights are available locally, else the built-in network."""


def _check_googlenet(module: GoogLeNet, weights: NetworkWeights) -> None:
    """Layers without a gap from conv1, each with the shape that those below it ask."""
    convolutions, tensors = googlenet.convolutions(), weights.tensors
    wrong = sorted(set(tensors) ^ set(convolutions[: len(tensors)]))
    if wrong or not tensors:
        raise ValueError(
            f"the weights do not hold the first {len(tensors)} convolutions of "
            f"GoogLeNet ({', '.join(wrong[:3])}); give GoogLeNet in jaxnst's format"
        )
    if weights.padding != module.padding:
        raise ValueError(
            f"GoogLeNet pads with {module.padding}, the weights with "
            f"{weights.padding}; give GoogLeNet in jaxnst's format"
        )
    image = jax.ShapeDtypeStruct((64, 64, 3), jnp.float32)
    expected = jax.eval_shape(
        lambda key, x: module.init(key, x, module.layers()), jax.random.key(0), image
    )["params"]
    for name, tensor in tensors.items():
        shape, right = tensor["kernel"].shape, expected[name]["kernel"].shape
        if shape != right:
            raise ValueError(
                f"{name}/kernel has shape {shape}, GoogLeNet wants {right}; give "
                "Caffe's GoogLeNet in jaxnst's format"
            )


def network_from_weights(weights: NetworkWeights) -> Network:
    """The network that a weights file describes.

    Raises:
        ValueError: an architecture that this version cannot build, or a GoogLeNet
            whose layers do not fit together.
    """
    architecture = _checks.check_choice(
        weights.architecture, "architecture", ARCHITECTURES
    )
    convolutions = (
        googlenet.convolutions()
        if architecture == googlenet.ARCHITECTURE
        else vgg.convolutions(architecture)
    )
    names = [name for name in convolutions if name in weights.tensors]
    widths = tuple(int(weights.tensors[name]["bias"].shape[0]) for name in names)
    module: VGG | GoogLeNet
    if architecture == googlenet.ARCHITECTURE:
        variant = weights.notes.get("variant", googlenet.VARIANTS[0])
        module = GoogLeNet(
            widths, _checks.check_choice(variant, "variant", googlenet.VARIANTS)
        )
        _check_googlenet(module, weights)
    else:
        module = VGG(architecture, widths, padding=weights.padding)
    # As it is, for `jnp.asarray` compiles a program for each shape.
    params = jax.device_put(
        {name: dict(weights.tensors[name]) for name in names}, may_alias=False
    )
    return Network(
        module,
        params,
        jnp.asarray(weights.mean),
        jnp.asarray(weights.std),
        weights.source,
        weights.checksum,
    )


def choose_network(
    name: str | PathLike[str] = AUTO, weights: str | PathLike[str] | None = None
) -> tuple[str, Path | None]:
    """The network that a name stands for, and the file of its weights if it is here.

    Args:
        name, weights: as of `load_network`.

    Returns:
        The name that it is loaded by, such as "vgg19-lite", or for a file its
        architecture; and the file, None if it must be fetched.
    """
    if sources.is_path(name):
        if weights is not None:
            raise ValueError(f"{name} is a weights file; leave weights={weights!r}")
        name, weights = AUTO, name
    name = str(name)
    if name != AUTO:
        return name, sources.find_local_weights(name, weights)
    path = sources.find_local_weights("vgg19", weights)
    if path is not None and weights is not None and sources.is_path(weights):
        return convert(path).architecture, path
    if path is not None or weights is not None:  # a publisher's may have to be fetched
        return "vgg19", path
    builtin = next(iter(BUILTINS))
    return builtin, sources.find_local_weights(builtin)


def load_weights(
    name: str | PathLike[str] = AUTO,
    weights: str | PathLike[str] | None = None,
) -> NetworkWeights:
    """The weights that `load_network` makes a network of; arguments and errors as
    there."""
    chosen, path = choose_network(name, weights)
    if path is None:  # to be fetched
        path = sources.find_weights(chosen, weights)
    loaded = convert(path)
    if loaded.architecture != architecture_of(chosen):
        raise ValueError(
            f"{path} holds weights of {loaded.architecture}, not of {chosen}; "
            f"ask for network {loaded.architecture!r} or give another file"
        )
    return loaded


def load_network(
    name: str | PathLike[str] = AUTO,
    *,
    weights: str | PathLike[str] | None = None,
) -> Network:
    """A network with built-in or published weights, or with weights of your own.

    The weights of "vgg19-lite" come with jaxnst. Others are looked for in this order:
    `weights` (a file in the project's HDF5 format, torchvision's VGG as `.safetensors`,
    or the name of a source such as "keras"); the environment variable JAXNST_WEIGHTS (a
    file or a folder); the repository's `weights/`; the user's cache directory; the
    published file, which is downloaded, verified and converted once.

    Args:
        name: "vgg19-lite", a small VGG-19 distilled from the full one; "vgg16",
            "vgg19" or "googlenet" (torchvision's; Caffe's has no published file that
            could be converted); "auto", VGG-19 if its weights are available
            locally, else vgg19-lite; or a weights file of any architecture.
        weights: None, a path or the name of a source. With name "auto" a file of any
            architecture.

    Raises:
        FileNotFoundError, ConnectionError: no weights; the message names every place
            that was looked at and the command that mends it.
        ValueError: an unknown name, or a file that is damaged or of another network.
    """
    return network_from_weights(load_weights(name, weights))
