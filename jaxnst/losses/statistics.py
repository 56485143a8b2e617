"""Statistics of a layer's features that a style can be: what each is, as an object.

A statistic is two functions, of features and of two statistics; `Config.statistic`
takes one by name, or any object that has them:

    @dataclass(frozen=True)
    class Mean:
        def of(self, features, weights=None):  # (h, w, c), (h, w) with mean 1
            weights = 1.0 if weights is None else weights[..., None]
            return jnp.mean(weights * features, axis=(0, 1))

        def distance(self, statistic, target):
            return jnp.mean(jnp.square(statistic - target))
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst import _checks, gaussian
from jaxnst.losses import functional, moments, nearest, sliced, wasserstein
from jaxnst.losses.samples import Samples, join_samples, samples_of

StatisticName = Literal[
    "gram", "gaussian", "moments", "sliced", "histogram", "nearest", "earth-mover"
]

# Sums over positions, which tiles can add up.
TILEABLE = ("gram", "gaussian")


@runtime_checkable
class StyleStatistic(Protocol):
    """Hashable, equal to those that compute the same: it is compiled in.

    Two functions more are optional: `target(statistics, shares)`, the target from those
    of several paintings, without which every array is their mean with `shares` of sum
    1; and a `key` keyword of `distance`, which then is another one in every step.
    """

    def of(
        self,
        features: Float[Array, "h w c"],
        weights: Float[Array, "h w"] | None = None,
    ) -> Any:
        """The statistic of a feature map, any pytree of arrays.

        Args:
            weights: how much each position counts, with mean 1; None, all the same.
        """
        ...

    def distance(self, statistic: Any, target: Any) -> Float[Array, ""]:
        """How far it is from the target, a scalar."""
        ...


def check_statistic(statistic: Any) -> None:
    """TypeError or ValueError unless it is a name or an object as described above."""
    names = get_args(StatisticName)
    if isinstance(statistic, str):
        _checks.check_choice(statistic, "statistic", names)
        return
    if isinstance(statistic, type) or not isinstance(statistic, StyleStatistic):
        raise TypeError(
            "statistic must be a name or an object with functions of(features, "
            f"weights) and distance(statistic, target), got {statistic!r}"
        )
    try:
        hash(statistic)
    except TypeError:
        raise TypeError(
            f"statistic {statistic!r} cannot be hashed; make its class a "
            "dataclass(frozen=True)"
        ) from None


@dataclass(frozen=True)
class Gram:
    """Gram matrix, (c, c): `losses.gram_matrix` and `losses.style_loss`.

    Attributes:
        positions: of the image's feature map, where the reduction needs them.
    """

    normalize: str = "elements"
    reduction: str = "relative"
    positions: int | None = None

    def of(self, features: Array, weights: Array | None = None) -> Array:
        if weights is not None:
            features = features.astype(jnp.float32) * jnp.sqrt(weights)[..., None]
        return functional.gram_matrix(features, normalize=self.normalize)

    def distance(self, statistic: Array, target: Array) -> Array:
        return functional.style_loss(
            statistic, target, reduction=self.reduction, positions=self.positions
        )


@dataclass(frozen=True)
class Gaussian:
    """Mean and covariance, compared by `losses.wasserstein_loss`."""

    reduction: str = "relative"

    def of(self, features: Array, weights: Array | None = None) -> gaussian.Gaussian:
        return gaussian.gaussian(features, weights)

    def target(
        self, statistics: Sequence[gaussian.Gaussian], shares: Array
    ) -> wasserstein.GaussianTarget:
        return wasserstein.gaussian_target(gaussian.mixture(statistics, shares))

    def distance(
        self, statistic: gaussian.Gaussian, target: wasserstein.GaussianTarget
    ) -> Array:
        return wasserstein.wasserstein_loss(statistic, target, reduction=self.reduction)


@dataclass(frozen=True)
class Moments:
    """Mean, deviation and higher central moments of each channel, (order, c):
    `losses.moments.channel_moments`; squared differences.

    Attributes:
        order: 2 for mean and deviation.
    """

    order: int = 2
    reduction: str = "relative"

    def of(self, features: Array, weights: Array | None = None) -> Array:
        return moments.channel_moments(features, weights, order=self.order)

    def distance(self, statistic: Array, target: Array) -> Array:
        return moments.moment_loss(statistic, target, reduction=self.reduction)


@dataclass(frozen=True)
class _OfSamples:
    """What compares the positions' features themselves."""

    def of(self, features: Array, weights: Array | None = None) -> Samples:
        return samples_of(features, weights)

    def target(self, statistics: Sequence[Samples], shares: Array) -> Samples:
        return join_samples(statistics, shares)


