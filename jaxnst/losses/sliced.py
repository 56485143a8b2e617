"""Distributions of features compared along lines, where sorting is optimal transport.

The squared Wasserstein-2 distance of two sets of as many numbers is the mean square
difference of the sorted ones.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

from jaxnst import _checks, sorting
from jaxnst.linalg import EXACT
from jaxnst.losses.functional import safe_divide
from jaxnst.losses.moments import REDUCTIONS
from jaxnst.losses.samples import Samples, resampled


def sliced_wasserstein(
    samples: Samples,
    target: Samples,
    key: Key[Array, ""],
    *,
    reduction: str = "mean",
) -> Float[Array, ""]:
    """Mean over random directions of the squared Wasserstein-2 distance of projections.

    E_v W²(vᵀF, vᵀT) over unit vectors v, as many as there are channels (Heitz et al.,
    "A sliced Wasserstein loss for neural texture synthesis", CVPR 2021, eq. 5). 0 only
    for features of the same distribution, not of the same moments alone.

    Args:
        samples, target: n and m feature vectors of c channels; those of the target are
            taken so often or seldom that there are n.
        key: of the directions; another one in every step.
        reduction: "mean"; "sum", c times as much, which for Gaussians of one covariance
            is `wasserstein_loss`'s; "relative", the sum over the target's mean square
            norm, 1 for features that are 0 everywhere.

    Returns:
        A scalar, float32.

    Raises:
        ValueError: an unknown reduction.
    """
    channels = samples.features.shape[-1]
    lines = jax.random.normal(key, (channels, channels))
    lines = lines / jnp.linalg.norm(lines, axis=0, keepdims=True)
    return _along(samples, target, lines, reduction)


def histogram_loss(
    samples: Samples, target: Samples, *, reduction: str = "mean"
) -> Float[Array, ""]:
    """Squared difference of features and features with the target's histograms.

    mean (F - R)², where R has in each channel F's order and the target's values (Risser
    et al., "Stable and controllable neural texture synthesis", 2017, section 4.3; there
    from histograms of 256 bins, here from the sorted values themselves).

    Args:
        samples, target, reduction: as of `sliced_wasserstein`.

    Returns:
        A scalar, float32.

    Raises:
        ValueError: an unknown reduction.
    """
    return _along(samples, target, None, reduction)


def _along(
    samples: Samples, target: Samples, lines: Array | None, reduction: str
) -> Float[Array, ""]:
    """Mean of the squared distances of the columns, or of their projections."""
    _checks.check_choice(reduction, "reduction", REDUCTIONS)
    count = len(samples.features)
    features, aims = resampled(samples, count), resampled(target, count)
    energy = jnp.mean(jnp.sum(jnp.square(aims), -1))
    if lines is not None:
        features = jnp.matmul(features, lines, precision=EXACT)
        aims = jnp.matmul(aims, lines, precision=EXACT)
    features, aims = features.T, sorting.sort_rows(aims.T)
    aims = jnp.take_along_axis(aims, sorting.ranks(features), -1)
    mean = jnp.mean(jnp.square(features - aims))
    if reduction == "mean":
        return mean
    total = mean * samples.features.shape[-1]
    return safe_divide(total, energy) if reduction == "relative" else total
