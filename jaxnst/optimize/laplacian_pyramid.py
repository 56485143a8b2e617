"""The levels of a Laplacian pyramid as what is optimised, in place of pixels.

An image is the sum of the levels of its pyramid, enlarged (Burt and Adelson 1983): a
step that is equally long for each number then moves what is large and smooth as fast as
what is fine (Kolkin et al., "Style transfer by relaxed optimal transport and
self-similarity", CVPR 2019, section 2.4).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.tree_util import Partial
from jaxtyping import Float

from jaxnst import _checks
from jaxnst.optimize.optimizers import Optimizer, as_factory

Pyramid = list[Float[Array, "_ _ 3"]]


def in_pyramid(optimizer: Optimizer, levels: int = 5) -> Optimizer:
    """An optimiser of a picture that takes its steps in the picture's pyramid.

    The picture is linear in the numbers of its pyramid: the gradient is carried to
    them, and the optimiser's updates of all levels, enlarged and added up, are the
    update of the picture.

    Args:
        optimizer: any optax transformation, or one of `jaxnst.optimizers`.
        levels: each half as large as the one before; the last holds what is left. 1,
            the picture itself.

    Raises:
        TypeError, ValueError: not an optimiser; levels below 1.
    """
    _checks.check_whole(levels, "levels")
    inner = as_factory(optimizer)
    return Partial(_Laplacian(levels, inner.func), *inner.args, **inner.keywords)


@dataclass(frozen=True)
class _Laplacian:
    levels: int
    inner: Callable[..., optax.GradientTransformation]

    def __call__(self, *numbers: Any, **named: Any) -> optax.GradientTransformation:
        inner = self.inner(*numbers, **named)
        return _over_pyramid(optax.with_extra_args_support(inner), self.levels)


class _PyramidState(NamedTuple):
    pyramid: Pyramid
    inner: Any


def _over_pyramid(
    inner: optax.GradientTransformationExtraArgs, levels: int
) -> optax.GradientTransformationExtraArgs:
    def init(image: Array) -> _PyramidState:
        zeros = [
            jnp.zeros((*size, image.shape[-1]), image.dtype)
            for size in pyramid_sizes((image.shape[0], image.shape[1]), levels)
        ]
        return _PyramidState(zeros, inner.init(zeros))

    def update(
        gradient: Array, state: _PyramidState, image: Array | None = None, **extra: Any
    ) -> tuple[Array, _PyramidState]:
        before = state.pyramid
        _, transposed = jax.vjp(add_levels, before)
        (of_levels,) = transposed(gradient)
        if "grad" in extra:
            extra["grad"] = of_levels
        if "value_fn" in extra and image is not None:
            value = extra["value_fn"]
            extra["value_fn"] = lambda pyramid: value(
                image + add_levels(jax.tree.map(jnp.subtract, pyramid, before))
            )
        updates, held = inner.update(of_levels, state.inner, before, **extra)
        after = optax.apply_updates(before, updates)
        return add_levels(updates), _PyramidState(after, held)

    return optax.GradientTransformationExtraArgs(init, update)


def pyramid_sizes(size: tuple[int, int], levels: int) -> list[tuple[int, int]]:
    """(height, width) of each level, from fine to coarse, down to a single pixel."""
    sizes = [size]
    while len(sizes) < levels and max(sizes[-1]) > 1:
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes


def add_levels(pyramid: Pyramid) -> Float[Array, "h w 3"]:
    """The image of a pyramid, from fine to coarse: x_k = L_k + enlarged x_(k+1)."""
    image = pyramid[-1]
    for level in pyramid[-2::-1]:
        image = level + jax.image.resize(image, level.shape, "linear")
    return image
