"""Tile by tile a picture has the losses and the gradient that it has at once."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hlo_flops import flops
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import narrow_network, picture

from jaxnst import Config, Weights, make_targets, objective, stylize
from jaxnst.losses import tile_layout, tiles
from jaxnst.losses.targets import compute_targets
from jaxnst.networks.random_weights import random_vgg
from jaxnst.optimize.memory import tiled_bytes

SHALLOW = {
    "content_layers": ("relu2_2", "conv3_1"),
    "style_layers": ("relu1_1", "pool1", "conv2_1", "relu3_1"),
}


SHALLOWEST = {
    "content_layers": ("relu1_2",),
    "style_layers": ("relu1_1", "pool1", "conv2_1"),
}


def compared(network, config, tile, size=(101, 78)):
    """Loss, terms and gradient, at once and in tiles."""
    content, style = picture(*size, 1), picture(87, 93, 2)
    image = picture(*size, 3)
    weights = Weights(beta=3.0)
    found = []
    for side in (None, tile):
        own = Config(**{**vars(config), "tile": side})
        targets = make_targets(network, content, style, own)

        def loss(image, targets=targets, own=own):
            return objective(image, network, targets, weights, own)

        found.append(jax.jit(jax.value_and_grad(loss, has_aux=True))(image))
    return found


def assert_equal(found):
    (whole, expected), (tiled, gradient) = found
    for name, value in whole[1].items():
        np.testing.assert_allclose(tiled[1][name], value, rtol=2e-4, err_msg=name)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(gradient / scale, expected / scale, atol=2e-4)


def test_two_segments_in_tiles():
    config = Config(**SHALLOWEST)
    assert_equal(compared(narrow_network(width=4, depth=3), config, 20, size=(45, 38)))


@pytest.mark.slow
def test_loss_and_gradient_are_those_of_the_whole():
    config = Config(**SHALLOW, statistic="gaussian", padding="reflect")
    assert_equal(compared(narrow_network(depth=5), config, 24))


@pytest.mark.parametrize(
    ("padding", "pooling", "reduction"),
    [
        pytest.param("zeros", "avg", "gatys", marks=pytest.mark.slow),
        pytest.param("replicate", "l2", "per_position", marks=pytest.mark.slow),
        pytest.param("replicate-first", "max", "sum", marks=pytest.mark.slow),
    ],
)
def test_other_conventions(padding, pooling, reduction):
    config = Config(
        **SHALLOWEST,
        padding=padding,
        pooling=pooling,
        style_reduction=reduction,
        gram_normalize="none",
        content_reduction="half_sum",
    )
    assert_equal(compared(narrow_network(width=4, depth=3), config, 20, size=(45, 38)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("vgg19", Config()),
        (
            "vgg16",
            Config(
                content_layers=("pool4",),
                style_layers=("relu5_3", "conv3_2", "pool2", "relu1_2"),
            ),
        ),
    ],
)
def test_down_to_the_deepest_layer(architecture, config):
    network = narrow_network(architecture)
    assert_equal(compared(network, config, 40, size=(197, 151)))


@settings(deadline=None, max_examples=200)
@given(st.integers(2, 500), st.integers(1, 200), st.integers(1, 5))
def test_every_position_is_one_tiles_own_and_seen_whole(size, tile, radius):
    found = tile_layout.spans(size, tile, radius)
    assert found.core <= max(tile, 2) + 1 or found.starts == (0,)
    assert found.length <= min(size, found.core + 2 * radius + 3)
    ends = [start + found.length for start in found.starts]
    assert found.starts[0] == 0 and ends[-1] == size
    assert all(start % 2 == 0 for start in found.starts)  # windows of pooling
    for stride in (1, 2):
        covered, joined = (np.zeros(size // stride, int) for _ in range(2))
        masks, core_masks = found.masks(stride), found.core_masks(stride)
        cores = found.core_starts(stride)
        for number, start in enumerate(found.starts):
            covered[start // stride + np.flatnonzero(masks[number])] += 1
            joined[cores[number] + np.flatnonzero(core_masks[number])] += 1
            low = cores[number] * stride
            high = (cores[number] + found.core_size(stride)) * stride
            assert start == 0 or low - radius >= start
            assert ends[number] == size or high + radius <= ends[number]
        assert (covered == 1).all() and (joined == 1).all()


def test_a_tile_of_a_deeper_segment_takes_as_much_memory_and_no_more():
    network = random_vgg_shapes()
    layers = Config().layers
    found = tile_layout.tilings(network, layers, (4096, 4096), 256)
    taken = [
        math.prod(tiling.size) * tile_layout.working_width(tiling.segment)
        for tiling in found
    ]
    assert [tiling.segment.start for tiling in found] == [
        None,
        "pool1",
        "pool2",
        "pool3",
        "pool4",
    ]
    # But for the margins, which deeper ones have more of.
    assert all(0.7 < each / taken[0] < 1.2 for each in taken)
    overlaps = [len(t) * math.prod(t.size) for t in found]
    whole = [4096**2 / 4**n for n in range(5)]
    # Of what is computed no more than a quarter is computed twice.
    assert all(n / w < 1.25 for n, w in zip(overlaps, whole, strict=True))


@pytest.mark.slow
def test_a_run_in_tiles_gives_the_same_picture():
    network = narrow_network(width=4, depth=3)
    pictures = picture(51, 38, 1), picture(47, 43, 2)
    found = [
        stylize(network, *pictures, config=Config(**SHALLOWEST, tile=tile), steps=5)
        for tile in (None, 24)
    ]
    np.testing.assert_allclose(found[1].image, found[0].image, atol=2e-4)


def random_vgg_shapes(widths=(64, 128, 256, 512, 512)):
    """A VGG-19 of shapes in the place of arrays."""
    return jax.eval_shape(lambda key: random_vgg(key, widths), jax.random.key(0))


def gradient_of(network, config, side):
    """The objective's gradient for an image of a side, and shapes to compile it for."""
    image = jax.ShapeDtypeStruct((side, side, 3), jnp.float32)
    whole = replace(config, tile=None)

    def targets_of(network, image):
        return compute_targets(network, image, [image], whole)

    def value(image, network, targets):
        return objective(image, network, targets, Weights(), config)[0]

    targets = jax.eval_shape(targets_of, network, image)
    return value, (image, network, targets)


