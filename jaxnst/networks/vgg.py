"""VGG-16 and VGG-19: a table of layers and a loop over it.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
recognition", ICLR 2015. Feature maps are (..., H, W, C).
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
from jax import Array
from jaxtyping import Float

from jaxnst.networks import conv, pooling

# Convolutions in each of the five blocks; every block ends in a pooling.
_BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}


def layer_table(architecture: str) -> tuple[str, ...]:
    """Names of convolutions and poolings in order: conv1_1, conv1_2, pool1, ..."""
    table: list[str] = []
    for block, count in enumerate(_BLOCKS[architecture], start=1):
        table += [f"conv{block}_{index}" for index in range(1, count + 1)]
        table.append(f"pool{block}")
    return tuple(table)


def convolutions(architecture: str) -> tuple[str, ...]:
    """Names of the convolutions of "vgg16" or "vgg19" in order."""
    return tuple(n for n in layer_table(architecture) if n.startswith("conv"))


ARCHITECTURES = tuple(_BLOCKS)


class Convolution(nn.Module):
    """A 3 x 3 convolution before its ReLU, with parameters `kernel` and `bias`; in the
    collection "prepared", what `conv.prepare_kernel` makes of the kernel."""

    features: int
    padding: str

    @nn.compact
    def __call__(
        self, x: Float[Array, "*b h w i"]
    ) -> Float[Array, "*b h w {self.features}"]:
        shape = (3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        prepared: Any = self.get_variable("prepared", "kernel")  # None if there is none
        return conv.conv2d(x, kernel, bias, padding=self.padding, prepared=prepared)


class VGG(nn.Module):
    """The convolutional part of a VGG network, of any width and depth.

    Attributes:
        architecture: "vgg16" or "vgg19": which convolutions lie between poolings.
        widths: output channels of each convolution that there are weights for.
        padding: "zeros", "reflect" or "replicate".
        first_padding: padding of conv1_1 where it differs from the others'.
        pooling: "max", "avg" or "l2".
    """

    architecture: str
    widths: tuple[int, ...]
    padding: str = "zeros"
    first_padding: str | None = None
    pooling: str = "max"

    def layers(self) -> tuple[str, ...]:
        """Every name that `__call__` can return, in the order of computation."""
        names: list[str] = []
        convolution = 0
        for name in layer_table(self.architecture):
            if name.startswith("pool"):
                names.append(name)
            elif convolution < len(self.widths):
                convolution += 1
                names += [name, name.replace("conv", "relu")]
            else:
                break
        # A pooling after the last convolution that there are weights for is still
        # computable; one after another convolution is not.
        return tuple(names)

    def min_side(self, layers: Sequence[str]) -> int:
        """Smallest side in pixels for which every one of `layers` has a value."""
        pools = max(int(layer[4]) - (not layer.startswith("pool")) for layer in layers)
        # Reflection needs a second row to reflect.
        return (2 if self.padding == "reflect" else 1) << pools

    def reach(self, layers: Sequence[str]) -> tuple[int, dict[str, int]]:
        """How far the receptive fields of `layers` extend, and {layer: stride}.

        A feature at position p of a layer with stride s covers pixels p s to
        p s + s - 1; the first number is in pixels beyond these.
        """
        radius, stride, reached = 0, 1, 0
        strides: dict[str, int] = {}
        for name in layer_table(self.architecture):
            pools = name.startswith("pool")
            radius += stride
            stride *= 2 if pools else 1
            for kind in (name, name.replace("conv", "relu")):
                if kind in layers:
                    reached, strides[kind] = radius, stride
        return reached, {layer: strides[layer] for layer in layers}

    @nn.compact
    def __call__(
        self, x: Float[Array, "*b _ _ 3"], layers: Sequence[str]
    ) -> dict[str, Float[Array, "*b _ _ _"]]:
        """Features by name; nothing deeper than the deepest of `layers` is computed.

        Args:
            x: (..., H, W, 3), normalised.
            layers: "conv4_2" (before the ReLU), "relu4_2" (after it), "pool4".
        """
        features: dict[str, Array] = {}
        widths = iter(self.widths)
        for name in layer_table(self.architecture):
            if len(features) == len(set(layers)):
                break
            if name.startswith("pool"):
                x = pooling.pool2d(x, kind=self.pooling)  # (..., H / 2, W / 2, C)
            else:
                first = name == "conv1_1" and self.first_padding
                padding = first or self.padding
                x = Convolution(next(widths), padding, name=name)(x)
                if name in layers:
                    features[name] = x
                name, x = name.replace("conv", "relu"), nn.relu(x)
            if name in layers:
                features[name] = x
        return {name: features[name] for name in layers}
