"""Distillation: what is learned from whom, and the loss that measures it."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import narrow_network, picture

from jaxnst.networks.random_weights import random_vgg
from jaxnst.training import dead_channels, distillation
from jaxnst.training.teachers import (
    channel_scales,
    fitted_maps,
    learners_of,
    new_maps,
    teach,
)

SHALLOW = {"relu1_1": "relu1_1", "relu2_1": "relu2_1"}
DEEP = {"relu3_1": "relu3_1"}


LEARNERS = SHALLOW | DEEP


@pytest.fixture(scope="module")
def teachers():
    return (
        (narrow_network(width=6, seed=1, depth=3), SHALLOW),
        (narrow_network(width=5, seed=2, depth=5), DEEP),
    )


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
def test_a_network_grows_without_forgetting(teachers, batch):
    before = random_vgg(jax.random.key(0), (2, 3, 4), padding="reflect")
    wider = random_vgg(jax.random.key(1), (2, 5, 7), padding="reflect")
    grown = replace(wider, params=dead_channels.widened(before.params, wider.params))
    layers = ("relu1_2", "relu2_2", "relu3_1")

    def check(grown):
        for layer, x in before(batch, layers).items():
            found = grown(batch, (layer,))[layer][..., : x.shape[-1]]
            np.testing.assert_allclose(found, x, atol=1e-6)

    check(grown)
    silent = dead_channels.silent_channels(grown, [batch])
    assert {name: int(own.sum()) for name, own in silent.items()} == {
        name: part["bias"].size - before.params[name]["bias"].size
        for name, part in grown.params.items()
    }
    maps = new_maps(jax.random.key(2), grown, teachers)
    learned = dead_channels.revive(
        jax.random.key(3), (grown.params, maps), LEARNERS, silent
    )
    drawn = replace(grown, params=learned[0])
    check(drawn)
    assert not any(
        own.any() for own in dead_channels.silent_channels(drawn, [batch]).values()
    )
    for small in ((2, 2, 4), (2, 3)):
        narrow = random_vgg(jax.random.key(1), small, padding="reflect")
        with pytest.raises(ValueError, match="cannot"):
            dead_channels.widened(before.params, narrow.params)


def test_maps_lead_from_the_students_channels_to_the_teachers(teachers):
    student = random_vgg(jax.random.key(0), (2, 3, 4), padding="reflect")
    maps = new_maps(jax.random.key(1), student, teachers)
    shapes = {layer: part["kernel"].shape for layer, part in maps.items()}
    assert shapes == {"relu1_1": (2, 6), "relu2_1": (3, 6), "relu3_1": (4, 5)}
    assert all((part["bias"] == 0).all() for part in maps.values())


def test_two_teachers_of_one_layer(teachers):
    student = random_vgg(jax.random.key(0), (2, 3, 4), padding="reflect")
    with pytest.raises(ValueError, match="relu1_1 has two teachers"):
        new_maps(jax.random.key(1), student, [teachers[0], teachers[0]])


def test_lessons_have_channels_of_root_mean_square_one(teachers, batch):
    scales = channel_scales(teachers, [batch[:2], batch[2:]])
    plain = teach(teachers, batch)
    for layer, features in plain.items():
        halves = [np.float64(features[:2]), np.float64(features[2:])]
        wanted = np.sqrt(np.mean([(x**2).mean((0, 1, 2)) for x in halves], 0))
        np.testing.assert_allclose(
            scales[layer], np.maximum(wanted, 1e-3 * wanted.max()), rtol=1e-5
        )
    for layer, lesson in teach(teachers, batch, scales).items():
        whole = np.asarray(lesson) * np.asarray(scales[layer])
        np.testing.assert_allclose(whole, plain[layer], rtol=1e-5)


def test_teachers_see_reflections_at_the_border(teachers):
    # Of a flat picture a network that reflects sees the same everywhere.
    flat = jnp.full((1, 16, 16, 3), 0.3)
    for features in teach(teachers, flat).values():
        np.testing.assert_allclose(np.ptp(features, (1, 2)), 0, atol=1e-5)


def test_the_loss_is_the_mean_square_of_what_the_maps_miss(teachers, batch):
    student = random_vgg(jax.random.key(0), (2, 3, 4), padding="reflect")
    maps = new_maps(jax.random.key(1), student, teachers)
    lessons = teach(teachers, batch)
    loss, parts = distillation.distillation_loss(
        student.params, maps, student, lessons, LEARNERS, batch
    )
    features = student(batch, tuple(lessons))
    for layer, t in lessons.items():
        s, W = np.float64(features[layer]), np.float64(maps[layer]["kernel"])
        wanted = ((s @ W + np.float64(maps[layer]["bias"]) - np.float64(t)) ** 2).mean()
        np.testing.assert_allclose(parts[layer], wanted, rtol=1e-5)
    np.testing.assert_allclose(loss, np.mean(list(map(float, parts.values()))), 1e-6)


def test_steps_bring_the_student_nearer(teachers, batch):
    student = random_vgg(jax.random.key(0), (4, 6, 6), padding="reflect")
    maps = new_maps(jax.random.key(1), student, teachers)
    scales = channel_scales(teachers, [batch])
    networks, layers = zip(*((n, tuple(m.items())) for n, m in teachers), strict=True)
    optimizer = optax.adam(0.01)
    learned = jax.tree.map(jnp.copy, (student.params, maps))
    memory, found = optimizer.init(learned), []
    for _ in range(40):
        learned, memory, terms = distillation.distill_step(
            learned, memory, student, networks, layers, scales, batch, optimizer
        )
        found.append(terms)
    names = ["loss", "layer/relu1_1", "layer/relu2_1", "layer/relu3_1"]
    assert list(found[0]) == sorted(names, key=list(found[0]).index)
    assert found[-1]["loss"] < 0.5 * found[0]["loss"]
    lessons = teach(teachers, batch, scales)
    before, _ = distillation.distillation_loss(
        student.params, maps, student, lessons, LEARNERS, batch
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


def test_steps_learn_the_geometry(teachers, batch):
    student = random_vgg(jax.random.key(0), (4, 6, 6), padding="reflect")
    maps = new_maps(jax.random.key(1), student, teachers)
    scales = channel_scales(teachers, [batch])
    networks, layers = zip(*((n, tuple(m.items())) for n, m in teachers), strict=True)
    lessons = teach(teachers, batch)

    def apart(params):
        seen = replace(student, params=params)(batch, tuple(lessons))
        return sum(
            distillation.geometry_loss(
                seen[n].reshape(-1, seen[n].shape[-1]), x.reshape(-1, x.shape[-1])
            )
            for n, x in lessons.items()
        )

    optimizer = optax.adam(0.01)
    learned = jax.tree.map(jnp.copy, (student.params, maps))
    memory = optimizer.init(learned)
    for _ in range(40):
        learned, memory, terms = distillation.distill_step(
            learned,
            memory,
            student,
            networks,
            layers,
            scales,
            batch,
            optimizer,
            tuple(lessons),
        )
    assert apart(learned[0]) < 0.6 * apart(student.params)
    parts = [value for name, value in terms.items() if name.startswith("layer/")]
    assert terms["loss"] > np.mean(parts)  # the geometry counts in the loss alone


def test_a_layer_can_learn_from_several_teachers(batch):
    # Of other kinds, too: whatever has its height and width.
    teachers = (
        (narrow_network(width=6, seed=1, depth=3), {"relu2_1": "relu2_1"}),
        (narrow_network(width=5, seed=2, depth=3), {"conv2_1": "relu2_1"}),
    )
    assert learners_of(teachers) == {
        "relu2_1": "relu2_1",
        "conv2_1": "relu2_1",
    }
    student = random_vgg(jax.random.key(0), (2, 3), padding="reflect")
    maps = new_maps(jax.random.key(1), student, teachers)
    assert maps["conv2_1"]["kernel"].shape == (3, 5)
    lessons = teach(teachers, batch)
    learners = learners_of(teachers)
    given = (student.params, maps, student, lessons, learners, batch)
    plain, parts = distillation.distillation_loss(*given)
    assert set(parts) == {"relu2_1", "conv2_1"}
    # Geometry is learned from the layer of the same name alone.
    ones = {"relu2_1": jnp.ones(6), "conv2_1": jnp.ones(5)}
    features = student(batch, ["relu2_1"])["relu2_1"].reshape(-1, 3)
    wanted = distillation.geometry_loss(features, lessons["relu2_1"].reshape(-1, 6))
    total, _ = distillation.distillation_loss(*given, ones)
    np.testing.assert_allclose(total - plain, wanted, rtol=1e-4)
    total, _ = distillation.distillation_loss(*given, {})
    np.testing.assert_allclose(total, plain, rtol=1e-6)


def test_fitted_maps_are_the_best_ones(teachers, batch):
    student = random_vgg(jax.random.key(0), (4, 6, 6), padding="reflect")
    scales = channel_scales(teachers, [batch])
    maps = fitted_maps(student, teachers, scales, [batch[:1], batch[1:]])
    lessons = teach(teachers, batch, scales)
    learners = learners_of(teachers)
    given = (student, lessons, learners, batch)
    _, parts = distillation.distillation_loss(student.params, maps, *given)
    for layer, lesson in lessons.items():
        seen = np.float64(student(batch, [learners[layer]])[learners[layer]])
        x = np.c_[seen.reshape(-1, seen.shape[-1]), np.ones(seen[..., 0].size)]
        y = np.float64(lesson).reshape(-1, lesson.shape[-1])
        best = np.mean((x @ np.linalg.lstsq(x, y, rcond=None)[0] - y) ** 2)
        # Not quite the best, for the ridge.
        np.testing.assert_allclose(parts[layer], best, rtol=0.05)


@pytest.mark.slow
def test_silent_channels_are_found_and_drawn_anew(teachers, batch):
    student = random_vgg(jax.random.key(0), (4, 6, 6), padding="reflect")
    params = jax.tree.map(jnp.copy, student.params)
    params["conv1_2"]["bias"] = params["conv1_2"]["bias"].at[1].set(-99.0)
    params["conv3_1"]["bias"] = params["conv3_1"]["bias"].at[:].set(-99.0)
    student = replace(student, params=params)
    silent = dead_channels.silent_channels(student, [batch[:2], batch[2:]])
    assert silent["conv1_2"][1] and silent["conv3_1"].all()
    assert not silent["conv1_1"].all()
    maps = new_maps(jax.random.key(1), student, teachers)
    given = (jax.random.key(2), (params, maps), LEARNERS, silent)
    drawn, read = dead_channels.revive(*given)
    awake = replace(student, params=drawn)
    # What spoke before says the same, through the network and through the maps.
    lessons = teach(teachers, batch)
    given = lessons, LEARNERS, batch

    @jax.jit
    def loss(params, maps):
        return distillation.distillation_loss(params, maps, student, *given)

    losses = [loss(p, m)[1] for p, m in ((params, maps), (drawn, read))]
    for layer, before in losses[0].items():
        np.testing.assert_allclose(losses[1][layer], before, rtol=1e-4)
    after = dead_channels.silent_channels(awake, [batch])
    assert not after["conv1_2"][1] and not after["conv3_1"].all()
    # And it can learn: the weights that nobody heard with have a gradient.
    gradient = jax.grad(loss, has_aux=True)(drawn, read)[0]
    assert np.abs(gradient["conv2_1"]["kernel"][:, :, 1]).max() > 0
    assert np.abs(drawn["conv2_1"]["kernel"][:, :, 1]).max() == 0
