"""Keras's VGG files: which dataset is which layer; kernels come out for RGB input."""

from pathlib import Path

import h5py
import numpy as np

from jaxnst.networks import vgg
from jaxnst.pretrained.format import Tensors, choose_architecture
from jaxnst.pretrained.hdf5 import Hdf5, WeightsError, find_datasets, open_hdf5


def _keras_names(opened: Hdf5) -> dict[str, list[str]]:
    """Layer -> full names of its datasets, of the layers that have any."""

    def texts(item: h5py.Group, name: str) -> list[str]:
        value = np.asarray(opened.attribute(name, item)).ravel()
        return [v.decode() if isinstance(v, bytes) else str(v) for v in value]

    file = opened.file
    layers = texts(file, "layer_names")
    if len(set(layers)) < len(layers):
        raise WeightsError(
            f"{opened.path} lists a layer twice; fetch the published file"
        )
    names = {layer: texts(file[layer], "weight_names") for layer in layers}
    return {
        layer: [f"{layer}/{part}" for part in parts] for layer, parts in names.items()
    }


def from_keras(path: Path, architectures: tuple[str, ...]) -> tuple[str, Tensors]:
    """The architecture, one of those given, and the tensors of a Keras file."""

    def keras_name(name: str) -> str:  # conv3_4 is Keras's block3_conv4
        block, index = name.removeprefix("conv").split("_")
        return f"block{block}_conv{index}"

    with open_hdf5(path) as opened:
        arrays = find_datasets(opened)
        names = _keras_names(opened)
        names = {layer: parts for layer, parts in names.items() if "_conv" in layer}
        expected = {
            a: tuple(map(keras_name, vgg.convolutions(a))) for a in architectures
        }
        architecture = choose_architecture(set(names), expected, path)
        tensors: Tensors = {}
        for name in vgg.convolutions(architecture)[: len(names)]:
            pair = [arrays[part][()] for part in names[keras_name(name)]]
            if [array.ndim for array in pair] != [4, 1]:
                raise WeightsError(
                    f"{path}: {keras_name(name)} is not a kernel and a bias; "
                    "fetch the published file"
                )
            tensors[name] = dict(zip(("kernel", "bias"), pair, strict=True))
    # Trained on BGR: turned once here, so that RGB is right ever after.
    tensors["conv1_1"]["kernel"] = tensors["conv1_1"]["kernel"][:, :, ::-1]
    return architecture, tensors
