"""Textures: images with the statistics of a painting and no content."""

import math
from collections.abc import Sequence
from dataclasses import replace

import jax
from jax import Array

from jaxnst import _checks
from jaxnst.images import resize
from jaxnst.images.mirroring import repeat_mirrored
from jaxnst.losses import octaves
from jaxnst.losses.config import Config
from jaxnst.networks.network import Network, check_network
from jaxnst.optimize.pyramid import stylize_pyramid
from jaxnst.optimize.result import Callback, Result
from jaxnst.pipeline.settings import Settings

_STEPS = 100  # at each level: noise has farther to go than a photograph
_COARSEST = 64  # pixels of the long side, where large shapes are laid out

Size = tuple[int, int]


def texture_settings(settings: Settings) -> Settings:
    """The settings as they are for a texture: no content, from noise, from coarse to
    fine in more steps. What is then changed in them is taken as it is.

    Raises:
        ValueError: settings that say nothing without a photograph.
    """
    if settings.optimization.one_pass:
        raise ValueError(
            "one pass changes a photograph and makes no textures; take another preset"
        )
    how = replace(settings.optimization, init="noise", steps=(_STEPS,))
    geometry = replace(settings.geometry, min_size=_COARSEST, fit="long")
    terms = replace(settings.terms, strength=None, content_weights=None)
    objective = replace(settings.objective, content_layers=())
    return replace(
        settings,
        optimization=how,
        geometry=geometry,
        terms=terms,
        objective=objective,
        color="style",
    )


def render_texture(
    settings: Settings,
    network: Network,
    styles: Sequence[Array],
    size: Size,
    *,
    tileable: bool = False,
    callback: Callback | None = None,
    every: int | None = None,
) -> Result:
    """Synthesise an image of paintings' statistics (Gatys et al., "Texture synthesis
    using convolutional neural networks", NeurIPS 2015).

    Args:
        settings: from `texture_settings`, or such as `presets.default`, which are then
            made so; their size is not read.
        styles: one painting or several, resized as the settings say: the long side as
            long as the texture's, times `style_scale`.
        size: (height, width).
        tileable: an image that can be laid side by side without seams: the network
            sees it as if it were repeated without end. Sides are then multiples of the
            stride of the deepest layer at the last octave.
        callback, every: as of `stylize`.

    Raises:
        TypeError, ValueError: what are no pictures, a size that cannot be.
    """
    _checks.check_not_traced("render_texture", network, styles, settings)
    if settings.objective.content_layers:
        settings = texture_settings(settings)
    network = check_network(network)
    styles = _checks.check_images(styles, "styles", alpha=True)
    config = settings.objective
    if tileable:
        config = replace(config, padding="circular")
        check_tileable(network, config, size)
    geometry = replace(settings.geometry, size=max(size), fit="long")
    margin = 0 if tileable else geometry.margin
    least = octaves.min_side(network, config)
    levels = _levels(geometry.levels(), size, least, _stride(network, config))
    how = settings.optimization
    shortest = math.ceil(least / levels[0])
    sizes = [geometry.style_size(s.shape[0], s.shape[1], size) for s in styles]
    resized = [
        repeat_mirrored(resize(style, own), shortest)
        for style, own in zip(styles, sizes, strict=True)
    ]
    return stylize_pyramid(
        network,
        None,
        resized,
        size=size,
        weights=settings.terms,
        config=config,
        optimizer=how.make_optimizer(len(levels)),
        steps=how.steps_at(len(levels)),
        levels=levels,
        margin=margin,
        init=how.init,
        key=jax.random.key(how.seed),
        ema=how.ema,
        keep_optimizer_state=how.keep_optimizer_state,
        style_mix=settings.style_mix,
        callback=callback,
        every=every,
    )


def check_tileable(network: Network, config: Config, size: Size) -> None:
    """ValueError unless the network sees an image of (height, width) repeat, at every
    octave: pooling must not cut anything off."""
    stride = _stride(network, config)
    if any(side % stride for side in size):
        height, width = (max(1, round(side / stride)) * stride for side in size)
        raise ValueError(
            f"a tileable texture of {size[1]} x {size[0]} would have seams: its sides "
            f"must be multiples of {stride} for these layers; take {width} x {height}"
        )


def _stride(network: Network, config: Config) -> int:
    """Pixels from one position of the deepest layer to the next, at the last octave."""
    side = 512
    sizes = network.map_sizes((side, side), config.layers)
    halves: int = 2 ** (config.octaves - 1)
    return halves * max(side // height for height, _ in sizes.values())


def _levels(
    levels: Sequence[float], size: Size, least: int, stride: int
) -> tuple[float, ...]:
    """Those at which the layers see something, each with sides that are multiples of
    the stride where those of the last are."""

    def sides(level: float) -> list[int]:
        return [max(1, round(side * level)) for side in size]

    whole = all(side % stride == 0 for side in size)
    return tuple(
        level
        for level in levels
        if level == 1
        or min(sides(level)) >= max(least, 32)
        and (not whole or all(side % stride == 0 for side in sides(level)))
    )
