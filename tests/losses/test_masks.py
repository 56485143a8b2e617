"""Paintings with transparent parts: what is not seen does not count."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from comparisons import close
from networks import narrow_network, picture

from jaxnst import Config, feedforward, make_targets, metrics, stylize
from jaxnst.feedforward.decoder import Decoder
from jaxnst.gaussian import gaussian
from jaxnst.images import resize
from jaxnst.losses.masks import position_weights
from jaxnst.losses.style_statistics import image_statistics
from jaxnst.losses.targets import style_targets
from jaxnst.metrics import factored_gaussian
from jaxnst.pipeline import color_transfer

LAYERS = ("relu1_1", "relu2_1")
CONFIGS = {
    name: Config(
        content_layers=("relu2_1",),
        style_layers=LAYERS,
        statistic=name.split()[0],
        tile=24 if "tiles" in name else None,
    )
    for name in ("gram", "gaussian", "gram in tiles", "gaussian in tiles")
}


@pytest.fixture(scope="module")
def network():
    return narrow_network(depth=3, width=4)


def with_alpha(image, alpha):
    return jnp.concatenate([image, jnp.float32(alpha)[..., None]], -1)


@pytest.mark.parametrize("name", CONFIGS)
def test_an_alpha_of_one_changes_nothing(network, name):
    style = picture(80, 96, 1)
    plain = style_targets(network, style, CONFIGS[name])
    masked = style_targets(network, with_alpha(style, np.ones((80, 96))), CONFIGS[name])
    close(masked, plain, 1e-4)


@pytest.mark.parametrize("name", CONFIGS)
def test_half_a_painting_counts_as_that_half(network, name):
    """But for features that see over the edge, which is where colours are the same."""
    left = np.full((80, 96, 3), 0.2, np.float32)
    left[:, :30] = np.asarray(picture(80, 30, 1))
    left[:, 24:72] = 0.5  # even on both sides of the edge
    right = np.array(left)
    right[:, 72:] = np.asarray(picture(80, 24, 2))  # what is not to be seen
    alpha = np.zeros((80, 96))
    alpha[:, :48] = 1
    one, other = (
        style_targets(network, with_alpha(jnp.asarray(x), alpha), CONFIGS[name])
        for x in (left, right)
    )
    close(one, other, 1e-4)
    opaque = style_targets(network, jnp.asarray(right), CONFIGS[name])
    with pytest.raises(AssertionError):
        close(one, opaque, 1e-2)


def test_weighted_statistics_are_those_of_repeated_positions(rng):
    features = jnp.float32(rng.normal(size=(2, 3, 4)) + 3)
    counts = np.array([[1, 2, 0], [3, 0, 0]])
    weights = jnp.float32(counts / counts.mean())
    repeated = np.repeat(np.asarray(features).reshape(6, 4), counts.ravel(), axis=0)[
        None
    ]
    close(gaussian(features, weights), gaussian(jnp.asarray(repeated)))
    one = factored_gaussian(features, weights)
    other = factored_gaussian(jnp.asarray(repeated))
    close(one.mean, other.mean)
    close(one.root.T @ one.root, other.root.T @ other.root, 1e-4)


def test_tiles_weigh_as_the_whole_image_does(network, rng):
    alpha = np.zeros((80, 96))
    alpha[10:60, 20:90] = rng.random((50, 70))
    style = with_alpha(picture(80, 96, 1), alpha)
    for name in ("gaussian in tiles", "gram in tiles"):
        whole = style_targets(network, style, replace(CONFIGS[name], tile=None))
        close(style_targets(network, style, CONFIGS[name]), whole, 1e-3)


def test_weights_have_mean_one_and_follow_the_alpha():
    alpha = jnp.zeros((16, 24)).at[:, :12].set(1.0)
    weights = position_weights(alpha, (4, 6))
    np.testing.assert_allclose(weights.mean(), 1, rtol=1e-6)
    np.testing.assert_allclose(weights[:, 0], 2, rtol=1e-6)
    assert weights[:, 4:].max() == 0
    np.testing.assert_array_equal(position_weights(jnp.zeros((8, 8)), (2, 2)), 1)
    assert position_weights(None, (2, 2)) is None


def test_paintings_without_alpha_are_compiled_as_before(network):
    config = CONFIGS["gaussian"]

    def plain(image):
        features = network(image, LAYERS, **config.network_options)
        return {layer: gaussian(features[layer]) for layer in LAYERS}

    image = jax.ShapeDtypeStruct((32, 32, 3), jnp.float32)
    key = jax.random.key(0)
    found = jax.make_jaxpr(lambda x: image_statistics(x, network, config, {}, key))(
        image
    )
    assert str(found) == str(jax.make_jaxpr(plain)(image))


def test_a_run_with_an_alpha(network):
    content, style = picture(24, 32, 1), picture(20, 20, 2)
    masked = with_alpha(style, np.repeat([1.0, 0.0], 10)[None].repeat(20, 0))
    config = CONFIGS["gram"]
    one = stylize(network, content, masked, config=config, steps=1, init="style")
    assert one.finite and one.image.shape == content.shape
    both = make_targets(network, content, [masked, style], config)
    alone = make_targets(network, content, masked, config)
    opaque = make_targets(network, content, style, config)
    for layer in LAYERS:
        mean = (alone.style[layer] + opaque.style[layer]) / 2
        np.testing.assert_allclose(both.style[layer], mean, rtol=1e-4, atol=1e-6)


def test_resizing_keeps_colours_and_alpha_apart():
    image = with_alpha(picture(24, 30, 1), np.linspace(0, 1, 720).reshape(24, 30))
    small = resize(image, (12, 15))
    assert small.shape == (12, 15, 4)
    np.testing.assert_array_equal(small[..., :3], resize(image[..., :3], (12, 15)))
    np.testing.assert_allclose(small[6, 7, 3], image[12:14, 14:16, 3].mean(), atol=0.02)


@pytest.mark.parametrize("function", ["match_color", "match_luminance"])
def test_colours_are_matched_by_what_is_seen(function):
    content = picture(20, 24, 3)
    seen, hidden = 0.3 + 0.2 * picture(16, 10, 1), picture(16, 10, 2)
    style = with_alpha(
        jnp.concatenate([seen, hidden], 1),
        np.repeat([1.0, 0.0], 10)[None].repeat(16, 0),
    )
    change = getattr(color_transfer, function)
    matched = change(style, content, clip=False)
    np.testing.assert_array_equal(matched[..., 3], style[..., 3])
    alone = change(seen, content, clip=False)
    np.testing.assert_allclose(matched[:, :10, :3], alone, atol=2e-4)


def test_the_judge_looks_at_what_is_seen():
    judge = narrow_network(depth=5, width=4, seed=3)
    image, content = picture(64, 64, 1), picture(64, 64, 2)
    style = picture(64, 64, 4)
    plain = metrics.style_distance(judge, image, content, style)
    ones = metrics.style_distance(
        judge, image, content, with_alpha(style, np.ones((64, 64)))
    )
    np.testing.assert_allclose(ones, plain, rtol=1e-3)
    half = np.zeros((64, 64))
    half[:, :20] = 1
    masked = metrics.style_distance(judge, image, content, with_alpha(style, half))
    assert abs(float(masked) - float(plain)) > 1e-3


def test_one_pass_takes_its_statistics_of_what_is_seen():
    encoder = narrow_network(depth=9, width=4)
    model = feedforward.FeedForward(encoder, {}, Decoder((4, 4, 4, 4)))
    style = picture(32, 32, 2)
    plain = feedforward.style_of(model, style)
    ones = feedforward.style_of(model, with_alpha(style, np.ones((32, 32))))
    close(ones, plain, 1e-4)
    half = np.repeat([1.0, 0.0], 16)[None].repeat(32, 0)
    seen = feedforward.style_of(model, with_alpha(style, half)).colours
    close(seen, gaussian(style[:, :16]), 1e-4)
