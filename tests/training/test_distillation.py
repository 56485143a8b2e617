"""Distillation: what is learned, and the loss that measures it."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import narrow_network, picture

from jaxnst.networks.random_weights import random_vgg
from jaxnst.training import dead_channels, distillation
from jaxnst.training.teacher import (
    channel_scales,
    fit_projections,
    init_projections,
    layers_of,
    teacher_features,
)

pytestmark = pytest.mark.usefixtures("compiled_quickly")

LAYERS = ("relu1_1", "relu2_1", "relu3_1")


@pytest.fixture(scope="module")
def teacher():
    return narrow_network(width=6, seed=1, depth=5)


@pytest.fixture(scope="module")
def batch():
    return jnp.stack([picture(16, 16, seed) for seed in range(3)])


def test_a_student_has_the_widths_asked_for():
    student = random_vgg(jax.random.key(3), (2, 3, 4), padding="reflect")
    assert student.module.padding == "reflect"
    shapes = {name: part["kernel"].shape for name, part in student.params.items()}
    assert shapes == {
        "conv1_1": (3, 3, 3, 2), "conv1_2": (3, 3, 2, 2),
        "conv2_1": (3, 3, 2, 3), "conv2_2": (3, 3, 3, 3),
        "conv3_1": (3, 3, 3, 4),
    }  # fmt: skip
    again = random_vgg(jax.random.key(3), (2, 3, 4), padding="reflect")
    other = random_vgg(jax.random.key(4), (2, 3, 4), padding="reflect")
    first = student.params["conv1_1"]["kernel"]
    np.testing.assert_array_equal(first, again.params["conv1_1"]["kernel"])
    assert np.abs(first - other.params["conv1_1"]["kernel"]).max() > 0.1


@pytest.mark.parametrize("widths", [(), (1, 2, 3, 4, 5, 6), (4, 0)])
def test_impossible_widths(widths):
    with pytest.raises(ValueError, match="1 to 5 numbers above 0"):
        random_vgg(jax.random.key(0), widths, padding="reflect")


@pytest.mark.slow
def test_padded_parameters_compute_the_same(teacher, batch):
    before = random_vgg(jax.random.key(0), (2, 3, 4), padding="reflect")
    wider = random_vgg(jax.random.key(1), (2, 5, 7), padding="reflect")
    grown = replace(wider, params=dead_channels.pad_params(before.params, wider.params))
    layers = ("relu1_2", "relu2_2", "relu3_1")

    def check(grown):
        for layer, x in before(batch, layers).items():
            found = grown(batch, (layer,))[layer][..., : x.shape[-1]]
            np.testing.assert_allclose(found, x, atol=1e-6)

    check(grown)
    dead = dead_channels.find_dead_channels(grown, [batch])
    assert {name: int(own.sum()) for name, own in dead.items()} == {
        name: part["bias"].size - before.params[name]["bias"].size
        for name, part in grown.params.items()
    }
    projections = init_projections(jax.random.key(2), grown, teacher, LAYERS)
    trainable = dead_channels.reinitialize(
        jax.random.key(3), (grown.params, projections), dead
    )
    drawn = replace(grown, params=trainable[0])
    check(drawn)
    assert not any(
        own.any() for own in dead_channels.find_dead_channels(drawn, [batch]).values()
    )
    for small in ((2, 2, 4), (2, 3)):
        narrow = random_vgg(jax.random.key(1), small, padding="reflect")
        with pytest.raises(ValueError, match="cannot"):
            dead_channels.pad_params(before.params, narrow.params)


def test_maps_lead_from_the_students_channels_to_the_teachers(teacher):
    student = random_vgg(jax.random.key(0), (2, 3, 4), padding="reflect")
    projections = init_projections(jax.random.key(1), student, teacher, LAYERS)
    shapes = {layer: part["kernel"].shape for layer, part in projections.items()}
    assert shapes == {"relu1_1": (2, 6), "relu2_1": (3, 6), "relu3_1": (4, 6)}
    assert all((part["bias"] == 0).all() for part in projections.values())


def test_a_student_learns_the_layers_that_it_has():
    assert layers_of((4,)) == ("relu1_1",)
    assert layers_of((4, 4, 4))[-3:] == ("relu2_1", "relu2_2", "relu3_1")
    assert layers_of((4,) * 5)[-4:] == ("relu4_1", "relu4_2", "relu4_4", "relu5_1")


def test_targets_have_channels_of_root_mean_square_one(teacher, batch):
    scales = channel_scales(teacher, LAYERS, [batch[:2], batch[2:]])
    plain = teacher_features(teacher, LAYERS, batch)
    for layer, features in plain.items():
        halves = [np.float64(features[:2]), np.float64(features[2:])]
        wanted = np.sqrt(np.mean([(x**2).mean((0, 1, 2)) for x in halves], 0))
        np.testing.assert_allclose(
            scales[layer], np.maximum(wanted, 1e-3 * wanted.max()), rtol=1e-5
        )
    for layer, target in teacher_features(teacher, LAYERS, batch, scales).items():
        whole = np.asarray(target) * np.asarray(scales[layer])
        np.testing.assert_allclose(whole, plain[layer], rtol=1e-5)


def test_teachers_see_reflections_at_the_border(teacher):
    # Of a flat picture a network that reflects sees the same everywhere.
    flat = jnp.full((1, 16, 16, 3), 0.3)
    for features in teacher_features(teacher, LAYERS, flat).values():
        np.testing.assert_allclose(np.ptp(features, (1, 2)), 0, atol=1e-5)


def test_the_loss_is_the_mean_square_of_what_the_maps_miss(teacher, batch):
    student = random_vgg(jax.random.key(0), (2, 3, 4), padding="reflect")
    projections = init_projections(jax.random.key(1), student, teacher, LAYERS)
    targets = teacher_features(teacher, LAYERS, batch)
    loss, parts = distillation.distillation_loss(
        student.params, projections, student, targets, batch
    )
    features = student(batch, tuple(targets))
    for layer, t in targets.items():
        s, W = np.float64(features[layer]), np.float64(projections[layer]["kernel"])
        wanted = (
            (s @ W + np.float64(projections[layer]["bias"]) - np.float64(t)) ** 2
        ).mean()
        np.testing.assert_allclose(parts[layer], wanted, rtol=1e-5)
    np.testing.assert_allclose(loss, np.mean(list(map(float, parts.values()))), 1e-6)


@pytest.mark.slow
def test_steps_bring_the_student_nearer(teacher, batch):
    student = random_vgg(jax.random.key(0), (4, 6, 6), padding="reflect")
    projections = init_projections(jax.random.key(1), student, teacher, LAYERS)
    scales = channel_scales(teacher, LAYERS, [batch])
    optimizer = optax.adam(0.01)
    trainable = jax.tree.map(jnp.copy, (student.params, projections))
    opt_state, found = optimizer.init(trainable), []
    for _ in range(40):
        trainable, opt_state, terms = distillation.distill_step(
            trainable, opt_state, student, teacher, scales, batch, optimizer
        )
        found.append(terms)
    names = ["loss", "layer/relu1_1", "layer/relu2_1", "layer/relu3_1"]
    assert list(found[0]) == sorted(names, key=list(found[0]).index)
    assert found[-1]["loss"] < 0.5 * found[0]["loss"]
    targets = teacher_features(teacher, LAYERS, batch, scales)
    before, _ = distillation.distillation_loss(
        student.params, projections, student, targets, batch
    )
    np.testing.assert_allclose(found[0]["loss"], before, rtol=1e-5)


def test_geometry_is_that_of_all_products_between_positions(rng):
    s, t = rng.normal(size=(30, 4)) + 0.7, rng.normal(size=(30, 6)) * 3 + 2

    def products(x):
        centre = np.eye(30) - 1 / 30
        return centre @ x @ x.T @ centre / np.square(x).sum()

    wanted = np.square(products(s) - products(t)).sum() / np.square(products(t)).sum()
    given = distillation.geometry_loss(jnp.float32(s), jnp.float32(t))
    np.testing.assert_allclose(given, wanted, rtol=1e-4)


def test_geometry_does_not_see_rotation_and_scale(rng):
    t = jnp.float32(rng.normal(size=(50, 5)) + 1)
    turn = jnp.float32(np.linalg.qr(rng.normal(size=(5, 5)))[0])
    np.testing.assert_allclose(
        distillation.geometry_loss(3 * t @ turn, t), 0, atol=1e-5
    )
    # Another balance of channels is another geometry, which a map would not notice.
    scaled = t * jnp.float32([[1, 1, 1, 1, 4]])
    assert distillation.geometry_loss(scaled, t) > 0.1
    np.testing.assert_allclose(
        distillation.geometry_loss(jnp.ones((50, 3)), t), 1, 1e-5
    )


@pytest.mark.slow
def test_steps_learn_the_geometry(teacher, batch):
    student = random_vgg(jax.random.key(0), (4, 6, 6), padding="reflect")
    projections = init_projections(jax.random.key(1), student, teacher, LAYERS)
    scales = channel_scales(teacher, LAYERS, [batch])
    targets = teacher_features(teacher, LAYERS, batch)

    def apart(params):
        seen = replace(student, params=params)(batch, tuple(targets))
        return sum(
            distillation.geometry_loss(
                seen[n].reshape(-1, seen[n].shape[-1]), x.reshape(-1, x.shape[-1])
            )
            for n, x in targets.items()
        )

    optimizer = optax.adam(0.01)
    trainable = jax.tree.map(jnp.copy, (student.params, projections))
    opt_state = optimizer.init(trainable)
    for _ in range(40):
        trainable, opt_state, terms = distillation.distill_step(
            trainable,
            opt_state,
            student,
            teacher,
            scales,
            batch,
            optimizer,
            tuple(targets),
        )
    assert apart(trainable[0]) < 0.6 * apart(student.params)
    parts = [value for name, value in terms.items() if name.startswith("layer/")]
    assert terms["loss"] > np.mean(parts)  # the geometry counts in the loss alone


def test_geometry_is_learned_from_unscaled_features(teacher, batch):
    student = random_vgg(jax.random.key(0), (2, 3), padding="reflect")
    layers = ("relu1_1", "relu2_1")
    projections = init_projections(jax.random.key(1), student, teacher, layers)
    scales = channel_scales(teacher, layers, [batch])
    targets = teacher_features(teacher, layers, batch, scales)
    given = (student.params, projections, student, targets, batch)
    plain, parts = distillation.distillation_loss(*given)
    assert tuple(parts) == layers
    features = student(batch, ["relu2_1"])["relu2_1"].reshape(-1, 3)
    unscaled = teacher_features(teacher, layers, batch)["relu2_1"].reshape(-1, 6)
    wanted = distillation.geometry_loss(features, unscaled)
    total, _ = distillation.distillation_loss(*given, {"relu2_1": scales["relu2_1"]})
    np.testing.assert_allclose(total - plain, wanted, rtol=1e-4)
    total, _ = distillation.distillation_loss(*given, {})
    np.testing.assert_allclose(total, plain, rtol=1e-6)
    again = distillation.unexplained(given[:2], student, teacher, scales, batch)
    np.testing.assert_allclose(list(again.values()), list(parts.values()), rtol=1e-5)


def test_fitted_maps_are_the_best_ones(teacher, batch):
    student = random_vgg(jax.random.key(0), (4, 6, 6), padding="reflect")
    scales = channel_scales(teacher, LAYERS, [batch])
    projections = fit_projections(student, teacher, scales, [batch[:1], batch[1:]])
    targets = teacher_features(teacher, LAYERS, batch, scales)
    given = (student, targets, batch)
    _, parts = distillation.distillation_loss(student.params, projections, *given)
    for layer, target in targets.items():
        seen = np.float64(student(batch, [layer])[layer])
        x = np.c_[seen.reshape(-1, seen.shape[-1]), np.ones(seen[..., 0].size)]
        y = np.float64(target).reshape(-1, target.shape[-1])
        best = np.mean((x @ np.linalg.lstsq(x, y, rcond=None)[0] - y) ** 2)
        # Not quite the best, for the ridge.
        np.testing.assert_allclose(parts[layer], best, rtol=0.05)


@pytest.mark.slow
def test_dead_channels_are_found_and_reinitialized(teacher, batch):
    student = random_vgg(jax.random.key(0), (4, 6, 6), padding="reflect")
    params = jax.tree.map(jnp.copy, student.params)
    params["conv1_2"]["bias"] = params["conv1_2"]["bias"].at[1].set(-99.0)
    params["conv3_1"]["bias"] = params["conv3_1"]["bias"].at[:].set(-99.0)
    student = replace(student, params=params)
    dead = dead_channels.find_dead_channels(student, [batch[:2], batch[2:]])
    assert dead["conv1_2"][1] and dead["conv3_1"].all()
    assert not dead["conv1_1"].all()
    projections = init_projections(jax.random.key(1), student, teacher, LAYERS)
    given = (jax.random.key(2), (params, projections), dead)
    drawn, read = dead_channels.reinitialize(*given)
    awake = replace(student, params=drawn)
    # What spoke before says the same, through the network and through the maps.
    targets = teacher_features(teacher, LAYERS, batch)
    given = targets, batch

    @jax.jit
    def loss(params, projections):
        return distillation.distillation_loss(params, projections, student, *given)

    losses = [loss(p, m)[1] for p, m in ((params, projections), (drawn, read))]
    for layer, before in losses[0].items():
        np.testing.assert_allclose(losses[1][layer], before, rtol=1e-4)
    after = dead_channels.find_dead_channels(awake, [batch])
    assert not after["conv1_2"][1] and not after["conv3_1"].all()
    # And it can learn: the weights that nobody heard with have a gradient.
    gradient = jax.grad(loss, has_aux=True)(drawn, read)[0]
    assert np.abs(gradient["conv2_1"]["kernel"][:, :, 1]).max() > 0
    assert np.abs(drawn["conv2_1"]["kernel"][:, :, 1]).max() == 0