@dataclass(frozen=True)
class Sliced(_OfSamples):
    """The distribution of features, by `losses.sliced.sliced_wasserstein`."""

    reduction: str = "relative"

    def distance(
        self, statistic: Samples, target: Samples, key: Array | None = None
    ) -> Array:
        key = jax.random.key(0) if key is None else key
        return sliced.sliced_wasserstein(
            statistic, target, key, reduction=self.reduction
        )


@dataclass(frozen=True)
class Histogram(_OfSamples):
    """The histogram of each channel, by `losses.sliced.histogram_loss`."""

    reduction: str = "relative"

    def distance(self, statistic: Samples, target: Samples) -> Array:
        return sliced.histogram_loss(statistic, target, reduction=self.reduction)


@dataclass(frozen=True)
class Nearest(_OfSamples):
    """Nearest features of the painting: `losses.nearest.nearest_loss`."""

    def distance(self, statistic: Samples, target: Samples) -> Array:
        return nearest.nearest_loss(statistic, target)


@dataclass(frozen=True)
class EarthMover:
    """Relaxed earth mover's distance of features, with their means and covariances:
    `losses.nearest.earth_mover_loss`."""

    def of(self, features: Array, weights: Array | None = None) -> Samples:
        return samples_of(features, weights)

    def target(
        self, statistics: Sequence[Samples], shares: Array
    ) -> nearest.EarthMoverTarget:
        return nearest.earth_mover_target(join_samples(statistics, shares))

    def distance(self, statistic: Samples, target: nearest.EarthMoverTarget) -> Array:
        return nearest.earth_mover_loss(statistic, target)


def named_statistic(
    name: str, *, reduction: str, normalize: str, positions: int | None
) -> StyleStatistic:
    """The built-in statistic of a name, in the convention of a config."""
    if name == "gram":
        return Gram(normalize, reduction, positions)
    if name == "nearest":
        return Nearest()
    if name == "earth-mover":
        return EarthMover()
    if name == "moments":
        return Moments(reduction=reduction)
    if name == "gaussian":
        return Gaussian(reduction)
    return Sliced(reduction) if name == "sliced" else Histogram(reduction)


def target_of(
    statistic: StyleStatistic, parts: Sequence[Any], shares: Float[Array, " n"]
) -> Any:
    """The target from the statistics of several paintings, with shares of sum 1."""
    own = getattr(statistic, "target", None)
    if own is not None:
        return own(parts, shares)

    def mean(*leaves: Array) -> Array:
        return jnp.einsum("n,n...->...", shares, jnp.stack(leaves))

    return jax.tree.map(mean, *parts)


def is_random(statistic: StyleStatistic) -> bool:
    """Whether its distance takes a key."""
    return "key" in inspect.signature(statistic.distance).parameters


def distance(
    statistic: StyleStatistic, found: Any, target: Any, key: Array | None
) -> Float[Array, ""]:
    """`statistic.distance`, with the key if it takes one."""
    if is_random(statistic):
        return statistic.distance(found, target, key=key)  # type: ignore[call-arg]
    return statistic.distance(found, target)
