"""The Wasserstein-2 distance between Gaussians of features as a style loss."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst import _checks
from jaxnst.gaussian import Gaussian
from jaxnst.linalg import EXACT, sqrtm, trace_sqrtm
from jaxnst.losses.functional import safe_divide

GAUSSIAN_REDUCTIONS = ("mean", "sum", "relative")


class GaussianTarget(NamedTuple):
    """A Gaussian prepared as the target of `wasserstein_loss`.

    Attributes:
        mean: ν, (c,).
        root: B^½, (c, c), the symmetric root of the shifted covariance.
        energy: the mean square tr(B) + |ν|², before the shift.
        shift: what is added to the diagonal of both covariances.
    """

    mean: Float[Array, " c"]
    root: Float[Array, "c c"]
    energy: Float[Array, ""]
    shift: Float[Array, ""]


def gaussian_target(target: Gaussian) -> GaussianTarget:
    """What `wasserstein_loss` needs of the target (ν, B), computed once."""
    channels = target.mean.shape[-1]
    energy = jnp.trace(target.covariance) + jnp.sum(jnp.square(target.mean))
    shift = 1e-5 * energy / channels
    covariance = target.covariance + shift * jnp.eye(channels, dtype=jnp.float32)
    return GaussianTarget(target.mean, sqrtm(covariance), energy, shift)


def wasserstein_loss(
    features: Gaussian, target: GaussianTarget, *, reduction: str = "mean"
) -> Float[Array, ""]:
    """Squared Wasserstein-2 distance between two Gaussians.

    W² = |μ - ν|² + tr(A + B - 2 (B^½ A B^½)^½) for means μ, ν and covariances A, B
    (Dowson and Landau 1982; Olkin and Pukelsheim 1982). A small multiple of the
    identity on both covariances, 1e-5 of the target's mean square, keeps value and
    gradient finite when they are singular.

    Args:
        features: μ and A, as `gaussian.gaussian` computes them from a feature map.
        target: from `gaussian_target`.
        reduction: "sum", W²; "mean", W² / N; "relative", W² over the target's mean
            square tr(B) + |ν|², 1 for features that are 0 everywhere.

    Returns:
        A scalar, float32.

    Raises:
        ValueError: an unknown reduction.
    """
    _checks.check_choice(reduction, "reduction", GAUSSIAN_REDUCTIONS)
    channels = target.mean.shape[-1]
    identity = jnp.eye(channels, dtype=jnp.float32)
    covariance = features.covariance + target.shift * identity
    root = target.root
    middle = jnp.matmul(
        jnp.matmul(root, covariance, precision=EXACT), root, precision=EXACT
    )
    traces = jnp.trace(covariance) + jnp.sum(jnp.square(root))
    square = jnp.sum(jnp.square(features.mean - target.mean))
    square = square + traces - 2.0 * trace_sqrtm(middle)
    if reduction == "relative":
        return safe_divide(square, target.energy)
    return square / (channels if reduction == "mean" else 1)
