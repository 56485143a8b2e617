"""Which network a command uses, and one line that says so."""

import sys
from dataclasses import replace

from jaxnst import Network, load_network, network_from_weights
from jaxnst.builtin import BUILTINS
from jaxnst.depths import at_same_depth
from jaxnst.feedforward import FeedForward
from jaxnst.feedforward_weights import load_feedforward
from jaxnst.settings import Settings
from jaxnst.sources import weights_at_hand
from jaxnst.start import FEEDFORWARD
from jaxnst.weights import read_weights

BUILT_IN = next(iter(BUILTINS))


def obtain(settings: Settings) -> tuple[Settings, Network]:
    """The network that the settings ask for, and the settings with its name in them;
    for GoogLeNet with its own layers in the place of VGG's."""
    settings, network = _obtain(settings)
    objective = at_same_depth(settings.objective, network)
    return replace(settings, objective=objective), network


def obtain_decoder(settings: Settings) -> FeedForward | None:
    """The network for one pass, if the settings start from what it makes."""
    if settings.optimization.init == FEEDFORWARD:
        return load_feedforward(settings.decoder)
    if settings.decoder is not None:
        raise ValueError(
            "--decoder is for one pass; add --fast, or --init feedforward to start "
            "from one"
        )
    return None


def _obtain(settings: Settings) -> tuple[Settings, Network]:
    """As `obtain`, with the layers as they are.

    "auto" is the network of the weights file given, if one is; VGG-19 if its weights
    are at hand; else the built-in one.
    """
    name, source = settings.network, settings.weights
    if name != "auto":
        return settings, load_network(name, weights=source)
    path = weights_at_hand("vgg19", source)
    if path is None and source is not None:  # a publisher's, to be fetched
        return replace(settings, network="vgg19"), load_network("vgg19", weights=source)
    if path is None:
        name, network = BUILT_IN, load_network(BUILT_IN)
        note = "built in; --network vgg19 fetches the full VGG-19 (575 MB) once"
    else:
        weights = read_weights(path)
        name, network = weights.architecture, network_from_weights(weights)
        note = f"{path}; --network {BUILT_IN} is faster"
    if source is not None:  # nothing was chosen that was not asked for
        return replace(settings, network=name), network
    print(f"network: {name} ({note})", file=sys.stderr)
    return replace(settings, network=name), network
