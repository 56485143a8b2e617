"""A preset with another network or other weights than it asks for.

What the user typed stays as it is; what only the preset says gives way.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import jax

from jaxnst.losses.config import Config, Weights
from jaxnst.losses.layers import nearest_layer, vgg_counterpart
from jaxnst.networks.network import Network
from jaxnst.networks.vgg import VGG
from jaxnst.pipeline import magnitude, presets
from jaxnst.pipeline.magnitude import Magnitude
from jaxnst.pipeline.settings import Settings
from jaxnst.pretrained import sources
from jaxnst.pretrained.loading import AUTO, choose_network

_SIDES = {"content": "alpha", "style": "beta"}

_WIDE = 512
"""Channels, in its widest layer, of the published VGGs: from which a CPU's bfloat16
units make up for the conversions, and deep features alone hold a photograph."""


@dataclass(frozen=True)
class Choice:
    """Which network is taken, with which weights.

    Attributes:
        name: of the network, as `load_network` takes it.
        weights: a file or a source, None for any.
        path: the file, None if it must be fetched.
    """

    name: str
    weights: str | None
    path: Path | None


def choose(settings: Settings, typed: Collection[str] = ()) -> Choice:
    """The network and weights that the settings ask for, or what serves in their place.

    A file given as weights decides on the architecture, unless a network is typed. A
    preset's source of weights gives way to one that is at hand, or, where none is, to
    the network's default; so does one that the network does not have.

    Args:
        typed: dotted names of fields that the user gave, even where they are as the
            preset's; fields that differ from the preset's count as given in any case.
    """
    name, weights = settings.network, settings.weights
    if weights is not None and sources.is_path(weights):
        name = AUTO if _from_preset(settings, "network", typed) else name
    elif weights is not None and _from_preset(settings, "weights", typed):
        return _choose_available(name, weights)
    found, path = choose_network(name, weights)
    return Choice(found, str(name) if sources.is_path(name) else weights, path)


def _choose_available(name: str, preferred: str) -> Choice:
    """What is at hand of the network, from the preferred source if that is."""
    if sources.is_path(name):
        found, path = choose_network(name)
        return Choice(found, name, path)
    full = "vgg19" if name == AUTO else name
    path = sources.find_available(full, preferred)
    if path is None and name == AUTO:
        found, path = choose_network(name)
        return Choice(found, None, path)
    return Choice(full, None if path is None else sources.source_of(full, path), path)


def replaced_source(
    settings: Settings, choice: Choice, typed: Collection[str] = ()
) -> str:
    """In words, which weights are taken for those that a preset asks for; "" if those
    are, or the same in another form, or the network has none of that source."""
    asked, used = settings.weights, choice.weights
    if asked is None or not _from_preset(settings, "weights", typed):
        return ""
    if used in sources.equivalent(asked) or not sources.has(choice.name, asked):
        return ""
    used = used or f"{choice.name}.h5"
    return f"{used} weights for {asked}'s, which are fetched only if named"


def _from_preset(settings: Settings, name: str, typed: Collection[str]) -> bool:
    """Whether a field, by its dotted name, has its value from the preset alone."""
    if name in typed:
        return False
    opened = settings.magnitude is None and "magnitude" not in typed
    if name == "weights" and opened:  # kept by a picture, they are those it was made of
        return False
    origins = [Settings()] if name.startswith("objective.") else []
    if settings.preset in presets.NAMES:
        origins.append(presets.get(settings.preset))

    def value(of: Settings) -> object:
        return reduce(getattr, name.split("."), of)

    return value(settings) in map(value, origins)


def adapted(
    settings: Settings, network: Network, typed: Collection[str] = ()
) -> tuple[Settings, list[str]]:
    """The settings for a network, and in words what has changed.

    Layers that it lacks become those nearest in depth. Loss weights that are for
    features of a published magnitude (`Settings.magnitude`) are carried over, so that
    every term is as large as in the published network: those of the layers, or where
    these are typed alpha and beta. Relative terms know no magnitude. The default's
    content has layers of its own in a narrow network (`presets.NARROW_CONTENT`).
    bfloat16 becomes float32 where that is faster.

    Args:
        typed: as of `choose`.
    """
    for side in _SIDES:
        asked = getattr(settings.objective, f"{side}_layers")
        if not _from_preset(settings, f"objective.{side}_layers", typed):
            network.check_layers(asked)
    settings = _with_content_of(settings, network, typed)
    config, terms, changes = settings.objective, settings.terms, []
    moved = _moved(config, network)
    if moved:
        changes.append(moved)
    if not isinstance(network.module, VGG) and _from_preset(
        settings, "objective.padding", typed
    ):
        config = replace(config, padding=None)
    if settings.magnitude is not None:
        terms = carried_over(settings, network, typed)
        if terms != settings.terms:
            changes.append("loss weights carried over to its features")
    if config.precision == "bfloat16" and not _is_faster_in_bfloat16(network):
        config = replace(config, precision="float32")
        changes.append("float32, for bfloat16 is slower in it on a CPU")
    config, terms = _merged(config, terms, network)
    settings = replace(settings, objective=config, terms=terms, magnitude=None)
    return settings, changes


def _with_content_of(
    settings: Settings, network: Network, typed: Collection[str]
) -> Settings:
    """The settings with the content layers that the default has in a network."""
    config, default = settings.objective, presets.default.objective
    if (
        _is_wide(network)
        or not isinstance(network.module, VGG)
        or settings.preset not in presets.NAMES
        or presets.get(settings.preset).objective != default
        or config.content_layers != default.content_layers
        or "objective.content_layers" in typed
        or settings.terms.content_weights is not None
    ):
        return settings
    own = replace(config, content_layers=presets.NARROW_CONTENT)
    return replace(settings, objective=own)


def _is_wide(network: Network) -> bool:
    return isinstance(network.module, VGG) and max(network.module.widths) >= _WIDE


def _is_faster_in_bfloat16(network: Network) -> bool:
    """On a CPU wide products alone are, which only `VGG` computes with."""
    return _is_wide(network) or jax.local_devices()[0].platform != "cpu"


def _moved(config: Config, network: Network) -> str:
    """In words, which layers the network has in the place of others; "" for none."""
    own = {n: _own_layer(n, network) for n in config.layers}
    moved = {name: nearest for name, nearest in own.items() if nearest != name}
    if moved and not isinstance(network.module, VGG):
        names = sorted(set(moved.values()), key=network.layers.index)
        return f"{', '.join(names)} for the layers of VGG"
    return ", ".join(f"{nearest} for {name}" for name, nearest in moved.items())


def _own_layer(layer: str, network: Network) -> str:
    return nearest_layer(layer, network.layers)


def _merged(config: Config, terms: Weights, network: Network) -> tuple[Config, Weights]:
    """The network's own layers, each once, with the sum of the weights of those that
    have become one."""
    layers: dict[str, Any] = {}
    weights: dict[str, Any] = {}
    for side in _SIDES:
        names = [_own_layer(n, network) for n in getattr(config, f"{side}_layers")]
        given = getattr(terms, f"{side}_weights")
        sums = dict.fromkeys(names, 0.0)
        for name, weight in zip(names, given or [0.0] * len(names), strict=True):
            sums[name] += weight
        layers[f"{side}_layers"] = tuple(sums)
        weights[f"{side}_weights"] = given and tuple(sums.values())
    return replace(config, **layers), replace(terms, **weights)


def carried_over(
    settings: Settings, network: Network, typed: Collection[str] = ()
) -> Weights:
    """Loss weights under which every term is as large as in the network that the
    settings' are for, one for each layer of the settings; as of `adapted`."""
    terms = settings.terms
    factors, changed = _factors(settings, network), dict[str, Any]()
    for side, scalar in _SIDES.items():
        if all(factor == 1 for factor in factors[side]):
            continue
        given: tuple[float, ...] | None = getattr(terms, f"{side}_weights")
        if given is None:
            given = (1 / len(factors[side]),) * len(factors[side])
        scaled = tuple(w * f for w, f in zip(given, factors[side], strict=True))
        if f"terms.{side}_weights" not in typed:
            changed[f"{side}_weights"] = scaled
        elif f"terms.{scalar}" not in typed and any(given):
            changed[scalar] = getattr(terms, scalar) * sum(scaled) / sum(given)
    return replace(terms, **changed)


