"""Coarse to fine for one image: the same optimisation at a rising sequence of sizes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Unpack

from jax import Array

from jaxnst import _checks
from jaxnst._phases import phase
from jaxnst.images import resize
from jaxnst.losses import octaves
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.regions import check_regions
from jaxnst.networks.network import Network, check_network
from jaxnst.optimize import optimizers
from jaxnst.optimize.ahead import Ahead, is_worthwhile
from jaxnst.optimize.initial import initial_image, without_content
from jaxnst.optimize.loop import init_state
from jaxnst.optimize.options import RunKeywords, RunOptions
from jaxnst.optimize.result import Callback, Progress, Result
from jaxnst.optimize.resumption import check_resumable
from jaxnst.optimize.schedule import join_levels, remove_margin, size_at
from jaxnst.optimize.single import MakeTargets, stylize


@phase("levels")
def stylize_pyramid(
    network: Network,
    content: Array | None,
    style: Array | Sequence[Array],
    *,
    size: tuple[int, int] | None = None,
    weights: Weights | None = None,
    callback: Callback | None = None,
    every: int | None = None,
    resume: Result | None = None,
    make_targets: MakeTargets | None = None,
    **options: Unpack[RunKeywords],
) -> Result:
    """`stylize` at several sizes in turn, each started from the one before.

    Args:
        content, style: images at the final size; content None for a texture.
        size: (height, width) of a texture.
        weights: as in `stylize`.
        callback: told the steps over all levels, and images of the level's size.
        every, make_targets: as in `stylize`.
        resume: go on from what a callback's `Progress.result` gave, with the same
            images and options: what is done is not done again, and the end is, bit for
            bit on the same machine, what it would have been.
        options: of `RunOptions`: config, optimizer, steps, levels, init, ...

    Returns:
        The result of the last level that ran; its traces and steps are of all levels,
        its state is as wide as the margin made it.

    Raises:
        TypeError, ValueError: bad arguments, before anything is compiled.
    """
    _checks.check_not_traced(
        "stylize_pyramid", network, content, style, weights, options
    )
    given = RunOptions(**options)
    schedule, margin = given.schedule, given.margin
    config = Config() if given.config is None else given.config
    content, config = without_content(content, size, config)
    content = _checks.check_image(content, "content")
    styles = _checks.check_images(style, "style", alpha=True)
    least = octaves.min_side(check_network(network), config)
    schedule.check_image(content, "content", least, margin)
    for image in styles:
        schedule.check_image(image, "style", least)
    regions = given.regions
    if regions is not None:
        regions = check_regions(regions, content, styles)
    factory = optimizers.as_factory(given.optimizer or optimizers.adam())
    if len(content.devices()) == 1:  # once for all levels
        network = network.prepared(config.layers, config.precision)
    image = initial = initial_image(given.init, content, styles[0], given.key)
    strength = None if weights is None else weights.strength
    results = [] if resume is None else [resume]
    if resume is not None:
        check_resumable(resume, config, weights)
        image = resume.image
    ahead = None
    if make_targets is None and is_worthwhile(content, *styles):
        averaging = given.ema is not None
        ahead = Ahead(
            network, schedule, content, styles, config, weights, factory,
            averaging=averaging,
        )  # fmt: skip
    ends = accumulate(schedule.steps)
    followers = (*schedule.levels[1:], None)
    for end, level, count, following in zip(
        ends, schedule.levels, schedule.steps, followers, strict=True
    ):
        done = sum(result.steps for result in results)
        if end <= done:
            continue
        if done > end - count and resume is not None:  # in the midst of this level
            state = resume.state
        else:
            start = schedule.start(image, initial, size_at(content, level), strength)
            state = init_state(
                start,
                factory,
                averaging=given.ema is not None,
                guided=bool(config.guide),
            )
            if results and results[-1].state is not None:
                state = schedule.next_state(results[-1].state, state)
        result = stylize(
            network,
            schedule.at_level(content, level),
            [resize(s, size_at(s, level)) for s in styles],
            config=config,
            weights=schedule.weights_at(weights, level),
            optimizer=factory,
            steps=end - done,
            ema=given.ema,
            style_mix=given.style_mix,
            state=state,
            before=done,
            callback=_over_levels(callback, schedule.total, results, margin),
            every=every,
            make_targets=make_targets if ahead is None else ahead.targets(following),
            regions=schedule.regions_at_level(regions, level),
        )
        image = remove_margin(result.image, margin)
        results.append(replace(result, image=image))
        if result.steps < end - done or not result.finite:
            break
    return join_levels(results)


def _over_levels(
    callback: Callback | None, total: int, before: list[Result], margin: int
) -> Callback | None:
    """`callback` over all levels' steps and seconds, with images without margin."""
    if callback is None:
        return None
    before = list(before)
    spent = sum(result.seconds for result in before)

    def over_levels(progress: Progress) -> bool | None:
        image = progress.picture

        def result() -> Result:
            now = progress.result()
            now = replace(now, image=remove_margin(now.image, margin))
            return join_levels([*before, now])

        return callback(
            replace(
                progress,
                steps=total,
                seconds=spent + progress.seconds,
                picture=lambda: remove_margin(image(), margin),
                result=result,
            )
        )

    return over_levels
