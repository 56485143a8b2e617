"""Many pairs of pictures, each with numbers of its own, in a loop compiled once."""

from collections.abc import Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import _checks
from jaxnst.images import resize
from jaxnst.losses import octaves
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.regions import Regions, check_regions, with_count
from jaxnst.losses.style_statistics import StyleTarget
from jaxnst.losses.targets import Targets, style_targets_of, targets_with_style
from jaxnst.networks.network import Network, check_network
from jaxnst.optimize.initial import initial_image
from jaxnst.optimize.options import RunKeywords, RunOptions
from jaxnst.optimize.result import Callback, Result
from jaxnst.optimize.schedule import Schedule, size_at
from jaxnst.optimize.single import MakeTargets
from jaxnst.parallel.microbatch import ItemNumbers, optimize_many
from jaxnst.parallel.one_by_one import (
    Pictures,
    is_vectorized,
    optimize_one_by_one,
)

Style = Array | Sequence[Array]


def stylize_batch(
    network: Network,
    contents: Array | Sequence[Array],
    styles: Sequence[Style] | Array,
    *,
    weights: Weights | None = None,
    callback: Callback | None = None,
    budget: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    vectorize: bool | None = None,
    **options: Unpack[RunKeywords],
) -> Result:
    """`stylize` for N pairs: a result is what its pair alone would give.

    Args:
        contents: N content images of one shape, (N, H, W, 3) or a list.
        styles: N style images of any sizes, for only their statistics travel; each may
            be several, mixed in equal parts. An image that occurs more than once is
            looked at once.
        weights: numbers, or arrays (N,) with one for each pair.
        callback: as in `stylize`; its terms are means over the pairs of a microbatch.
        budget, devices, vectorize: as in `grid_search`.
        options: of `RunOptions`, without style_mix: config, steps, levels, ...; numbers
            of the optimizer, ema and key for all, or arrays (N,).

    Returns:
        image (N, H, W, 3), trace {term: (N, steps)}, finite (N,); NumPy's.

    Raises:
        TypeError, ValueError: bad arguments, before anything is compiled.
        MemoryError: not even one pair fits.
    """
    _checks.check_not_traced(
        "stylize_batch", network, contents, styles, weights, options
    )
    given = RunOptions(**options)
    if given.style_mix is not None:
        raise ValueError("a batch mixes styles in equal parts; leave style_mix")
    config = Config() if given.config is None else given.config
    weights = Weights() if weights is None else weights
    numbers, schedule = ItemNumbers.of(weights, given, config), given.schedule
    least = octaves.min_side(check_network(network), config)
    contents, styles = _pairs(contents, styles, schedule, least)
    count = len(contents)
    for leaf in numbers.leaves:
        if np.shape(leaf) not in ((), (count,)):
            raise ValueError(
                f"settings must be numbers or arrays ({count},), one for each pair; "
                f"got shape {np.shape(leaf)}"
            )
    starts = _starts(given, contents, styles)
    vectorized = is_vectorized(vectorize, devices)
    regions = _regions(given.regions, contents, styles, equal=vectorized)

    # By the images themselves: those that occur more than once are looked at once.
    kept: dict[Any, dict[str, StyleTarget]] = {}
    makers = [
        _keep_styles(kept, (*map(id, group), *_masks(own)))
        for group, own in zip(styles, regions, strict=True)
    ]
    if not vectorized:
        return optimize_one_by_one(
            network,
            starts,
            lambda i: Pictures(contents[i], styles[i], makers[i], regions[i]),
            numbers.spread((count,)),
            given,
            budget=budget,
            devices=devices,
            callback=callback,
        )

    def targets_of(item: int, level: float) -> Targets:
        made: Targets = makers[item](
            network,
            schedule.at_level(contents[item], level),
            [resize(style, size_at(style, level)) for style in styles[item]],
            config,
            with_content_style=weights.strength is not None,
            regions=schedule.regions_at_level(regions[item], level),
        )
        return made

    def targets_at(level: float, items: np.ndarray) -> Targets:
        targets = [targets_of(int(item), level) for item in items]
        stacked: Targets = jax.tree.map(lambda *leaves: jnp.stack(leaves), *targets)
        return stacked

    return optimize_many(
        network,
        starts,
        targets_at,
        numbers.spread((count,)),
        config,
        schedule,
        target_axis="per_item",
        averaging=given.ema is not None,
        budget=budget,
        devices=devices,
        callback=callback,
    )


