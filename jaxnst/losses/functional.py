"""Gram matrices and losses: one short pure function each, for one item.

Features are (h, w, c) and pictures (H, W, 3); lift to batches with `jax.vmap`. Every
result is float32 whatever the precision of the features. With N = c channels and
M = h w positions, F is the feature map and G the Gram matrix of the picture, P and A
those of the content and style targets.
"""

import jax.numpy as jnp
from jax import Array

from jaxnst import _checks
from jaxnst.linalg import products

GRAM_NORMALIZATIONS = ("none", "positions", "elements")

CONTENT_REDUCTIONS = ("mean", "sum", "half_sum", "relative")

STYLE_REDUCTIONS = ("mean", "sum", "relative", "gatys", "per_position")

VARIATION_KINDS = ("squared", "absolute", "nine_point")

VARIATION_REDUCTIONS = ("mean", "sum", "half_sum")


def over(numerator: Array, denominator: Array) -> Array:
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
    return products(flat * count**-0.5)


def gram_divisor(positions: int, channels: int, normalize: str) -> int:
    """n of `gram_matrix`."""
    _checks.check_choice(normalize, "normalize", GRAM_NORMALIZATIONS)
    divisors = {"none": 1, "positions": positions}
    return divisors.get(normalize, positions * channels)


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
    _checks.check_choice(reduction, "reduction", CONTENT_REDUCTIONS)
    if reduction in ("sum", "half_sum"):
        return square * (0.5 if reduction == "half_sum" else 1.0)
    mean = square / target.size
    if reduction == "relative":
        return over(mean, jnp.mean(jnp.square(target.astype(jnp.float32))))
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
    _checks.check_choice(reduction, "reduction", STYLE_REDUCTIONS)
    square = jnp.square(gram - target)
    if reduction == "sum":
        return jnp.sum(square)
    if reduction == "mean":
        return jnp.mean(square)
    if reduction == "relative":
        return over(jnp.mean(square), jnp.mean(jnp.square(target)))
    if positions is None:
        raise ValueError(f"reduction {reduction!r} needs positions=h * w")
    if reduction == "per_position":
        return jnp.sum(square) / positions
    # M² as an integer would overflow 32 bits from 216 x 216 pixels on.
    return jnp.mean(square) / (4.0 * float(positions) ** 2)


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
    _checks.check_choice(kind, "kind", VARIATION_KINDS)
    _checks.check_choice(reduction, "reduction", VARIATION_REDUCTIONS)
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
