"""Feature maps given the mean and covariance of another image, in closed form."""

from typing import Literal, get_args

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst import _checks
from jaxnst._types import AnyArray
from jaxnst.gaussian import Gaussian, gaussian, shift, transport

Matching = Literal["transport", "adain"]
MATCHINGS = get_args(Matching)


def adain(
    features: Float[AnyArray, "h w c"],
    target: Gaussian,
    weights: Float[AnyArray, "h w"] | None = None,
) -> Float[Array, "h w c"]:
    """Adaptive instance normalisation: each channel's mean and deviation replaced.

    y_c = ν_c + (x_c - μ_c) sqrt(B_cc / A_cc) (Huang and Belongie, ICCV 2017) for means
    μ, ν and covariances A of the features and B of the target; A_cc is raised by
    a thousandth of the mean variance.

    Args:
        features: (h, w, c).
        weights: as of `gaussian.gaussian`, of the features' own mean and deviation.

    Returns:
        (h, w, c).
    """
    source = gaussian(features, weights)
    variances = jnp.diagonal(source.covariance) + shift(source.covariance)
    target_variances = jnp.maximum(jnp.diagonal(target.covariance), 0.0)
    scale = jnp.sqrt(target_variances / variances)
    centred = features - source.mean[None, None]
    return centred * scale[None, None] + target.mean[None, None]


def match_statistics(
    features: Float[AnyArray, "h w c"],
    target: Gaussian,
    *,
    matching: str = "transport",
    strength: Float[Array, ""] | float | None = None,
    weights: Float[AnyArray, "h w"] | None = None,
) -> Float[Array, "h w c"]:
    """`features` moved towards the target's mean and covariance.

    Args:
        features: (h, w, c).
        matching: "transport" or "adain".
        strength: s of x + s (T x - x), from 0 to 1; None is 1. Under transport the
            results lie on the geodesic between the two Gaussians (McCann 1997).
        weights: how much each position counts for the features' own mean and
            covariance, with mean 1; None, all the same.

    Returns:
        (h, w, c).

    Raises:
        ValueError: an unknown matching.
    """
    _checks.check_choice(matching, "matching", MATCHINGS)
    transform = transport if matching == "transport" else adain
    matched = transform(features, target, weights)
    return matched if strength is None else features + strength * (matched - features)
