"""Several pixels at a time: the same convolutions, in wider products."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from convolutions import correlation, numbers
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxnst.networks import conv, packed_conv


@pytest.mark.parametrize("outputs", [4, 16, 32])
def test_it_is_the_correlation(outputs):
    kernel = numbers(3, 3, 3, outputs, seed=1)
    kernels = packed_conv.transformed(kernel).forward
    own_of = jax.jit(packed_conv.correlate, static_argnums=2)

    @settings(deadline=None, max_examples=8)
    @given(st.integers(3, 6), st.integers(3, 20), st.integers(0, 2), st.integers(1, 2))
    def check(height, width, pad, count):
        x = numbers(count, height, width, 3)
        own, expected = own_of(x, kernels, pad), correlation(x, kernel, pad)
        assert own.shape == expected.shape
        np.testing.assert_allclose(own, expected, atol=2e-5)

    check()


@pytest.mark.parametrize("padding", conv.PADDINGS)
@pytest.mark.parametrize("outputs", [16, 32])
@pytest.mark.parametrize("shape", [(7, 11, 3), (2, 6, 5, 3)])
def test_conv2d_and_its_gradients_are_the_same_with_it(padding, outputs, shape):
    x, kernel = numbers(*shape), jnp.asarray(numbers(3, 3, 3, outputs, seed=3))
    prepared, bias = conv.prepare_kernel(kernel), jnp.asarray(numbers(outputs, seed=4))
    assert isinstance(prepared, packed_conv.Kernels)

    def outcome(prepared):
        def loss(x, kernel):
            y = conv.conv2d(x, kernel, bias, padding=padding, prepared=prepared)
            return jnp.sum(jnp.sin(y)), y

        return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(x, kernel)

    for own, plain in zip(
        jax.tree.leaves(outcome(prepared)), jax.tree.leaves(outcome(None)), strict=True
    ):
        np.testing.assert_allclose(own, plain, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("outputs, there, back", [(16, 4, 8), (32, 2, 2)])
def test_so_many_pixels_as_were_measured_best(outputs, there, back):
    kernel = jax.ShapeDtypeStruct((3, 3, 3, outputs), jnp.float32)
    held = jax.eval_shape(conv.prepare_kernel, kernel)
    assert held.forward.shape == (3, there + 2, 3, there * outputs)
    assert held.backward.shape == (3, back + 2, outputs, back * 3)
    x = jax.ShapeDtypeStruct((8, 16, 3), jnp.float32)

    def energy(x, kernel, held):
        bias = jnp.zeros(outputs)
        y = conv.conv2d(x, kernel, bias, padding="zeros", prepared=held)
        return jnp.sum(y * y)

    made = str(jax.make_jaxpr(jax.grad(energy))(x, kernel, held))
    assert made.count(f"window_strides=(1, {there})") == 1 + (there == back)
    assert made.count(f"window_strides=(1, {back})") == 1 + (there == back)


def test_wide_first_layers_are_left_alone():
    assert conv.prepare_kernel(jnp.zeros((3, 3, 3, 64))) is None
