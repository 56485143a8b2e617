"""Presets by name, with another network where the one they ask for is not at hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax.numpy as jnp
from jax import Array

from jaxnst.losses.config import Weights
from jaxnst.losses.functional import content_loss
from jaxnst.losses.layers import as_deep, at_same_depth
from jaxnst.losses.objectives import make_targets, objective, weighted
from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.networks.network import Network
from jaxnst.networks.vgg import VGG
from jaxnst.pipeline import presets
from jaxnst.pipeline.run import prepare
from jaxnst.pipeline.settings import Settings
from jaxnst.pretrained.loading import load_network
from jaxnst.pretrained.sources import find_local_weights

# Root mean squares of the original VGG-19's features after the ReLU, of photographs and
# paintings at 256 pixels; blocks 4 and 5 are taken to be as the third.
_PUBLISHED = {1: 45.9, 2: 219.0, 3: 273.0}

# torchvision's see pictures divided by a deviation of about 57 of 255 levels.
_TORCHVISION = 1 / 57


@dataclass(frozen=True)
class Chosen:
    """What a preset runs with, and in words what is not as it prescribes."""

    settings: Settings
    network: Network
    note: str


def preset_run(
    name: str, others: dict[str, Network], content: Array, styles: Sequence[Array]
) -> Chosen:
    """The preset, with its own weights if they are at hand.

    Or else with the widest VGG of `others` (GoogLeNet where there is none): with its
    deepest layers for deeper ones, and with weights for the magnitude of its features.
    """
    given = presets.get(name)
    asked = "vgg19" if given.network == "auto" else given.network
    path = find_local_weights(asked, given.weights)
    if path is not None:
        return Chosen(given, load_network(path), "")
    label, network = max(others.items(), key=lambda item: _width(item[1]))
    settings = adapted(given, network, content, styles)
    config, beta = settings.objective, settings.terms.beta
    note = f"{label} in the place of {asked}, whose weights are not at hand"
    if beta != given.terms.beta:
        note += f", with beta {beta:.3g} for its features"
    moved = set(given.objective.layers) - set(config.layers)
    if moved:
        note += f"; it has no {', '.join(sorted(moved))}, so its deepest instead"
    return Chosen(settings, network, note)


def adapted(
    settings: Settings, network: Network, content: Array, styles: Sequence[Array]
) -> Settings:
    """A preset for a network that is not the published one: layers that it has, weights
    for the magnitude of its features. Relative terms know no magnitude."""
    config = as_deep(at_same_depth(settings.objective, network), network)
    terms = settings.terms
    if len(config.style_layers) < len(settings.objective.style_layers):
        terms = replace(terms, style_weights=None)
    settings = replace(settings, objective=config, terms=terms)
    if config.style_reduction == "relative":
        return settings
    if config.statistic == "gaussian":
        return replace(settings, terms=matching_terms(settings, network, content))
    own = matching_weights(settings, network, content)
    settings = replace(settings, terms=replace(terms, style_weights=own))
    beta = matching_beta(settings, network, content, styles)
    return replace(settings, terms=replace(settings.terms, beta=beta))


def matching_weights(
    settings: Settings, network: Network, content: Array
) -> tuple[float, ...]:
    """Style weights under which layers count as in the published network.

    Terms on Gram matrices grow with the fourth power of the features, so that a layer
    whose features are weaker than its neighbours', as the published network's first
    are, hardly counts; a stand-in has its own proportions. Their sum stays.
    """
    layers = settings.objective.style_layers
    given = settings.terms.style_weights or (1.0,) * len(layers)
    powers = _squares(network, content, layers)
    scaled = [w * power**2 for w, power in zip(given, powers, strict=True)]
    return tuple(sum(given) * weight / sum(scaled) for weight in scaled)


def matching_terms(settings: Settings, network: Network, content: Array) -> Weights:
    """Weights under which terms on Gaussians are as large as in the published network.

    They and the content's grow with the square of the features, smoothness does not,
    so that not their proportions alone count.
    """
    config, terms = settings.objective, settings.terms
    unit = _TORCHVISION**2 if settings.weights == "torchvision" else 1.0

    def scaled(
        given: tuple[float, ...] | None, layers: tuple[str, ...]
    ) -> tuple[float, ...]:
        given = given or (1.0 / len(layers),) * len(layers)
        squares = _squares(network, content, layers)
        return tuple(unit * w * s for w, s in zip(given, squares, strict=True))

    return replace(
        terms,
        content_weights=scaled(terms.content_weights, config.content_layers),
        style_weights=scaled(terms.style_weights, config.style_layers),
    )


def _squares(network: Network, content: Array, layers: Sequence[str]) -> list[float]:
    """The published network's mean square over this one's; 1 where it is no VGG."""
    if not isinstance(network.module, VGG):
        return [1.0] * len(layers)
    found = []
    for layer, own in network(content, tuple(layers)).items():
        published = _PUBLISHED[min(int(layer[4]), max(_PUBLISHED))]
        square = float(jnp.mean(jnp.square(jnp.maximum(own, 0.0))))
        found.append(published**2 / max(square, 1e-12))
    return found


def matching_beta(
    settings: Settings, network: Network, content: Array, styles: Sequence[Array]
) -> float:
    """The beta under which style pulls at the photograph as in preset `gram`.

    beta S(c) / (alpha C(0)) is that of `gram` in the same network: S(c) the style term
    of the photograph itself, C(0) the content term of a picture without features. Of
    S(0) in its place a layer that photograph and painting share would be most.
    """
    config = as_deep(at_same_depth(presets.gram.objective, network), network)
    geometry = replace(presets.gram.geometry, size=256)
    known = replace(presets.gram, objective=config, geometry=geometry)
    wanted = known.terms.beta / known.terms.alpha
    wanted *= _pull(known, network, content, styles)
    own = _pull(settings, network, content, styles)
    return settings.terms.alpha * wanted / own if own > 0 else settings.terms.beta


def _pull(
    settings: Settings, network: Network, content: Array, styles: Sequence[Array]
) -> float:
    """S(c) / C(0) with beta and alpha left out."""
    ready = prepare(settings, content, styles)
    config, terms = settings.objective, settings.terms
    targets = make_targets(network, ready.content, ready.styles, config)
    found = objective(ready.content, network, targets, terms, config)[1]
    energies = [
        content_loss(jnp.zeros_like(aim), aim, reduction=config.content_reduction)
        for aim in targets.content.values()
    ]
    return float(found["style"] / weighted(energies, terms.content_weights))


def _width(network: Network) -> int:
    """Channels in all, of a VGG; others come after every VGG."""
    if isinstance(network.module, GoogLeNet):
        return 0
    return sum(network.module.widths)
