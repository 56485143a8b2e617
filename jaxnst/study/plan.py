"""What a study compares: pictures, networks, style layers, starts and weights."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxnst import images, metrics
from jaxnst._files import sha256
from jaxnst._version import __version__
from jaxnst.losses.layers import style_choice
from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.networks.network import Network
from jaxnst.pipeline.inputs import load_pictures
from jaxnst.pipeline.settings import Settings
from jaxnst.pretrained.loading import load_network
from jaxnst.pretrained.sources import weights_at_hand
from jaxnst.study.cache import Arrays, kept


@dataclass(frozen=True)
class Pair:
    """The pictures of a study, and where what they were made into is kept."""

    content: Path
    style: Path
    folder: Path

    def load(
        self, settings: Settings, network: Network
    ) -> tuple[jax.Array, list[jax.Array]]:
        """Photograph and painting, at the sizes that the settings say."""
        return load_pictures(settings, network, self.content, [self.style])

    def load_for_judge(self) -> tuple[jax.Array, jax.Array]:
        """Photograph and painting, as large as a judge looks at them."""
        content, style = (
            images.load_image(path, size=max(metrics.SCALES))
            for path in (self.content, self.style)
        )
        return content, style

    def kept(
        self,
        name: str,
        network: Network,
        settings: Settings,
        more: Any,
        make: Callable[[], Arrays],
    ) -> Arrays:
        description = {
            "jaxnst": __version__,
            "sha256": [sha256(self.content), sha256(self.style)],
            "weights": network.checksum,
            "settings": settings.to_json(),
            "more": more,
        }
        return kept(self.folder / "kept" / f"{name}.npz", description, make)


@dataclass(frozen=True)
class Plan:
    """What every network of a study is put through.

    Attributes:
        settings: of the single runs, but for the network and its layers.
        shown: steps after which a single run's picture is kept, in order.
        starts, alphas, betas: the axes of the grid.
        own: places of the settings' own alpha and beta in these.
        full: every choice of layers under all weights; not only under the settings'
            own, and only the first under all.
    """

    settings: Settings
    pair: Pair
    shown: Sequence[int]
    starts: Sequence[str]
    alphas: Sequence[float]
    betas: Sequence[float]
    own: tuple[int, int]
    full: bool

    def painted(self, choices: int) -> np.ndarray:
        """(choices, alphas, betas): what the grid is to hold."""
        found = np.full((choices, len(self.alphas), len(self.betas)), self.full)
        found[0] = True
        found[:, *self.own] = True
        return found


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
                f"jaxnst.load_network({name!r}) fetches "
                "them, once"
            )
        else:
            found[label] = load_network(path)
    return found, missing


def may_judge(judge: Network, network: Network) -> bool:
    """Whether a judge is another network than the one that painted."""
    kinds = [isinstance(n.module, GoogLeNet) for n in (judge, network)]
    return judge.checksum != network.checksum and not all(kinds)
