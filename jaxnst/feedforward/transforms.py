"""Features of one picture given the statistics of another's, in closed form."""

import jax.numpy as jnp
from jax import Array

from jaxnst import _checks
from jaxnst.gaussian import Gaussian, gaussian, shift, transport

MATCHINGS = ("transport", "adain")


def adain(features: Array, target: Gaussian) -> Array:
    """Adaptive instance normalisation: each channel's mean and deviation replaced.

    y_c = ν_c + (x_c - μ_c) sqrt(B_cc / A_cc) (Huang and Belongie, ICCV 2017) for means
    μ, ν and covariances A of the features and B of the target; A_cc is raised by
    a thousandth of the mean variance.

    Args:
        features: (h, w, c).

    Returns:
        (h, w, c).
    """
    own = gaussian(features)
    variances = jnp.diagonal(own.covariance) + shift(own.covariance)
    wanted = jnp.maximum(jnp.diagonal(target.covariance), 0.0)
    scale = jnp.sqrt(wanted / variances)
    return (features - own.mean[None, None]) * scale[None, None] + target.mean[
        None, None
    ]


def matched(
    features: Array,
    target: Gaussian,
    *,
    matching: str = "transport",
    strength: Array | float | None = None,
) -> Array:
    """`features` moved towards the target's statistics.

    Args:
        features: (h, w, c).
        matching: "transport" or "adain".
        strength: how much of the way, from 0 to 1; None, all of it. Under transport
            each is the shortest way from the one Gaussian to the other (McCann 1997).

    Returns:
        (h, w, c).
    """
    _checks.check_choice(matching, "matching", MATCHINGS)
    moved = (transport if matching == "transport" else adain)(features, target)
    return moved if strength is None else features + strength * (moved - features)
