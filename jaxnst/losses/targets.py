"""Targets of the objective, from the content image and the style images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, no_type_check

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

from jaxnst import _checks
from jaxnst._quick_jit import quick_jit
from jaxnst._types import UncheckedImage, UncheckedNumber
from jaxnst.losses import hypercolumns, tiles
from jaxnst.losses.config import Config
from jaxnst.losses.octaves import joined, min_side, octaves_of
from jaxnst.losses.regions import (
    Regions,
    RegionTarget,
    check_regions,
    layer_weights,
    region_target,
    style_shares,
)
from jaxnst.losses.style_statistics import (
    StyleTarget,
    map_sizes,
    masked_statistics,
    style_target_of,
    style_terms,
)
from jaxnst.networks.network import Network, check_network


@no_type_check  # JAX builds it with whatever takes the place of arrays in a pytree
@partial(
    jax.tree_util.register_dataclass,
    data_fields=(
        *("content", "style", "content_style", "temporal", "regions", "draw"),
        "neighbours",
    ),
    meta_fields=(),
)
@dataclass(frozen=True, repr=False)
class Targets:
    """Targets of the content and style losses; a pytree.

    Attributes:
        content: {content layer: (h, w, c)}, the features of the content image.
        style: {style layer: (c, c) Gram matrix, a `losses.GaussianTarget`, or what
            else `Config.statistic` makes}, or one for all layers' hypercolumns; with
            regions of arrays with an axis of them in front; of several octaves a tuple
            of them for each layer.
        content_style: {style layer: the style loss of the content image itself}, which
            `Weights.strength` is measured against; None where not asked for.
        temporal: a `losses.TemporalTarget`, what a clip's frame is to stay close to;
            None for a picture.
        regions: a `losses.RegionTarget`, which parts of the image take which style;
            None, all of it has one.
        draw: the number of the draw, where positions or directions are drawn at random
            (`Config.random`): another one in every step. None, the first.
        neighbours: (n,), with `Config.guide`: of each position of a grid the number of
            the style's features that it is to look like, as a level began. None, they
            are found for the image as it is.
    """

    content: dict[str, Array]
    style: dict[str, Any]
    content_style: dict[str, Array] | None = None
    temporal: Any = None
    regions: Any = None
    draw: Any = None
    neighbours: Any = None

    @property
    def key(self) -> Key[Array, ""]:
        """`jax.random.key` of the draw."""
        key = jax.random.key(0)
        return key if self.draw is None else jax.random.fold_in(key, self.draw)

    def __repr__(self) -> str:
        content = ", ".join(f"{k} {tuple(v.shape)}" for k, v in self.content.items())
        return f"Targets(content {content}; style {', '.join(self.style)})"


def make_targets(
    network: Network,
    content: UncheckedImage,
    style: UncheckedImage | Sequence[UncheckedImage],
    config: Config,
    *,
    style_mix: Sequence[UncheckedNumber] | None = None,
    with_content_style: bool = False,
    regions: Regions | None = None,
) -> Targets:
    """Features of the content image and statistics of one style image or several.

    Of several style images the Gram matrices are averaged with the weights `style_mix`,
    which for a squared distance has the same gradient as the weighted sum of their
    losses; mean and covariance are those of all their positions together.

    Args:
        content: (H, W, 3) in [0, 1].
        style: (H', W', 3), or a sequence of such images of any sizes; of one with
            alpha, (H', W', 4), the opaque parts count.
        style_mix: a weight for each style image, scaled to sum 1; None, equal.
        with_content_style: whether to compute `Targets.content_style`, which
            `Weights.strength` needs.
        regions: which parts of the image take the style of which parts of the style
            images; None, all of all.

    Raises:
        TypeError, ValueError: not images, too small for the layers, unknown layers, or
            as many weights as style images are not given; masks that do not fit.
    """
    least = min_side(check_network(network), config)
    content = _checks.check_image(content, "content", min_side=least)
    styles = _checks.check_images(style, "style", min_side=least, alpha=True)
    if regions is not None:
        regions = check_regions(regions, content, styles)
    return compute_targets(
        network,
        content,
        styles,
        config,
        style_mix=style_mix,
        with_content_style=with_content_style,
        regions=regions,
    )


def compute_targets(
    network: Network,
    content: Float[Array, "h w 3"],
    styles: list[Array],
    config: Config,
    *,
    style_mix: Sequence[UncheckedNumber] | None = None,
    with_content_style: bool = False,
    regions: Regions | None = None,
) -> Targets:
    """`make_targets` of images that are known to be such, and large enough."""
    style_target = style_targets_of(
        network, styles, config, style_mix=style_mix, regions=regions
    )
    return targets_with_style(
        network,
        content,
        style_target,
        config,
        with_content_style=with_content_style,
        regions=regions,
    )


def targets_with_style(
    network: Network,
    content: Float[Array, "h w 3"],
    style_target: dict[str, StyleTarget],
    config: Config,
    *,
    with_content_style: bool = False,
    regions: Regions | None = None,
) -> Targets:
    """`compute_targets` where the style's are known."""
    painted = None
    if regions is not None:
        painted = _region_target(network, content, regions.content, config)
    content_target = content_targets(network, content, config)
    content_style = None
    if with_content_style:
        content_style = style_terms(
            network, content, style_target, config, painted, content_target
        )
    return Targets(content_target, style_target, content_style, regions=painted)


