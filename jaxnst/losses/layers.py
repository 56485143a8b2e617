"""Which layers: of the same depth in another architecture, or so many for style."""

import re
from dataclasses import replace

from jaxnst import _checks
from jaxnst.losses.config import STYLE_LAYERS, Config
from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.networks.network import Network

# Chosen by their pictures: with deeper ones the photograph's edges dissolve.
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
    inception_4a, each once. Layers that are GoogLeNet's own stay, as does everything
    in any other network.
    """
    if not isinstance(network.module, GoogLeNet):
        return config

    def theirs(layers: tuple[str, ...]) -> tuple[str, ...]:
        # The block of conv4_2 and relu4_2 is 4; both have a pool4.
        blocks = [re.fullmatch(r"(?:conv|relu)([1-5])_\d", layer) for layer in layers]
        names = [
            layer if block is None else _GOOGLENET[block[1]]
            for layer, block in zip(layers, blocks, strict=True)
        ]
        return tuple(dict.fromkeys(names))

    return replace(
        config,
        content_layers=theirs(config.content_layers),
        style_layers=theirs(config.style_layers),
    )


def as_deep(config: Config, network: Network) -> Config:
    """`config` with layers deeper than any of a VGG's that was cut off replaced by the
    deepest of their kind (relu5_3 by relu5_1 where no more is held), each once."""

    def held(layer: str) -> str:
        if layer in network.layers:
            return layer
        kind = [n for n in network.layers if n.startswith(layer[:4])]
        return kind[-1] if kind else layer

    def theirs(layers: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(held, layers)))

    return replace(
        config,
        content_layers=theirs(config.content_layers),
        style_layers=theirs(config.style_layers),
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
    """So many layers for style, shallow to deep; all where there are fewer.

    Args:
        where: "spread", over all depths, beginning with the usual five: the first of
            every block (GoogLeNet: as in `at_same_depth`), then the second of every
            block, and so on; "shallow", the first ones; "deep", the last ones.

    Raises:
        ValueError: an unknown place, or a count below 1.
    """
    _checks.check_choice(where, "where", ("spread", "shallow", "deep"))
    _checks.check_whole(count, "count")
    held = style_candidates(network)
    count = min(count, len(held))
    if where == "shallow":
        return held[:count]
    if where == "deep":
        return held[-count:]
    usual = at_same_depth(Config(style_layers=STYLE_LAYERS), network).style_layers
    # The last digit of relu3_2 says which of its block it is; GoogLeNet's have none.
    others = [n for n in held if n not in usual]
    others.sort(key=lambda name: name[-1] if name.startswith("relu") else "")
    chosen = (*(n for n in held if n in usual), *others)[:count]
    return tuple(sorted(chosen, key=held.index))
