"""Textures: a painting's statistics without content, and without seams."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import (
    Config,
    Weights,
    objective,
    presets,
    render_texture,
    stylize,
    stylize_pyramid,
)
from jaxnst.losses.targets import compute_targets
from jaxnst.optimize.memory import with_tiles_if_needed
from jaxnst.pipeline.texture import check_tileable, texture_settings

LAYERS = ("relu1_1", "relu2_1", "relu3_1")
BARE = Config(content_layers=(), style_layers=LAYERS, padding="circular")


@pytest.fixture(scope="module")
def network():
    return narrow_network(depth=5, width=6)


def settings(**changed):
    """The default's, small."""
    found = texture_settings(presets.default)
    objective = replace(found.objective, style_layers=LAYERS)
    terms = replace(found.terms, style_weights=None)
    how = replace(found.optimization, steps=(30,))
    return replace(found, objective=objective, terms=terms, optimization=how, **changed)


def test_the_objective_has_style_alone(network):
    style, image = picture(48, 48, 1), picture(32, 40, 2)
    targets = compute_targets(network, image, [style], BARE)
    assert targets.content == {}
    loss, terms = objective(image, network, targets, Weights(), BARE)
    assert terms["content"] == 0
    assert set(terms) == {"loss", "content", "style", "tv"} | {
        f"style/{layer}" for layer in LAYERS
    }
    expected = Weights().beta * terms["style"] + Weights().tv * terms["tv"]
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


@pytest.mark.parametrize("octaves", [1, 2])
def test_a_rolled_image_is_the_same_texture(network, octaves):
    """What repeats without end has neither beginning nor end: loss and gradient move
    along with it, by multiples of the stride exactly."""
    config = replace(BARE, octaves=octaves)
    style, image = picture(48, 48, 1), picture(32, 40, 2)
    targets = compute_targets(network, image, [style], config)

    def loss(image, config):
        return objective(image, network, targets, Weights(tv=1.0), config)[0]

    rolled = jnp.roll(image, (8, 24), (0, 1))
    found, gradient = jax.value_and_grad(loss)(image, config)
    same, moved = jax.value_and_grad(loss)(rolled, config)
    np.testing.assert_allclose(same, found, rtol=1e-5)
    scale = np.abs(gradient).max()
    expected = jnp.roll(gradient, (8, 24), (0, 1)) / scale
    np.testing.assert_allclose(moved / scale, expected, atol=1e-4)
    bordered = replace(config, padding="reflect")
    assert abs(loss(rolled, bordered) / loss(image, bordered) - 1) > 1e-3


def test_the_painting_does_not_repeat(network):
    style, image = picture(48, 48, 1), picture(32, 40, 2)
    targets = compute_targets(network, image, [style], BARE)
    own = compute_targets(network, image, [style], replace(BARE, padding=None))
    for layer in LAYERS:
        np.testing.assert_array_equal(targets.style[layer], own.style[layer])


@pytest.mark.slow
def test_a_texture_from_the_library(network):
    style = picture(48, 48, 1)
    result = render_texture(settings(), network, [style], (40, 56))
    assert result.image.shape == (40, 56, 3) and result.finite
    assert result.trace["style"][-1] < result.trace["style"][0]
    again = render_texture(settings(), network, [style], (40, 56))
    np.testing.assert_array_equal(again.image, result.image)
    bare = stylize(
        network, None, style, size=(40, 56), steps=2, init="noise",
        key=jax.random.key(0), config=Config(style_layers=LAYERS),
    )  # fmt: skip
    assert bare.image.shape == (40, 56, 3)
    assert not any(name.startswith("content/") for name in bare.trace)


@pytest.mark.slow
def test_tiles_have_no_seams(network):
    """Across the border neighbouring columns and rows differ as they do inside, where
    positions of the layers begin, too; with ordinary borders they do not fit."""
    how = settings()
    how = replace(how, optimization=replace(how.optimization, steps=(80,)))
    style = picture(64, 64, 1)
    jumps = {}
    for tileable in (True, False):
        image = np.asarray(
            render_texture(how, network, [style], (64, 96), tileable=tileable).image
        )
        for axis in (0, 1):
            inside = np.abs(np.diff(image, axis=axis)).mean((1 - axis, 2))
            first, last = np.take(image, 0, axis), np.take(image, -1, axis)
            across = np.abs(first - last).mean()
            jumps[tileable, axis] = across / inside[7::8].mean()
            if tileable:
                assert across <= inside.max()
    for axis in (0, 1):
        assert jumps[True, axis] < 1.2 < jumps[False, axis]


def test_it_goes_on_where_it_stopped(network):
    """Bit for bit: what is missing of the content is no other run."""
    style, kept = picture(48, 48, 1), []
    options = {
        "size": (40, 48), "config": Config(style_layers=LAYERS), "steps": 3,
        "levels": (0.5, 1.0), "init": "noise", "key": jax.random.key(0),
    }  # fmt: skip
    whole = stylize_pyramid(
        network, None, style, callback=lambda p: kept.append(p.result()), every=3,
        **options,
    )  # fmt: skip
    again = stylize_pyramid(network, None, style, resume=kept[-2], **options)
    np.testing.assert_array_equal(again.image, whole.image)


def test_no_tiles_where_memory_is_scarce(network):
    with pytest.raises(MemoryError, match="choose a smaller size"):
        with_tiles_if_needed(network, BARE, (4096, 4096), budget=2**32)
    bordered = replace(BARE, padding=None)
    assert with_tiles_if_needed(network, bordered, (4096, 4096), budget=2**32).tile


def test_sides_that_pooling_would_cut(network):
    check_tileable(network, BARE, (44, 64))
    words = "must be multiples of 4 for these layers; take 64 x 44"
    with pytest.raises(ValueError, match=words):
        check_tileable(network, BARE, (45, 65))
    check_tileable(network, replace(BARE, octaves=2), (48, 64))
    with pytest.raises(ValueError, match="multiples of 8 .* take 64 x 48"):
        check_tileable(network, replace(BARE, octaves=2), (44, 64))
    with pytest.raises(ValueError, match="multiples of 8 .* take 64 x 48"):
        render_texture(
            settings(), network, [picture(48, 48, 1)], (45, 65), tileable=True
        )


def test_what_cannot_be_a_texture(network):
    with pytest.raises(ValueError, match="one pass changes a photograph"):
        texture_settings(presets.get("encoder-transformer"))
    with pytest.raises(ValueError, match="tiles end where the image does"):
        replace(BARE, tile=64)
    image = picture(32, 32, 1)
    for content, size in ((None, None), (image, (32, 32))):
        with pytest.raises(ValueError, match="content=None and size"):
            stylize(network, content, image, size=size, steps=1)
