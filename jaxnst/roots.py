"""Square roots of symmetric positive semi-definite matrices, for the Gaussian loss.

Matrix products alone: eigendecompositions are slow on GPU, and LAPACK's threads can
wait for each other for minutes on a busy CPU.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

# 1.5^18 = 1478: eigenvalues of the root down to 1/1478 of the largest are resolved,
# below the floor that float32 needs anyway (see `sqrtm_and_inverse`).
_ITERATIONS = 18
_FLOOR = 1e-7

EXACT = lax.Precision.HIGHEST  # on GPU a product would otherwise be rounded to TF32


def sqrtm_and_inverse(matrix: Array) -> tuple[Array, Array]:
    """Root and inverse root of (n, n) by the coupled iteration of Newton and Schulz.

    Y' = Y T, Z' = T Z, T = (3 I - Z Y) / 2 (Higham 2008, "Functions of Matrices",
    eq. 6.35) from Y = M / |M|, Z = I. Directions with a root below 1.5^-k of the
    largest are not resolved after k steps: their inverse root stays bounded, which is
    what a gradient wants.
    """
    identity = jnp.eye(matrix.shape[-1], dtype=matrix.dtype)
    # In two steps: the squares of small numbers would vanish in float32.
    largest = jnp.max(jnp.abs(matrix))
    norm = largest * jnp.linalg.norm(matrix / jnp.where(largest > 0, largest, 1.0))
    scale = jnp.where(norm > 0, norm, 1.0)
    # Rounding leaves eigenvalues slightly below zero, on which the iteration diverges.
    start = matrix / scale + _FLOOR * identity

    def step(_: int, pair: tuple[Array, Array]) -> tuple[Array, Array]:
        y, z = pair
        t = 1.5 * identity - 0.5 * jnp.matmul(z, y, precision=EXACT)
        return (
            jnp.matmul(y, t, precision=EXACT),
            jnp.matmul(t, z, precision=EXACT),
        )

    y, z = lax.fori_loop(0, _ITERATIONS, step, (start, identity))
    return y * jnp.sqrt(norm), z / jnp.sqrt(scale)


def sqrtm(matrix: Array) -> Array:
    """Symmetric square root S of a positive semi-definite matrix, S S = matrix.

    Args:
        matrix: (n, n), symmetric positive semi-definite up to rounding.

    Returns:
        (n, n); off by up to 1e-3 of the largest eigenvalue's root where an eigenvalue
        of the matrix is below 1e-6 of the largest.
    """
    return sqrtm_and_inverse(matrix)[0]


@jax.custom_jvp
def trace_sqrtm(matrix: Array) -> Array:
    """tr(M^½) of a symmetric positive semi-definite matrix (n, n).

    Its derivative, d tr(M^½) = ½ tr(M^-½ dM), takes the inverse root that the
    iteration gives beside the root, so that no iteration is differentiated.
    """
    return jnp.trace(sqrtm_and_inverse(matrix)[0])


@trace_sqrtm.defjvp
def _trace_sqrtm_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Array, Array]:
    root, inverse = sqrtm_and_inverse(primals[0])
    return jnp.trace(root), 0.5 * jnp.sum(inverse * tangents[0])
