"""Choice of layers: of the same depth in another network, or a number for style."""

import re
from dataclasses import replace

from jaxnst import _checks
from jaxnst.losses.config import STYLE_LAYERS, Config
from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.networks.network import Network

# Chosen by looking at results: with deeper ones the edges of the content dissolve.
_GOOGLENET = {
    "1": "conv1",
    "2": "conv2",
    "3": "inception_3a",
    "4": "inception_3b",
    "5": "inception_4a",
}


def at_same_depth(config: Config, network: Network) -> Config:
    """`config` with VGG's layers replaced by GoogLeNet's if `network` is one.

    Layers of VGG's blocks 1 to 5 become conv1, conv2, inception_3a, inception_3b and
    inception_4a, each once. Layers of GoogLeNet stay as they are, as does everything
    for any other network.
    """
    if not isinstance(network.module, GoogLeNet):
        return config

    def replaced(layers: tuple[str, ...]) -> tuple[str, ...]:
        # The block of conv4_2 and relu4_2 is 4; both have a pool4.
        blocks = [re.fullmatch(r"(?:conv|relu)([1-5])_\d", layer) for layer in layers]
        names = [
            layer if block is None else _GOOGLENET[block[1]]
            for layer, block in zip(layers, blocks, strict=True)
        ]
        return tuple(dict.fromkeys(names))

    return replace(
        config,
        content_layers=replaced(config.content_layers),
        style_layers=replaced(config.style_layers),
    )


def as_deep(config: Config, network: Network) -> Config:
    """`config` without layers that are deeper than the network.

    Of a VGG whose last layers are missing, the deepest layer of the same kind replaces
    them (relu5_3 becomes relu5_1 where that is the last ReLU), each once.
    """

    def deepest(layer: str) -> str:
        if layer in network.layers:
            return layer
        same_kind = [n for n in network.layers if n.startswith(layer[:4])]
        return same_kind[-1] if same_kind else layer

    def replaced(layers: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(deepest, layers)))

    return replace(
        config,
        content_layers=replaced(config.content_layers),
        style_layers=replaced(config.style_layers),
    )


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