def _factors(settings: Settings, network: Network) -> dict[str, list[float]]:
    """{"content" and "style": by what to multiply the weight of each layer}.

    The aim are the magnitudes of the network that the preset is for. Those of another
    published one are known, so that in another unit alone every layer has the same
    factor; of any other network they are measured.
    """
    config, unit = settings.objective, magnitude.UNITS[settings.magnitude or "caffe"]
    own = {name: _own_layer(name, network) for name in config.layers}
    measured = magnitude.measure(network, tuple(own.values()), config.normalization)
    known = magnitude.published_unit(network, measured)
    preset = presets.get(settings.preset) if settings.preset in presets.NAMES else None
    asked = "vgg16" if preset and preset.network == "vgg16" else "vgg19"

    def factor(layer: str, size: Callable[[Magnitude], float]) -> float:
        name = layer
        if not isinstance(network.module, VGG):  # whose layers all follow a ReLU
            name = vgg_counterpart(layer).replace("conv", "relu")
        aim, have = magnitude.published(asked, name).times(unit), measured[own[layer]]
        if known is not None:
            table = network.module.architecture
            have = magnitude.published(table, own[layer]).times(known)
        return size(aim) / size(have) if size(have) else 1.0

    def content(features: Magnitude) -> float:
        return features.content(config.content_reduction)

    def style(features: Magnitude) -> float:
        kind = config.statistic, config.style_reduction, config.gram_normalize
        return features.style(*kind)

    return {
        "content": [factor(layer, content) for layer in config.content_layers],
        "style": [factor(layer, style) for layer in config.style_layers],
    }
