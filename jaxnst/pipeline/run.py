"""A whole run from settings and pictures: sizes, colours, levels, optimiser."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnst import _checks, feedforward
from jaxnst._phases import phase
from jaxnst.feedforward.model import FeedForward
from jaxnst.feedforward.weights_file import load_feedforward
from jaxnst.images import resize
from jaxnst.images.mirroring import add_mirrored, cut_off, pads_to, repeat_mirrored
from jaxnst.losses import octaves
from jaxnst.losses.regions import (
    Regions,
    check_masks,
    region_target,
    resize_mask,
)
from jaxnst.networks.network import Network, check_network
from jaxnst.optimize.initial import FEEDFORWARD
from jaxnst.optimize.options import RunKeywords
from jaxnst.optimize.pyramid import stylize_pyramid
from jaxnst.optimize.result import Callback, Progress, Result
from jaxnst.pipeline import color_transfer
from jaxnst.pipeline.photorealism import photorealistic
from jaxnst.pipeline.settings import Settings


def render(
    settings: Settings,
    network: Network,
    content: Array,
    styles: Sequence[Array],
    *,
    init: Array | None = None,
    callback: Callback | None = None,
    every: int | None = None,
    resume: Result | None = None,
    decoder: FeedForward | None = None,
    regions: Regions | None = None,
) -> Result:
    """Run `settings` on pictures.

    Args:
        settings: a preset, or settings of your own; its fields `network`, `weights`
            and `decoder` are not read, `network` is the one that is used.
        content: the photograph, (H, W, 3); resized as the settings say.
        styles: one painting or several; resized as the settings say. Of one with
            alpha, (h, w, 4), the opaque parts count (`load_image(path, alpha=True)`).
        init: a picture to start from; None, what the settings say.
        callback, every: as in `stylize`; `Progress.result` has the colours that are
            optimised.
        resume: as in `stylize_pyramid`.
        decoder: for init "feedforward"; None, the one that comes with jaxnst.
        regions: which parts of the photograph take the style of which parts of the
            paintings, with masks of any size; where nothing is painted the photograph
            stays. None, all of all.

    Returns:
        A result; of one pass alone without traces and state.

    Raises:
        TypeError, ValueError: what are not pictures, or the settings start from a
            file and `init` is not that picture.
    """
    _checks.check_not_traced("render", network, content, styles, init, settings)
    began = time.perf_counter()
    prepared = prepare(
        settings,
        network,
        content,
        styles,
        init=init,
        decoder=decoder,
        regions=regions,
    )
    if settings.optimization.one_pass and init is None:
        return prepared.one_pass(began)
    result = stylize_pyramid(
        network,
        prepared.content,
        prepared.styles,
        weights=settings.terms,
        callback=_show_finished(callback, prepared.finish),
        every=every,
        resume=resume,
        **prepared.options,
    )
    return replace(result, image=prepared.finish(result.image))


@dataclass(frozen=True)
class Prepared:
    """What settings make of images: the arguments of an optimisation.

    Attributes:
        content, styles: at their sizes and in their colours.
        finish: what to do to the optimised image.
        options: of `stylize_pyramid`, `grid_search` and `stylize_batch`.
    """

    content: Array
    styles: list[Array]
    finish: Callable[[Array], Array]
    options: RunKeywords

    @phase("start")
    def one_pass(self, began: float) -> Result:
        """What the optimisation would start from as the result of a run that began
        then, by `time.perf_counter`."""
        start: Any = self.options["init"]
        picture = self.finish(start)
        finite = bool(jnp.isfinite(picture).all())  # waits for it, too
        return Result(picture, {}, 0, finite, time.perf_counter() - began, None)


@phase("start")
def prepare(
    settings: Settings,
    network: Network,
    content: Array,
    styles: Sequence[Array],
    *,
    init: Array | None = None,
    multiple: int = 1,
    decoder: FeedForward | None = None,
    regions: Regions | None = None,
) -> Prepared:
    """What `render` would optimise; arguments as there.

    Whatever its size, a picture is made large enough for the layers: levels begin where
    the photograph is, what is too small even at its final size is continued, mirrored,
    and the result cut to its own size again; paintings are followed by mirrored copies.

    Args:
        multiple: every side becomes one of this, so that fewer shapes are compiled:
            the photograph is continued, mirrored, to the next, and the result cut to
            its own size again; paintings are resized to the nearest.
    """
    if not isinstance(settings, Settings):
        raise TypeError(
            "settings must be Settings such as jaxnst.presets.get('default'), got "
            f"{settings!r}"
        )
    network = check_network(network)
    content = _checks.check_image(content, "content")
    styles = _checks.check_images(styles, "styles", alpha=True)
    if init is not None:
        init = _checks.check_image(init, "init", unclipped=True)
    geometry = settings.geometry.of_photograph(content.shape[0], content.shape[1])
    settings, how = replace(settings, geometry=geometry), settings.optimization
    size = geometry.content_size(content.shape[0], content.shape[1])
    content = resize(content, size)
    sizes = [geometry.style_size(s.shape[0], s.shape[1], size) for s in styles]
    styles = [
        resize(style, nearest_multiple(size, multiple))
        for style, size in zip(styles, sizes, strict=True)
    ]
    target, styles, finish = _transfer_color(settings.color, content, styles)
    if settings.photorealism is not None:
        finish = _photorealistic(finish, content, settings.photorealism)
    least = min_side(settings, network)
    pads = pads_to(size, padded_size(size, multiple, least - 2 * geometry.margin))
    target = add_mirrored(target, pads)
    if regions is not None:
        regions = _resized(regions, size, styles)
        finish = _keeping(finish, regions, content)
        regions = replace(regions, content=add_mirrored(regions.content, pads))
    start: str | Array = how.init
    if init is not None:
        start = add_mirrored(resize(init, size), pads)
    elif start == FEEDFORWARD:
        start = _one_pass(settings, target, styles, decoder, regions)
    elif start == "style":
        start = resize(styles[0], target.shape[:2])
    levels = levels_at(settings, network, size, multiple)
    shortest = math.ceil(least / levels[0])
    options: RunKeywords = {
        "levels": levels,
        "steps": how.steps_at(len(levels)),
        "config": settings.objective,
        "optimizer": how.make_optimizer(len(levels)),
        "init": start,
        "key": jax.random.key(how.seed),
        "ema": how.ema,
        "keep_optimizer_state": how.keep_optimizer_state,
        "margin": geometry.margin,
        "alpha_ratio": how.alpha_ratio,
        "style_mix": settings.style_mix,
        "regions": None if regions is None else _repeated(regions, shortest),
    }
    styles = [repeat_mirrored(style, shortest) for style in styles]
    return Prepared(target, styles, lambda x: finish(cut_off(x, pads)), options)


def _resized(regions: Regions, size: tuple[int, int], styles: list[Array]) -> Regions:
    """Regions whose masks have the sizes of the images."""
    regions = check_masks(regions, len(styles))
    masks = zip(regions.styles, styles, strict=True)
    return Regions(
        resize_mask(regions.content, size),
        tuple(resize_mask(mask, style.shape) for mask, style in masks),
    )


def _keeping(
    finish: Callable[[Array], Array], regions: Regions, content: Array
) -> Callable[[Array], Array]:
    """`finish`, and the photograph to the bit where nothing is painted. What is painted
    in part comes blended already (`losses.composite`)."""
    kept = region_target(regions.content, content, {})

    def keeping(image: Array) -> Array:
        finished = finish(image)
        if finished.shape != content.shape:  # on its way, of a coarser level
            return finished
        return jnp.where(kept.painted > 0, finished, content)

    return keeping


def _repeated(regions: Regions, min_side: int) -> Regions:
    """With the masks of the paintings repeated as these are."""
    masks = tuple(repeat_mirrored(mask, min_side) for mask in regions.styles)
    return replace(regions, styles=masks)


def _one_pass(
    settings: Settings,
    content: Array,
    styles: Sequence[Array],
    decoder: FeedForward | None,
    regions: Regions | None,
) -> Array:
    """What one pass makes of the pictures."""
    model = load_feedforward() if decoder is None else decoder
    size = content.shape[0], content.shape[1]
    pads = pads_to(size, padded_size(size, 1, model.min_side))
    if regions is not None:
        regions = _repeated(regions, model.min_side)
        wider = add_mirrored(regions.content, pads)
        regions = replace(regions, content=wider)
    image = feedforward.stylize_compiled(
        model,
        add_mirrored(content, pads),
        [repeat_mirrored(style, model.min_side) for style in styles],
        strength=settings.terms.strength,
        style_mix=settings.style_mix,
        regions=regions,
    )
    return cut_off(image, pads)


def min_side(settings: Settings, network: Network) -> int:
    """Smallest side in pixels that the layers of the settings can look at; 1 where no
    more is asked of the network than that it is there."""
    if settings.optimization.one_pass:
        return 1
    return octaves.min_side(network, settings.objective)


def levels_at(
    settings: Settings, network: Network, size: tuple[int, int], multiple: int = 1
) -> tuple[float, ...]:
    """Sizes at which a picture whose final (height, width) is `size` is optimised in
    turn, as fractions of that: those of its geometry at which it is itself, without
    margins, large enough for the layers; its final one in any case.

    Where most of what a level sees is margin, it paints over what is there.

    Args:
        multiple: as of `prepare`.
    """
    levels, least = settings.geometry.levels(), min_side(settings, network)
    side = min(padded_size(size, multiple))
    return tuple(x for x in levels if round(side * x) >= least) or levels[-1:]


def padded_size(
    size: tuple[int, int], multiple: int, least: int = 1
) -> tuple[int, int]:
    """The next multiples, of sides of at least `least`: the size at which `prepare` has
    a photograph optimised."""
    longer = (max(side, least) for side in size)
    height, width = (side + -side % multiple for side in longer)
    return height, width


def nearest_multiple(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """The nearest multiples above 0: the size that `prepare` gives a painting."""
    height, width = (max(1, round(side / multiple)) * multiple for side in size)
    return height, width


def _transfer_color(
    color: str, content: Array, styles: Sequence[Array]
) -> tuple[Array, list[Array], Callable[[Array], Array]]:
    """What to optimise for a choice of colours, and what to do to the result."""
    if color == "match":
        matched = [color_transfer.match_color(style, content) for style in styles]
        return content, matched, lambda image: image
    if color == "content":
        grey = [
            color_transfer.match_luminance(color_transfer.to_luminance(style), content)
            for style in styles
        ]

        def finish(image: Array) -> Array:
            return color_transfer.with_color_of(image, resize(content, image.shape[:2]))

        return color_transfer.to_luminance(content), grey, finish
    return content, list(styles), lambda image: image


def _photorealistic(
    finish: Callable[[Array], Array], content: Array, radius: float
) -> Callable[[Array], Array]:
    """`finish`, and then the photograph's edges."""

    def finish_photorealistic(image: Array) -> Array:
        photograph = resize(content, image.shape[:2])
        return photorealistic(finish(image), photograph, radius)

    return finish_photorealistic


def _show_finished(
    callback: Callback | None, finish: Callable[[Array], Array]
) -> Callback | None:
    """`callback`, shown pictures in their final colours."""
    if callback is None:
        return None

    def finished(progress: Progress) -> bool | None:
        picture = progress.picture
        return callback(replace(progress, picture=lambda: finish(picture())))

    return finished
