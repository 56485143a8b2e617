"""Features compared with their nearest neighbours under the cosine distance.

D_ij = 1 - a_i · b_j / (|a_i| |b_j|) does not know the length of features, so that there
is no convention of magnitudes. Neighbours are found in blocks of rows, and the gradient
is that of the pairs found: memory does not grow with the number of positions squared.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int

from jaxnst.linalg import EXACT, products
from jaxnst.losses.samples import Samples

# Entries of a matrix of distances at a time.
_BLOCK = 2**23

# A feature of the target that hardly counts is nobody's neighbour.
_LEAST_WEIGHT, _FAR = 1e-3, 1e4

_Vectors: TypeAlias = tuple[Float[Array, "n c"], Float[Array, "m c"]]


def unit_vectors(features: Float[Array, "n c"]) -> Float[Array, "n c"]:
    """Each divided by its length; finite with a gradient where that is 0."""
    square = jnp.sum(jnp.square(features), -1, keepdims=True)
    mean = jnp.mean(square)
    return features * lax.rsqrt(square + 1e-8 * jnp.where(mean > 0, mean, 1.0))


def centered(samples: Samples) -> Samples:
    """Features less their mean."""
    mean = jnp.mean(_weighted(samples), 0, keepdims=True)
    return Samples(samples.features - mean, samples.weights)


def nearest_loss(samples: Samples, target: Samples) -> Float[Array, ""]:
    """mean_i D(f_i, t_ν(i)), ν(i) = argmin_j D(f_i - mean f, t_j - mean t).

    (Zhang et al., "ARF: Artistic radiance fields", ECCV 2022, eq. 1; neighbours by
    features less their own mean, Kolkin et al., "Neural neighbor style transfer",
    2022.) Less one mean on both sides, or none, all that is unlike the painting has the
    same neighbour there.

    Args:
        samples: (n, c).
        target: (m, c).

    Returns:
        A scalar from 0 to 2, float32.
    """
    places, _ = nearest_neighbours(centered(samples), centered(target))
    return _mean_distance(_at_length_1(samples), _at_length_1(target), places)


def relaxed_earth_mover(
    samples: Samples, target: Samples, *, euclidean: bool = False
) -> Float[Array, ""]:
    """max(mean_i min_j D_ij, mean_j min_i D_ij), a lower bound of the earth mover's
    distance that is 0 for equal sets (Kolkin et al., "Style transfer by relaxed optimal
    transport and self-similarity", CVPR 2019, eq. 5).

    Args:
        samples: (n, c); target: (m, c).
        euclidean: whether to add |a_i - b_j|² / c to D_ij: for colours, of which the
            length matters, too.

    Returns:
        A scalar, float32.
    """
    one, other = _at_length_1(samples), _at_length_1(target)
    if not euclidean:
        return _relaxed(one, other)
    return _relaxed(one, other, (samples.features, target.features))


def _relaxed(a: Samples, b: Samples, vectors: _Vectors | None = None) -> Array:
    """`relaxed_earth_mover` of vectors of length 1; `vectors`, those themselves, where
    their Euclidean distance is added."""
    forth, back = _neighbours(a, b, vectors)
    there, home = _mean_distance(a, b, forth), _mean_distance_back(a, b, back)
    if vectors is not None:
        one, other = vectors
        there += _mean(a, jnp.mean(jnp.square(one - other[forth]), -1))
        home += _mean(b, jnp.mean(jnp.square(other - one[back]), -1))
    return jnp.maximum(there, home)


def nearest_neighbours(
    a: Samples, b: Samples, *, euclidean: bool = False
) -> tuple[Int[Array, " n"], Int[Array, " m"]]:
    """The number of the nearest of `b` for each of `a`, and the other way round; of
    several the first. What hardly counts is nobody's neighbour.

    Args:
        euclidean: as of `relaxed_earth_mover`.
    """
    vectors = (a.features, b.features) if euclidean else None
    return _neighbours(_at_length_1(a), _at_length_1(b), vectors)


def _neighbours(
    a: Samples, b: Samples, vectors: _Vectors | None = None
) -> tuple[Int[Array, " n"], Int[Array, " m"]]:
    """`nearest_neighbours` of vectors of length 1."""
    rows, keys, vectors = lax.stop_gradient((a.features, b.features, vectors))
    far, channels = _far(b), keys.shape[-1]
    if vectors is not None:
        rows = jnp.concatenate([rows, vectors[0]], -1)

    def of_block(rows: Array, far_rows: Array) -> tuple[Array, Array, Array]:
        found = -jnp.matmul(rows[:, :channels], keys.T, precision=EXACT)
        if vectors is not None:
            found = found + _mean_squares(rows[:, channels:], vectors[1])
        back = found + far_rows[:, None]
        return _first_minimum(found + far[None, :], 1), *_minimum(back, 0)

    return _over_blocks(of_block, rows, _far(a), len(keys))


def _mean_squares(
    rows: Float[Array, "n c"], keys: Float[Array, "m c"]
) -> Float[Array, "n m"]:
    """|a_i - b_j|² / c."""
    across = jnp.matmul(rows, keys.T, precision=EXACT)
    own = jnp.sum(jnp.square(rows), -1)[:, None]
    others = jnp.sum(jnp.square(keys), -1)[None, :]
    return (own + others - 2 * across) / rows.shape[-1]


def _over_blocks(
    of_block: Callable[[Array, Array], tuple[Array, Array, Array]],
    rows: Array,
    far: Array,
    columns: int,
) -> tuple[Array, Array]:
    """The neighbours found in blocks of rows, small enough, put together."""
    count = len(rows)
    length = max(1, min(count, _BLOCK // columns))
    blocks = -(-count // length)
    if blocks == 1:
        forth, _, back = of_block(rows, far)
        return forth, back
    rest = blocks * length - count
    padded = jnp.pad(rows, ((0, rest), (0, 0))).reshape(blocks, length, -1)
    far = jnp.pad(far, (0, rest), constant_values=2 * _FAR).reshape(blocks, length)
    forth, least, places = lax.map(lambda block: of_block(*block), (padded, far))
    best = _first_minimum(least, 0)
    back = jnp.take_along_axis(places, best[None], 0)[0] + best * length
    return forth.reshape(-1)[:count], back


def _minimum(values: Array, axis: int) -> tuple[Array, Array]:
    """The minimum along an axis and its first place. XLA's own argmin is 20 times
    slower on a CPU."""
    least = jnp.min(values, axis, keepdims=True)
    places = lax.broadcasted_iota(jnp.int32, values.shape, axis)
    last = values.shape[axis] - 1
    first = jnp.min(jnp.where(values == least, places, last), axis)
    return jnp.squeeze(least, axis), first


def _first_minimum(values: Array, axis: int) -> Array:
    return _minimum(values, axis)[1]


def _far(samples: Samples) -> Float[Array, " n"]:
    if samples.weights is None:
        return jnp.zeros(len(samples.features))
    return jnp.where(samples.weights < _LEAST_WEIGHT, _FAR, 0.0)


def _at_length_1(samples: Samples) -> Samples:
    return Samples(unit_vectors(samples.features), samples.weights)


def _mean_distance(
    a: Samples, b: Samples, places: Int[Array, " n"]
) -> Float[Array, ""]:
    """mean_i D(a_i, b_p(i)) of vectors of length 1, p(i) the places."""
    return _mean(a, 1.0 - jnp.sum(a.features * b.features[places], -1))


def _mean_distance_back(
    a: Samples, b: Samples, places: Int[Array, " m"]
) -> Float[Array, ""]:
    """mean_j D(b_j, a_p(j)). The b_j that go to one a_i are added up first: there may
    be many more of them, and the gradient is then one vector for each a_i."""
    sums = jax.ops.segment_sum(_weighted(b), places, len(a.features))
    total = jnp.sum(a.features * sums) / len(b.features)
    return (1.0 if b.weights is None else jnp.mean(b.weights)) - total


def _mean(samples: Samples, values: Float[Array, " n"]) -> Float[Array, ""]:
    return jnp.mean(values if samples.weights is None else samples.weights * values)


def _weighted(samples: Samples) -> Float[Array, "n c"]:
    if samples.weights is None:
        return samples.features
    return samples.weights[:, None] * samples.features


class EarthMoverTarget(NamedTuple):
    """What `earth_mover_loss` needs of the target, computed once.

    Attributes:
        units: (m, c), at length 1.
        scale: 1 over the root of the target's mean square.
        mean, covariance: (c,) and (c, c), of the scaled samples.
    """

    units: Samples
    scale: Float[Array, ""]
    mean: Float[Array, " c"]
    covariance: Float[Array, "c c"]


def earth_mover_target(samples: Samples) -> EarthMoverTarget:
    """The target of `earth_mover_loss`."""
    square = jnp.mean(jnp.square(_weighted_root(samples)))
    scale = lax.rsqrt(jnp.where(square > 0, square, 1.0))
    scaled = Samples(samples.features * scale, samples.weights)
    moments = _mean_and_covariance(scaled)
    return EarthMoverTarget(_at_length_1(scaled), scale, *moments)


def earth_mover_loss(samples: Samples, target: EarthMoverTarget) -> Float[Array, ""]:
    """`relaxed_earth_mover` of features, and mean absolute differences of their means
    and covariances, which keep their length (Kolkin et al. 2019, eq. 5 and 7).

    ℓ_r + mean |μ - ν| + mean |A - B|, of features divided by the root of the target's
    mean square, so that nothing depends on the network's magnitudes.

    Args:
        samples: (n, c).
        target: of `earth_mover_target`.

    Returns:
        A scalar, float32.
    """
    scaled = Samples(samples.features * target.scale, samples.weights)
    mean, covariance = _mean_and_covariance(scaled)
    moments = jnp.mean(jnp.abs(mean - target.mean))
    moments += jnp.mean(jnp.abs(covariance - target.covariance))
    return _relaxed(_at_length_1(scaled), target.units) + moments


def _weighted_root(samples: Samples) -> Float[Array, "n c"]:
    if samples.weights is None:
        return samples.features
    return jnp.sqrt(samples.weights)[:, None] * samples.features


def _mean_and_covariance(
    samples: Samples,
) -> tuple[Float[Array, " c"], Float[Array, "c c"]]:
    mean = jnp.mean(_weighted(samples), 0)
    centred = Samples(samples.features - mean[None, :], samples.weights)
    root = _weighted_root(centred) * len(samples.features) ** -0.5
    return mean, products(root)


def self_similarity_loss(
    features: Float[Array, "n c"], target: Float[Array, "n c"]
) -> Float[Array, ""]:
    """mean_ij |D_ij(f, f) - D_ij(t, t)|: what is alike in the content image is to be
    alike in the image, whatever it looks like (Kolkin et al. 2019, section 2.2).

    Args:
        features, target: (n, c), at the same positions.

    Returns:
        A scalar, float32.
    """
    # The ones of D cancel; what is left is a product of a set with itself, whose
    # gradient is one product instead of two.
    own, other = (products(unit_vectors(x).T) for x in (features, target))
    return jnp.mean(jnp.abs(own - other))


def palette_loss(colors: Samples, target: Samples) -> Float[Array, ""]:
    """`relaxed_earth_mover` between colours (n, 3) in [0, 1], by the cosine and the
    Euclidean distance of their decorrelated channels (Kolkin et al. 2019, section
    2.3)."""
    return relaxed_earth_mover(
        Samples(decorrelated(colors.features), colors.weights),
        Samples(decorrelated(target.features), target.weights),
        euclidean=True,
    )


def decorrelated(colors: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    """Lightness and two opponent colours, turned out of red, green and blue."""
    axes = jnp.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]], jnp.float32)
    axes = axes / jnp.linalg.norm(axes, axis=1, keepdims=True)
    return jnp.matmul(colors, axes.T, precision=EXACT)
