"""The same objective in another architecture: layers of about the same depth."""

import re
from dataclasses import replace

from jaxnst.config import Config
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
