"""Winograd's convolutions: those of the definition, and used where they are faster."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from convolutions import correlation, numbers
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import narrow_network, narrow_weights, picture

import jaxnst
from jaxnst import Config, Weights, network_from_weights
from jaxnst.networks import conv, winograd
from jaxnst.networks.network import Network

sides = st.integers(3, 9)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_is_the_correlation(precision):
    """By 6 x 6 tiles, and by 4 x 4, which bfloat16 takes."""
    own_of = jax.jit(
        lambda x, kernel, pad: winograd.correlate(
            x, winograd.transformed(kernel, precision).forward, pad
        ),
        static_argnums=2,
    )

    @settings(deadline=None, max_examples=20)
    @given(sides, sides, st.integers(0, 2), st.integers(1, 2))
    def check(height, width, pad, count):
        x, kernel = numbers(count, height, width, 5), numbers(3, 3, 5, 4, seed=1)
        own = own_of(x, kernel, pad)
        expected = correlation(x, kernel, pad)
        assert own.shape == expected.shape
        np.testing.assert_allclose(own, expected, atol=1e-4)

    check()


@pytest.mark.parametrize("precision, limit", [("float32", 4e-6), ("bfloat16", 1e-6)])
def test_how_much_is_rounded(precision, limit):
    x, kernel = numbers(1, 32, 32, 64), numbers(3, 3, 64, 64, seed=1)
    kernels = winograd.transformed(kernel, precision).forward
    own = jax.jit(winograd.correlate, static_argnums=2)(x, kernels, 1)
    expected = correlation(np.float64(x), np.float64(kernel), 1)
    error = np.sqrt(np.mean(np.square(own - expected)))
    assert error < limit * np.sqrt(np.mean(np.square(expected)))


def test_bfloat16_is_summed_in_float32():
    # Its 8 bits are kept by inputs, kernels and outputs, not by sums of 64 channels.
    x, kernel = (jnp.bfloat16(numbers(*n)) for n in ((1, 8, 9, 64), (3, 3, 64, 5)))
    kernels = winograd.transformed(jnp.float32(kernel), "bfloat16").forward
    own = jax.jit(winograd.correlate, static_argnums=2)(x, kernels, 1)
    assert own.dtype == jnp.bfloat16
    expected = correlation(np.float32(x), np.float32(kernel), 1)
    error = np.sqrt(np.mean(np.square(np.float32(own) - expected)))
    # 0.0041 of it; 0.0061 where sums over channels are rounded, too.
    assert error < 0.005 * np.sqrt(np.mean(np.square(expected)))


def test_backward_kernels_are_those_of_the_gradient():
    x, kernel = numbers(1, 6, 7, 4), numbers(3, 3, 4, 5, seed=1)
    cotangent = numbers(1, 4, 5, 5, seed=2)
    expected = jax.vjp(lambda x: jnp.float32(conv._correlate(x, kernel, 0)), x)[1]
    own = winograd.correlate(cotangent, winograd.transformed(kernel).backward, 2)
    np.testing.assert_allclose(own, expected(cotangent)[0], atol=2e-5)


def wide(inputs: int = 64, outputs: int = 96, seed: int = 3) -> jax.Array:
    kernel = numbers(3, 3, inputs, outputs, seed=seed)
    return jnp.asarray(kernel / np.float32(3 * inputs**0.5))


@pytest.mark.parametrize("padding", conv.PADDINGS)
@pytest.mark.parametrize("shape", [(7, 8, 64), (2, 6, 5, 64)])
def test_conv2d_and_its_gradients_are_the_same_with_it(padding, shape):
    x, kernel, bias = numbers(*shape), wide(), jnp.asarray(numbers(96, seed=4))
    prepared = conv.prepare_kernel(kernel)

    def outcome(prepared):
        def loss(x, kernel):
            y = conv.conv2d(x, kernel, bias, padding=padding, prepared=prepared)
            return jnp.sum(jnp.sin(y)), y

        return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(x, kernel)

    for own, plain in zip(
        jax.tree.leaves(outcome(prepared)), jax.tree.leaves(outcome(None)), strict=True
    ):
        np.testing.assert_allclose(own, plain, atol=1e-3, rtol=1e-4)


def convolutions(function, *arguments) -> int:
    """How many ordinary convolutions are left."""
    return str(jax.make_jaxpr(function)(*arguments)).count("conv_general_dilated[")


@pytest.mark.parametrize(
    "shape, channels, used",
    [
        ((64, 64, 64), 64, True),
        ((256, 256, 64), 64, False),  # narrow and large
        ((256, 256, 128), 128, True),
        ((8, 8, 64), 64, True),
    ],
)
def test_it_is_used_where_it_is_faster(shape, channels, used):
    kernel = jax.ShapeDtypeStruct((3, 3, shape[-1], channels), jnp.float32)
    prepared = jax.eval_shape(conv.prepare_kernel, kernel)
    bias = jnp.zeros(channels)

    def layer(dtype):
        return convolutions(
            lambda x, k, p: conv.conv2d(x, k, bias, padding="zeros", prepared=p),
            jax.ShapeDtypeStruct(shape, dtype),
            kernel,
            prepared,
        )

    assert layer(jnp.float32) == (0 if used else 1)
    assert layer(jnp.bfloat16) == 0  # half the memory to go through


@pytest.mark.parametrize("shape", [(1, 1, 512, 512), (5, 5, 96, 96), (3, 3, 32, 32)])
def test_other_kernels_are_left_alone(shape):
    assert conv.prepare_kernel(jnp.zeros(shape)) is None


def test_a_gpu_chooses_for_itself(monkeypatch):
    class Gpu:
        platform = "gpu"

    assert conv.prepare_kernel(wide()) is not None
    monkeypatch.setattr(jax, "local_devices", lambda: [Gpu()])
    assert conv.prepare_kernel(wide()) is None
    assert conv.prepare_kernel(wide(3, 16)) is None


@pytest.fixture(scope="module")
def network() -> Network:
    return narrow_network(width=64, depth=6)


def test_a_prepared_network_sees_the_same(network):
    image, layers = picture(32, 40), ("relu2_1", "relu3_2")
    prepared = network.prepared()
    assert set(prepared.kernels["float32"]) == {
        n for n in network.params if n != "conv1_1"
    }
    assert prepared.prepared() is prepared
    shallow = network.prepared(["relu1_2"], "bfloat16")
    assert list(shallow.kernels) == ["bfloat16"]
    assert set(shallow.kernels["bfloat16"]) == {"conv1_2"}  # and none deeper
    both = shallow.prepared(["pool2"], "bfloat16").prepared(layers)
    assert set(both.kernels["bfloat16"]) == {"conv1_2", "conv2_1", "conv2_2"}
    assert set(both.kernels["float32"]) == set(prepared.kernels["float32"])
    own, plain = (jax.jit(lambda n=n: n(image, layers))() for n in (prepared, network))
    for layer in layers:
        scale = float(jnp.abs(plain[layer]).max())
        np.testing.assert_allclose(own[layer], plain[layer], atol=1e-5 * scale)
    counts = [
        convolutions(lambda x, own=own: own(x, layers), image)
        for own in (prepared, network)
    ]
    assert counts == [1, 6]


def test_parameters_have_their_gradients_with_it(network):
    image = picture(32, 32)

    def loss(params, network):
        seen = replace(network, params=params)(image, ("relu3_1",))
        return jnp.mean(jnp.square(seen["relu3_1"]))

    own, plain = (
        jax.jit(jax.grad(loss))(network.params, n)
        for n in (network.prepared(), network)
    )
    for a, b in zip(jax.tree.leaves(own), jax.tree.leaves(plain), strict=True):
        scale = float(jnp.abs(b).max())
        np.testing.assert_allclose(a, b, atol=1e-4 * scale + 1e-7)


def test_googlenet_stays_as_it_is():
    network = network_from_weights(narrow_weights())
    assert network.prepared() is network


def test_a_run_is_that_without_it(network, monkeypatch):
    config = Config(content_layers=("relu3_1",), style_layers=("relu1_1", "relu2_1"))
    given = network, picture(32, 40, 1), picture(32, 32, 2)
    options = {"config": config, "weights": Weights(1, 10, 1), "steps": 5}
    own = jaxnst.stylize(*given, **options)
    monkeypatch.setattr(Network, "prepared", lambda self, layers, precision: self)
    plain = jaxnst.stylize(*given, **options)
    np.testing.assert_allclose(own.trace["loss"], plain.trace["loss"], rtol=1e-4)
    assert np.median(np.abs(own.image - plain.image)) < 1e-3
