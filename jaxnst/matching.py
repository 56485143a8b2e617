"""Features of one picture given the statistics of another's, in closed form."""

import jax.numpy as jnp
from jax import Array

from jaxnst import _check
from jaxnst.gaussians import Gaussian, gaussian
from jaxnst.roots import EXACT, sqrtm_and_inverse

MATCHINGS = ("transport", "adain")

# Share of the mean variance that is added to every variance before one is divided by
# it: what hardly varies in a photograph, flat sky, is not blown up into noise.
_SHIFT = 1e-3


def _shift(covariance: Array) -> Array:
    return _SHIFT * jnp.trace(covariance) / covariance.shape[-1] + 1e-12


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
    variances = jnp.diagonal(own.covariance) + _shift(own.covariance)
    wanted = jnp.maximum(jnp.diagonal(target.covariance), 0.0)
    scale = jnp.sqrt(wanted / variances)
    return (features - own.mean[None, None]) * scale[None, None] + target.mean[
        None, None
    ]


def transport(features: Array, target: Gaussian) -> Array:
    """Features moved so that their mean and covariance are the target's, with the
    least movement.

    y = ν + T (x - μ), T = A^-½ (A^½ B A^½)^½ A^-½: the optimal transport between the
    Gaussians (Olkin and Pukelsheim 1982; for features Kolkin et al. and Lu et al.,
    "A closed-form solution to universal style transfer", ICCV 2019). Of all linear maps
    that match the covariance it moves features least, so that content stays. Both
    covariances are shifted by a thousandth of the mean variance.

    Args:
        features: (h, w, c).

    Returns:
        (h, w, c).
    """
    own, identity = gaussian(features), jnp.eye(features.shape[-1], dtype=jnp.float32)
    here = own.covariance + _shift(own.covariance) * identity
    there = target.covariance + _shift(target.covariance) * identity
    root, inverse = sqrtm_and_inverse(here)

    def product(*matrices: Array) -> Array:
        first, *others = matrices
        for other in others:
            first = jnp.matmul(first, other, precision=EXACT)
        return first

    middle = sqrtm_and_inverse(product(root, there, root))[0]
    move = product(inverse, middle, inverse)  # symmetric
    centred = features - own.mean[None, None]
    return jnp.matmul(centred, move, precision=EXACT) + target.mean[None, None]


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
    _check.check_choice(matching, "matching", MATCHINGS)
    moved = (transport if matching == "transport" else adain)(features, target)
    return moved if strength is None else features + strength * (moved - features)
