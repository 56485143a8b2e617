"""Teachers: which layers a student learns, and the 1 x 1 maps it answers through."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnst.networks.network import Network
from jaxnst.networks.vgg import VGG

Params = dict[str, Any]

Teacher = tuple[Network, dict[str, str]]
"""A network, and by each of its layers that is learned from, the student's layer that
learns it, which has the same height and width."""

LEAST = 1e-3
"""Below this share of its layer's loudest a channel is taken for silent."""


def learners_of(teachers: Iterable[Teacher]) -> dict[str, str]:
    """{a teacher's layer: the student's that learns it}, of all teachers."""
    return {k: v for _, layers in teachers for k, v in layers.items()}


def teach(
    teachers: Iterable[Teacher], images: Array, scales: dict[str, Array] | None = None
) -> dict[str, Array]:
    """The teachers' features {layer: (..., h, w, c)} of pictures (..., H, W, 3).

    Borders are reflected where the teacher is a VGG, whatever it was trained with:
    zeros around a small crop would be most of what its deep features see.

    Args:
        scales: of `channel_scales`; every channel is divided by its own.
    """
    found: dict[str, Array] = {}
    for network, layers in teachers:
        padding = "reflect" if isinstance(network.module, VGG) else None
        found |= network(images, tuple(layers), padding=padding)
    if scales is None:
        return found
    one = (1,) * (images.ndim - 1)
    return {layer: x / scales[layer].reshape(*one, -1) for layer, x in found.items()}


def channel_scales(
    teachers: Iterable[Teacher], batches: Iterable[Array]
) -> dict[str, Array]:
    """Root mean square of every channel over pictures: {layer: (c,)}.

    Channels of one layer differ by orders of magnitude, and those of Caffe's VGG go
    into the hundreds: undivided, the loudest few are all that is learned.
    """
    teachers = tuple(teachers)

    @jax.jit
    def squares(images: Array) -> dict[str, Array]:
        features = teach(teachers, images)
        return {
            layer: jnp.mean(jnp.square(x), tuple(range(x.ndim - 1)))
            for layer, x in features.items()
        }

    means: Any = jax.tree.map(
        lambda *parts: jnp.sqrt(sum(parts) / len(parts)), *map(squares, batches)
    )
    return {
        layer: jnp.maximum(scale, LEAST * scale.max()) for layer, scale in means.items()
    }


def new_maps(key: Array, student: Network, teachers: Iterable[Teacher]) -> Params:
    """{layer: {"kernel": (student's channels, teacher's), "bias"}}, random."""
    teachers = tuple(teachers)
    wide = _shapes(teachers)
    learners = learners_of(teachers)
    found = _shapes([(student, {name: name for name in learners.values()})])
    narrow = {layer: found[learner] for layer, learner in learners.items()}
    keys = dict(zip(wide, jax.random.split(key, len(wide)), strict=True))
    return {
        layer: {
            "kernel": jax.random.normal(keys[layer], (narrow[layer], channels))
            / narrow[layer] ** 0.5,
            "bias": jnp.zeros((channels,)),
        }
        for layer, channels in wide.items()
    }


def fitted_maps(
    student: Network,
    teachers: Iterable[Teacher],
    scales: dict[str, Array],
    batches: Iterable[Array],
) -> Params:
    """Maps as of `new_maps` that fit a student best over pictures, by least squares.

    A little is added to the diagonal of the normal equations, 1e-3 of its mean, for
    channels that are silent.
    """
    teachers = tuple(teachers)
    learners = learners_of(teachers)

    @jax.jit
    def products(images: Array) -> dict[str, tuple[Array, Array]]:
        seen = student(images, tuple(dict.fromkeys(learners.values())))
        found = {}
        for layer, lesson in teach(teachers, images, scales).items():
            x = seen[learners[layer]]
            ones = jnp.ones((*x.shape[:-1], 1))
            x = jnp.concatenate([x, ones], -1).reshape(-1, x.shape[-1] + 1)
            y = lesson.reshape(-1, lesson.shape[-1])
            found[layer] = x.T @ x / len(x), x.T @ y / len(x)
        return found

    total = jax.tree.map(lambda *parts: sum(parts), *map(products, batches))
    maps = {}
    for layer, (square, both) in total.items():
        ridge = 1e-3 * jnp.trace(square) / len(square) * jnp.eye(len(square))
        solved = jnp.linalg.solve(square + ridge, both)
        maps[layer] = {"kernel": solved[:-1], "bias": solved[-1]}
    return maps


def _shapes(teachers: Iterable[Teacher]) -> dict[str, int]:
    """Channels by layer."""
    image = jax.ShapeDtypeStruct((64, 64, 3), jnp.float32)
    found: dict[str, int] = {}
    for network, layers in teachers:
        features = jax.eval_shape(partial(network, layers=tuple(layers)), image)
        for layer, array in features.items():
            if layer in found:
                raise ValueError(f"{layer} has two teachers; give it one")
            found[layer] = array.shape[-1]
    return found


SHALLOW = "relu1_1 relu1_2 relu2_1 relu2_2 relu3_1 relu3_2 relu3_4".split()

DEEP = "relu4_1 relu4_2 relu4_4 relu5_1".split()

# GoogLeNet's layers, and the student's of the same height and width.
OTHER = {
    "conv1": "relu2_2",
    "conv2": "relu3_4",
    "inception_3a": "relu4_2",
    "inception_3b": "relu4_4",
    "inception_4a": "relu5_1",
    "inception_4c": "relu5_1",
}


def taught(networks: Sequence[Network], widths: tuple[int, ...]) -> tuple[Teacher, ...]:
    """Who teaches which of the layers that the student has.

    Args:
        networks: that of the shallow layers, that of the deep ones, and GoogLeNet if
            it is to teach, too.
    """
    held = [f"relu{block + 1}_" for block in range(len(widths) - 1)]
    last = f"relu{len(widths)}_1"
    own = [{name: name for name in names} for names in (SHALLOW, DEEP)]
    taught = []
    for network, layers in zip(networks, (*own, OTHER), strict=False):
        within = {k: v for k, v in layers.items() if v == last or v[:6] in held}
        if within:
            taught.append((network, within))
    return tuple(taught)
