"""What a study compares: the networks at hand, and where each takes its style from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxnst import Network, network_from_weights
from jaxnst.depths import style_choice
from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.sources import weights_at_hand
from jaxnst.weights import read_weights

Choices = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Subject:
    """A network, and the style layers that it is tried with.

    Attributes:
        label: what it is called.
        choices: style layers by a label such as "5 deep".
        file: its weights, if they were given as a file.
    """

    label: str
    network: Network
    choices: Choices
    file: str | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer of any choice, from shallow to deep."""
        named = {layer for layers in self.choices.values() for layer in layers}
        return tuple(sorted(named, key=self.network.layers.index))

    def shares(self) -> np.ndarray:
        """(choices, layers): each choice as weights of all layers, with sum 1."""
        rows = [
            [layer in chosen for layer in self.layers]
            for chosen in self.choices.values()
        ]
        marks = np.array(rows, np.float32)
        return marks / marks.sum(1, keepdims=True)


def choices(network: Network, wanted: Sequence[str]) -> Choices:
    """Style layers by label, those that come to the same only once.

    Args:
        wanted: numbers of layers, over all depths ("9"), or the first or last ones
            ("5-shallow", "5-deep").

    Raises:
        ValueError: something else.
    """
    found: Choices = {}
    for text in wanted:
        parts = re.fullmatch(r"(\d{1,3})(?:-(spread|shallow|deep))?", text)
        if parts is None:
            raise ValueError(
                f"{text!r} is no choice of style layers; give numbers such as 5 9 16, "
                "or 5-shallow and 5-deep for the first and the last ones"
            )
        where = parts[2] or "spread"
        layers = style_choice(network, int(parts[1]), where)
        label = f"{len(layers)} layers"
        if where != "spread":
            label = f"{len(layers)} {where}"
        if layers not in found.values():
            found[label] = layers
    return found


def at_hand(names: Sequence[str]) -> tuple[dict[str, Network], dict[str, str]]:
    """Networks by label, and of the others how their weights are got.

    Args:
        names: of networks, or weights files, which are called as the file is.

    Raises:
        OSError, ValueError: a file that cannot be used, or two of one name.
    """
    found: dict[str, Network] = {}
    missing: dict[str, str] = {}
    for name in names:
        own = name.endswith(".h5")
        label = Path(name).stem if own else name
        path = Path(name) if own else weights_at_hand(name)
        if label in found or label in missing:
            raise ValueError(f"two networks are called {label}; rename one's file")
        if path is None:
            missing[label] = (
                "its weights are not at hand; "
                f"python scripts/stylize.py CONTENT STYLE --network {name} fetches "
                "them, once"
            )
        else:
            found[label] = network_from_weights(read_weights(path))
    return found, missing


def may_judge(judge: Network, network: Network) -> bool:
    """Whether a judge is another network than the one that painted."""
    kinds = [isinstance(n.module, GoogLeNet) for n in (judge, network)]
    return judge.checksum != network.checksum and not all(kinds)
