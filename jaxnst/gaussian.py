"""Gaussians of features: mean and covariance, mixtures, optimal transport.

The mean and covariance of a feature map over its positions stand for the style of an
image. Feature maps are (h, w, c); everything is float32.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxnst.linalg import EXACT, products, sqrtm_and_inverse


class Gaussian(NamedTuple):
    """Mean and covariance of feature vectors over the positions of a picture.

    Attributes:
        mean: (c,).
        covariance: (c, c).
    """

    mean: Array
    covariance: Array


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


# Share of the mean variance that is added to every variance before one is divided by
# it: what hardly varies in a photograph, flat sky, is not blown up into noise.
_SHIFT = 1e-3


def shift(covariance: Array) -> Array:
    return _SHIFT * jnp.trace(covariance) / covariance.shape[-1] + 1e-12


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
    here = own.covariance + shift(own.covariance) * identity
    there = target.covariance + shift(target.covariance) * identity
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
