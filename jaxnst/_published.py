"""Published VGGs: which tensor of a torchvision or Keras file is which layer.

Kernels come out (k, k, I, O) for RGB input.
"""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from jaxnst._untrusted import WeightsError, attribute, datasets, open_hdf5
from jaxnst.networks import vgg

Tensors = dict[str, dict[str, np.ndarray]]


def _choose(held: set[str], wanted: Mapping[str, tuple[str, ...]], path: Path) -> str:
    """The one architecture of which the names `held` are the first, without a gap.

    Args:
        held: names of the convolutions in the file, in the file's own naming.
        wanted: architecture -> all its convolutions in order, in that naming.
    """
    fits = [a for a, names in wanted.items() if held == set(names[: len(held)])]
    if len(fits) == 1 and held:
        return fits[0]
    names = " or ".join(wanted)
    if held and fits:
        raise WeightsError(
            f"{path} could be the beginning of {names}; choose one (--architecture)"
        )
    raise WeightsError(
        f"{path} does not hold the convolutions of {names}; fetch the published file"
    )


def _torch_indices(architecture: str) -> tuple[int, ...]:
    """Where torchvision's `features` holds each convolution: ReLU, pooling count."""
    indices, index = [], 0
    for name in vgg.layer_table(architecture):
        if name.startswith("pool"):
            index += 1
        else:
            indices.append(index)
            index += 2
    return tuple(indices)


def _torch_features(
    state: Mapping[str, np.ndarray], path: Path
) -> dict[str, np.ndarray]:
    """Tensors of the convolutional part, named "0.weight", "0.bias", "2.weight" ..."""
    names = [name for name in state if not name.startswith("classifier.")]
    if any(name.endswith("running_mean") for name in names):
        raise WeightsError(
            f"{path} has batch normalisation, which is not supported; "
            "use the variant without (vgg19 in place of vgg19_bn)"
        )
    features = {name.removeprefix("features."): state[name] for name in names}
    for name in features:
        index, _, kind = name.partition(".")
        if not (index.isascii() and index.isdigit()) or kind not in ("weight", "bias"):
            raise WeightsError(
                f"{path} holds {name[:80]!r}, which is no part of torchvision's VGG; "
                "fetch the state dict of vgg16, vgg19 or googlenet"
            )
    return features


def from_torch(
    state: Mapping[str, np.ndarray], path: Path, architectures: tuple[str, ...]
) -> tuple[str, Tensors]:
    """The architecture, one of those given, and the tensors of a state dict."""
    features = _torch_features(state, path)
    places = {a: _torch_indices(a) for a in architectures}
    wanted = {a: tuple(f"{i}.weight" for i in held) for a, held in places.items()}
    weights = {name for name in features if name.endswith(".weight")}
    architecture = _choose(weights, wanted, path)
    tensors: Tensors = {}
    names = zip(vgg.convolutions(architecture), places[architecture], strict=True)
    for name, index in list(names)[: len(weights)]:
        kernel = features.pop(f"{index}.weight")
        bias = features.pop(f"{index}.bias", None)
        if kernel.ndim != 4 or bias is None or kernel.dtype != np.float32:
            raise WeightsError(
                f"{path}: features.{index} is not a convolution with a bias; "
                "fetch the published file"
            )
        tensors[name] = {"kernel": kernel.transpose(2, 3, 1, 0), "bias": bias}
    if features:
        raise WeightsError(
            f"{path} holds {min(features)} without its weight; fetch the published file"
        )
    return architecture, tensors


def _keras_names(file: h5py.File, path: Path) -> dict[str, list[str]]:
    """Layer -> full names of its datasets, of the layers that have any."""

    def texts(item: h5py.Group, name: str) -> list[str]:
        value = np.asarray(attribute(item, name, path)).ravel()
        return [v.decode() if isinstance(v, bytes) else str(v) for v in value]

    layers = texts(file, "layer_names")
    names = {layer: texts(file[layer], "weight_names") for layer in layers}
    return {
        layer: [f"{layer}/{part}" for part in parts] for layer, parts in names.items()
    }


def from_keras(path: Path, architectures: tuple[str, ...]) -> tuple[str, Tensors]:
    """The architecture, one of those given, and the tensors of a Keras file."""

    def theirs(name: str) -> str:  # conv3_4 is Keras's block3_conv4
        block, index = name.removeprefix("conv").split("_")
        return f"block{block}_conv{index}"

    data = path.read_bytes()
    with open_hdf5(data, path) as file:
        held = datasets(file, len(data), path)
        names = _keras_names(file, path)
        names = {layer: parts for layer, parts in names.items() if "_conv" in layer}
        wanted = {a: tuple(map(theirs, vgg.convolutions(a))) for a in architectures}
        architecture = _choose(set(names), wanted, path)
        tensors: Tensors = {}
        for name in vgg.convolutions(architecture)[: len(names)]:
            arrays = [held[part][()] for part in names[theirs(name)]]
            if [array.ndim for array in arrays] != [4, 1]:
                raise WeightsError(
                    f"{path}: {theirs(name)} is not a kernel and a bias; "
                    "fetch the published file"
                )
            tensors[name] = dict(zip(("kernel", "bias"), arrays, strict=True))
    # Trained on BGR: turned once here, so that RGB is right ever after.
    tensors["conv1_1"]["kernel"] = tensors["conv1_1"]["kernel"][:, :, ::-1]
    return architecture, tensors
