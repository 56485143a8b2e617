"""The same optimisation in PyTorch, for comparison."""

from typing import Any

import numpy as np
import torch
from jax import Array
from torch.nn import functional

from jaxnst import Network

LAYOUTS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}


class Peer:
    """Style transfer of N pictures: the objective on Gram matrices, Adam.

    Args:
        contents, styles: (N, H, W, 3).
        layout: of `LAYOUTS`.
        precision: "float32", or "bfloat16" for the activations.
        compiled: whether `torch.compile` makes one program of loss and gradient.
    """

    def __init__(
        self,
        network: Network,
        contents: Array,
        styles: Array,
        *,
        layout: str,
        precision: str,
        compiled: bool = False,
    ) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        if self.device == "cuda":  # its faster way; jaxnst's own stay exact
            torch.set_float32_matmul_precision("high")
        self.layout, self.kind = LAYOUTS[layout], getattr(torch, precision)
        self.mean, self.std = (
            torch.tensor(np.asarray(value)).reshape(1, 3, 1, 1).to(self.device)
            for value in (network.mean, network.std)
        )
        self.padding = network.module.padding
        self.kernels = {
            name: (
                self.to_device(np.asarray(part["kernel"]).transpose(3, 2, 0, 1)),
                torch.tensor(np.asarray(part["bias"])).to(self.device, self.kind),
            )
            for name, part in network.params.items()
        }
        pictures = [np.asarray(x).transpose(0, 3, 1, 2) for x in (contents, styles)]
        photographs, paintings = (self.to_device(x, torch.float32) for x in pictures)
        with torch.no_grad():
            self.content = self.features(photographs)["relu4_2"]
            style_features = self.features(paintings)
            self.grams = {
                f"relu{n}_1": _gram(style_features[f"relu{n}_1"]) for n in range(1, 6)
            }
        self.image = photographs.clone().requires_grad_()
        self.adam = torch.optim.Adam([self.image], lr=0.02)
        self.compute = torch.compile(self.loss) if compiled else self.loss

    def to_device(self, array: np.ndarray, kind: Any = None) -> Any:
        tensor = torch.tensor(np.ascontiguousarray(array))
        return tensor.to(self.device, kind or self.kind, memory_format=self.layout)

    def features(self, image: Any) -> dict[str, Any]:
        x, features, block = (image - self.mean) / self.std, {}, "1"
        x = x.to(self.kind)
        for name, (kernel, bias) in self.kernels.items():
            if name[4] != block:
                x, block = functional.max_pool2d(x, 2), name[4]
            zeros = int(self.padding == "zeros")
            if not zeros:
                x = functional.pad(x, (1, 1, 1, 1), mode=self.padding)
            x = functional.relu(functional.conv2d(x, kernel, bias, padding=zeros))
            features[name.replace("conv", "relu")] = x
        return {name: x.float() for name, x in features.items() if _is_used(name)}

    def loss(self) -> Any:
        """The sum over pictures."""
        features = self.features(self.image)
        loss = _relative(features["relu4_2"], self.content)
        for name, gram in self.grams.items():
            loss = loss + 30 / len(self.grams) * _relative(_gram(features[name]), gram)
        columns, rows = self.image.diff(dim=3), self.image.diff(dim=2)
        variation = columns.abs().mean((1, 2, 3)) + rows.abs().mean((1, 2, 3))
        return (loss + 0.05 * variation).sum()

    def run(self, steps: int) -> float:
        """The loss a picture before the last of so many steps."""
        for _ in range(steps):
            self.adam.zero_grad()
            loss = self.compute()
            loss.backward()
            self.adam.step()
            with torch.no_grad():
                self.image.clamp_(0, 1)
        return float(loss.detach()) / len(self.image)


def _is_used(name: str) -> bool:
    return name == "relu4_2" or name.endswith("_1")


def _gram(feature: Any) -> Any:
    flat = feature.flatten(2)
    return flat @ flat.transpose(1, 2) / flat[0].numel()


def _relative(value: Any, target: Any) -> Any:
    """For each picture."""
    error, energy = (value - target).flatten(1), target.flatten(1)
    return (error**2).mean(1) / (energy**2).mean(1)
