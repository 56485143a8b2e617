"""How large a network's features are, beside those that published weights are for.

Networks are compared on one picture, so that the answer is a property of the network
alone: overlapping discs of many sizes, which have edges and flat areas as photographs
do (Lee, Mumford and Huang, "Occlusion models for natural images", IJCV 2001).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst.losses.functional import gram_divisor, gram_matrix
from jaxnst.losses.layers import before_pooling, nearest_layer, vgg_counterpart
from jaxnst.networks.network import Network
from jaxnst.networks.random_weights import FULL_WIDTHS
from jaxnst.networks.vgg import VGG, convolutions

# torchvision's networks see pictures divided by a deviation of about 57 of 255 levels.
UNITS = {"caffe": 1.0, "torchvision": 1 / 57}
"""Features of published weights over those of the original Caffe weights."""

_SIDE, _DISCS = 256, 1500

# Of the original Caffe networks on the reference picture: root mean squares of the
# features, and of the entries of their Gram matrices over h w. Those of photographs and
# paintings of that size are within a third of the first. A test measures them again
# where the real weights are.
_PUBLISHED: dict[str, dict[str, tuple[float, float]]] = {
    "vgg19": {
        "conv1_1": (68.16, 2292),
        "relu1_1": (48.86, 1101),
        "conv1_2": (236.6, 2.424e4),
        "relu1_2": (209.2, 2.376e4),
        "conv2_1": (426.7, 5.645e4),
        "relu2_1": (270.2, 3.152e4),
        "conv2_2": (583.8, 8.077e4),
        "relu2_2": (360.8, 3.779e4),
        "conv3_1": (661.3, 1.359e5),
        "relu3_1": (398.7, 5.658e4),
        "conv3_2": (602.3, 1.293e5),
        "relu3_2": (406.8, 7.434e4),
        "conv3_3": (713.6, 2.571e5),
        "relu3_3": (671.7, 2.817e5),
        "conv3_4": (1300, 6.908e5),
        "relu3_4": (1197, 8.069e5),
        "conv4_1": (2100, 2.626e6),
        "relu4_1": (1303, 9.871e5),
        "conv4_2": (2001, 2.109e6),
        "relu4_2": (1005, 4.568e5),
        "conv4_3": (1491, 1.135e6),
        "relu4_3": (586.2, 1.186e5),
        "conv4_4": (1006, 6.854e5),
        "relu4_4": (210, 9618),
        "conv5_1": (439.5, 1.123e5),
        "relu5_1": (151.1, 7920),
        "conv5_2": (219.4, 3.091e4),
        "relu5_2": (67.7, 1676),
        "conv5_3": (109.3, 8507),
        "relu5_3": (26.87, 269.7),
        "conv5_4": (57.8, 2890),
        "relu5_4": (6.338, 15.06),
    },
    "vgg16": {
        "conv1_1": (70.89, 2415),
        "relu1_1": (50.29, 1109),
        "conv1_2": (265.2, 2.854e4),
        "relu1_2": (233.1, 2.785e4),
        "conv2_1": (542.2, 9.013e4),
        "relu2_1": (379.5, 6.715e4),
        "conv2_2": (890.9, 1.902e5),
        "relu2_2": (593.7, 1.134e5),
        "conv3_1": (1143, 3.865e5),
        "relu3_1": (733.8, 2.062e5),
        "conv3_2": (1249, 5.789e5),
        "relu3_2": (722.9, 2.111e5),
        "conv3_3": (1115, 3.638e5),
        "relu3_3": (643.1, 1.289e5),
        "conv4_1": (1225, 8.854e5),
        "relu4_1": (496.7, 9.695e4),
        "conv4_2": (774.5, 3.506e5),
        "relu4_2": (284.9, 3.089e4),
        "conv4_3": (507.2, 1.833e5),
        "relu4_3": (107.1, 3144),
        "conv5_1": (230.5, 3.406e4),
        "relu5_1": (73.03, 2120),
        "conv5_2": (115.4, 9368),
        "relu5_2": (30.24, 357.5),
        "conv5_3": (67.17, 3946),
        "relu5_3": (6.872, 16.35),
    },
}


@dataclass(frozen=True)
class Magnitude:
    """How large a layer's features are.

    Attributes:
        rms: their root mean square.
        gram: root mean square of the entries of F Fᵀ / (h w).
        channels, positions: c and h w.
    """

    rms: float
    gram: float
    channels: int
    positions: int

    def times(self, factor: float) -> "Magnitude":
        """Of features so many times as large."""
        return replace(self, rms=self.rms * factor, gram=self.gram * factor**2)

    def content(self, reduction: str) -> float:
        """The size of `losses.content_loss` against no features, but for a factor that
        no network changes."""
        if reduction in ("relative", "self_similarity"):
            return 1.0
        count = 1 if reduction == "mean" else self.channels * self.positions
        return count * self.rms**2

    def style(self, statistic: str, reduction: str, normalize: str) -> float:
        """The same of `losses.style_loss`, or of the squared distances of other
        statistics."""
        if reduction == "relative":
            return 1.0
        if statistic != "gram":
            return self.rms**2 * (1 if reduction == "mean" else self.channels)
        divisor = gram_divisor(self.positions, self.channels, normalize)
        mean = (self.positions * self.gram / divisor) ** 2
        factors = {
            "mean": 1.0,
            "sum": self.channels**2,
            "gatys": 1 / self.positions**2,
            "per_position": self.channels**2 / self.positions,
        }
        return factors[reduction] * mean


def published(architecture: str, layer: str) -> Magnitude:
    """Of a layer of the original VGG-16 or VGG-19; of the deepest one that is no
    deeper, or that GoogLeNet's stands for, where the network has no such layer."""
    table = _PUBLISHED[architecture]
    layer = nearest_layer(before_pooling(vgg_counterpart(layer), architecture), table)
    block = int(layer[4])
    side = _SIDE >> (block - 1)
    return Magnitude(*table[layer], FULL_WIDTHS[block - 1], side**2)


