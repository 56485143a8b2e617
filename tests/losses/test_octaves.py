"""The style at the picture's own size, at half of it, a quarter ...: the mean."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import Config, Regions, Weights, make_targets, objective, presets, stylize
from jaxnst.losses import octaves
from jaxnst.losses.tiles import uses_tiles

LAYERS = {
    "content_layers": ("relu2_2",),
    "style_layers": ("relu1_1", "relu2_1"),
    "statistic": "gaussian",
}
CONFIG = Config(**LAYERS, octaves=2)
OWN = Config(**LAYERS)
NETWORK = narrow_network(depth=4)
CONTENT, STYLE, IMAGE = picture(33, 40), picture(30, 27, 1), picture(33, 40, 2)
WEIGHTS = Weights(beta=5.0, style_weights=(0.3, 0.7))


def halving(side, mode="edge"):
    """The matrix that halves a side."""
    each = np.pad(np.eye(side), ((1, 1 + side % 2), (0, 0)), mode)
    return (each[:-3:2] + 3 * each[1:-2:2] + 3 * each[2:-1:2] + each[3::2]) / 8


def numpy_halved(image, mode="edge"):
    rows, columns = (halving(side, mode) for side in image.shape[:2])
    return np.einsum("ij,kl,jlc->ikc", rows, columns, np.float64(image))


@pytest.mark.parametrize("size", [(6, 8), (7, 8), (5, 3), (1, 3)])
@pytest.mark.parametrize("mode", ["edge", "wrap"])
def test_half_of_an_image(size, mode):
    image = picture(*size)
    found = octaves.halved(image, periodic=mode == "wrap")
    np.testing.assert_allclose(found, numpy_halved(image, mode), rtol=1e-6)


def test_halves_of_an_image_that_repeats_do_not_depend_on_where_it_begins():
    image = picture(8, 12)
    rolled = octaves.halved(jnp.roll(image, (2, 4), (0, 1)), periodic=True)
    expected = jnp.roll(octaves.halved(image, periodic=True), (1, 2), (0, 1))
    np.testing.assert_allclose(rolled, expected, rtol=1e-6)


def style_of(image, style, config, content=None):
    """The style loss of an image at its own size alone."""
    targets = make_targets(NETWORK, image if content is None else content, style, OWN)
    return objective(image, NETWORK, targets, WEIGHTS, OWN)[1]


@pytest.mark.parametrize("count", [2, 3])
def test_style_is_the_mean_over_octaves_and_content_of_the_own_size(count):
    config = replace(CONFIG, octaves=count)
    targets = make_targets(NETWORK, CONTENT, STYLE, config)
    found = objective(IMAGE, NETWORK, targets, WEIGHTS, config)[1]
    image, style, parts = IMAGE, STYLE, []
    for _ in range(count):
        parts.append(style_of(image, style, config))
        image, style = (jnp.float32(numpy_halved(x)) for x in (image, style))
    for name in ("style", "style/relu1_1", "style/relu2_1"):
        expected = np.mean([np.float64(part[name]) for part in parts])
        np.testing.assert_allclose(found[name], expected, rtol=1e-5)
    own = style_of(IMAGE, STYLE, config, CONTENT)
    for name in ("content", "tv"):
        np.testing.assert_allclose(found[name], own[name], rtol=1e-5)
    assert not np.isclose(found["style"], own["style"], rtol=1e-3)


def test_gradient_is_that_of_both_sizes():
    content = make_targets(NETWORK, CONTENT, STYLE, CONFIG)

    def style(image):
        return objective(image, NETWORK, content, WEIGHTS, CONFIG)[1]["style"]

    small, painting = (jnp.float32(numpy_halved(x)) for x in (IMAGE, STYLE))
    parts = []
    for image, own in ((IMAGE, STYLE), (small, painting)):
        targets = make_targets(NETWORK, image, own, OWN)

        def loss(image, targets=targets):
            return objective(image, NETWORK, targets, WEIGHTS, OWN)[1]["style"]

        parts.append(np.float64(jax.grad(loss)(image)))
    rows, columns = halving(33), halving(40)
    spread = np.einsum("ij,kl,ikc->jlc", rows, columns, parts[1])
    expected = (parts[0] + spread) / 2
    found = jax.grad(style)(IMAGE)
    np.testing.assert_allclose(found, expected, atol=1e-5 * abs(expected).max())


def regions_of(images):
    masks = []
    for image in images:
        left = np.zeros((*image.shape[:2], 2), np.float32)
        middle = image.shape[1] // 2
        left[:, :middle, 0], left[:, middle:, 1] = 1, 1
        masks.append(left)
    return Regions(masks[0], tuple(masks[1:]))


@pytest.mark.parametrize("tile", [None, 24])
def test_regions_at_every_octave(tile):
    content, style, image = picture(72, 80), picture(64, 72, 1), picture(72, 80, 2)
    config = replace(CONFIG, tile=tile)
    everywhere = Regions(
        np.ones((72, 80, 1), np.float32), (np.ones((64, 72, 1), np.float32),)
    )
    found = []
    for regions in (None, everywhere, regions_of((content, style))):
        targets = make_targets(NETWORK, content, style, config, regions=regions)
        found.append(objective(image, NETWORK, targets, WEIGHTS, config)[1]["style"])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)
    assert not np.isclose(found[2], found[0], rtol=1e-3)
    own = replace(OWN, tile=tile)
    parts = []
    for halvings in range(2):
        seen = [octaves.at_octave(x, halvings, own) for x in (content, style, image)]
        regions = regions_of(seen[:2])
        targets = make_targets(NETWORK, *seen[:2], own, regions=regions)
        parts.append(objective(seen[2], NETWORK, targets, WEIGHTS, own)[1]["style"])
    # A mask is averaged once over the pixels of a position, not first to its half.
    np.testing.assert_allclose(found[2], np.mean(parts), rtol=5e-4)


def test_tiles_see_the_same():
    content, style, image = picture(72, 80), picture(64, 72, 1), picture(72, 80, 2)
    tiled = replace(CONFIG, tile=24)
    assert uses_tiles(tiled, octaves.halved(image).shape)
    found = []
    for config in (CONFIG, tiled):
        targets = make_targets(NETWORK, content, style, config)

        def loss(image, targets=targets, config=config):
            return objective(image, NETWORK, targets, WEIGHTS, config)

        found.append(jax.jit(jax.value_and_grad(loss, has_aux=True))(image))
    (whole, expected), (parts, gradient) = found
    for name, value in whole[1].items():
        np.testing.assert_allclose(parts[1][name], value, rtol=2e-4, err_msg=name)
    scale = abs(expected).max()
    np.testing.assert_allclose(gradient / scale, expected / scale, atol=2e-4)


def test_strength_is_measured_at_every_octave():
    targets = make_targets(NETWORK, CONTENT, STYLE, CONFIG, with_content_style=True)
    terms = objective(CONTENT, NETWORK, targets, WEIGHTS, CONFIG)[1]
    for layer, value in targets.content_style.items():
        np.testing.assert_allclose(value, terms[f"style/{layer}"], rtol=1e-5)


def test_transparent_parts_of_a_painting_do_not_count():
    """A painting beside something transparent is that painting alone, but for the
    border between them."""
    beside = jnp.concatenate([picture(32, 64, 1) / 2, jnp.ones((32, 64, 3))], 1)
    alpha = np.zeros((32, 128, 1), np.float32)
    alpha[:, :64] = 1
    config = replace(CONFIG, content_layers=(), style_layers=("relu1_1",))
    found, whole, own = (
        make_targets(NETWORK, CONTENT, style, config).style["relu1_1"]
        for style in (jnp.concatenate([beside, alpha], -1), beside, beside[:, :64])
    )
    for octave in range(2):
        expected = own[octave].mean
        error = np.linalg.norm(found[octave].mean - expected)
        assert error < 0.1 * np.linalg.norm(whole[octave].mean - expected)


def test_the_smallest_image():
    least = octaves.min_side(NETWORK, CONFIG)
    assert least > NETWORK.min_side(CONFIG.style_layers)
    smallest = picture(least, least)
    targets = make_targets(NETWORK, smallest, smallest, CONFIG)
    loss, _ = objective(smallest, NETWORK, targets, WEIGHTS, CONFIG)
    np.testing.assert_allclose(loss, 0, atol=1e-6 + WEIGHTS.tv)
    with pytest.raises(ValueError, match=str(least)):
        make_targets(NETWORK, picture(least - 1, least), smallest, CONFIG)
    with pytest.raises(ValueError, match=str(least)):
        stylize(NETWORK, picture(least - 1, least), smallest, config=CONFIG, steps=1)


@pytest.mark.parametrize("count", [0, -1, 1.5, 7])
def test_no_such_number(count):
    with pytest.raises((TypeError, ValueError), match="octaves"):
        Config(octaves=count)


def test_not_of_hypercolumns():
    with pytest.raises(ValueError, match="give octaves=1"):
        Config(hypercolumns="raw", samples=16, octaves=2)


def test_the_default_compares_two():
    assert presets.default.objective.octaves == 2