def test_kept_for_the_gradient_are_bits_and_what_segments_take():
    network = random_vgg_shapes((64, 128))
    config = Config((), ("relu1_2", "relu2_1"))

    def kept(tile):
        value, (image, *rest) = gradient_of(network, replace(config, tile=tile), 512)
        backward = jax.eval_shape(
            lambda image, *rest: jax.vjp(lambda x: value(x, *rest), image)[1],
            image,
            *rest,
        )
        arrays = [x for x in jax.tree.leaves(backward) if x.size >= 512**2]
        return sum(x.size * x.dtype.itemsize for x in arrays), arrays

    tiled, arrays = kept(128)
    numbers = [x.shape[1:] for x in arrays if x.dtype == jnp.float32]
    assert sorted(numbers) == [(90, 90, 64), (132, 132, 3)]
    assert tiled < kept(None)[0] / 8


@pytest.mark.slow
def test_tiles_cost_little_time_and_save_much_memory():
    """Of what is compiled: the full network in an eighth of its width."""
    network = random_vgg_shapes((8, 16, 32, 64, 64))

    def compiled(tile):
        config = Config(tile=tile)
        value, shapes = gradient_of(network, config, 1024)
        # Quickly compiled: neither operations nor memory change.
        options = {"xla_backend_optimization_level": 0}
        found = jax.jit(jax.grad(value)).lower(*shapes).compile(options)
        return flops(found.as_text()), found.memory_analysis().temp_size_in_bytes

    (whole, most), (tiled, less) = compiled(None), compiled(256)
    assert whole < tiled < 1.4 * whole
    assert less < most / 4
    predicted = tiled_bytes(network, Config(), (1024, 1024), 256)
    assert less < predicted < 2 * less


@pytest.mark.slow
def test_tiles_under_vmap():
    network = narrow_network(width=4, depth=3)
    config = Config(**SHALLOWEST, tile=24)
    images = jnp.stack([picture(60, 70, n) for n in range(2)])
    targets = make_targets(network, images[0], picture(50, 50, 5), config)

    def loss(image):
        return objective(image, network, targets, Weights(), config)[0]

    both = jax.vmap(loss)(images)
    for value, image in zip(both, images, strict=True):
        np.testing.assert_allclose(value, loss(image), rtol=1e-4)


@pytest.mark.slow
def test_features_are_put_together_without_seams():
    network = narrow_network(depth=5)
    image = picture(101, 78)
    for tile, padding in ((24, "zeros"), (64, "reflect")):
        config = Config(**SHALLOW, tile=tile, padding=padding)
        found = tiles.features(image, network, config)
        expected = network(image, config.content_layers, padding=padding)
        for layer, features in expected.items():
            np.testing.assert_allclose(found[layer], features, rtol=1e-4, atol=1e-5)