def _keep_styles(
    kept: dict[Any, dict[str, StyleTarget]], name: tuple[int, ...]
) -> MakeTargets:
    """`compute_targets`, but for statistics of styles of that name, which are made once
    for each size and kept."""

    def targets(
        network: Network,
        content: Array,
        styles: list[Array],
        config: Config,
        *,
        style_mix: None = None,
        with_content_style: bool,
        regions: Regions | None = None,
    ) -> Targets:
        key = name, config, tuple(style.shape for style in styles)
        if key not in kept:
            kept[key] = style_targets_of(network, styles, config, regions=regions)
        return targets_with_style(
            network,
            content,
            kept[key],
            config,
            with_content_style=with_content_style,
            regions=regions,
        )

    return targets


def _masks(regions: Regions | None) -> tuple[int, ...]:
    """What the statistics of styles depend on beside the images, as names."""
    return () if regions is None else tuple(map(id, regions.styles))


def _regions(
    given: Any, contents: list[Array], styles: list[list[Array]], *, equal: bool
) -> list[Regions | None]:
    """Of each pair, checked; with `equal` all of as many, as arrays side by side are.

    Raises:
        TypeError, ValueError: not one for each pair, or masks that do not fit.
    """
    if given is None:
        return [None] * len(contents)
    if isinstance(given, Regions) or len(given) != len(contents):
        raise ValueError(
            f"regions must be a list of {len(contents)}, for each pair Regions or None"
        )
    pairs = list(zip(given, contents, styles, strict=True))
    found = [
        None if own is None else check_regions(own, content, group, f"regions[{i}]")
        for i, (own, content, group) in enumerate(pairs)
    ]
    if not equal:
        return found
    most = max([1, *(own.content.shape[-1] for own in found if own is not None)])
    return [
        with_count(own, most, content, group)
        for own, (_, content, group) in zip(found, pairs, strict=True)
    ]


def _starts(
    options: RunOptions, contents: list[Array], styles: list[list[Array]]
) -> Array:
    """(N, H, W, 3): where each pair begins."""
    count, key, init = len(contents), options.key, options.init
    keys = [None] * count if key is None else list(jnp.broadcast_to(key, (count,)))
    inits: list[Any] = [init] * count if isinstance(init, str) else list(init)
    if len(inits) != count:
        raise ValueError(f"got {len(inits)} init pictures for {count} pairs")
    each = zip(inits, contents, styles, keys, strict=True)
    return jnp.stack(
        [initial_image(first, c, style[0], own) for first, c, style, own in each]
    )


def _pairs(
    contents: Array | Sequence[Array],
    styles: Sequence[Style] | Array,
    schedule: Schedule,
    least: int,
) -> tuple[list[Array], list[list[Array]]]:
    """Contents of one shape, and as many lists of styles, all checked; no side of them
    shorter than `least` at any level."""
    images = [
        _checks.check_image(content, f"contents[{i}]")
        for i, content in enumerate(contents)
    ]
    for i, content in enumerate(images):
        schedule.check_image(content, f"contents[{i}]", least, schedule.margin)
    if not images:
        raise ValueError("contents must hold at least one picture")
    for i, content in enumerate(images):
        if content.shape != images[0].shape:
            raise ValueError(
                f"contents[{i}] is {_checks.in_pixels(content)}, contents[0] "
                f"{_checks.in_pixels(images[0])}; give pictures of one size in a call"
            )
    listed = list(styles)
    if len(listed) != len(images):
        raise ValueError(
            f"got {len(images)} contents and {len(listed)} styles; give one "
            "style, or one list of styles, for each content"
        )
    converted: dict[int, list[Array]] = {}  # the same object stays one
    for i, style in enumerate(listed):
        if id(style) not in converted:
            converted[id(style)] = _checks.check_images(
                style, f"styles[{i}]", alpha=True
            )
            for image in converted[id(style)]:
                schedule.check_image(image, f"styles[{i}]", least)
    return images, [converted[id(style)] for style in listed]
