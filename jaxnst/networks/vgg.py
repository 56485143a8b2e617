"""VGG-16 and VGG-19: a table of layers and a loop over it.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
recognition", ICLR 2015. Feature maps are (..., H, W, C).
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import flax.linen as nn
from jax import Array
from jaxtyping import Float

from jaxnst.networks import conv, packed_masks, pooling

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


class Segment(NamedTuple):
    """A block of a VGG, from the features before it to the pooling after it.

    Attributes:
        start: the pooling whose features it takes; None, the image.
        end: the pooling that the next segment takes; None for the last.
        layers: those of the block that are asked for.
        channels: of what it takes, and of each convolution; one more than convolutions
            of 3 x 3, and so many positions its receptive fields extend on each side.
    """

    start: str | None
    end: str | None
    layers: tuple[str, ...]
    channels: tuple[int, ...]


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
        packed: whether ReLUs and pooling are those of `packed_masks`.
    """

    architecture: str
    widths: tuple[int, ...]
    padding: str = "zeros"
    first_padding: str | None = None
    pooling: str = "max"
    packed: bool = False

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

    def segments(self, layers: Sequence[str]) -> tuple[Segment, ...]:
        """The blocks as far as `layers` need them, shallow to deep."""
        names = self.layers()
        needed = names[: max(map(names.index, layers)) + 1]
        widths = dict(zip(convolutions(self.architecture), self.widths, strict=False))
        segments: list[Segment] = []
        before, channels = None, 3
        for number, group in groupby(needed, key=lambda name: name[4]):
            block = tuple(group)
            of_block = [channels, *(widths[n] for n in block if n in widths)]
            asked = tuple(n for n in block if n in layers)
            segments.append(Segment(before, f"pool{number}", asked, tuple(of_block)))
            before, channels = f"pool{number}", of_block[-1]
        return (*segments[:-1], segments[-1]._replace(end=None))

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "*b _ _ _"],
        layers: Sequence[str],
        start: str | None = None,
    ) -> dict[str, Float[Array, "*b _ _ _"]]:
        """Features by name; nothing deeper than the deepest of `layers` is computed.

        Args:
            x: (..., H, W, 3), normalised; or features of `start`.
            layers: "conv4_2" (before the ReLU), "relu4_2" (after it), "pool4".
            start: the pooling after which to begin.
        """
        ops = packed_masks if self.packed else pooling
        relu = packed_masks.relu if self.packed else nn.relu
        features: dict[str, Array] = {}
        widths = dict(zip(convolutions(self.architecture), self.widths, strict=False))
        table = layer_table(self.architecture)
        for name in table[table.index(start) + 1 if start else 0 :]:
            if len(features) == len(set(layers)):
                break
            if name.startswith("pool"):
                x = ops.pool2d(x, kind=self.pooling)  # (..., H / 2, W / 2, C)
            else:
                first = name == "conv1_1" and self.first_padding
                padding = first or self.padding
                x = Convolution(widths[name], padding, name=name)(x)
                if name in layers:
                    features[name] = x
                name, x = name.replace("conv", "relu"), relu(x)
            if name in layers:
                features[name] = x
        return {name: features[name] for name in layers}
