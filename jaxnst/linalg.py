"""Matrix products at full precision, roots and polar factors of matrices.

Everything is made of matrix products: eigendecompositions are slow on a GPU, and on a
busy CPU LAPACK's threads can wait for each other for minutes.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from jaxnst._types import AnyArray

# 1.5^18 = 1478: eigenvalues of the root down to 1/1478 of the largest are resolved,
# below the floor that float32 needs anyway (see `sqrtm_and_inverse`).
_ITERATIONS = 18

_FLOOR = 1e-7

EXACT = lax.Precision.HIGHEST  # on GPU a product would otherwise be rounded to TF32


def matmul(*matrices: Float[Array, "_ _"]) -> Float[Array, "_ _"]:
    """Product of matrices from left to right, in full float32 on every device.

    Args:
        matrices: at least one, each (m, n) with as many rows as the one before has
            columns.
    """
    product = matrices[0]
    for matrix in matrices[1:]:
        product = jnp.matmul(product, matrix, precision=EXACT)
    return product


def sqrtm_and_inverse(
    matrix: Float[Array, "n n"],
) -> tuple[Float[Array, "n n"], Float[Array, "n n"]]:
    """Root and inverse root of (n, n) by the coupled iteration of Newton and Schulz.

    Y' = Y T, Z' = T Z, T = (3 I - Z Y) / 2 (Higham 2008, "Functions of Matrices",
    eq. 6.35) from Y = M / |M|, Z = I. Directions with a root below 1.5^-k of the
    largest are not resolved after k steps: their inverse root stays bounded, which is
    what a gradient needs.

    Args:
        matrix: (n, n), symmetric positive semi-definite up to rounding.

    Returns:
        M^½ and M^-½, (n, n) each.
    """
    identity = jnp.eye(matrix.shape[-1], dtype=matrix.dtype)
    # In two steps: the squares of small numbers would vanish in float32.
    largest = jnp.max(jnp.abs(matrix))
    norm = largest * jnp.linalg.norm(matrix / jnp.where(largest > 0, largest, 1.0))
    scale = jnp.where(norm > 0, norm, 1.0)
    # Rounding leaves eigenvalues slightly below zero, on which the iteration diverges.
    start = matrix / scale + _FLOOR * identity

    def step(
        _: Array, pair: tuple[Float[Array, "n n"], Float[Array, "n n"]]
    ) -> tuple[Float[Array, "n n"], Float[Array, "n n"]]:
        y, z = pair
        t = 1.5 * identity - 0.5 * jnp.matmul(z, y, precision=EXACT)
        return (
            jnp.matmul(y, t, precision=EXACT),
            jnp.matmul(t, z, precision=EXACT),
        )

    y, z = lax.fori_loop(0, _ITERATIONS, step, (start, identity))
    return y * jnp.sqrt(norm), z / jnp.sqrt(scale)


def sqrtm(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Symmetric square root S of a positive semi-definite matrix, S S = matrix.

    Args:
        matrix: (n, n), symmetric positive semi-definite up to rounding.

    Returns:
        (n, n); off by up to 1e-3 of the largest eigenvalue's root where an eigenvalue
        of the matrix is below 1e-6 of the largest.
    """
    return sqrtm_and_inverse(matrix)[0]


@jax.custom_jvp
def trace_sqrtm(matrix: Float[Array, "n n"]) -> Float[Array, ""]:
    """tr(M^½) of a symmetric positive semi-definite matrix (n, n).

    The custom JVP, d tr(M^½) = ½ tr(M^-½ dM), takes the inverse root that the iteration
    gives beside the root, so that no iteration is differentiated.
    """
    return jnp.trace(sqrtm_and_inverse(matrix)[0])


@trace_sqrtm.defjvp
def _trace_sqrtm_jvp(
    primals: tuple[Float[Array, "n n"]], tangents: tuple[Float[Array, "n n"]]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    root, inverse = sqrtm_and_inverse(primals[0])
    return jnp.trace(root), 0.5 * jnp.sum(inverse * tangents[0])


@jax.custom_jvp
def products(flat: Float[AnyArray, "*b p c"]) -> Float[Array, "*b c c"]:
    """F Fᵀ as (..., c, c), given Fᵀ, that is (..., h w, c).

    The custom JVP, F dFᵀ + dF Fᵀ, is one product and its transpose; JAX by itself would
    make two, and then copy a gradient of the size of F from columns to rows.
    """
    return _outer(flat, flat)


@products.defjvp
def _products_jvp(
    primals: tuple[Float[AnyArray, "*b p c"]],
    tangents: tuple[Float[AnyArray, "*b p c"]],
) -> tuple[Float[Array, "*b c c"], Float[Array, "*b c c"]]:
    half = _outer(primals[0], tangents[0])
    return products(primals[0]), half + half.swapaxes(-1, -2)


def _outer(
    left: Float[AnyArray, "*b p c"],
    right: Float[AnyArray, "*b p c"],
) -> Float[Array, "*b c c"]:
    return jnp.einsum("...pc,...pd->...cd", left, right, precision=EXACT)


# Factors of x, x³, x⁵ in the steps of `orthogonal_factor`.
_POLAR_STEPS = 10 * [(3.4445, -4.7750, 2.0315)] + 4 * [(1.5, -0.5, 0.0)]


def orthogonal_factor(matrix: Float[Array, "n c"]) -> Float[Array, "n c"]:
    """U of the polar decomposition M = U H, for M of shape (n, c) with n >= c.

    X' = X (a I + b XᵀX + c (XᵀX)²) moves every singular value towards 1: ten steps
    lift small ones 3.4 times each (the quintic of Jordan 2024, "Muon"), four settle
    them (Newton and Schulz). Those below 1e-6 of the largest stay below 1.
    """
    norm = jnp.linalg.norm(matrix)
    identity = jnp.eye(matrix.shape[1], dtype=matrix.dtype)

    def step(
        x: Float[Array, "n c"], factors: Float[Array, "3"]
    ) -> tuple[Float[Array, "n c"], None]:
        square = matmul(x.T, x)
        first, second, third = factors
        polynomial = first * identity + second * square
        return matmul(x, polynomial + third * matmul(square, square)), None

    start = matrix / jnp.where(norm > 0, norm, 1.0)
    return lax.scan(step, start, jnp.asarray(_POLAR_STEPS, matrix.dtype))[0]
