"""Moments of each channel as a style."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst import _checks
from jaxnst._types import AnyArray
from jaxnst.losses.functional import safe_divide

REDUCTIONS = ("mean", "sum", "relative")

# What is added to the variance, as a share of the mean square: the deviation of a
# channel that is the same everywhere has a gradient, too.
_SHIFT = 1e-6


def channel_moments(
    features: Float[AnyArray, "h w c"],
    weights: Float[AnyArray, "h w"] | None = None,
    *,
    order: int = 2,
) -> Float[Array, "{order} c"]:
    """Mean, deviation and higher central moments of each channel over the positions.

    Rows are μ, σ and, from the third, m_k / σ^(k-1) with m_k = E (F - μ)^k, which have
    the unit of the features as the first two do (Li et al., "Demystifying neural style
    transfer", IJCAI 2017, for two; Kalischek et al., "In the light of feature
    distributions", CVPR 2021, for more, there of features squashed into [0, 1]).

    Args:
        features: (h, w, c).
        weights: how much each position counts, with mean 1; None, all the same.
        order: how many, from 1.

    Returns:
        (order, c), float32.

    Raises:
        ValueError: order below 1.
    """
    _checks.check_whole(order, "order")
    flat = features.astype(jnp.float32).reshape(-1, features.shape[-1])
    column = jnp.ones(()) if weights is None else weights.reshape(-1, 1)
    mean = jnp.mean(column * flat, 0)
    centred = flat - mean[None, :]
    variance = jnp.mean(column * jnp.square(centred), 0)
    square = jnp.mean(variance + jnp.square(mean))
    deviation = jnp.sqrt(variance + _SHIFT * jnp.where(square > 0, square, 1.0))
    rows = [mean, deviation]
    for k in range(3, order + 1):
        rows.append(jnp.mean(column * centred**k, 0) / deviation ** (k - 1))
    return jnp.stack(rows[:order])


def moment_loss(
    moments: Float[Array, "k c"],
    target: Float[Array, "k c"],
    *,
    reduction: str = "mean",
) -> Float[Array, ""]:
    """Squared differences of moments.

    "sum": Σ (m - t)²; "mean": over the number of channels; "relative": Σ (m - t)² over
    that of the target's means and deviations, Σ (μ² + σ²).

    Raises:
        ValueError: an unknown reduction.
    """
    _checks.check_choice(reduction, "reduction", REDUCTIONS)
    square = jnp.sum(jnp.square(moments - target))
    if reduction == "relative":
        return safe_divide(square, jnp.sum(jnp.square(target[:2])))
    return square / (target.shape[-1] if reduction == "mean" else 1)
