"""Whole runs from settings for many pairs, or one pair under many weights."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import _checks
from jaxnst.feedforward.model import FeedForward
from jaxnst.feedforward.weights_file import load_feedforward
from jaxnst.losses.config import Weights
from jaxnst.losses.regions import Regions
from jaxnst.networks.network import Network
from jaxnst.optimize.initial import FEEDFORWARD
from jaxnst.optimize.result import Callback, Result
from jaxnst.parallel.batch import stylize_batch
from jaxnst.parallel.grid import grid_search
from jaxnst.pipeline.run import prepare
from jaxnst.pipeline.settings import Settings


def render_grid(
    settings: Settings,
    network: Network,
    content: Array,
    styles: Sequence[Array],
    *,
    alphas: Sequence[float],
    betas: Sequence[float],
    init: Array | None = None,
    callback: Callback | None = None,
    budget: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    vectorize: bool | None = None,
    decoder: FeedForward | None = None,
    regions: Regions | None = None,
) -> Result:
    """`render` under every alpha and beta, in one call.

    Arguments as of `render` and `grid_search`; image (A, B, H, W, 3).
    """
    _checks.check_not_traced("render_grid", network, content, styles, init, settings)
    prepared = prepare(
        settings,
        network,
        content,
        styles,
        init=init,
        decoder=decoder,
        regions=regions,
    )
    result = grid_search(
        network,
        prepared.content,
        prepared.styles,
        alphas=alphas,
        betas=betas,
        weights=settings.terms,
        callback=callback,
        budget=budget,
        devices=devices,
        vectorize=vectorize,
        **prepared.options,
    )
    flat = result.image.reshape(-1, *result.image.shape[-3:])
    finished = np.stack([np.asarray(prepared.finish(jnp.asarray(x))) for x in flat])
    shape = *result.image.shape[:-3], *finished.shape[1:]
    return replace(result, image=finished.reshape(shape))


def render_batch(
    settings: Settings,
    network: Network,
    contents: Sequence[Array],
    styles: Sequence[Array],
    *,
    terms: Sequence[Weights] | None = None,
    multiple: int = 32,
    callback: Callback | None = None,
    budget: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    vectorize: bool | None = None,
    decoder: FeedForward | None = None,
    regions: Sequence[Regions | None] | None = None,
) -> list[Result]:
    """`render` for N pairs, in a loop that is compiled once.

    Args:
        contents: N photographs, whose sizes under the settings have the same next
            multiples (`run.padded_size`).
        styles: as many paintings, of any sizes.
        terms: alpha, beta and tv of each pair, instead of those of the settings.
        multiple: see `run.prepare`: at a side of 256 pixels a painting's aspect
            changes by 6 % at most with the default of 32.
        callback, budget, devices, vectorize: as in `stylize_batch`.
        decoder: as in `render`.
        regions: of each pair, or None; None, no pair has any.

    Returns:
        N results; every picture is of the size that `render` would give it.

    Raises:
        ValueError: sizes that differ, several paintings to mix, bad settings.
        MemoryError: not even one pair fits.
    """
    _checks.check_not_traced("render_batch", network, contents, styles, terms, settings)
    if settings.style_mix is not None:
        raise ValueError(
            "a batch takes one painting for each photograph; leave style_mix"
        )
    terms = [settings.terms] * len(contents) if terms is None else terms
    how, began = settings.optimization, time.perf_counter()
    if how.init == FEEDFORWARD and decoder is None:
        decoder = load_feedforward()
    parts: Sequence[Regions | None] = regions or [None] * len(contents)
    prepared = [
        prepare(
            replace(settings, terms=weights),
            network,
            content,
            [style],
            multiple=multiple,
            decoder=decoder,
            regions=own,
        )
        for content, style, weights, own in zip(
            contents, styles, terms, parts, strict=True
        )
    ]
    if not prepared:
        raise ValueError("contents must hold at least one picture")
    if how.one_pass:
        return [one.one_pass(began) for one in prepared]
    options = prepared[0].options
    if any(one.options["levels"] != options["levels"] for one in prepared):
        raise ValueError(
            "contents differ in their levels from coarse to fine; give those of one "
            "size in a call"
        )
    starts: list[Any] = [one.options["init"] for one in prepared]
    if not isinstance(starts[0], str):
        options = options | {"init": starts}
    if regions is not None:
        masks = [one.options["regions"] for one in prepared]
        options = options | {"regions": masks}
    result = stylize_batch(
        network,
        [one.content for one in prepared],
        [one.styles for one in prepared],
        weights=jax.tree.map(lambda *leaves: np.array(leaves, np.float32), *terms),
        callback=callback,
        budget=budget,
        devices=devices,
        vectorize=vectorize,
        **options,
    )
    finite: Any = result.finite
    return [
        replace(
            result,
            image=one.finish(jnp.asarray(result.image[i])),
            trace={name: values[i] for name, values in result.trace.items()},
            finite=bool(finite[i]),
        )
        for i, one in enumerate(prepared)
    ]
