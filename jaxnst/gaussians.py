"""Gaussians of features, and how far they are from each other.

The mean and covariance of a picture's features over its positions as its style; in the
conventions of `losses.py`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxnst import _check
from jaxnst.losses import over, products
from jaxnst.roots import EXACT, sqrtm, trace_sqrtm

GAUSSIAN_REDUCTIONS = ("mean", "sum", "relative")


class Gaussian(NamedTuple):
    """Mean and covariance of feature vectors over the positions of a picture.

    Attributes:
        mean: (c,).
        covariance: (c, c).
    """

    mean: Array
    covariance: Array


class GaussianTarget(NamedTuple):
    """A Gaussian prepared as the target of `wasserstein_loss`.

    Attributes:
        mean: (c,).
        root: (c, c), the symmetric root of the shifted covariance.
        energy: the mean square tr(B) + |ν|², before the shift.
        shift: what is added to the diagonal of both covariances.
    """

    mean: Array
    root: Array
    energy: Array
    shift: Array


def gaussian(features: Array) -> Gaussian:
    """Mean and covariance of the feature vectors of a map (h, w, c).

    Centred before the product: the second moment less the mean's would leave rounding
    errors of the size of the mean, below zero where a picture is flat.
    """
    height, width, channels = features.shape
    flat = features.astype(jnp.float32).reshape(height * width, channels)
    mean = jnp.mean(flat, axis=0)
    centred = (flat - mean[None, :]) * (height * width) ** -0.5
    return Gaussian(mean, products(centred))


def mixture(parts: Sequence[Gaussian], shares: Array) -> Gaussian:
    """Mean and covariance of several pictures' positions taken together.

    m = Σ s_i m_i, C = Σ s_i (C_i + (m_i - m) (m_i - m)ᵀ).

    Args:
        shares: (n,), s_i with sum 1.
    """
    means = jnp.stack([part.mean for part in parts])  # (n, c)
    mean = jnp.einsum("n,nc->c", shares, means, precision=EXACT)
    apart = means - mean[None, :]
    within = jnp.stack([part.covariance for part in parts])
    covariance = jnp.einsum("n,ncd->cd", shares, within, precision=EXACT)
    between = jnp.einsum("n,nc,nd->cd", shares, apart, apart, precision=EXACT)
    return Gaussian(mean, covariance + between)


def gaussian_target(target: Gaussian) -> GaussianTarget:
    """What `wasserstein_loss` needs of the target, computed once."""
    channels = target.mean.shape[-1]
    energy = jnp.trace(target.covariance) + jnp.sum(jnp.square(target.mean))
    shift = 1e-5 * energy / channels
    covariance = target.covariance + shift * jnp.eye(channels, dtype=jnp.float32)
    return GaussianTarget(target.mean, sqrtm(covariance), energy, shift)


def wasserstein_loss(
    features: Gaussian, target: GaussianTarget, *, reduction: str = "mean"
) -> Array:
    """Squared Wasserstein-2 distance between two Gaussians.

    W² = |μ - ν|² + tr(A + B - 2 (B^½ A B^½)^½) for means μ, ν and covariances A, B
    (Dowson and Landau 1982; Olkin and Pukelsheim 1982). A small multiple of the
    identity on both covariances, 1e-5 of the target's mean square, keeps value and
    gradient finite when they are singular.

    Args:
        features: mean and covariance as `gaussian` gives them.
        target: from `gaussian_target`.
        reduction: "sum", W²; "mean", W² / N; "relative", W² over the target's mean
            square tr(B) + |ν|², 1 for features that are 0 everywhere.

    Returns:
        A scalar, float32.
    """
    _check.check_choice(reduction, "reduction", GAUSSIAN_REDUCTIONS)
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
        return over(square, target.energy)
    return square / (channels if reduction == "mean" else 1)
