"""torchvision's GoogLeNet: which tensors are which layer, normalisation folded in."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxnst._untrusted import WeightsError
from jaxnst.networks import googlenet

# Of torchvision's networks that came over from TensorFlow; PyTorch's own is 1e-5.
_EPSILON = 1e-3
_MEND = "fetch the published file"

_PARTS = {
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


def _theirs(name: str) -> str:
    """torchvision's name of a convolution: inception_3a/5x5 is inception3a.branch3.1"""
    if name in _STEM:
        return _STEM[name]
    block, branch = name.split("/")
    return f"{block.replace('_', '')}.{_BRANCHES[branch]}"


def from_torch(
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
        names = {part: f"{_theirs(name)}.{own}" for part, own in _PARTS.items()}
        for own in names.values():
            if own not in state or state[own].dtype != np.float32:
                raise WeightsError(f"{path}: {own} is missing or not float32; {_MEND}")
        used.update(names.values())
        held = {part: state[own].astype(np.float64) for part, own in names.items()}
        weight = held.pop("weight")
        if weight.ndim != 4 or {x.shape for x in held.values()} != {weight.shape[:1]}:
            raise WeightsError(
                f"{path}: {_theirs(name)} does not fit together; {_MEND}"
            )
        if (held["variance"] < 0).any():
            raise WeightsError(f"{path}: {names['variance']} is below 0; {_MEND}")
        gain = held["scale"] / np.sqrt(held["variance"] + _EPSILON)
        kernel = (weight * gain.reshape(-1, 1, 1, 1)).transpose(2, 3, 1, 0)
        tensors[name] = {"kernel": kernel, "bias": held["shift"] - gain * held["mean"]}
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
