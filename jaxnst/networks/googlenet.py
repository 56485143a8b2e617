"""GoogLeNet (Inception v1): a table of layers for each of its kinds, a loop over it.

Szegedy et al., "Going deeper with convolutions", CVPR 2015, without classifiers.
Caffe's kind is bvlc_googlenet. torchvision's, taken over from TensorFlow, normalises
batches (folded into the convolutions when it is converted) in place of responses; its
branch called 5x5 has kernels of 3 x 3, and its last pooling windows of 2 x 2. Feature
maps are (..., H, W, C).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst._checks import check_choice
from jaxnst.networks import conv, pooling

ARCHITECTURE = "googlenet"

VARIANTS = ("caffe", "torchvision")

# Caffe names these blobs after kernel and stride; here they go by their stage.
_BLOBS = {"conv1": "conv1/7x7_s2", "conv2": "conv2/3x3"}


class Layer(NamedTuple):
    """One row of the table.

    Attributes:
        name: by which its features are requested.
        kind: "conv" (and ReLU), "pool", "norm" or "join".
        sources: names of the layers that it is computed from.
        size: side of a convolution's kernel, or of a pooling's window.
        stride: of a convolution or pooling.
    """

    name: str
    kind: str
    sources: tuple[str, ...]
    size: int = 3
    stride: int = 1

    @property
    def tensor(self) -> str:
        """Name of a convolution's kernel and bias."""
        return _BLOBS.get(self.name, self.name)


def _inception(name: str, source: str, *, large: int) -> tuple[Layer, ...]:
    """Four branches side by side and their concatenation; `large` is the largest
    kernel's side."""

    def conv(branch: str, size: int, below: str = source) -> Layer:
        return Layer(f"{name}/{branch}", "conv", (below,), size)

    outputs = ("1x1", "3x3", "5x5", "pool_proj")
    return (
        conv("1x1", 1),
        conv("3x3_reduce", 1),
        conv("3x3", 3, f"{name}/3x3_reduce"),
        conv("5x5_reduce", 1),
        conv("5x5", large, f"{name}/5x5_reduce"),
        Layer(f"{name}/pool", "pool", (source,)),
        conv("pool_proj", 1, f"{name}/pool"),
        Layer(name, "join", tuple(f"{name}/{branch}" for branch in outputs)),
    )


@cache
def table(variant: str) -> tuple[Layer, ...]:
    """Every layer of a kind of GoogLeNet, in the order of computation."""
    caffe = check_choice(variant, "variant of GoogLeNet", VARIANTS) == "caffe"
    rows = [
        Layer("conv1", "conv", ("image",), 7, 2),
        Layer("pool1", "pool", ("conv1",), stride=2),
        Layer("norm1", "norm", ("pool1",)),
        Layer("conv2/3x3_reduce", "conv", ("norm1" if caffe else "pool1",), 1),
        Layer("conv2", "conv", ("conv2/3x3_reduce",)),
        Layer("norm2", "norm", ("conv2",)),
    ]
    last = "norm2" if caffe else "conv2"
    for stage, blocks in ((2, ""), (3, "ab"), (4, "abcde"), (5, "ab")):
        for block in blocks:
            name = f"inception_{stage}{block}"
            rows += _inception(name, last, large=5 if caffe else 3)
            last = name
        if stage < 5:
            size = 3 if caffe or stage < 4 else 2
            rows.append(Layer(f"pool{stage}", "pool", (last,), size, 2))
            last = f"pool{stage}"
    return tuple(row for row in rows if caffe or row.kind != "norm")


def convolutions() -> tuple[str, ...]:
    """Names of the 57 convolutions, as weights files have them, in order."""
    return tuple(layer.tensor for layer in table("caffe") if layer.kind == "conv")


def _ancestors(layers: Sequence[str], variant: str) -> set[str]:
    """`layers` and every layer that they are computed from."""
    sources = {layer.name: layer.sources for layer in table(variant)}
    ancestors, stack = set(), list(layers)
    while stack:
        name = stack.pop()
        if name not in ancestors and name != "image":
            ancestors.add(name)
            stack += sources[name]
    return ancestors


class Convolution(nn.Module):
    """A convolution, zeros around it, before its ReLU; `kernel` and `bias`."""

    features: int
    size: int
    stride: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "*b h w i"]
    ) -> Float[Array, "*b _ _ {self.features}"]:
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        if self.stride == 2:
            return conv.strided_conv2d(x, kernel, bias)
        return conv.conv2d(x, kernel, bias, padding="zeros")


class GoogLeNet(nn.Module):
    """The convolutional part of GoogLeNet, of any width and depth.

    Its padding is zeros and its pooling max; there is no choice of others.

    Attributes:
        widths: output channels of each convolution that there are weights for, in the
            order of `convolutions`.
        variant: "caffe" or "torchvision".
    """

    widths: tuple[int, ...]
    variant: str = "caffe"

    architecture = ARCHITECTURE
    padding = "zeros"

    def _widths(self) -> dict[str, int]:
        return dict(zip(convolutions(), self.widths, strict=False))

    def layers(self) -> tuple[str, ...]:
        """Every name that `__call__` can return, in the order of computation."""
        widths, available = self._widths(), {"image"}
        for layer in table(self.variant):
            has_weights = layer.kind != "conv" or layer.tensor in widths
            if has_weights and available.issuperset(layer.sources):
                available.add(layer.name)
        return tuple(n.name for n in table(self.variant) if n.name in available)

    def min_side(self, layers: Sequence[str]) -> int:
        """Smallest side in pixels for which every one of `layers` has a value."""
        needed, side = _ancestors(layers, self.variant), 1
        for layer in reversed(table(self.variant)):
            # A pooling over 3 x 3 halves and rounds down, all others round up.
            if layer.stride == 2 and layer.name in needed:
                down = layer.kind == "pool" and layer.size == 3
                side = 2 * side if down else 2 * side - 1
        return side

    @nn.compact
    def __call__(
        self, x: Float[Array, "*b _ _ 3"], layers: Sequence[str]
    ) -> dict[str, Float[Array, "*b _ _ _"]]:
        """Features by name; only what `layers` are computed from is computed.

        Args:
            x: (..., H, W, 3), normalised.
            layers: "conv1", "conv2", "inception_3a" ... "inception_5b" (after the
                ReLU), branches such as "inception_3a/3x3" (after it, too), "pool1" ...
                "pool4", and "norm1" and "norm2", Caffe's local response normalisations.
        """
        needed, widths = _ancestors(layers, self.variant), self._widths()
        features: dict[str, Any] = {"image": x}
        for layer in table(self.variant):
            if layer.name not in needed:
                continue
            sources = [features[name] for name in layer.sources]
            if layer.kind == "conv":
                width = widths[layer.tensor]
                convolution = Convolution(
                    width, layer.size, layer.stride, name=layer.tensor
                )
                features[layer.name] = nn.relu(convolution(sources[0]))
            elif layer.kind == "pool":
                features[layer.name] = (
                    pooling.max_pool3(sources[0], stride=layer.stride)
                    if layer.size == 3
                    else pooling.ceil_max_pool2(sources[0])
                )
            elif layer.kind == "norm":
                features[layer.name] = conv.local_response_norm(sources[0])
            else:
                features[layer.name] = jnp.concatenate(sources, -1)
        return {name: features[name] for name in layers}
