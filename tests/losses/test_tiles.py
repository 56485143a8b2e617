"""Tile by tile a picture has the losses and the gradient that it has at once."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import narrow_network, picture

from jaxnst import Config, Weights, make_targets, objective, stylize
from jaxnst.losses import tile_layout, tiles
from jaxnst.optimize.loop import init_state, run_steps
from jaxnst.optimize.optimizers import adam, as_factory

SHALLOW = {
    "content_layers": ("relu2_2", "conv3_1"),
    "style_layers": ("relu1_1", "pool1", "conv2_1", "relu3_1"),
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


@pytest.mark.parametrize(
    ("statistic", "padding"),
    [
        ("gram", "zeros"),
        pytest.param("gaussian", "reflect", marks=pytest.mark.slow),
        pytest.param("gram", "reflect", marks=pytest.mark.slow),
        pytest.param("gaussian", "replicate", marks=pytest.mark.slow),
    ],
)
def test_loss_and_gradient_are_those_of_the_whole(statistic, padding):
    config = Config(**SHALLOW, statistic=statistic, padding=padding)
    assert_equal(compared(narrow_network(depth=5), config, 48))


@pytest.mark.parametrize(
    ("pooling", "reduction"),
    [
        pytest.param("avg", "gatys", marks=pytest.mark.slow),
        pytest.param("l2", "per_position", marks=pytest.mark.slow),
        pytest.param("max", "sum", marks=pytest.mark.slow),
    ],
)
def test_other_conventions(pooling, reduction):
    config = Config(
        **SHALLOW,
        pooling=pooling,
        style_reduction=reduction,
        gram_normalize="none",
        content_reduction="half_sum",
    )
    assert_equal(compared(narrow_network(depth=5), config, 52))


@pytest.mark.slow
def test_down_to_the_deepest_layer():
    config = Config(statistic="gaussian")
    network = narrow_network(depth=13)
    assert_equal(compared(network, config, 224, size=(395, 301)))


@pytest.mark.slow
def test_what_is_seen_reaches_as_far_as_it_says():
    network = narrow_network(depth=5)
    image = picture(96, 96)
    for layer in network.layers:
        reach, strides = network.reach([layer])
        stride = strides[layer]
        place = 48 // stride

        def value(image, layer=layer, place=place):
            return network(image, (layer,))[layer][place, place].sum()

        # Random weights with ReLUs: some paths are dead, so over several pictures.
        seen = np.zeros((96, 96), bool)
        for seed in range(4):
            gradient = jax.grad(value)(image + 0.3 * picture(96, 96, seed))
            seen |= np.any(np.asarray(gradient) != 0, axis=-1)
        rows = np.flatnonzero(seen.any(1))
        first, last = place * stride, place * stride + stride - 1
        assert first - reach <= rows.min() and rows.max() <= last + reach
        assert rows.min() <= first - reach + stride  # nor much further


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 500), st.integers(1, 200), st.integers(0, 40), st.integers(0, 4))
def test_every_position_is_one_tiles_own_and_seen_whole(length, tile, reach, pools):
    stride = 2**pools
    try:
        found = tile_layout.spans(length, tile, reach, stride)
    except ValueError as error:
        least = int(str(error).split()[-1])
        tile_layout.spans(length, least, reach, stride)  # what it says is enough
        return
    assert found.length <= max(tile + stride, min(length, stride))
    for own in (2**n for n in range(pools + 1)):
        counts = np.zeros(length // own, int)
        for start, mask in zip(found.starts, found.masks(own), strict=True):
            at = start // own + np.flatnonzero(mask)
            counts[at] += 1
            if len(at):
                low, high = at.min() * own, (at.max() + 1) * own
                assert low == 0 or low - reach >= start or start == 0
                end = start + found.length
                assert end == length or high + reach <= end
        assert (counts == 1).all()


def test_a_tile_that_is_too_small_says_what_is_enough():
    config = Config(**SHALLOW, tile=20)
    said = "a tile of 20 pixels is too small.*choose at least 40"
    for size in ((96, 96), (97, 99)):  # sides that are no multiples of a stride
        with pytest.raises(ValueError, match=said):
            make_targets(narrow_network(depth=5), picture(*size), picture(9, 9), config)


@pytest.mark.slow
def test_a_run_in_tiles_gives_the_same_picture():
    network = narrow_network(depth=5)
    pictures = picture(101, 78, 1), picture(87, 93, 2)
    found = [
        stylize(network, *pictures, config=Config(**SHALLOW, tile=tile), steps=5)
        for tile in (None, 48)
    ]
    np.testing.assert_allclose(found[1].image, found[0].image, atol=2e-4)


@pytest.mark.slow
def test_memory_is_that_of_a_tile_and_not_of_the_picture():
    network = narrow_network(depth=5, width=32)
    factory = as_factory(adam())

    def needed(side, tile):
        config = Config(**SHALLOW, tile=tile)
        targets = make_targets(network, picture(side, side), picture(64, 64), config)
        state = init_state(picture(side, side), factory)
        weights = jax.tree.map(jnp.float32, Weights())
        arguments = (state, network, targets, weights, factory, config, 0.0, 1)
        held = run_steps.lower(*arguments).compile().memory_analysis()
        return held.temp_size_in_bytes

    whole, tiled, larger = needed(384, None), needed(384, 96), needed(768, 96)
    assert tiled < whole / 3
    # What grows with the picture is pictures and crops of it, no features.
    assert (larger - tiled) / (768**2 - 384**2) < whole / 384**2 / 4


@pytest.mark.slow
def test_tiles_under_vmap():
    network = narrow_network(depth=5)
    config = Config(**SHALLOW, tile=48)
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
    for tile, padding in itertools.product((44, 64), ("zeros", "reflect")):
        config = Config(**SHALLOW, tile=tile, padding=padding)
        found = tiles.features(image, network, config)
        expected = network(image, config.content_layers, padding=padding)
        for layer, features in expected.items():
            np.testing.assert_allclose(found[layer], features, rtol=1e-4, atol=1e-5)
