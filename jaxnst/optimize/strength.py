"""Strength: beta adjusted at every step until the image is as stylised as wanted."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxnst.losses.config import Weights
from jaxnst.losses.objectives import weighted
from jaxnst.losses.targets import Targets

# -log of the style distance left at strength 1/2 and at 1: about what the default
# settings leave at their own beta (with one octave 1.0 to 1.2 on three pairs with the
# complete VGG-19, 1.2 to 1.6 with vgg19-lite; with two 1.1 to 1.7 with this), and at
# 100 and more (1.5 to 1.6, 2.0 to 2.2; 1.9 to 2.5).
_HALF, _FULL = 1.25, 1.8

_GAIN = 0.1  # how fast log beta follows log distance, a step

_RANGE = 4.0  # how far from its start log beta may go


def target_distance(strength: Any) -> Any:
    """The style distance to be left, as a share of the content image's own.

    1 at strength 0; -log of it rises as a parabola through `_HALF` and `_FULL`.
    """
    curve = 2.0 * _FULL - 4.0 * _HALF
    slope = _FULL - curve
    return jnp.exp(-(slope * strength + curve * jnp.square(strength)))


def relative_distance(style: Array, targets: Targets, weights: Weights) -> Array:
    """sqrt(S / S_c): the style loss S of an image over that of the content image, S_c.

    S is a squared distance of statistics of features from the style's, so that this is
    a distance that is 1 for the content image and 0 for the style image, of every pair.
    """
    terms = list((targets.content_style or {}).values())
    of_content = weighted(terms, weights.style_weights)
    return jnp.sqrt(style / jnp.maximum(of_content, 1e-20))


def weights_for_strength(weights: Weights, log_beta: Array) -> Weights:
    """`weights` with beta times e^log_beta; beta and tv vanish with the strength, and
    are as given at 1/2."""
    share: Any = (1.0 - target_distance(weights.strength)) / (
        1.0 - target_distance(0.5)
    )
    beta: Any = weights.beta * share * jnp.exp(log_beta)
    return replace(weights, beta=beta, tv=weights.tv * share)


def next_log_beta(
    log_beta: Array, style: Array, targets: Targets, weights: Weights
) -> Array:
    """The next step's log beta: an integral controller of log distance.

    b' = b + 0.1 (log d - log d*), d of `relative_distance`, d* of `target_distance`,
    |b| at most 4.

    Args:
        style: the style loss of the image now.
        weights: as given, not of `weights_for_strength`.
    """
    left = jnp.maximum(relative_distance(style, targets, weights), 1e-6)
    error = jnp.log(left) - jnp.log(target_distance(weights.strength))
    return jnp.clip(log_beta + _GAIN * error, -_RANGE, _RANGE)
