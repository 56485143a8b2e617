"""Gaussians of features: mean and covariance, mixtures, optimal transport.

The mean and covariance of a feature map over its positions describe the style of an
image. Feature maps are (h, w, c); everything is float32.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst._types import AnyArray
from jaxnst.linalg import EXACT, matmul, products, sqrtm_and_inverse


class Gaussian(NamedTuple):
    """Mean and covariance of feature vectors over the positions of an image.

    Attributes:
        mean: (c,).
        covariance: (c, c).
    """

    mean: Float[Array, " c"]
    covariance: Float[Array, "c c"]


def gaussian(
    features: Float[AnyArray, "h w c"], weights: Float[AnyArray, "h w"] | None = None
) -> Gaussian:
    """Mean and covariance of the feature vectors of a map (h, w, c).

    Centred before the product: the second moment less the mean's would leave rounding
    errors of the size of the mean, below zero where an image is flat.

    Args:
        weights: how much each position counts, with mean 1; None, all the same.
    """
    height, width, channels = features.shape
    flat = features.astype(jnp.float32).reshape(height * width, channels)
    if weights is None:
        mean = jnp.mean(flat, axis=0)
        centred = (flat - mean[None, :]) * (height * width) ** -0.5
        return Gaussian(mean, products(centred))
    column = weights.reshape(height * width, 1)
    mean = jnp.mean(flat * column, axis=0)
    scale = jnp.sqrt(column / (height * width))
    return Gaussian(mean, products((flat - mean[None, :]) * scale))


def mixture(parts: Sequence[Gaussian], shares: Float[Array, " n"]) -> Gaussian:
    """Mean and covariance of the positions of several images taken together.

    m = Σ s_i m_i, C = Σ s_i (C_i + (m_i - m) (m_i - m)ᵀ).

    Args:
        parts: n Gaussians (m_i, C_i) of c channels each.
        shares: (n,), s_i with sum 1.
    """
    means = jnp.stack([part.mean for part in parts])  # (n, c)
    mean = jnp.einsum("n,nc->c", shares, means, precision=EXACT)
    deviations = means - mean[None, :]
    covariances = jnp.stack([part.covariance for part in parts])  # (n, c, c)
    within = jnp.einsum("n,ncd->cd", shares, covariances, precision=EXACT)
    between = jnp.einsum("n,nc,nd->cd", shares, deviations, deviations, precision=EXACT)
    return Gaussian(mean, within + between)


# Share of the mean variance that is added to every variance before one is divided by
# it: what hardly varies in an image, flat sky, is not amplified into noise.
_SHIFT = 1e-3


def shift(covariance: Float[Array, "c c"]) -> Float[Array, ""]:
    """What is added to every variance of (c, c) so that division by it is safe.

    A thousandth of the mean variance, and a number above 0 where that is 0.
    """
    return _SHIFT * jnp.trace(covariance) / covariance.shape[-1] + 1e-12


Roots = Callable[[Float[Array, "c c"]], tuple[Float[Array, "c c"], Float[Array, "c c"]]]
"""Gives the root and the inverse root of a symmetric positive matrix."""


def transport_map(
    source: Float[Array, "c c"],
    target: Float[Array, "c c"],
    *,
    roots: Roots = sqrtm_and_inverse,
) -> Float[Array, "c c"]:
    """The matrix of the optimal transport between two centred Gaussians.

    T = A^-½ (A^½ B A^½)^½ A^-½ for covariances A of the source and B of the target:
    the symmetric positive matrix with T A T = B (Olkin and Pukelsheim 1982), which of
    all linear maps that match the covariance moves vectors least.

    Args:
        source: A, (c, c).
        target: B, (c, c).
        roots: how root and inverse root of a matrix are computed; it also decides what
            becomes of directions in which the source does not vary.

    Returns:
        T, (c, c), symmetric.
    """
    root, inverse = roots(source)
    middle, _ = roots(matmul(root, target, root))
    return matmul(inverse, middle, inverse)


def transport(
    features: Float[AnyArray, "h w c"],
    target: Gaussian,
    weights: Float[AnyArray, "h w"] | None = None,
) -> Float[Array, "h w c"]:
    """Features moved so that their mean and covariance are the target's, with the
    least movement.

    y = ν + T (x - μ), T of `transport_map` (for features Kolkin et al. and Lu et al.,
    "A closed-form solution to universal style transfer", ICCV 2019). Of all linear maps
    that match the covariance it moves features least, so that content stays. Both
    covariances are shifted by a thousandth of the mean variance.

    Args:
        features: (h, w, c).
        weights: as of `gaussian`, of the features' own mean and covariance.

    Returns:
        (h, w, c).
    """
    source = gaussian(features, weights)
    identity = jnp.eye(features.shape[-1], dtype=jnp.float32)
    matrix = transport_map(
        source.covariance + shift(source.covariance) * identity,
        target.covariance + shift(target.covariance) * identity,
    )
    centred = features - source.mean[None, None]
    return jnp.matmul(centred, matrix, precision=EXACT) + target.mean[None, None]
