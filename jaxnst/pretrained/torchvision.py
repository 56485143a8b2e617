"""torchvision's state dicts: which tensor is which layer of VGG and GoogLeNet.

Kernels come out (k, k, I, O) for RGB input; batch normalisation is folded into them.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxnst.networks import googlenet, vgg
from jaxnst.pretrained.format import Tensors, choose_architecture
from jaxnst.pretrained.hdf5 import WeightsError


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


def is_feature(name: str) -> bool:
    """Whether a tensor is of VGG's convolutional part, and not a count of batches."""
    return name.startswith("features.") and not name.endswith(".num_batches_tracked")


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


def vgg_from_torch(
    state: Mapping[str, np.ndarray], path: Path, architectures: tuple[str, ...]
) -> tuple[str, Tensors]:
    """The architecture, one of those given, and the tensors of a state dict."""
    features = _torch_features(state, path)
    places = {a: _torch_indices(a) for a in architectures}
    expected = {
        a: tuple(f"{i}.weight" for i in indices) for a, indices in places.items()
    }
    weights = {name for name in features if name.endswith(".weight")}
    architecture = choose_architecture(weights, expected, path)
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
            f"{path} holds {min(features)[:80]} without its weight; "
            "fetch the published file"
        )
    return architecture, tensors


# Of torchvision's networks that came over from TensorFlow; PyTorch's own is 1e-5.
_EPSILON = 1e-3

_MEND = "fetch the published file"

_TENSORS = {
    "weight": "conv.weight",
    "scale": "bn.weight",
    "shift": "bn.bias",
    "mean": "bn.running_mean",
    "variance": "bn.running_var",
}

_STEM = {
    "conv1/7x7_s2": "conv1",
    "conv2/3x3_reduce": "conv2",
    "conv2/3x3": "conv3",
}

_BRANCHES = {
    "1x1": "branch1",
    "3x3_reduce": "branch2.0",
    "3x3": "branch2.1",
    "5x5_reduce": "branch3.0",
    "5x5": "branch3.1",
    "pool_proj": "branch4.1",
}


def is_googlenet(state: Mapping[str, np.ndarray]) -> bool:
    return "conv1.conv.weight" in state


def _torch_name(name: str) -> str:
    """torchvision's name of a convolution: inception_3a/5x5 is inception3a.branch3.1"""
    if name in _STEM:
        return _STEM[name]
    block, branch = name.split("/")
    return f"{block.replace('_', '')}.{_BRANCHES[branch]}"


def googlenet_from_torch(
    state: Mapping[str, np.ndarray], path: Path
) -> dict[str, dict[str, np.ndarray]]:
    """Kernel and bias of every convolution with its batch normalisation folded in.

    With g = scale / sqrt(variance + 1e-3), g (W x - mean) + shift is W' x + b with
    W' = g W and b = shift - g mean.

    Args:
        state: of a whole network; classifiers are left out.

    Raises:
        WeightsError: tensors are missing, left over or of other shapes.
    """
    tensors: dict[str, dict[str, np.ndarray]] = {}
    used: set[str] = set()
    for name in googlenet.convolutions():
        names = {part: f"{_torch_name(name)}.{key}" for part, key in _TENSORS.items()}
        for key in names.values():
            if key not in state or state[key].dtype != np.float32:
                raise WeightsError(f"{path}: {key} is missing or not float32; {_MEND}")
        used.update(names.values())
        arrays = {part: state[key].astype(np.float64) for part, key in names.items()}
        weight = arrays.pop("weight")
        if weight.ndim != 4 or {x.shape for x in arrays.values()} != {weight.shape[:1]}:
            raise WeightsError(
                f"{path}: {_torch_name(name)} does not fit together; {_MEND}"
            )
        if (arrays["variance"] < 0).any():
            raise WeightsError(f"{path}: {names['variance']} is below 0; {_MEND}")
        gain = arrays["scale"] / np.sqrt(arrays["variance"] + _EPSILON)
        kernel = (weight * gain.reshape(-1, 1, 1, 1)).transpose(2, 3, 1, 0)
        tensors[name] = {
            "kernel": kernel,
            "bias": arrays["shift"] - gain * arrays["mean"],
        }
    rest = {
        name
        for name in state.keys() - used
        if not name.startswith(("aux1.", "aux2.", "fc."))
        and not name.endswith(".num_batches_tracked")
    }
    if rest:
        raise WeightsError(
            f"{path} holds {min(rest)[:80]!r}, which is no part of torchvision's "
            f"GoogLeNet; {_MEND}"
        )
    return tensors
