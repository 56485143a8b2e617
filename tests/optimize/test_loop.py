"""What the compiled loop is made of, when it is compiled, and whose memory it takes."""

import re
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from loops import loops_compiled
from networks import narrow_network, picture

from jaxnst import Config, Weights, make_targets, stylize
from jaxnst.optimize import optimizers
from jaxnst.optimize.loop import (
    current_image,
    init_state,
    run_steps,
    run_steps_of_one,
    step,
)

CONFIG = Config(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
DEPTH, WIDTH = 3, 192  # kernels of 1.3 MB
CONTENT, STYLE = picture(24, 20), picture(20, 22, 1)
ADAM = optimizers.as_factory(optimizers.adam())


@pytest.fixture(scope="module")
def wide():
    network = narrow_network(depth=DEPTH, width=WIDTH)
    return network, make_targets(network, CONTENT, STYLE, CONFIG)


@pytest.fixture(scope="module")
def small():
    network = narrow_network(depth=DEPTH)
    return network, make_targets(network, CONTENT, STYLE, CONFIG)


@pytest.fixture(scope="module")
def loop(wide):
    state = init_state(CONTENT, ADAM)
    return run_steps_of_one.lower(state, *wide, Weights(), ADAM, CONFIG, 0.0, 3)


@pytest.fixture(scope="module")
def lifted_step(wide):
    states = jax.vmap(lambda x: init_state(x, ADAM))(jnp.stack([CONTENT, 1 - CONTENT]))

    def one(state, network, targets, alpha):
        return step(state, network, targets, Weights(alpha), ADAM, CONFIG)

    lifted = jax.jit(jax.vmap(one, in_axes=(0, None, None, 0)))
    return lifted.lower(states, *wide, jnp.float32([1, 2]))


def assert_ordinary_convolutions(lowered):
    """NHWC by HWIO, one forward and one for the gradient to the picture: XLA's CPU
    backend is fast inside loops for no other."""
    kernels = ("-> tensor<3x3x3x", f"-> tensor<3x3x{WIDTH}x")  # unused gradients
    given = [
        line
        for line in lowered.as_text().splitlines()
        if "stablehlo.convolution" in line and not any(k in line for k in kernels)
    ]
    assert len(given) >= 2 * DEPTH
    for line in given:
        assert "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]" in line
        assert "lhs_dilate = [1, 1], rhs_dilate = [1, 1]" in line
        assert "reverse = [false, false]" in line
        assert "batch_group_count = 1 " in line and "feature_group_count = 1 " in line
    lines = lowered.compile().as_text().splitlines()
    optimised = [line for line in lines if " convolution(" in line]
    assert len(optimised) in (0, 2 * DEPTH)  # 0 where XLA calls a library
    for line in optimised:
        assert "dim_labels=b01f_01io->b01f" in line
        assert not re.search("group_count|lhs_dilate|rhs_reversal", line)


def test_the_loop_has_ordinary_convolutions_only(loop):
    assert_ordinary_convolutions(loop)


def test_the_lifted_step_has_ordinary_convolutions_only(lifted_step):
    assert_ordinary_convolutions(lifted_step)


def test_the_weights_of_the_network_are_arguments(loop):
    sides = re.findall(r"\w+\[([\d,]*)\]\S* constant\(", loop.compile().as_text())
    assert max(prod(int(n) for n in s.split(",") if n) for s in sides) < 10_000
    assert len(loop.as_text()) < 1_000_000
    kernel = f"tensor<3x3x{WIDTH}x{WIDTH}xf32>"
    main = next(line for line in loop.as_text().splitlines() if "@main(" in line)
    assert main.count(kernel) == DEPTH - 1


def test_the_loop_calls_no_python(loop):
    text = loop.compile().as_text()
    assert " while(" in text
    assert not re.search("callback|infeed|outfeed", text)


def test_the_gradient_of_the_kernels_is_compiled_away(loop):
    assert f"-> tensor<3x3x{WIDTH}x{WIDTH}xf32>" in loop.as_text()
    product = rf"f32\[3,3,{WIDTH},{WIDTH}\]\S* (convolution|custom-call)\("
    assert not re.search(product, loop.compile().as_text())


# When it is compiled


def test_one_compilation_serves_all_numbers(small):
    network, _ = small

    def run(steps=2, weights=None, rate=0.02, ema=0.9, **numbers):
        stylize(
            network,
            CONTENT,
            STYLE,
            config=Config(**vars(CONFIG)),
            weights=weights or Weights(),
            optimizer=optimizers.adam(rate, **numbers),
            steps=steps,
            ema=ema,
        )

    run()
    compiled = loops_compiled()
    run(steps=1)
    run(steps=150)
    run(weights=Weights(0.5, 1e3, 0.0))
    run(weights=Weights(1, 100, 0))
    run(weights=Weights(jnp.float32(1), np.float64(2), 0.0))
    run(rate=0.5, b1=0.5, b2=0.9)
    run(rate=1)
    run(ema=0.5)
    run(ema=0)
    assert loops_compiled() == compiled
    stylize(
        narrow_network(depth=DEPTH, seed=9),
        1 - CONTENT,
        1 - STYLE,
        config=CONFIG,
        steps=2,
        ema=0.9,
    )
    assert loops_compiled() == compiled


# Memory


def test_the_loop_takes_the_states_memory(small):
    state = init_state(CONTENT, ADAM, averaging=True)
    after, _ = run_steps(state, *small, Weights(), ADAM, CONFIG, 0.9, 1)
    assert state.image.is_deleted() and state.ema.is_deleted()
    assert not after.image.is_deleted() and not CONTENT.is_deleted()


def test_a_state_has_memory_of_its_own():
    state = init_state(CONTENT, ADAM, averaging=True)
    pointers = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(state)]
    assert len(set(pointers)) == len(pointers)
    assert CONTENT.unsafe_buffer_pointer() not in pointers


