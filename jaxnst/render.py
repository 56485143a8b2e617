"""A whole run from settings and pictures: sizes, colours, levels, optimiser."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
from jax import Array

from jaxnst import _check, colors, ops
from jaxnst.networks.network import Network
from jaxnst.pyramid import stylize_pyramid
from jaxnst.settings import Settings
from jaxnst.transfer import Callback, Progress, Result


def render(
    settings: Settings,
    network: Network,
    content: Array,
    styles: Sequence[Array],
    *,
    init: Array | None = None,
    callback: Callback | None = None,
    every: int | None = None,
) -> Result:
    """Run `settings` on pictures.

    Args:
        settings: a preset, or settings of your own; its fields `network` and
            `weights` are not read, `network` is the one that is used.
        content: the photograph, (H, W, 3); resized as the settings say.
        styles: one painting or several; resized as the settings say.
        init: a picture to start from; None, what the settings say.
        callback, every: as in `stylize`.

    Raises:
        TypeError, ValueError: what are not pictures, or the settings start from a
            file and `init` is not that picture.
    """
    ready = prepare(settings, content, styles, init=init)
    result = stylize_pyramid(
        network,
        ready.content,
        ready.styles,
        weights=settings.terms,
        callback=_finished(callback, ready.finish),
        every=every,
        **ready.options,
    )
    return replace(result, image=ready.finish(result.image))


@dataclass(frozen=True)
class Prepared:
    """Pictures and arguments that settings make of pictures.

    Attributes:
        content, styles: at their sizes and in their colours.
        finish: what to do to the optimised picture.
        options: the other arguments of `stylize_pyramid`, `grid_search` and
            `stylize_batch`, but for the weights.
    """

    content: Array
    styles: list[Array]
    finish: Callable[[Array], Array]
    options: dict[str, Any]


def prepare(
    settings: Settings,
    content: Array,
    styles: Sequence[Array],
    *,
    init: Array | None = None,
    size: tuple[int, int] | None = None,
) -> Prepared:
    """What `render` would optimise; arguments as there.

    Args:
        size: (height, width) of the picture, instead of what the settings say.
    """
    content = _check.check_image(content, "content")
    styles = _check.check_images(styles, "styles")
    if init is not None:
        init = _check.check_image(init, "init")
    geometry, how = settings.geometry, settings.optimization
    levels = geometry.levels()
    size = size or geometry.content_size(content.shape[0], content.shape[1])
    content = ops.resize(content, size)
    styles = [
        ops.resize(style, geometry.style_size(style.shape[0], style.shape[1], size))
        for style in styles
    ]
    photograph, styles, finish = _colored(settings.color, content, styles)
    start = how.init if init is None else ops.resize(init, size)
    options = {
        "levels": levels,
        "steps": how.steps_at(len(levels)),
        "config": settings.objective,
        "optimizer": how.make_optimizer(),
        "init": start,
        "key": jax.random.key(how.seed),
        "average": how.average,
        "carry": how.carry,
        "margin": geometry.margin,
        "blend": settings.blend,
    }
    return Prepared(photograph, styles, finish, options)


def _colored(
    color: str, content: Array, styles: Sequence[Array]
) -> tuple[Array, list[Array], Callable[[Array], Array]]:
    """What to optimise for a choice of colours, and what to do to the result."""
    if color == "match":
        matched = [colors.match_color(style, content) for style in styles]
        return content, matched, lambda image: image
    if color == "content":
        grey = [
            colors.match_luminance(colors.to_luminance(style), content)
            for style in styles
        ]

        def finish(image: Array) -> Array:
            return colors.with_color_of(image, ops.resize(content, image.shape[:2]))

        return colors.to_luminance(content), grey, finish
    return content, list(styles), lambda image: image


def _finished(
    callback: Callback | None, finish: Callable[[Array], Array]
) -> Callback | None:
    """`callback`, shown pictures in their final colours."""
    if callback is None:
        return None

    def finished(progress: Progress) -> bool | None:
        picture = progress.picture
        return callback(replace(progress, picture=lambda: finish(picture())))

    return finished
