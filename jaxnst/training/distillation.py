"""Feature distillation: a narrow VGG is trained to reproduce a wide one's features.

Layer by layer, a learned 1 x 1 projection of the student's features is to give the
teacher's ("hints": Romero et al., "FitNets", ICLR 2015). The projections are dropped in
the end: what a linear map can compute from the student's features, their means and
covariances contain, too.
"""

from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxnst.networks.network import Network
from jaxnst.training.teacher import Params, teacher_features


def geometry_loss(features: Array, target: Array) -> Array:
    """Difference of the distances between positions in two feature spaces.

    With K = F Fᵀ / |F|² of the features F (P positions, c channels) less their mean
    over positions, but |F|² with it: |K - L|² / |L|² in Frobenius' norm, L that of the
    target. Content and style losses, Gram matrices' as well as
    Gaussians', depend on features through such products alone; so, unlike a linear map
    that can be found afterwards, this sets how much each difference counts. A relation
    of similarity-preserving distillation (Tung and Mori, ICCV 2019) and of centred
    kernel alignment (Kornblith et al., ICML 2019).

    Args:
        features: (P, c).
        target: (P, C), at the same positions.

    Returns:
        A scalar: 0 for equal up to rotation and scale, 1 for constant features.
    """

    def centred(x: Array) -> Array:
        x = x / jnp.sqrt(jnp.mean(jnp.sum(jnp.square(x), -1)))
        return (x - jnp.mean(x, 0, keepdims=True)) / x.shape[0] ** 0.5

    s, t = centred(features), centred(target)
    # |S Sᵀ - T Tᵀ|² by products of channels, for positions are many.
    ss, tt, st = (jnp.sum(jnp.square(a.T @ b)) for a, b in ((s, s), (t, t), (s, t)))
    return (ss + tt - 2 * st) / tt


def distillation_loss(
    params: Params,
    projections: Params,
    student: Network,
    targets: dict[str, Array],
    images: Array,
    geometry: dict[str, Array] | None = None,
) -> tuple[Array, dict[str, Array]]:
    """Mean over layers l of the mean square of W_l s_l + b_l - t_l / r_l.

    s are the student's features under `params`, W and b the `projections`, t / r the
    teacher's features with every channel divided by its `channel_scales`. With
    projections of 0 a layer has loss 1.

    Args:
        targets: of `teacher_features`, for `images`.
        geometry: {layer: (C,)}, by which targets are multiplied to undo the scaling;
            then the `geometry_loss` of these layers is added.

    Returns:
        The loss, and {layer: its loss, without the geometry}.
    """
    network = Network(student.module, params, student.mean, student.std)
    features = network(images, tuple(targets))
    parts, geometry_parts = {}, []
    for layer, target in targets.items():
        kernel, bias = projections[layer]["kernel"], projections[layer]["bias"]
        # Flat, for the kernel's gradient is then a plain product of matrices.
        x = features[layer].reshape(-1, kernel.shape[0])
        target = target.reshape(-1, kernel.shape[1])
        parts[layer] = jnp.mean(jnp.square(x @ kernel + bias[None] - target))
        if geometry is not None and layer in geometry:
            geometry_parts.append(geometry_loss(x, target * geometry[layer][None]))
    total = jnp.mean(jnp.stack(list(parts.values())))
    if geometry_parts:
        total = total + jnp.mean(jnp.stack(geometry_parts))
    return total, parts


@partial(
    jax.jit,
    static_argnames=("optimizer", "geometry"),
    donate_argnums=(0, 1),
)
def distill_step(
    trainable: tuple[Params, Params],
    opt_state: optax.OptState,
    student: Network,
    teacher: Network,
    scales: dict[str, Array],
    images: Array,
    optimizer: optax.GradientTransformation,
    geometry: tuple[str, ...] = (),
) -> tuple[tuple[Params, Params], optax.OptState, dict[str, Array]]:
    """One step of the optimiser on one batch of images (N, H, W, 3).

    Args:
        trainable, opt_state: the student's parameters and the projections, and the
            optimiser's state; donated.
        scales: of `channel_scales`, of every layer that is learned.
        geometry: layers of which the `geometry_loss` is added.

    Returns:
        `trainable` and `opt_state` after the step, "loss" and "layer/..." before it.
    """
    targets = teacher_features(teacher, tuple(scales), images, scales)

    def loss(trainable: tuple[Params, Params]) -> tuple[Array, dict[str, Array]]:
        geometry_scales = {layer: scales[layer] for layer in geometry}
        params, projections = trainable
        return distillation_loss(
            params, projections, student, targets, images, geometry_scales
        )

    (value, parts), gradient = jax.value_and_grad(loss, has_aux=True)(trainable)
    updates, opt_state = optimizer.update(gradient, opt_state, trainable)
    trainable = optax.apply_updates(trainable, updates)
    terms = {"loss": value} | {f"layer/{name}": part for name, part in parts.items()}
    return trainable, opt_state, terms


@jax.jit
def unexplained(
    trainable: tuple[Params, Params],
    student: Network,
    teacher: Network,
    scales: dict[str, Array],
    images: Array,
) -> dict[str, Array]:
    """{layer: its part of `distillation_loss`} of images (N, H, W, 3)."""
    targets = teacher_features(teacher, tuple(scales), images, scales)
    return distillation_loss(*trainable, student, targets, images)[1]
