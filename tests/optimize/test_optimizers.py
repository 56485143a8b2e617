"""Named optimisers: their steps, their numbers as leaves, their errors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnst.optimize import optimizers

START = jnp.float32([1.0, -2.0, 0.5])
BOWL = jnp.float32([1.0, 4.0, 9.0])


def descend(factory, steps=1):
    """Iterates on ½ Σ b x², from START."""
    transformation = factory()

    @jax.jit
    def step(x, state):
        updates, state = transformation.update(BOWL * x, state, x)
        return x + updates, state

    x, state, iterates = START, transformation.init(START), []
    for _ in range(steps):
        x, state = step(x, state)
        iterates.append(np.asarray(x))
    return iterates


def test_adams_first_step_is_its_rate_in_each_pixel():
    (x,) = descend(optimizers.adam(0.25))
    np.testing.assert_allclose(x, START - 0.25 * np.sign(START), rtol=1e-4)


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_a_rate_falls_as_half_a_cosine(name):
    # With no memory each step is the rate, away from the gradient's sign.
    falling = optimizers.get(name, 0.11, b1=0.0, b2=0.0, lr_decay=(2, 6))
    iterates = descend(falling, 8)
    lengths = np.abs(np.diff([START, *iterates], axis=0))
    way = np.clip((np.arange(8) - 2) / 4, 0, 1)
    wanted = 0.11 * (1 + np.cos(np.pi * way)) / 2
    np.testing.assert_allclose(lengths, np.stack([wanted] * 3, 1), atol=1e-6)


@pytest.mark.parametrize("make", [optimizers.adam, optimizers.rmsprop])
def test_where_a_rate_falls_does_not_compile_anew(make):
    one, other = make(lr_decay=(2, 6)), make(0.1, lr_decay=(3, 9))
    assert jax.tree.structure(one) == jax.tree.structure(other)
    assert "lr_decay is for adam and rmsprop" in str(
        pytest.raises(ValueError, optimizers.get, "lbfgs", lr_decay=(2, 6)).value
    )


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_lbfgs_first_step_is_bounded_as_pytorchs(scale):
    transformation = optimizers.lbfgs(0.5)()
    gradient = scale * BOWL * START
    updates, _ = transformation.update(gradient, transformation.init(START), START)
    length = min(1, 1 / abs(gradient).sum())
    np.testing.assert_allclose(updates, -0.5 * length * gradient, rtol=1e-5)


def test_lbfgs_finds_the_bottom_of_a_bowl():
    iterates = descend(optimizers.lbfgs(), 15)
    np.testing.assert_allclose(iterates[-1], 0, atol=1e-4)


def test_gradient_descent_has_steps_of_a_set_length():
    iterates = descend(optimizers.gradient(0.1), 9)
    moves = np.diff([START, *iterates], axis=0)
    lengths = np.sqrt(np.mean(moves**2, axis=1))
    np.testing.assert_allclose(lengths, 0.1 / np.sqrt(np.arange(1, 10)), rtol=1e-4)
    x = iterates[0]
    np.testing.assert_allclose(np.sqrt(np.mean((x - START) ** 2)), 0.1, rtol=1e-5)
    slope = BOWL * START
    cosine = -(x - START) @ slope / np.linalg.norm(x - START) / np.linalg.norm(slope)
    np.testing.assert_allclose(cosine, 1, rtol=1e-5)


def test_gradient_descent_stays_where_there_is_no_slope():
    transformation = optimizers.gradient()()
    updates, _ = transformation.update(jnp.zeros(3), transformation.init(START))
    np.testing.assert_array_equal(updates, 0)


@pytest.mark.parametrize("name", optimizers.NAMES)
def test_rates_are_leaves_and_kinds_are_static(name):
    one, two = optimizers.get(name, 0.5), optimizers.get(name, 0.25)
    assert 0.5 in jax.tree.leaves(one)
    assert jax.tree.structure(one) == jax.tree.structure(two)
    default = optimizers.DEFAULT_RATES[name]
    assert jax.tree.leaves(optimizers.get(name))[0] == default


def test_history_is_static():
    short, long = (optimizers.get("lbfgs", history=n) for n in (3, 5))
    assert jax.tree.structure(short) != jax.tree.structure(long)
    memory = [leaf.shape for leaf in jax.tree.leaves(short().init(START))]
    assert (3, 3) in memory


def test_factories_pass_through_and_transformations_are_wrapped():
    own, foreign = optimizers.adam(), optax.sgd(0.1)
    assert optimizers.as_factory(own) is own
    assert optimizers.as_factory(foreign)() is foreign
    wrapped = (optimizers.as_factory(foreign) for _ in range(2))
    assert len({jax.tree.structure(w) for w in wrapped}) == 1


@pytest.mark.parametrize("wrong", ["adam", None, 0.02, optax.adam])
def test_anything_else_is_an_error(wrong):
    with pytest.raises(TypeError, match="must be an optax.GradientTransformation"):
        optimizers.as_factory(wrong)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"name": "sgd"}, "adam, rmsprop, lbfgs, lbfgs-linesearch, gradient"),
        ({"name": "adam", "learning_rate": 0}, "learning_rate"),
        ({"name": "adam", "learning_rate": float("nan")}, "learning_rate"),
        ({"name": "adam", "b1": 1.0}, "b1 must be at least 0 and below 1"),
        ({"name": "adam", "b2": -0.1}, "b2 must be at least 0 and below 1"),
        ({"name": "lbfgs", "history": 0}, "history must be at least 1"),
    ],
)
def test_numbers_out_of_range_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        optimizers.get(**arguments)
