"""Distillation: a narrow VGG learns to see what wider networks see.

Layer by layer, a learned 1 x 1 map of the student's features is to give the teacher's
("hints": Romero et al., "FitNets", ICLR 2015). The maps are dropped in the end: what a
linear map can read off the student's features, their means and covariances hold, too.
"""

from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxnst.networks.network import Network
from jaxnst.training.teachers import Params, learners_of, teach


def geometry_loss(features: Array, wanted: Array) -> Array:
    """How far apart distances between positions are in two spaces of features.

    With K = F Fᵀ / |F|² of the features F (P positions, c channels) less their mean
    over positions, but |F|² as it was with it: |K - L|² / |L|² in Frobenius' norm, L
    that of the wanted ones. Content and style losses, Gram matrices' as well as
    Gaussians', depend on features through such products alone; so, unlike a linear map
    that can be found afterwards, this sets how much each difference counts. A relation
    of similarity-preserving distillation (Tung and Mori, ICCV 2019) and of centred
    kernel alignment (Kornblith et al., ICML 2019).

    Args:
        features: (P, c).
        wanted: (P, C), of the same positions.

    Returns:
        A scalar: 0 for equal up to rotation and scale, 1 for constant features.
    """

    def centred(x: Array) -> Array:
        x = x / jnp.sqrt(jnp.mean(jnp.sum(jnp.square(x), -1)))
        return (x - jnp.mean(x, 0, keepdims=True)) / x.shape[0] ** 0.5

    s, t = centred(features), centred(wanted)
    # |S Sᵀ - T Tᵀ|² by products of channels, for positions are many.
    own, aim, both = (jnp.sum(jnp.square(a.T @ b)) for a, b in ((s, s), (t, t), (s, t)))
    return (own + aim - 2 * both) / aim


def distillation_loss(
    params: Params,
    maps: Params,
    student: Network,
    lessons: dict[str, Array],
    learners: dict[str, str],
    images: Array,
    geometry: dict[str, Array] | None = None,
) -> tuple[Array, dict[str, Array]]:
    """Mean over layers l of the mean square of W_l s_l + b_l - t_l / r_l.

    s are the student's features under `params`, W and b the `maps`, t / r the teachers'
    features with every channel over its `channel_scales`. Without the maps a layer
    would count 1.

    Args:
        lessons: of `teach`, for `images`.
        learners: of `learners_of`.
        geometry: {layer: (C,)}, by which the lessons are multiplied to be the teachers'
            features again; then the `geometry_loss` of those that learn from one
            of its own name is added.

    Returns:
        The loss, and {teacher's layer: its part, without the geometry}.
    """
    network = Network(student.module, params, student.mean, student.std)
    features = network(images, tuple(dict.fromkeys(learners.values())))
    parts, shapes = {}, []
    for layer, lesson in lessons.items():
        kernel, bias = maps[layer]["kernel"], maps[layer]["bias"]
        # Flat, for the kernel's gradient is then a plain product of matrices.
        seen = features[learners[layer]].reshape(-1, kernel.shape[0])
        lesson = lesson.reshape(-1, kernel.shape[1])
        parts[layer] = jnp.mean(jnp.square(seen @ kernel + bias[None] - lesson))
        if geometry is not None and layer in geometry and learners[layer] == layer:
            shapes.append(geometry_loss(seen, lesson * geometry[layer][None]))
    total = jnp.mean(jnp.stack(list(parts.values())))
    return total + (jnp.mean(jnp.stack(shapes)) if shapes else 0.0), parts


@partial(
    jax.jit,
    static_argnames=("optimizer", "layers", "geometry"),
    donate_argnums=(0, 1),
)
def distill_step(
    learned: tuple[Params, Params],
    memory: optax.OptState,
    student: Network,
    networks: tuple[Network, ...],
    layers: tuple[tuple[tuple[str, str], ...], ...],
    scales: dict[str, Array],
    images: Array,
    optimizer: optax.GradientTransformation,
    geometry: tuple[str, ...] = (),
) -> tuple[tuple[Params, Params], optax.OptState, dict[str, Array]]:
    """One step of the optimiser on one batch of pictures (N, H, W, 3).

    Args:
        learned: the student's parameters and the maps; donated, as is `memory`.
        networks, layers: the teachers, and the items of their layers.
        scales: of `channel_scales`.
        geometry: layers of which the `geometry_loss` counts, too.

    Returns:
        `learned` and `memory` after the step, and "loss" and "layer/..." before it.
    """
    teachers = [(n, dict(pairs)) for n, pairs in zip(networks, layers, strict=True)]
    lessons, learners = teach(teachers, images, scales), learners_of(teachers)

    def loss(learned: tuple[Params, Params]) -> tuple[Array, dict[str, Array]]:
        shapes = {layer: scales[layer] for layer in geometry}
        params, maps = learned
        return distillation_loss(
            params, maps, student, lessons, learners, images, shapes
        )

    (value, parts), gradient = jax.value_and_grad(loss, has_aux=True)(learned)
    updates, memory = optimizer.update(gradient, memory, learned)
    learned = optax.apply_updates(learned, updates)
    terms = {"loss": value} | {f"layer/{name}": part for name, part in parts.items()}
    return learned, memory, terms
