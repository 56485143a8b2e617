"""Weights that adjust themselves until a picture is as stylised as was asked for."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxnst.losses.config import Weights
from jaxnst.losses.objectives import Targets, weighted

# -log of the distance left at strength 1/2 and at 1: what the default settings leave at
# beta 8 (1.05 to 1.53 on four pairs, vgg19-lite) and about at 64.
_HALF, _FULL = 1.35, 2.3

_GAIN = 0.1  # how fast log beta follows log distance, a step

_RANGE = 4.0  # how far from its start log beta may go


def aim(strength: Any) -> Any:
    """Distance from the painting to be left, over the photograph's own.

    1 at strength 0; -log of it rises as a parabola through `_HALF` and `_FULL`.
    """
    curve = 2.0 * _FULL - 4.0 * _HALF
    slope = _FULL - curve
    return jnp.exp(-(slope * strength + curve * jnp.square(strength)))


def distance(style: Array, targets: Targets, weights: Weights) -> Array:
    """sqrt(S / S_p): the style term of a picture over that of the photograph itself.

    S is a squared distance of features' statistics from the painting's, so that this is
    a distance that is 1 for the photograph and 0 for the painting, of every pair.
    """
    own = weighted(list((targets.apart or {}).values()), weights.style_weights)
    return jnp.sqrt(style / jnp.maximum(own, 1e-20))


def balanced(weights: Weights, balance: Array) -> Weights:
    """`weights` with beta times e^balance; beta and tv vanish with the strength, and
    are as given at 1/2."""
    share: Any = (1.0 - aim(weights.strength)) / (1.0 - aim(0.5))
    beta: Any = weights.beta * share * jnp.exp(balance)
    return replace(weights, beta=beta, tv=weights.tv * share)


def adjusted(balance: Array, style: Array, targets: Targets, weights: Weights) -> Array:
    """The next balance: an integral controller of log distance.

    b' = b + 0.1 (log d - log d*), d of `distance`, d* of `aim`, |b| at most 4.

    Args:
        style: the style term of the picture now.
        weights: as given, not `balanced`.
    """
    left = jnp.maximum(distance(style, targets, weights), 1e-6)
    error = jnp.log(left) - jnp.log(aim(weights.strength))
    return jnp.clip(balance + _GAIN * error, -_RANGE, _RANGE)