def style_targets(
    network: Network,
    style: UncheckedImage | Sequence[UncheckedImage],
    config: Config,
    *,
    style_mix: Sequence[UncheckedNumber] | None = None,
    regions: Regions | None = None,
) -> dict[str, StyleTarget]:
    """`Targets.style` alone; arguments and errors as of `make_targets`. Of `regions`
    the masks of the styles count, which must be of their sizes."""
    least = min_side(check_network(network), config, config.style_layers)
    styles = _checks.check_images(style, "style", min_side=least, alpha=True)
    return style_targets_of(
        network, styles, config, style_mix=style_mix, regions=regions
    )


def style_targets_of(
    network: Network,
    styles: list[Array],
    config: Config,
    *,
    style_mix: Sequence[UncheckedNumber] | None = None,
    regions: Regions | None = None,
) -> dict[str, StyleTarget]:
    """`style_targets` of images that are known to be such, and large enough; with
    regions each leaf has an axis of them in front."""
    shares = _shares(style_mix, len(styles))
    masks = None if regions is None else regions.styles
    if config.padding == "circular":  # the image repeats, the paintings do not
        config = replace(config, padding=None)
    return _style_targets(network, styles, shares, config, masks)


def _shares(
    style_mix: Sequence[UncheckedNumber] | None, count: int
) -> Float[Array, " n"]:
    """`style_mix` with sum 1, checked."""
    if style_mix is None:
        style_mix = (1.0,) * count
    if len(style_mix) != count:
        raise ValueError(
            f"style_mix has {len(style_mix)} numbers for {count} style images; "
            "give one for each"
        )
    for share in style_mix:
        _checks.check_number(share, "style_mix")
    numbers = jnp.asarray(style_mix, jnp.float32)
    if not isinstance(numbers, jax.core.Tracer) and not numbers.sum() > 0:
        raise ValueError("style_mix must have a sum above 0; raise one of its numbers")
    return numbers / numbers.sum()


def content_targets(
    network: Network, content: Float[Array, "h w 3"], config: Config
) -> dict[str, Float[Array, "_ _ _"]]:
    """`Targets.content` of an image (H, W, 3)."""
    if not config.content_layers:
        return {}
    if tiles.uses_tiles(config, content.shape):
        return tiles.features(content, network, config)
    return _content_features(network, content, config)


@quick_jit()
def _content_features(
    network: Network, content: Float[Array, "h w 3"], config: Config
) -> dict[str, Float[Array, "_ _ _"]]:
    return network(content, config.content_layers, **config.network_options)


@jax.jit
def _region_target(
    network: Network,
    content: Float[Array, "h w 3"],
    mask: Float[Array, "h w r"],
    config: Config,
) -> RegionTarget:
    weights = joined(
        [
            layer_weights(mask, map_sizes(network, seen, config))
            for seen in octaves_of(content, config)
        ]
    )
    return region_target(mask, content, {})._replace(weights=weights)


@quick_jit()
def _style_targets(
    network: Network,
    styles: list[Array],
    shares: Float[Array, " n"],
    config: Config,
    masks: tuple[Float[Array, "_ _ r"], ...] | None = None,
) -> dict[str, StyleTarget]:
    if masks is not None:
        shares = style_shares(shares, masks)
    if config.hypercolumns:
        return hypercolumns.style_target(network, styles, shares, config, masks)
    each = masks or (None,) * len(styles)
    target = partial(style_target_of, config=config)
    if masks is not None:
        target = jax.vmap(target, (0, 1))
    targets = []
    for octave in range(config.octaves):
        statistics = [
            masked_statistics(style, mask, network, config, octave)
            for style, mask in zip(styles, each, strict=True)
        ]
        targets.append(
            {
                layer: target([of_image[layer] for of_image in statistics], shares)
                for layer in config.style_layers
            }
        )
    return joined(targets)
