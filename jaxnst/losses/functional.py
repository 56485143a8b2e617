"""Gram matrices and losses: one short pure function each, for one item.

Feature maps are (h, w, c) and images (H, W, 3); lift to batches with `jax.vmap`. Every
result is float32 whatever the precision of the features. With N = c channels and
M = h w positions, F is the feature map and G the Gram matrix of the image, P and A
those of the content and style targets.
"""

from typing import Literal, get_args

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst import _checks
from jaxnst._types import AnyArray
from jaxnst.linalg import products

GramNormalization = Literal["none", "positions", "elements"]
ContentReduction = Literal["mean", "sum", "half_sum", "relative", "self_similarity"]

StyleReduction = Literal["mean", "sum", "relative", "gatys", "per_position"]
VariationKind = Literal["squared", "absolute", "nine_point"]
VariationReduction = Literal["mean", "sum", "half_sum"]

GRAM_NORMALIZATIONS = get_args(GramNormalization)

# "self_similarity" is `nearest.self_similarity_loss`.
CONTENT_REDUCTIONS = get_args(ContentReduction)[:-1]

STYLE_REDUCTIONS = get_args(StyleReduction)

VARIATION_KINDS = get_args(VariationKind)

VARIATION_REDUCTIONS = get_args(VariationReduction)


def safe_divide(
    numerator: Float[Array, ""], denominator: Float[Array, ""]
) -> Float[Array, ""]:
    """The quotient, or the numerator where the denominator is 0."""
    return numerator / jnp.where(denominator > 0, denominator, 1.0)


def gram_matrix(
    features: Float[AnyArray, "*b h w c"], *, normalize: str = "elements"
) -> Float[Array, "*b c c"]:
    """Gram matrix of a feature map: G = F Fᵀ / n, F as (c, h w).

    F is multiplied by the root of 1 / n before the product, which then neither
    overflows nor loses digits at any size (Gatys et al. 2016, eq. 3, has n = 1).

    Args:
        features: (..., h, w, c).
        normalize: n is 1 for "none", h w for "positions", c h w for "elements".

    Returns:
        (..., c, c), float32.

    Raises:
        ValueError: an unknown normalization.
    """
    height, width, channels = features.shape[-3:]
    count = gram_divisor(height * width, channels, normalize)
    flat = features.astype(jnp.float32).reshape(
        (*features.shape[:-3], height * width, channels)
    )
    return products(flat * count**-0.5)


def gram_divisor(positions: int, channels: int, normalize: str) -> int:
    """n of `gram_matrix` for h w `positions` and c `channels`."""
    _checks.check_choice(normalize, "normalize", GRAM_NORMALIZATIONS)
    divisors = {"none": 1, "positions": positions}
    return divisors.get(normalize, positions * channels)


def content_loss(
    features: Float[AnyArray, "h w c"],
    target: Float[AnyArray, "h w c"],
    *,
    reduction: str = "mean",
) -> Float[Array, ""]:
    """Squared distance of two feature maps.

    "sum": Σ (F - P)²; "mean": the same over N M; "half_sum": half the sum (Gatys et
    al. 2016, eq. 1); "relative": Σ (F - P)² / Σ P², 1 for F = 0 at any size and in
    any network.

    Args:
        features, target: (h, w, c).

    Returns:
        A scalar, float32.

    Raises:
        ValueError: an unknown reduction.
    """
    return reduce_content(squared_error(features, target), target, reduction)


def squared_error(
    features: Float[AnyArray, "h w c"],
    target: Float[AnyArray, "h w c"],
) -> Float[Array, ""]:
    """Σ (F - P)², float32."""
    difference = features.astype(jnp.float32) - target.astype(jnp.float32)
    return jnp.sum(jnp.square(difference))


def reduce_content(
    square: Float[Array, ""],
    target: Float[AnyArray, "h w c"],
    reduction: str,
) -> Float[Array, ""]:
    """`content_loss` from Σ (F - P)², `square`."""
    _checks.check_choice(reduction, "reduction", CONTENT_REDUCTIONS)
    if reduction in ("sum", "half_sum"):
        return square * (0.5 if reduction == "half_sum" else 1.0)
    mean = square / target.size
    if reduction == "relative":
        return safe_divide(mean, jnp.mean(jnp.square(target.astype(jnp.float32))))
    return mean


def style_loss(
    gram: Float[AnyArray, "c c"],
    target: Float[AnyArray, "c c"],
    *,
    reduction: str = "mean",
    positions: int | None = None,
) -> Float[Array, ""]:
    """Squared distance of two Gram matrices.

    "sum": Σ (G - A)²; "mean": the same over N²; "relative": Σ (G - A)² / Σ A², 1 for
    G = 0 at any size and in any network; "gatys": Σ (G - A)² / (4 N² M²) over Gram
    matrices without normalisation (Gatys et al. 2016, eq. 4); "per_position":
    Σ (G - A)² / M.

    Args:
        gram, target: (c, c), from `gram_matrix` with the same `normalize`.
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
        return safe_divide(jnp.mean(square), jnp.mean(jnp.square(target)))
    if positions is None:
        raise ValueError(f"reduction {reduction!r} needs positions=h * w")
    if reduction == "per_position":
        return jnp.sum(square) / positions
    # M² as an integer would overflow 32 bits from 216 x 216 pixels on.
    return jnp.mean(square) / (4.0 * float(positions) ** 2)


def total_variation(
    image: Float[AnyArray, "h w 3"],
    *,
    kind: str = "squared",
    reduction: str = "mean",
    periodic: bool = False,
) -> Float[Array, ""]:
    """Total variation of an image, from the differences of neighbouring pixels.

    "squared": Σ dx² + dy²; "absolute": Σ |dx| + |dy| (anisotropic, Rudin et al.
    1992); "nine_point": squares over all eight neighbours with the weights of the
    nine-point Laplacian, 2 (dx² + dy²) / 3 + (dp² + dq²) / 6 along x, y and the two
    diagonals. "mean" takes each kind of difference's own mean, "half_sum" half the sum.

    Args:
        image: (H, W, 3).
        periodic: whether the first row and column follow the last ones.

    Returns:
        A scalar, float32.

    Raises:
        ValueError: an unknown kind or reduction.
    """
    _checks.check_choice(kind, "kind", VARIATION_KINDS)
    _checks.check_choice(reduction, "reduction", VARIATION_REDUCTIONS)
    image = image.astype(jnp.float32)
    total = jnp.mean if reduction == "mean" else jnp.sum
    right, below = image[:, 1:], image[1:]
    if periodic:
        image = jnp.pad(image, ((0, 1), (0, 1), (0, 0)), mode="wrap")
        right, below = image[:-1, 1:], image[1:, :-1]
    horizontal = right - image[: right.shape[0], :-1]
    vertical = below - image[:-1, : below.shape[1]]
    if kind == "absolute":
        value = total(jnp.abs(horizontal)) + total(jnp.abs(vertical))
    else:
        value = total(jnp.square(horizontal)) + total(jnp.square(vertical))
    if kind == "nine_point":
        diagonal = image[1:, 1:] - image[:-1, :-1]
        antidiagonal = image[1:, :-1] - image[:-1, 1:]
        diagonals = total(jnp.square(diagonal)) + total(jnp.square(antidiagonal))
        value = 2.0 / 3.0 * value + diagonals / 6.0
    return value * (0.5 if reduction == "half_sum" else 1.0)
