"""The same optimisation in eager PyTorch, channels last, for comparison."""

from typing import Any

import numpy as np
import torch
from jax import Array
from torch.nn import functional

from jaxnst import Network


class Peer:
    """Style transfer with the default objective on Gram matrices, by Adam."""

    def __init__(self, network: Network, content: Array, style: Array) -> None:
        self.mean, self.std = (
            torch.tensor(np.asarray(value)).reshape(1, 3, 1, 1)
            for value in (network.mean, network.std)
        )
        self.padding = network.module.padding
        self.kernels = {
            name: (
                torch.tensor(np.asarray(part["kernel"]).transpose(3, 2, 0, 1)).to(
                    memory_format=torch.channels_last
                ),
                torch.tensor(np.asarray(part["bias"])),
            )
            for name, part in network.params.items()
        }
        with torch.no_grad():
            self.content = self.features(_tensor(content))["relu4_2"]
            painted = self.features(_tensor(style))
            self.grams = {
                f"relu{n}_1": _gram(painted[f"relu{n}_1"]) for n in range(1, 6)
            }
        self.image = _tensor(content).clone().requires_grad_()
        self.adam = torch.optim.Adam([self.image], lr=0.02)

    def features(self, image: Any) -> dict[str, Any]:
        x, found, block = (image - self.mean) / self.std, {}, "1"
        for name, (kernel, bias) in self.kernels.items():
            if name[4] != block:
                x, block = functional.max_pool2d(x, 2), name[4]
            zeros = int(self.padding == "zeros")
            if not zeros:
                x = functional.pad(x, (1, 1, 1, 1), mode=self.padding)
            x = functional.relu(functional.conv2d(x, kernel, bias, padding=zeros))
            found[name.replace("conv", "relu")] = x
        return found

    def loss(self) -> Any:
        found = self.features(self.image)
        loss = _relative(found["relu4_2"], self.content)
        for name, gram in self.grams.items():
            loss = loss + 30 / len(self.grams) * _relative(_gram(found[name]), gram)
        across, down = self.image.diff(dim=3), self.image.diff(dim=2)
        return loss + 0.05 * (across.abs().mean() + down.abs().mean())

    def run(self, steps: int) -> float:
        """The loss before the last of so many steps."""
        for _ in range(steps):
            self.adam.zero_grad()
            loss = self.loss()
            loss.backward()
            self.adam.step()
            with torch.no_grad():
                self.image.clamp_(0, 1)
        return float(loss.detach())


def _tensor(image: Array) -> Any:
    array = torch.tensor(np.asarray(image).transpose(2, 0, 1)[None])
    return array.contiguous(memory_format=torch.channels_last)


def _gram(feature: Any) -> Any:
    flat = feature[0].flatten(1)
    return flat @ flat.T / flat.numel()


def _relative(value: Any, target: Any) -> Any:
    return ((value - target) ** 2).mean() / (target**2).mean()
