"""Gram matrices and losses: one short pure function each, for one item.

Features are (h, w, c) and pictures (H, W, 3); lift to batches with `jax.vmap`. Every
result is float32 whatever the precision of the features. With N = c channels and
M = h w positions, F is the feature map and G the Gram matrix of the picture, P and A
those of the content and style targets.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from jaxnst import _check
from jaxnst.roots import sqrtm, trace_sqrtm

GRAM_NORMALIZATIONS = ("none", "positions", "elements")
CONTENT_REDUCTIONS = ("mean", "sum", "half_sum", "relative")
STYLE_REDUCTIONS = ("mean", "sum", "relative", "gatys", "per_position")
GAUSSIAN_REDUCTIONS = ("mean", "sum", "relative")
VARIATION_KINDS = ("squared", "absolute", "nine_point")
VARIATION_REDUCTIONS = ("mean", "sum", "half_sum")

_EXACT = lax.Precision.HIGHEST  # on GPU a product would otherwise be rounded to TF32


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


def _over(numerator: Array, denominator: Array) -> Array:
    """The quotient, or the numerator where a target without energy gives no scale."""
    return numerator / jnp.where(denominator > 0, denominator, 1.0)


def gram_matrix(features: Array, *, normalize: str = "elements") -> Array:
    """Gram matrix of a feature map: G = F Fᵀ / n, F as (c, h w).

    The root of 1 / n is taken into F before the product, which then neither overflows
    nor loses digits at any size (Gatys et al. 2016, eq. 3, has n = 1).

    Args:
        features: (..., h, w, c).
        normalize: n is 1 for "none", h w for "positions", c h w for "elements".

    Returns:
        (..., c, c), float32.
    """
    height, width, channels = features.shape[-3:]
    count = gram_divisor(height * width, channels, normalize)
    flat = features.astype(jnp.float32).reshape(
        (*features.shape[:-3], height * width, channels)
    )
    flat = flat * count**-0.5
    return jnp.einsum("...pc,...pd->...cd", flat, flat, precision=_EXACT)


def gram_divisor(positions: int, channels: int, normalize: str) -> int:
    """n of `gram_matrix`."""
    _check.check_choice(normalize, "normalize", GRAM_NORMALIZATIONS)
    divisors = {"none": 1, "positions": positions}
    return divisors.get(normalize, positions * channels)


def gaussian(features: Array) -> Gaussian:
    """Mean and covariance of the feature vectors of a map (h, w, c).

    Centred before the product: the second moment less the mean's would leave rounding
    errors of the size of the mean, below zero where a picture is flat.
    """
    height, width, channels = features.shape
    flat = features.astype(jnp.float32).reshape(height * width, channels)
    mean = jnp.mean(flat, axis=0)
    centred = (flat - mean[None, :]) * (height * width) ** -0.5
    return Gaussian(mean, jnp.matmul(centred.T, centred, precision=_EXACT))


def mixture(parts: Sequence[Gaussian], shares: Array) -> Gaussian:
    """Mean and covariance of several pictures' positions taken together.

    m = Σ s_i m_i, C = Σ s_i (C_i + (m_i - m) (m_i - m)ᵀ).

    Args:
        shares: (n,), s_i with sum 1.
    """
    means = jnp.stack([part.mean for part in parts])  # (n, c)
    mean = jnp.einsum("n,nc->c", shares, means, precision=_EXACT)
    apart = means - mean[None, :]
    within = jnp.stack([part.covariance for part in parts])
    covariance = jnp.einsum("n,ncd->cd", shares, within, precision=_EXACT)
    between = jnp.einsum("n,nc,nd->cd", shares, apart, apart, precision=_EXACT)
    return Gaussian(mean, covariance + between)


def content_loss(features: Array, target: Array, *, reduction: str = "mean") -> Array:
    """Squared distance of two feature maps.

    "sum": Σ (F - P)²; "mean": the same over N M; "half_sum": half the sum (Gatys et
    al. 2016, eq. 1); "relative": Σ (F - P)² / Σ P², 1 for F = 0 at any size and in
    any network.

    Args:
        features, target: (h, w, c).

    Returns:
        A scalar, float32.
    """
    return content_reduced(content_square(features, target), target, reduction)


def content_square(features: Array, target: Array) -> Array:
    """Σ (F - P)², float32."""
    wanted = target.astype(jnp.float32)
    return jnp.sum(jnp.square(features.astype(jnp.float32) - wanted))


def content_reduced(square: Array, target: Array, reduction: str) -> Array:
    """`content_loss` from Σ (F - P)²."""
    _check.check_choice(reduction, "reduction", CONTENT_REDUCTIONS)
    if reduction in ("sum", "half_sum"):
        return square * (0.5 if reduction == "half_sum" else 1.0)
    mean = square / target.size
    if reduction == "relative":
        return _over(mean, jnp.mean(jnp.square(target.astype(jnp.float32))))
    return mean


def style_loss(
    gram: Array, target: Array, *, reduction: str = "mean", positions: int | None = None
) -> Array:
    """Squared distance of two Gram matrices.

    "sum": Σ (G - A)²; "mean": the same over N²; "relative": Σ (G - A)² / Σ A², 1 for
    G = 0 at any size and in any network; "gatys": Σ (G - A)² / (4 N² M²) over Gram
    matrices without normalisation (Gatys et al. 2016, eq. 4); "per_position":
    Σ (G - A)² / M.

    Args:
        gram, target: (c, c), normalised alike.
        positions: M, needed by "gatys" and "per_position".

    Returns:
        A scalar, float32.

    Raises:
        ValueError: an unknown reduction, or one that needs `positions` without them.
    """
    _check.check_choice(reduction, "reduction", STYLE_REDUCTIONS)
    square = jnp.square(gram - target)
    if reduction == "sum":
        return jnp.sum(square)
    if reduction == "mean":
        return jnp.mean(square)
    if reduction == "relative":
        return _over(jnp.mean(square), jnp.mean(jnp.square(target)))
    if positions is None:
        raise ValueError(f"reduction {reduction!r} needs positions=h * w")
    if reduction == "per_position":
        return jnp.sum(square) / positions
    # M² as an integer would overflow 32 bits from 216 x 216 pixels on.
    return jnp.mean(square) / (4.0 * float(positions) ** 2)


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
        jnp.matmul(root, covariance, precision=_EXACT), root, precision=_EXACT
    )
    traces = jnp.trace(covariance) + jnp.sum(jnp.square(root))
    square = jnp.sum(jnp.square(features.mean - target.mean))
    square = square + traces - 2.0 * trace_sqrtm(middle)
    if reduction == "relative":
        return _over(square, target.energy)
    return square / (channels if reduction == "mean" else 1)


def total_variation(
    image: Array, *, kind: str = "squared", reduction: str = "mean"
) -> Array:
    """Roughness of a picture, from the differences of neighbouring pixels.

    "squared": Σ dx² + dy²; "absolute": Σ |dx| + |dy| (anisotropic, Rudin et al.
    1992); "nine_point": squares over all eight neighbours with the weights of the
    nine-point Laplacian, 2 (dx² + dy²) / 3 + (dp² + dq²) / 6 along x, y and the two
    diagonals. "mean" takes each kind of difference's own mean, "half_sum" half the sum.

    Args:
        image: (H, W, 3).

    Returns:
        A scalar, float32.
    """
    _check.check_choice(kind, "kind", VARIATION_KINDS)
    _check.check_choice(reduction, "reduction", VARIATION_REDUCTIONS)
    image = image.astype(jnp.float32)
    total = jnp.mean if reduction == "mean" else jnp.sum
    across = image[:, 1:] - image[:, :-1]
    down = image[1:] - image[:-1]
    if kind == "absolute":
        value = total(jnp.abs(across)) + total(jnp.abs(down))
    else:
        value = total(jnp.square(across)) + total(jnp.square(down))
    if kind == "nine_point":
        falling = image[1:, 1:] - image[:-1, :-1]
        rising = image[1:, :-1] - image[:-1, 1:]
        diagonal = total(jnp.square(falling)) + total(jnp.square(rising))
        value = 2.0 / 3.0 * value + diagonal / 6.0
    return value * (0.5 if reduction == "half_sum" else 1.0)
