"""One pass over a clip's frames: the paintings looked at once, frames of any size."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnst.feedforward import model as feedforward
from jaxnst.feedforward.model import FeedForward, Style
from jaxnst.images.mirroring import (
    Pads,
    add_mirrored,
    cut_off,
    pads_to,
    repeat_mirrored,
)
from jaxnst.losses.regions import style_shares
from jaxnst.optimize.initial import FEEDFORWARD
from jaxnst.pipeline.run import padded_size
from jaxnst.pipeline.settings import Settings


def start_of(
    settings: Settings,
    styles: Sequence[Array],
    decoder: FeedForward | None,
    masks: Sequence[Array] | None = None,
) -> Any:
    """A function from a frame, and how much of it is of each region, to what one pass
    makes of it; None without a decoder.

    Args:
        masks: as of `style_of_paintings`.
    """
    if decoder is None:
        if settings.optimization.init != FEEDFORWARD:
            return None
        raise ValueError(
            'init "feedforward" needs the decoder; give decoder=load_feedforward()'
        )
    model, strength = decoder.prepared(), settings.terms.strength
    style = style_of_paintings(model, styles, settings.style_mix, masks)
    number = None if strength is None else jnp.float32(strength)
    return lambda content, weights: paint_once(model, content, style, number, weights)


def style_of_paintings(
    model: FeedForward,
    styles: Sequence[Array],
    style_mix: Sequence[float] | None,
    masks: Sequence[Array] | None = None,
) -> Style:
    """What one pass needs of the paintings, once for the clip.

    Args:
        masks: of each painting (h, w, R), which part each of R regions takes: the
            leaves then have an axis of them in front; None, there are none.
    """
    if style_mix is not None and len(style_mix) != len(styles):
        raise ValueError(
            f"got {len(style_mix)} style_mix weights for {len(styles)} styles; "
            "give one each"
        )
    wide = [repeat_mirrored(style, model.min_side) for style in styles]
    if masks is not None:
        own = [repeat_mirrored(mask, model.min_side) for mask in masks]
        mix = jnp.asarray(style_mix or (1.0,) * len(styles), jnp.float32)
        parts = [_style_of_parts(model, *pair) for pair in zip(wide, own, strict=True)]
        return jax.vmap(feedforward.blended, (0, 1))(parts, style_shares(mix, own))
    statistics = [_style_of(model, style) for style in wide]
    if len(statistics) == 1:
        return statistics[0]
    return feedforward.blended(statistics, style_mix)


_style_of = jax.jit(feedforward.style_of)

_style_of_parts = jax.jit(jax.vmap(feedforward.style_of, (None, None, -1)))

_apply_style = jax.jit(feedforward.apply_style)


def paint_once(
    model: FeedForward,
    content: Array,
    style: Style,
    strength: Array | None,
    weights: Array | None = None,
) -> Array:
    """What one pass makes of a picture (H, W, 3) of any size, in [0, 1].

    Args:
        weights: (H, W, R), how much of it is of each region; None, there are none.
    """
    size = content.shape[0], content.shape[1]
    pads: Pads = pads_to(size, padded_size(size, 1, model.min_side))
    mask = None if weights is None else add_mirrored(weights, pads)
    image = _apply_style(
        model, add_mirrored(content, pads), style, strength=strength, mask=mask
    )
    return jnp.clip(cut_off(image, pads), 0.0, 1.0)
