"""Whole runs from settings for many pairs, or one pair under many weights."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst.feedforward.model import FeedForward
from jaxnst.feedforward.weights_file import load_feedforward
from jaxnst.losses.config import Weights
from jaxnst.networks.network import Network
from jaxnst.optimize.initial import FEEDFORWARD
from jaxnst.optimize.single import Callback, Result
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
    decoder: FeedForward | None = None,
) -> Result:
    """`render` under every alpha and beta, in one call.

    Arguments as of `render` and `grid_search`; image (A, B, H, W, 3).
    """
    ready = prepare(settings, content, styles, init=init, decoder=decoder)
    found = grid_search(
        network,
        ready.content,
        ready.styles,
        alphas=alphas,
        betas=betas,
        weights=settings.terms,
        callback=callback,
        budget=budget,
        devices=devices,
        **ready.options,
    )
    flat = found.image.reshape(-1, *found.image.shape[-3:])
    finished = np.stack([np.asarray(ready.finish(jnp.asarray(x))) for x in flat])
    return replace(found, image=finished.reshape(found.image.shape))


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
    decoder: FeedForward | None = None,
) -> list[Result]:
    """`render` for N pairs at once, in one compiled loop.

    Args:
        contents: N photographs, whose sizes under the settings have the same next
            multiples (`render.extended_size`).
        styles: as many paintings, of any sizes.
        terms: alpha, beta and tv of each pair, instead of those of the settings.
        multiple: see `render.prepare`: at a side of 256 pixels a painting's aspect
            changes by 6 % at most with the default of 32.
        callback, budget, devices: as in `stylize_batch`.
        decoder: as in `render`.

    Returns:
        N results; every picture is of the size that `render` would give it.

    Raises:
        ValueError: sizes that differ, several paintings to mix, bad settings.
        MemoryError: not even one pair fits.
    """
    if settings.style_mix is not None:
        raise ValueError(
            "a batch takes one painting for each photograph; leave style_mix"
        )
    own = [settings.terms] * len(contents) if terms is None else terms
    how, began = settings.optimization, time.perf_counter()
    if how.init == FEEDFORWARD and decoder is None:
        decoder = load_feedforward()
    ready = [
        prepare(
            replace(settings, terms=term),
            content,
            [style],
            multiple=multiple,
            decoder=decoder,
        )
        for content, style, term in zip(contents, styles, own, strict=True)
    ]
    if not ready:
        raise ValueError("contents must hold at least one picture")
    if how.one_pass:
        return [one.one_pass(began) for one in ready]
    options = {name: x for name, x in ready[0].options.items() if name != "style_mix"}
    if how.init == FEEDFORWARD:
        options["init"] = [one.options["init"] for one in ready]
    found = stylize_batch(
        network,
        [one.content for one in ready],
        [one.styles for one in ready],
        weights=jax.tree.map(lambda *leaves: np.array(leaves, np.float32), *own),
        callback=callback,
        budget=budget,
        devices=devices,
        **options,
    )
    finite: Any = found.finite
    return [
        replace(
            found,
            image=one.finish(jnp.asarray(found.image[i])),
            trace={name: values[i] for name, values in found.trace.items()},
            finite=bool(finite[i]),
        )
        for i, one in enumerate(ready)
    ]