def measure(
    network: Network, layers: Sequence[str], normalization: str = "file"
) -> dict[str, Magnitude]:
    """{layer: of its features on the reference picture}; for a pooling of a VGG those
    of the ReLU before it."""
    architecture = network.module.architecture
    own = {layer: before_pooling(layer, architecture) for layer in layers}
    asked = tuple(dict.fromkeys(own.values()))
    features = network(reference_picture(), asked, normalization=normalization)
    found = {}
    for layer, x in features.items():
        gram = jnp.mean(jnp.square(gram_matrix(x, normalize="positions")))
        rms = math.sqrt(jnp.mean(jnp.square(x)))
        height, width, channels = x.shape
        found[layer] = Magnitude(rms, math.sqrt(gram), channels, height * width)
    return {layer: found[name] for layer, name in own.items()}


def published_unit(network: Network, measured: dict[str, Magnitude]) -> float | None:
    """Features of this network over those of the original Caffe weights, 1 or 1/57, if
    it is a published VGG, as its widths and the magnitude of its features tell.

    Two networks trained apart differ by less than the root of 57, those fed with
    pictures of the other scale by more.
    """
    module = network.module
    if not isinstance(module, VGG):
        return None
    names = convolutions(module.architecture)[: len(module.widths)]
    if module.widths != tuple(FULL_WIDTHS[int(name[4]) - 1] for name in names):
        return None
    ratios = [
        own.rms / published(module.architecture, layer).rms
        for layer, own in measured.items()
    ]
    for unit in UNITS.values():
        if all(57**-0.5 < ratio / unit < 57**0.5 for ratio in ratios):
            return unit
    return None


@cache
def reference_picture() -> Array:
    """The picture that magnitudes are measured on, (256, 256, 3), always the same."""
    random = np.random.RandomState(0)  # whose numbers no version of NumPy changes
    picture = np.zeros((_SIDE, _SIDE, 3), np.float32)
    for share, row, column, grey, *colour in random.random_sample((_DISCS, 7)):
        # Radii from 0.01 to 0.5 of the side, their density as r^-3.
        radius = _SIDE * (share * 0.01**-2 + (1 - share) * 0.5**-2) ** -0.5
        rows, columns = (
            np.arange(max(0, int(x - radius)), min(_SIDE, int(x + radius) + 1))
            for x in (row * _SIDE, column * _SIDE)
        )
        down, across = rows[:, None] - row * _SIDE, columns - column * _SIDE
        disc = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        disc[down**2 + across**2 < radius**2] = 0.7 * grey + 0.3 * np.array(colour)
    return jnp.asarray(picture)
