"""Features against PyTorch's, layer for layer; what is computed, and when compiled."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import MEAN, narrow_network, picture, torch_features

from jaxnst import Config, Weights, load_image, load_network, make_targets, objective
from jaxnst.networks.network import PADDING_CHOICES
from jaxnst.networks.vgg import convolutions, layer_table

IMAGE = picture(37, 34)  # an odd side in most blocks


def features(network, image, layers, **options):
    return jax.jit(lambda n, x: n(x, layers, **options))(network, image)


def assert_features(given, wanted, rtol=1e-4):
    assert set(given) == set(wanted)
    for layer, values in given.items():
        expected = wanted[layer].permute(1, 2, 0).numpy()
        scale = np.sqrt(np.mean(expected**2))
        np.testing.assert_allclose(
            values, expected, rtol=rtol, atol=rtol * scale, err_msg=layer
        )


@pytest.mark.parametrize("architecture", ["vgg16", "vgg19"])
def test_every_layer_is_pytorchs(torch, architecture):
    network = narrow_network(architecture)
    given = features(network, IMAGE, network.layers)
    assert len(given) == {"vgg16": 13 * 2 + 5, "vgg19": 16 * 2 + 5}[architecture]
    image = torch.tensor(np.array(IMAGE))
    assert_features(given, torch_features(network, image, network.layers))


@pytest.mark.parametrize(
    "padding, pooling",
    [*((padding, "max") for padding in PADDING_CHOICES), (None, "avg"), (None, "l2")],
)
def test_every_padding_and_pooling_is_pytorchs(torch, padding, pooling):
    network = narrow_network(depth=5)
    layers = ("conv1_1", "relu1_2", "pool1", "conv2_2", "pool2", "relu3_1")
    options = {"padding": padding, "pooling": pooling}
    image = torch.tensor(np.array(IMAGE))
    assert_features(
        features(network, IMAGE, layers, **options),
        torch_features(network, image, layers, **options),
    )


def test_padding_is_that_of_the_weights_unless_told():
    network = narrow_network(padding="reflect", depth=1)
    kept, told, other = (
        features(network, IMAGE, ["conv1_1"], padding=padding)["conv1_1"]
        for padding in (None, "reflect", "zeros")
    )
    np.testing.assert_array_equal(kept, told)
    assert not np.allclose(kept, other)


@pytest.mark.parametrize("own", ["zeros", "reflect"])
def test_replicate_first_leaves_the_other_convolutions_as_trained(own):
    network = narrow_network(padding=own, depth=2)
    first, second = ("conv1_1", "conv1_2")
    given = features(network, IMAGE, [first, second], padding="replicate-first")
    replicated = features(network, IMAGE, [first], padding="replicate")[first]
    np.testing.assert_allclose(given[first], replicated, atol=1e-6)
    kernel, bias = (np.float64(network.params[second][x]) for x in ("kernel", "bias"))
    mode = {"zeros": "constant"}.get(own, own)
    padded = np.pad(np.maximum(given[first], 0), ((1, 1), (1, 1), (0, 0)), mode)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))
    expected = np.einsum("hwcij,ijcd->hwd", windows, kernel) + bias
    np.testing.assert_allclose(given[second], expected, rtol=1e-4, atol=1e-5)


def test_a_real_network_is_pytorchs(torch, shared):
    network = load_network(weights=shared / "weights" / "vgg19-distilled16x.h5")
    image = load_image(
        shared / "images" / "content" / "tubingen_neckarfront.jpg", size=128
    )
    layers = tuple(name for name in network.layers if name.startswith("conv"))
    assert len(layers) >= 13
    assert_features(
        features(network, image, layers),
        torch_features(network, torch.tensor(np.array(image)), layers),
        rtol=1e-3,
    )


def test_mean255_is_the_picture_of_0_to_255_minus_the_mean():
    network = narrow_network(depth=1)
    given = features(network, IMAGE, ["conv1_1"], normalization="mean255")["conv1_1"]
    plain = dataclasses.replace(network, mean=jnp.zeros(3), std=jnp.ones(3))
    pixels = 255 * IMAGE - 255 * jnp.float32(MEAN).reshape(1, 1, 3)
    wanted = features(plain, pixels, ["conv1_1"])["conv1_1"]
    np.testing.assert_allclose(given, wanted, rtol=1e-4, atol=1e-2)


def test_leading_axes_and_vmap():
    network = narrow_network(depth=3)
    images = jnp.stack([picture(9, 8, seed) for seed in range(4)])
    one = [features(network, image, ["pool1"])["pool1"] for image in images]
    for lifted in (
        features(network, images.reshape(2, 2, 9, 8, 3), ["pool1"]),
        jax.jit(jax.vmap(lambda x: network(x, ["pool1"])))(images),
    ):
        given = lifted["pool1"].reshape(4, 4, 4, -1)
        np.testing.assert_allclose(given, one, rtol=1e-5, atol=1e-5)


def test_features_come_in_the_order_asked_for():
    layers = ("pool1", "conv1_1", "relu1_2")
    assert tuple(narrow_network(depth=2)(IMAGE, layers)) == layers


@pytest.mark.parametrize(
    "layers, count",
    [(["conv1_1"], 1), (["relu2_1"], 3), (["pool2"], 4), (["relu4_2", "conv1_2"], 10)],
)
def test_nothing_deeper_than_asked_for_is_computed(layers, count):
    network = narrow_network()
    graph = str(jax.make_jaxpr(lambda x: network(x, layers))(IMAGE))
    assert len(re.findall(r"= conv_general_dilated\[", graph)) == count


def test_the_table_of_layers():
    assert layer_table("vgg16")[:4] == ("conv1_1", "conv1_2", "pool1", "conv2_1")
    assert convolutions("vgg16")[-3:] == ("conv5_1", "conv5_2", "conv5_3")
    assert convolutions("vgg19")[-4:] == ("conv5_1", "conv5_2", "conv5_3", "conv5_4")
    assert [len(convolutions(name)) for name in ("vgg16", "vgg19")] == [13, 16]


def test_a_layer_that_is_not_held_is_an_error_that_lists_those_that_are():
    network = narrow_network(depth=3)
    held = "conv1_1, relu1_1, conv1_2, relu1_2, pool1, conv2_1, relu2_1"
    assert ", ".join(network.layers) == held
    with pytest.raises(ValueError, match=f"'relu4_2' is not in.* {held}$"):
        network(IMAGE, ["relu4_2"])
    with pytest.raises(ValueError, match="'conv6_1'"):
        narrow_network()(IMAGE, ["conv6_1"])


@pytest.mark.parametrize("option", ["pooling", "padding", "normalization", "precision"])
def test_an_unknown_option_is_an_error(option):
    with pytest.raises(ValueError, match=f"unknown {option} 'x'.*choose one of"):
        narrow_network(depth=1)(IMAGE, ["conv1_1"], **{option: "x"})


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
@pytest.mark.parametrize("layer", ["relu1_2", "pool1", "conv2_1", "relu3_1", "pool3"])
def test_min_side_is_the_smallest_that_works(layer, padding):
    network = narrow_network(padding=padding)
    side = network.min_side([layer])

    def shape(side):
        image = jnp.zeros((side, side, 3))
        return jax.eval_shape(lambda x: network(x, [layer]), image)[layer].shape

    assert min(shape(side)) >= 1
    with pytest.raises(ValueError, match=f"too small: .*at least {side} on each side"):
        shape(side - 1)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 4), (3,)])
def test_what_is_no_picture_is_an_error(shape):
    with pytest.raises(ValueError, match=r"shape \(..., H, W, 3\)"):
        narrow_network(depth=1)(jnp.zeros(shape), ["conv1_1"])


def test_another_network_of_the_same_shape_compiles_nothing():
    traces = []

    @jax.jit
    def run(network, image):
        traces.append(1)
        return network(image, ["relu2_1"])["relu2_1"]

    one, two = (run(narrow_network(depth=3, seed=seed), IMAGE) for seed in (0, 1))
    assert len(traces) == 1
    assert not np.allclose(one, two)


def test_parameters_are_arguments_of_compiled_code():
    network = narrow_network(width=64, depth=4)
    run = jax.jit(lambda n, x: n(x, ["relu2_2"])).lower(network, IMAGE).compile()
    shapes = re.findall(r"f32\[([\d,]+)\]\S* constant\(", run.as_text())
    assert all(np.prod([int(n) for n in s.split(",")]) < 1000 for s in shapes)
    assert run.as_text().count("f32[3,3,64,64]") > 0


def test_bfloat16_is_for_activations_alone():
    network, style = narrow_network(depth=3), picture(30, 32, 1)
    given = features(network, IMAGE, ["relu2_1"], precision="bfloat16")["relu2_1"]
    assert given.dtype == jnp.bfloat16
    exact = features(network, IMAGE, ["relu2_1"])["relu2_1"]
    assert exact.dtype == jnp.float32
    np.testing.assert_allclose(np.float32(given), exact, rtol=0.1, atol=0.05)
    config = Config(
        content_layers=("relu2_1",), style_layers=("relu1_1",), precision="bfloat16"
    )
    targets = make_targets(network, IMAGE, style, config)
    assert targets.style["relu1_1"].dtype == jnp.float32
    arguments = (1 - IMAGE, network, targets, Weights(), config)
    outcome = jax.eval_shape(jax.value_and_grad(objective, has_aux=True), *arguments)
    assert {leaf.dtype for leaf in jax.tree.leaves(outcome)} == {np.dtype("float32")}
