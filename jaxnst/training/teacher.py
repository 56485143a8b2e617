"""The teacher of a distillation: its layers, features and 1 x 1 projections."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxnst.networks.network import Network

Params = dict[str, Any]

DEAD_FRACTION = 1e-3
"""Below this fraction of its layer's largest value a channel counts as dead."""

LAYERS = tuple(
    "relu1_1 relu1_2 relu2_1 relu2_2 relu3_1 relu3_2 relu3_4 "
    "relu4_1 relu4_2 relu4_4 relu5_1".split()
)
"""Layers of VGG-19 that a student learns."""


def layers_of(widths: Sequence[int]) -> tuple[str, ...]:
    """Those of `LAYERS` that a student of such widths has: its last block has one."""
    last = len(widths)
    return tuple(n for n in LAYERS if int(n[4]) < last or n == f"relu{last}_1")


def teacher_features(
    teacher: Network,
    layers: Sequence[str],
    images: Array,
    scales: dict[str, Array] | None = None,
) -> dict[str, Array]:
    """The teacher's features {layer: (..., h, w, c)} of images (..., H, W, 3).

    Borders are reflected, whatever it was trained with: zeros around a small crop would
    dominate its deep features.

    Args:
        scales: of `channel_scales`, which the channels are divided by.
    """
    features = teacher(images, layers, padding="reflect")
    if scales is None:
        return features
    ones = (1,) * (images.ndim - 1)
    return {n: x / scales[n].reshape(*ones, -1) for n, x in features.items()}


def channel_scales(
    teacher: Network, layers: Sequence[str], batches: Iterable[Array]
) -> dict[str, Array]:
    """Root mean square of every channel over images: {layer: (c,)}.

    Channels of one layer differ by orders of magnitude, and those of Caffe's VGG go
    into the hundreds: undivided, a few large ones would dominate the loss.
    """

    @jax.jit
    def mean_squares(images: Array) -> dict[str, Array]:
        features = teacher_features(teacher, layers, images)
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
    key: Array, student: Network, teacher: Network, layers: Sequence[str]
) -> Params:
    """{layer: {"kernel": (student's channels, teacher's), "bias"}}, random."""
    inputs, outputs = (_channel_counts(n, layers) for n in (student, teacher))
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
    teacher: Network,
    scales: dict[str, Array],
    batches: Iterable[Array],
) -> Params:
    """Projections as of `init_projections` by least squares over images, with a ridge.

    The ridge is 1e-3 of the mean diagonal of the normal equations, for dead channels.
    """
    layers = tuple(scales)

    @jax.jit
    def normal_equations(images: Array) -> dict[str, tuple[Array, Array]]:
        features = student(images, layers)
        products = {}
        for layer, target in teacher_features(teacher, layers, images, scales).items():
            x = features[layer]
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


def _channel_counts(network: Network, layers: Sequence[str]) -> dict[str, int]:
    """{layer: its number of channels}."""
    image = jax.ShapeDtypeStruct((64, 64, 3), jnp.float32)
    features = jax.eval_shape(partial(network, layers=tuple(layers)), image)
    return {layer: array.shape[-1] for layer, array in features.items()}
