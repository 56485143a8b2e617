"""How the decoder of one pass learns: the objective, averaged over many pictures."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxnst.config import Config, Weights
from jaxnst.feedforward import FeedForward, apply_style, style_of
from jaxnst.networks.network import Network
from jaxnst.objective import make_targets, objective

# How much a pixel outside [0, 1] costs, where the objective, which sees it clipped, has
# no gradient.
_OUTSIDE = 10.0


def picture_loss(
    params: Any,
    model: FeedForward,
    content: Array,
    style: Array,
    network: Network,
    weights: Weights,
    config: Config,
) -> tuple[Array, dict[str, Array]]:
    """The objective at what one pass makes of a pair, and a penalty: the mean square by
    which it leaves [0, 1].

    Args:
        params: of the decoder, instead of those in `model`.
        content, style: (H, W, 3).
        network: in which the objective compares; need not be the encoder.

    Returns:
        (loss, terms): scalars; terms as `objective` has them.
    """
    seen = jax.lax.stop_gradient(style_of(model, style))
    picture = apply_style(replace(model, params=params), content, seen)
    shown = jnp.clip(picture, 0.0, 1.0)
    targets = jax.lax.stop_gradient(make_targets(network, content, style, config))
    loss, terms = objective(shown, network, targets, weights, config)
    outside = jnp.mean(jnp.square(picture - shown))
    return loss + _OUTSIDE * outside, terms


@partial(jax.jit, static_argnames=("config", "optimizer"), donate_argnums=(0, 1))
def training_step(
    params: Any,
    memory: Any,
    model: FeedForward,
    contents: Array,
    styles: Array,
    network: Network,
    weights: Weights,
    *,
    config: Config,
    optimizer: optax.GradientTransformation,
) -> tuple[Any, Any, dict[str, Array]]:
    """One step over a batch of pairs, (N, H, W, 3) each.

    Args:
        params, memory: of the decoder and of the optimiser; their memory is reused.

    Returns:
        New params and memory, and the means of the terms before the step.
    """

    def loss(params: Any) -> tuple[Array, dict[str, Array]]:
        over = (None, None, 0, 0, None, None, None)
        one = jax.vmap(partial(picture_loss, config=config), over[:-1])
        losses, terms = one(params, model, contents, styles, network, weights)
        return jnp.mean(losses), jax.tree.map(jnp.mean, terms)

    slopes, terms = jax.grad(loss, has_aux=True)(params)
    updates, memory = optimizer.update(slopes, memory, params)
    return optax.apply_updates(params, updates), memory, terms
