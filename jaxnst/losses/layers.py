"""Choice of layers: of the same depth in another network, or a number for style."""

import re
from collections.abc import Iterable
from dataclasses import replace

from jaxnst import _checks
from jaxnst.losses.config import STYLE_LAYERS, Config
from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.networks.network import Network
from jaxnst.networks.vgg import ARCHITECTURES, layer_table

# Chosen by looking at results: with deeper ones the edges of the content dissolve.
_GOOGLENET = {
    "1": "conv1",
    "2": "conv2",
    "3": "inception_3a",
    "4": "inception_3b",
    "5": "inception_4a",
}

# The block of a convolution is its group, of a pooling none: GoogLeNet has those, too.
_VGG = re.compile(r"(?:conv|relu)([1-5])_\d|pool[1-5]")


def nearest_layer(layer: str, layers: Iterable[str]) -> str:
    """The layer of a network for one that another VGG has.

    Of a VGG the deepest one of the same kind that is no deeper: relu4_4 becomes relu4_3
    in VGG-16, and relu5_3 relu5_1 where that is the last. Of GoogLeNet conv1, conv2,
    inception_3a, inception_3b and inception_4a for VGG's blocks 1 to 5.

    Args:
        layers: of the network, shallow to deep.

    Returns:
        `layer` itself where the network has it, or has nothing like it.
    """
    layers = tuple(layers)
    parts = _VGG.fullmatch(layer)
    if layer in layers or parts is None:
        return layer
    if parts[1] and _GOOGLENET["1"] in layers:
        return _GOOGLENET[parts[1]]
    # Names of a kind sort by their depth.
    shallower = [n for n in layers if n[:4] == layer[:4] and n < layer]
    return max(shallower, default=layer)


def at_same_depth(config: Config, network: Network) -> Config:
    """`config` with `nearest_layer` of the network for every layer, each once."""

    def replaced(layers: tuple[str, ...]) -> tuple[str, ...]:
        names = (nearest_layer(layer, network.layers) for layer in layers)
        return tuple(dict.fromkeys(names))

    return replace(
        config,
        content_layers=replaced(config.content_layers),
        style_layers=replaced(config.style_layers),
    )


def vgg_counterpart(layer: str) -> str:
    """The layer of VGG-19 that one of GoogLeNet stands for; others as they are."""
    if _VGG.fullmatch(layer):
        return layer
    blocks = {stage: block for block, stage in _GOOGLENET.items()}
    return f"relu{blocks.get(layer.partition('/')[0], '5')}_1"


def before_pooling(layer: str, architecture: str) -> str:
    """The last ReLU of the block for a pooling of a VGG; other layers as they are."""
    if architecture not in ARCHITECTURES or not layer.startswith("pool"):
        return layer
    table = layer_table(architecture)
    return table[table.index(layer) - 1].replace("conv", "relu")


def style_candidates(network: Network) -> tuple[str, ...]:
    """Every layer that style may be taken from, shallow to deep: those after a ReLU,
    of GoogLeNet's inceptions their outputs."""
    if isinstance(network.module, GoogLeNet):
        kinds: tuple[str, ...] = ("conv", "inception")
    else:
        kinds = ("relu",)
    return tuple(n for n in network.layers if n.startswith(kinds) and "/" not in n)


def style_choice(network: Network, count: int, where: str) -> tuple[str, ...]:
    """`count` style layers, shallow to deep; all where there are fewer.

    Args:
        count: from 1.
        where: "spread", over all depths, beginning with the usual five: the first of
            every block (GoogLeNet: as in `at_same_depth`), then the second of every
            block, and so on; "shallow", the first ones; "deep", the last ones.

    Raises:
        ValueError: an unknown place, or a count below 1.
    """
    _checks.check_choice(where, "where", ("spread", "shallow", "deep"))
    _checks.check_whole(count, "count")
    candidates = style_candidates(network)
    count = min(count, len(candidates))
    if where == "shallow":
        return candidates[:count]
    if where == "deep":
        return candidates[-count:]
    usual = at_same_depth(Config(style_layers=STYLE_LAYERS), network).style_layers
    # The last digit of relu3_2 says which of its block it is; GoogLeNet's have none.
    others = [n for n in candidates if n not in usual]
    others.sort(key=lambda name: name[-1] if name.startswith("relu") else "")
    chosen = (*(n for n in candidates if n in usual), *others)[:count]
    return tuple(sorted(chosen, key=candidates.index))
