"""What a study is made of: the pictures, and what every network is put through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from _kept import Arrays, kept
from _stored import digest

import jaxnst
from jaxnst import Network, Settings, images


@dataclass(frozen=True)
class Pair:
    """The pictures of a study, and where what they were made into is kept."""

    content: Path
    style: Path
    folder: Path

    def load(self) -> tuple[jax.Array, list[jax.Array]]:
        return images.load_image(self.content), [images.load_image(self.style)]

    def kept(
        self,
        name: str,
        network: Network,
        settings: Settings,
        more: Any,
        make: Callable[[], Arrays],
    ) -> Arrays:
        description = {
            "jaxnst": jaxnst.__version__,
            "sha256": [digest(self.content), digest(self.style)],
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