# What it does


def test_the_loop_is_the_step_repeated(small):
    state = init_state(CONTENT, ADAM)
    arguments = (*small, Weights(), ADAM, CONFIG)
    once, losses = jax.jit(step), []
    expected = state
    for _ in range(3):
        expected, terms = once(expected, *arguments)
        losses.append(terms["loss"])
    given, trace = run_steps(state, *arguments, 0.0, 3)
    assert int(given.count) == 3 and trace["loss"].shape == (128,)
    np.testing.assert_allclose(trace["loss"][:3], losses, rtol=1e-5)
    np.testing.assert_array_equal(trace["loss"][3:], 0)
    np.testing.assert_allclose(given.image, expected.image, atol=1e-4)


def test_a_bad_item_is_frozen_and_spoils_no_other(small):
    bad = CONTENT.at[3, 3, 0].set(jnp.nan)
    single = jax.jit(lambda s: step(s, *small, Weights(), ADAM, CONFIG, 0.9)[0])
    both = jax.jit(jax.vmap(single))
    fill = jnp.stack([CONTENT, CONTENT]), jnp.stack([CONTENT, bad])
    good, mixed = (
        jax.vmap(lambda x: init_state(x, ADAM, averaging=True))(images)
        for images in fill
    )
    for _ in range(2):
        good, mixed = both(good), both(mixed)
    assert mixed.finite.tolist() == [True, False] and mixed.count.tolist() == [2, 0]
    np.testing.assert_array_equal(mixed.image[0], good.image[0])
    np.testing.assert_array_equal(mixed.image[1], bad)
    np.testing.assert_array_equal(mixed.ema[1], 0)


def test_the_average_before_the_first_step_is_the_picture():
    state = init_state(CONTENT, ADAM, averaging=True)
    np.testing.assert_array_equal(current_image(state, 0.9), CONTENT)
