"""What a study compares: content, style, networks, style layers, starts and weights."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxnst import images
from jaxnst._checks import check_choice
from jaxnst._files import fitting_name, sha256
from jaxnst._version import __version__
from jaxnst.losses.layers import style_choice
from jaxnst.networks.network import Network
from jaxnst.optimize.initial import INITS
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import load_pictures
from jaxnst.pipeline.settings import Settings
from jaxnst.pipeline.substitute import adapted
from jaxnst.pretrained.loading import load_network
from jaxnst.pretrained.sources import find_local_weights, is_path
from jaxnst.study.cache import Arrays, cached

CACHE = "kept"  # folder of what was computed already

_SHOWN = 384  # long side of photograph and painting, which are shown for comparison

_BETA_FACTORS = (1 / 30, 1 / 5, 1, 5, 30)

LayerChoices = dict[str, tuple[str, ...]]
"""Style layers by a label such as "5 deep"."""


@dataclass(frozen=True)
class Pair:
    """The content and style image of a study, and the folder of its results.

    Attributes:
        content, style: what their files are called.
        files: copies of them, which are read: a study takes hours, in which the files
            themselves may go.
        digests: SHA-256 of the two.
        shown: both images, small, for the page.
        like: what pictures take over from the content's file.
    """

    content: Path
    style: Path
    folder: Path
    files: tuple[Path, Path]
    digests: tuple[str, str]
    shown: tuple[jax.Array, jax.Array]
    like: images.Like

    @classmethod
    @contextmanager
    def copied(
        cls, content: Path, style: Path, folder: Path, *, keep_metadata: bool = True
    ) -> Iterator["Pair"]:
        """A pair whose copies are there within the block.

        Args:
            keep_metadata: as of `images.read_like`.

        Raises:
            OSError, ValueError: an image cannot be read.
        """
        shown = tuple(images.load_image(p, size=_SHOWN) for p in (content, style))
        with tempfile.TemporaryDirectory(prefix="jaxnst-") as temporary:
            files = tuple(
                Path(temporary, f"{name}{path.suffix}")
                for name, path in (("content", content), ("style", style))
            )
            for path, copy in zip((content, style), files, strict=True):
                shutil.copyfile(path, copy)
            digests = tuple(map(sha256, files))
            like = images.read_like(files[0], keep_metadata=keep_metadata)
            yield cls(content, style, folder, files, digests, shown, like)  # type: ignore[arg-type]

    def load(
        self, settings: Settings, network: Network
    ) -> tuple[jax.Array, list[jax.Array]]:
        """Content and style image, at the sizes that the settings say."""
        content, style = self.files
        return load_pictures(settings, network, content, [style])

    def cached(
        self,
        name: str,
        network: Network,
        settings: Settings,
        more: Any,
        make: Callable[[], Arrays],
    ) -> Arrays:
        """`cache.cached` under all that pictures of the pair depend on, and `more`."""
        description = {
            "jaxnst": __version__,
            "sha256": list(self.digests),
            "weights": network.checksum,
            "settings": settings.to_json(),
            "more": more,
        }
        path = self.folder / CACHE / fitting_name(name, ".npz")
        return cached(path, description, make)


@dataclass(frozen=True)
class Plan:
    """What is computed for every network of a study.

    Attributes:
        settings: of the single runs, but for the network and its layers.
        shown: steps after which a single run's image is recorded, in order.
        starts, alphas, betas: the axes of the grid.
        preset_index: of the settings' own alpha and beta in these.
        full: every choice of layers under all weights; not only under the settings'
            own, and only the first under all.
    """

    settings: Settings
    pair: Pair
    shown: Sequence[int]
    starts: Sequence[str]
    alphas: Sequence[float]
    betas: Sequence[float]
    preset_index: tuple[int, int]
    full: bool

    def grid_mask(self, choices: int) -> np.ndarray:
        """(choices, alphas, betas): which combinations the grid contains."""
        mask = np.full((choices, len(self.alphas), len(self.betas)), self.full)
        mask[0] = True
        mask[:, *self.preset_index] = True
        return mask


@dataclass(frozen=True)
class Candidate:
    """A network, and the style layers that it is compared with.

    Attributes:
        label: its name in the report.
        layer_choices: style layers by label.
        weights_file: its weights, if they were given as a file.
    """

    label: str
    network: Network
    layer_choices: LayerChoices
    weights_file: str | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer of any choice, from shallow to deep."""
        union = {layer for layers in self.layer_choices.values() for layer in layers}
        return tuple(sorted(union, key=self.network.layers.index))

    def settings(
        self, settings: Settings, style_layers: Sequence[str] | None = None
    ) -> Settings:
        """The study's settings for the network: with layers of its own, the style
        layers weighted alike, and loss weights as large for its features as a preset's
        are for those of its own network.

        Args:
            style_layers: the first choice if not given.
        """
        layers = tuple(style_layers or next(iter(self.layer_choices.values())))
        weights = settings.terms.style_weights
        if weights is not None:
            weights = (sum(weights) / len(layers),) * len(layers)
        asked = replace(
            settings,
            objective=replace(settings.objective, style_layers=layers),
            terms=replace(settings.terms, style_weights=weights),
        )
        return adapted(asked, self.network)[0]

    def layer_weights(self, settings: Settings) -> np.ndarray:
        """(choices, layers): each choice as weights of all layers, under the study's
        settings; for relative terms each of sum 1."""
        rows = np.zeros((len(self.layer_choices), len(self.layers)), np.float32)
        for row, layers in zip(rows, self.layer_choices.values(), strict=True):
            own = self.settings(settings, layers).terms.style_weights
            places = [self.layers.index(layer) for layer in layers]
            row[places] = own or 1 / len(layers)
        return rows


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """Options of `run_study`."""

    networks: tuple[str, ...] = ("vgg16", "vgg19", "googlenet", "vgg19-lite")
    """Names or weights files; those whose weights are not available locally are left
    out."""
    starts: tuple[str, ...] = ("content", "noise")
    """What the pictures start from."""
    style_layers: tuple[str, ...] = ("5", "9", "16", "5-shallow", "5-deep")
    """How many layers style is taken from, over all depths, or the first or the last
    ones; the first choice is the usual one."""
    alpha: tuple[float, ...] = ()
    """Weights of the content to try beside the preset's."""
    beta: tuple[float, ...] = ()
    """Weights of the style to try beside the preset's; a series from a thirtieth to
    thirty times if none are given."""
    full: bool = False
    """Try every choice of layers under all weights, too; else every choice under the
    preset's weights, and all weights under the first choice."""
    shown: tuple[int, ...] = (50, 100, 150, 200, 250, 300)
    """Steps after which losses and pictures are shown; the last ends the run."""
    judge: tuple[str, ...] = ()
    """Networks that judge, by name or weights file; GoogLeNet, VGG-16 and VGG-19 if
    they are available."""
    presets: tuple[str, ...] = ("mel457", "ncsu", "vgg19-gatys", "vgg16-adam")
    """Published systems to run as they are, by name."""
    preset: str = "gram"
    """Named settings that networks are compared with, at one size."""
    size: int = 256
    """Long side in pixels of what is compared; published systems have their own."""

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            values = getattr(self, name)
            if not all(isfinite(value) and value > 0 for value in values):
                raise ValueError(f"{name} must be numbers above 0, got {values}")
        for name in ("starts", "style_layers", "networks", "shown"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{name} needs one or more, each only once")
        if min(self.shown) < 1:
            raise ValueError(f"shown must be numbers of steps from 1, got {self.shown}")
        for start in self.starts:
            check_choice(start, "start", INITS)
        for name in (*self.presets, self.preset):
            presets.get(name)

    def settings(self) -> Settings:
        """The preset at one size, for as many steps as are shown."""
        preset = presets.get(self.preset)
        geometry = replace(preset.geometry, size=self.size, min_size=None)
        optimization = replace(preset.optimization, steps=(max(self.shown),))
        return replace(preset, geometry=geometry, optimization=optimization)

    def plan(self, pair: Pair) -> Plan:
        settings = self.settings()
        terms = settings.terms
        alphas = _weight_axis(self.alpha, terms.alpha, (1.0,))
        betas = _weight_axis(self.beta, terms.beta, _BETA_FACTORS)
        preset_index = alphas.index(terms.alpha), betas.index(terms.beta)
        axes = self.starts, alphas, betas
        return Plan(settings, pair, sorted(self.shown), *axes, preset_index, self.full)

    def candidates(self, networks: dict[str, Network]) -> list[Candidate]:
        """A candidate for each of the networks, by label."""
        files = {Path(n).stem: n for n in self.networks if is_path(n)}
        return [
            Candidate(
                label,
                network,
                choose_layers(network, self.style_layers),
                files.get(label),
            )
            for label, network in networks.items()
        ]


def _weight_axis(
    given: Sequence[float], preset: float, factors: Sequence[float]
) -> list[float]:
    """Values of a weight in order, the preset's own among them."""
    values = given or [float(f"{preset * factor:.3g}") for factor in factors]
    return sorted({*values, preset})


def choose_layers(network: Network, names: Sequence[str]) -> LayerChoices:
    """Style layers by label, those that come to the same only once.

    Args:
        names: numbers of layers, over all depths ("9"), or the first or last ones
            ("5-shallow", "5-deep").

    Raises:
        ValueError: something else.
    """
    choices: LayerChoices = {}
    for name in names:
        parts = re.fullmatch(r"(\d{1,3})(?:-(spread|shallow|deep))?", name)
        if parts is None:
            raise ValueError(
                f"{name!r} is no choice of style layers; give numbers such as 5 9 16, "
                "or 5-shallow and 5-deep for the first and the last ones"
            )
        depth = parts[2] or "spread"
        layers = style_choice(network, int(parts[1]), depth)
        label = f"{len(layers)} layers"
        if depth != "spread":
            label = f"{len(layers)} {depth}"
        if layers not in choices.values():
            choices[label] = layers
    return choices


def available_networks(
    names: Sequence[str],
) -> tuple[dict[str, Network], dict[str, str]]:
    """Networks by label, and {label: how to get its weights} of the others.

    Args:
        names: of networks, or weights files, whose label is the file's name.

    Raises:
        OSError, ValueError: a file that cannot be used, or two of one name.
    """
    networks: dict[str, Network] = {}
    missing: dict[str, str] = {}
    for name in names:
        is_file = is_path(name)
        label = Path(name).stem if is_file else name
        path = Path(name) if is_file else find_local_weights(name)
        if label in networks or label in missing:
            raise ValueError(f"two networks are called {label}; rename one's file")
        if path is None:
            missing[label] = (
                f"its weights are not at hand; jaxnst.load_network({name!r}) fetches "
                "them, once"
            )
        else:
            networks[label] = load_network(path)
    return networks, missing
