"""Targets and objective: pure functions of pictures, network, weights and config."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnst import _checks, gaussian
from jaxnst.losses import functional, tiles, wasserstein
from jaxnst.losses.config import Config, Weights
from jaxnst.networks.network import Network


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("content", "style", "apart"),
    meta_fields=(),
)
@dataclass(frozen=True)
class Targets:
    """What the picture is to match; a pytree.

    Attributes:
        content: {layer: (h, w, c)}, the photograph's features.
        style: {layer: (c, c) Gram matrix, or a `gaussians.GaussianTarget`}.
        apart: {layer: the style term of the photograph itself}, which `strength` is
            measured by; None where that is not asked for.
    """

    content: dict[str, Array]
    style: dict[str, Any]
    apart: dict[str, Array] | None = None


def make_targets(
    network: Network,
    content: Array,
    style: Array | Sequence[Array],
    config: Config,
    *,
    style_mix: Sequence[float] | None = None,
    apart: bool = False,
) -> Targets:
    """Features of the photograph and statistics of one painting or several.

    Of several paintings the Gram matrices are averaged with the weights `style_mix`,
    which for a squared distance pulls at the picture just as the weighted sum of their
    losses would; mean and covariance are those of all their positions together.

    Args:
        content: (H, W, 3) in [0, 1].
        style: (H', W', 3), or a sequence of such pictures of any sizes.
        style_mix: a weight for each painting, scaled to sum 1; None, equal.
        apart: as `Weights.strength` needs it.

    Raises:
        TypeError, ValueError: not pictures, too small for the layers, unknown layers,
            or as many weights as pictures are not given.
    """
    min_side = network.min_side(config.layers)
    content = _checks.check_image(content, "content", min_side=min_side)
    styles = _checks.check_images(style, "style", min_side=min_side)
    aims = _style_targets(network, styles, _shares(style_mix, len(styles)), config)
    own = style_terms(network, content, aims, config) if apart else None
    return Targets(content_targets(network, content, config), aims, own)


def style_targets(
    network: Network,
    style: Array | Sequence[Array],
    config: Config,
    *,
    style_mix: Sequence[float] | None = None,
) -> dict[str, Any]:
    """`Targets.style` alone; arguments as of `make_targets`."""
    min_side = network.min_side(config.style_layers)
    styles = _checks.check_images(style, "style", min_side=min_side)
    return _style_targets(network, styles, _shares(style_mix, len(styles)), config)


def _shares(style_mix: Sequence[float] | None, count: int) -> Array:
    if style_mix is None:
        style_mix = (1.0,) * count
    if len(style_mix) != count:
        raise ValueError(
            f"style_mix has {len(style_mix)} numbers for {count} style pictures; "
            "give one for each"
        )
    for share in style_mix:
        _checks.check_number(share, "style_mix")
    numbers = jnp.asarray(style_mix, jnp.float32)
    if not isinstance(numbers, jax.core.Tracer) and not numbers.sum() > 0:
        raise ValueError("style_mix must have a sum above 0; raise one of its numbers")
    return numbers / numbers.sum()


def content_targets(
    network: Network, content: Array, config: Config
) -> dict[str, Array]:
    """`Targets.content` of a picture (H, W, 3)."""
    if tiles.tiled(config, content.shape):
        return tiles.features(content, network, config)
    return _content_features(network, content, config)


@jax.jit
def _content_features(
    network: Network, content: Array, config: Config
) -> dict[str, Array]:
    return network(content, config.content_layers, **config.network_options)


@jax.jit
def _style_targets(
    network: Network, styles: list[Array], shares: Array, config: Config
) -> dict[str, Any]:
    found = [_statistics(style, network, config) for style in styles]
    aims: dict[str, Any] = {}
    for layer in config.style_layers:
        parts = [statistics[layer] for statistics in found]
        if config.statistic == "gaussian":
            aims[layer] = wasserstein.gaussian_target(gaussian.mixture(parts, shares))
        else:
            aims[layer] = jnp.einsum("n,ncd->cd", shares, jnp.stack(parts))
    return aims


def _statistics(image: Array, network: Network, config: Config) -> dict[str, Any]:
    """{style layer: its Gram matrix or `Gaussian`} of a picture."""
    if tiles.tiled(config, image.shape):
        return tiles.statistics(image, network, config)
    features = network(image, config.style_layers, **config.network_options)
    return {layer: _statistic(features[layer], config) for layer in features}


def _statistic(features: Array, config: Config) -> Any:
    if config.statistic == "gaussian":
        return gaussian.gaussian(features)
    return functional.gram_matrix(features, normalize=config.gram_normalize)


def _seen(
    image: Array, network: Network, targets: Targets, config: Config
) -> tuple[dict[str, Array], dict[str, Any]]:
    """{content layer: Σ (F - P)²} and {style layer: statistic} of a picture."""
    if tiles.tiled(config, image.shape):
        middles = {}
        if config.statistic == "gaussian":
            middles = {layer: aim.mean for layer, aim in targets.style.items()}
        return tiles.sums(image, network, config, targets.content, middles)
    features = network(image, config.layers, **config.network_options)
    squares = {
        layer: functional.content_square(features[layer], targets.content[layer])
        for layer in config.content_layers
    }
    return squares, {
        layer: _statistic(features[layer], config) for layer in config.style_layers
    }


@jax.jit
def style_terms(
    network: Network, image: Array, aims: dict[str, Any], config: Config
) -> dict[str, Array]:
    """{style layer: the style term} of a picture (H, W, 3), unweighted.

    Args:
        aims: `Targets.style`.
    """
    statistics = _statistics(image, network, config)
    positions = _positions(network, image, config)
    return {
        layer: _style_term(statistics[layer], aim, config, positions.get(layer))
        for layer, aim in aims.items()
    }


def _positions(network: Network, image: Array, config: Config) -> dict[str, int]:
    """{style layer: h w}, for the reductions that ask for it."""
    if config.style_reduction in ("gatys", "per_position"):
        return network.positions(image.shape[:2], config.style_layers)
    return {}


def _style_term(
    statistic: Any, target: Any, config: Config, positions: int | None
) -> Array:
    if config.statistic == "gaussian":
        return wasserstein.wasserstein_loss(
            statistic, target, reduction=config.style_reduction
        )
    return functional.style_loss(
        statistic, target, reduction=config.style_reduction, positions=positions
    )


def weighted(terms: list[Array], weights: Any) -> Array:
    """Σ_l w_l t_l; equal weights with sum 1 where none are given."""
    if weights is None:
        return sum(terms, start=jnp.float32(0)) / len(terms)
    pairs = zip(weights, terms, strict=True)
    return sum((w * term for w, term in pairs), start=jnp.float32(0))


def objective(
    image: Array, network: Network, targets: Targets, weights: Weights, config: Config
) -> tuple[Array, dict[str, Array]]:
    """The loss of a picture, and its terms.

    loss = alpha Σ_l u_l C_l + beta Σ_l w_l S_l + tv V (Gatys et al. 2016, eq. 7, with
    a smoothness term). Pure and differentiable; jit, vmap, grad and shard it.

    Args:
        image: (H, W, 3), of the size of the content in `targets`.

    Returns:
        The loss, and {"loss", "content", "style", "tv", "content/LAYER" ...,
        "style/LAYER" ...}: "content" and "style" are summed over layers and, like
        "tv", not yet multiplied by alpha, beta and tv. Scalars, float32.
    """
    squares, statistics = _seen(image, network, targets, config)
    content = [
        functional.content_reduced(
            squares[layer], targets.content[layer], config.content_reduction
        )
        for layer in config.content_layers
    ]
    positions = _positions(network, image, config)
    style = [
        _style_term(
            statistics[layer], targets.style[layer], config, positions.get(layer)
        )
        for layer in config.style_layers
    ]
    terms = {
        "content": weighted(content, weights.content_weights),
        "style": weighted(style, weights.style_weights),
        "tv": functional.total_variation(
            image, kind=config.tv_kind, reduction=config.tv_reduction
        ),
    }
    loss = (
        weights.alpha * terms["content"]
        + weights.beta * terms["style"]
        + weights.tv * terms["tv"]
    )
    layers = [f"content/{layer}" for layer in config.content_layers]
    layers += [f"style/{layer}" for layer in config.style_layers]
    per_layer = dict(zip(layers, content + style, strict=True))
    return loss, {"loss": loss, **terms, **per_layer}
