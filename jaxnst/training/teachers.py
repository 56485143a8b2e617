"""Teachers of the distillation: their layers, features and 1 x 1 projections."""

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
"""A network, and {its layer: the student's layer that is trained to reproduce it}, of
the same height and width."""

DEAD_FRACTION = 1e-3
"""Below this fraction of its layer's largest value a channel counts as dead."""


def student_layers(teachers: Iterable[Teacher]) -> dict[str, str]:
    """{teacher's layer: student's layer}, of all teachers."""
    return {k: v for _, layers in teachers for k, v in layers.items()}


def teacher_features(
    teachers: Iterable[Teacher], images: Array, scales: dict[str, Array] | None = None
) -> dict[str, Array]:
    """The teachers' features {layer: (..., h, w, c)} of images (..., H, W, 3).

    Borders are reflected where the teacher is a VGG, whatever it was trained with:
    zeros around a small crop would dominate its deep features.

    Args:
        scales: of `channel_scales`, which the channels are divided by.
    """
    features: dict[str, Array] = {}
    for network, layers in teachers:
        padding = "reflect" if isinstance(network.module, VGG) else None
        features |= network(images, tuple(layers), padding=padding)
    if scales is None:
        return features
    ones = (1,) * (images.ndim - 1)
    return {n: x / scales[n].reshape(*ones, -1) for n, x in features.items()}


def channel_scales(
    teachers: Iterable[Teacher], batches: Iterable[Array]
) -> dict[str, Array]:
    """Root mean square of every channel over images: {layer: (c,)}.

    Channels of one layer differ by orders of magnitude, and those of Caffe's VGG go
    into the hundreds: undivided, a few large ones would dominate the loss.
    """
    teachers = tuple(teachers)

    @jax.jit
    def mean_squares(images: Array) -> dict[str, Array]:
        features = teacher_features(teachers, images)
        return {
            layer: jnp.mean(jnp.square(x), tuple(range(x.ndim - 1)))
            for layer, x in features.items()
        }

    scales: Any = jax.tree.map(
        lambda *parts: jnp.sqrt(sum(parts) / len(parts)), *map(mean_squares, batches)
    )
    return {
        layer: jnp.maximum(scale, DEAD_FRACTION * scale.max())
        for layer, scale in scales.items()
    }


def init_projections(
    key: Array, student: Network, teachers: Iterable[Teacher]
) -> Params:
    """{layer: {"kernel": (student's channels, teacher's), "bias"}}, random."""
    teachers = tuple(teachers)
    outputs = _channel_counts(teachers)
    layer_map = student_layers(teachers)
    widths = _channel_counts([(student, {name: name for name in layer_map.values()})])
    inputs = {
        layer: widths[student_layer] for layer, student_layer in layer_map.items()
    }
    keys = dict(zip(outputs, jax.random.split(key, len(outputs)), strict=True))
    return {
        layer: {
            "kernel": jax.random.normal(keys[layer], (inputs[layer], channels))
            / inputs[layer] ** 0.5,
            "bias": jnp.zeros((channels,)),
        }
        for layer, channels in outputs.items()
    }


def fit_projections(
    student: Network,
    teachers: Iterable[Teacher],
    scales: dict[str, Array],
    batches: Iterable[Array],
) -> Params:
    """Projections as of `init_projections` by least squares over images, with a ridge.

    The ridge is 1e-3 of the mean diagonal of the normal equations, for dead channels.
    """
    teachers = tuple(teachers)
    layer_map = student_layers(teachers)

    @jax.jit
    def normal_equations(images: Array) -> dict[str, tuple[Array, Array]]:
        features = student(images, tuple(dict.fromkeys(layer_map.values())))
        products = {}
        for layer, target in teacher_features(teachers, images, scales).items():
            x = features[layer_map[layer]]
            ones = jnp.ones((*x.shape[:-1], 1))
            x = jnp.concatenate([x, ones], -1).reshape(-1, x.shape[-1] + 1)
            y = target.reshape(-1, target.shape[-1])
            products[layer] = x.T @ x / len(x), x.T @ y / len(x)
        return products

    total = jax.tree.map(lambda *parts: sum(parts), *map(normal_equations, batches))
    projections = {}
    for layer, (xx, xy) in total.items():
        ridge = 1e-3 * jnp.trace(xx) / len(xx) * jnp.eye(len(xx))
        solved = jnp.linalg.solve(xx + ridge, xy)
        projections[layer] = {"kernel": solved[:-1], "bias": solved[-1]}
    return projections


def _channel_counts(teachers: Iterable[Teacher]) -> dict[str, int]:
    """{layer: its number of channels}."""
    image = jax.ShapeDtypeStruct((64, 64, 3), jnp.float32)
    counts: dict[str, int] = {}
    for network, layers in teachers:
        features = jax.eval_shape(partial(network, layers=tuple(layers)), image)
        for layer, array in features.items():
            if layer in counts:
                raise ValueError(f"{layer} has two teachers; give it one")
            counts[layer] = array.shape[-1]
    return counts


SHALLOW = "relu1_1 relu1_2 relu2_1 relu2_2 relu3_1 relu3_2 relu3_4".split()

DEEP = "relu4_1 relu4_2 relu4_4 relu5_1".split()

# GoogLeNet's layers, and the student's of the same height and width.
GOOGLENET = {
    "conv1": "relu2_2",
    "conv2": "relu3_4",
    "inception_3a": "relu4_2",
    "inception_3b": "relu4_4",
    "inception_4a": "relu5_1",
    "inception_4c": "relu5_1",
}


def select_teachers(
    networks: Sequence[Network], widths: tuple[int, ...]
) -> tuple[Teacher, ...]:
    """The teacher of each layer that a student of such widths has.

    Args:
        networks: that of the shallow layers, that of the deep ones, and GoogLeNet if
            it is a teacher, too.
    """
    blocks = [f"relu{block + 1}_" for block in range(len(widths) - 1)]
    last = f"relu{len(widths)}_1"
    same = [{name: name for name in names} for names in (SHALLOW, DEEP)]
    teachers = []
    for network, layers in zip(networks, (*same, GOOGLENET), strict=False):
        present = {k: v for k, v in layers.items() if v == last or v[:6] in blocks}
        if present:
            teachers.append((network, present))
    return tuple(teachers)
