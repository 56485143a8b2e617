"""One pass as a pure function: sizes, strength, blends, and what it is made of."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import feedforward, load_image, metrics
from jaxnst.feedforward import model as model_module
from jaxnst.feedforward.model import LAYERS, new_feedforward, stylize
from jaxnst.gaussian import gaussian, mixture, transport

pytestmark = pytest.mark.usefixtures("compiled_quickly")

compiled = jax.jit(stylize)


@pytest.fixture(scope="module")
def model():
    """A narrow one, not trained, whose every number counts."""
    encoder = narrow_network(width=4, padding="reflect", depth=9)
    made = new_feedforward(jax.random.key(0), encoder)
    rng = np.random.default_rng(1)
    params = jax.tree.map(
        lambda a: jnp.float32(a + 0.3 * rng.normal(size=a.shape)), made.params
    )
    return replace(made, params=params)


@pytest.fixture(scope="module")
def photograph():
    return picture(32, 40, 1)


@pytest.fixture(scope="module")
def paintings():
    return picture(24, 48, 2), picture(40, 32, 3) * jnp.float32(0.6)


@pytest.mark.slow
def test_is_what_its_docstring_says(model, photograph, paintings):
    painting, s = paintings[0], 0.7
    see = jax.jit(lambda image: model.encoder(image, LAYERS))
    found, expected = see(photograph), see(painting)
    moved, code = [], []
    for layer in LAYERS:
        target = gaussian(expected[layer])
        features = np.float64(expected[layer])
        size = np.sqrt(np.mean(features**2))
        there = transport(found[layer], target)
        moved.append((found[layer] + s * (there - found[layer])) / size)
        code += [features.mean((0, 1)) / size, features.std((0, 1)) / size]
    colours = transport(photograph, gaussian(painting))
    base = photograph + s * (colours - photograph)
    code = jnp.float32(np.concatenate(code))
    added = model.module.apply({"params": model.params}, moved, code, base)
    made = compiled(model, photograph, painting, strength=s)
    np.testing.assert_allclose(made, jnp.clip(base + s * added, 0, 1), atol=2e-3)
    assert float(jnp.abs(added).max()) > 0.1


@pytest.mark.parametrize("size", [(33, 39), (16, 16)])
def test_any_size(model, paintings, size):
    content = picture(*size, 4)
    made = compiled(model, content, paintings[0])
    assert made.shape == content.shape and made.dtype == jnp.float32
    assert 0 <= made.min() and made.max() <= 1 and np.ptp(made) > 0.1


def test_no_strength_is_the_photograph(model, photograph, paintings):
    made = compiled(model, photograph, paintings[0], strength=0.0)
    np.testing.assert_array_equal(made, photograph)


@pytest.mark.slow
def test_full_strength_is_none_given(model, photograph, paintings):
    made = [compiled(model, photograph, paintings[0], strength=s) for s in (None, 1.0)]
    np.testing.assert_allclose(*made, atol=1e-4)


@pytest.mark.slow
def test_a_blend_of_one_is_that_one(model, photograph, paintings):
    one = compiled(model, photograph, paintings[1])
    both = compiled(model, photograph, paintings, style_mix=jnp.float32([0, 2]))
    np.testing.assert_allclose(both, one, atol=1e-3)
    equal = compiled(model, photograph, paintings)
    assert np.abs(equal - one).max() > 0.05


@pytest.mark.slow
def test_a_blend_is_of_all_positions_together(model, paintings):
    seen = [feedforward.style_of(model, painting) for painting in paintings]
    found = feedforward.blended(seen, [1, 3])
    shares = jnp.float32([0.25, 0.75])
    for layer in range(len(LAYERS)):
        expected = mixture([style.features[layer] for style in seen], shares)
        np.testing.assert_allclose(found.features[layer].mean, expected.mean, rtol=1e-5)
    expected = 0.25 * seen[0].colours.mean + 0.75 * seen[1].colours.mean
    np.testing.assert_allclose(found.colours.mean, expected, rtol=1e-5)


def test_lifts_over_pictures_and_strengths(model, paintings):
    contents = jnp.stack([picture(24, 24, seed) for seed in (5, 6)])
    strengths = jnp.float32([0.5, 1.0])
    many = jax.vmap(lambda c, s: stylize(model, c, paintings[0], strength=s))
    made = jax.jit(many)(contents, strengths)
    for i in range(2):
        one = compiled(model, contents[i], paintings[0], strength=strengths[i])
        np.testing.assert_allclose(made[i], one, atol=1e-4)


@pytest.mark.slow
def test_has_a_gradient(model, photograph, paintings):
    def brightness(params):
        return stylize(replace(model, params=params), photograph, paintings[0]).mean()

    slopes = jax.jit(jax.grad(brightness))(model.params)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(slopes))
    assert sum(float(jnp.abs(x).max()) > 0 for x in jax.tree.leaves(slopes)) > 20


@pytest.mark.slow
def test_compiled_by_size_alone(model, photograph, paintings):
    expected = compiled(
        model, photograph, paintings, strength=0.5, style_mix=[1.0, 2.0]
    )
    sizes = [
        f._cache_size() for f in (model_module._style_of, model_module._apply_style)
    ]
    for content in (photograph, photograph[::-1]):
        for strength in (0.5, 0.25):
            made = feedforward.stylize_compiled(
                model, content, paintings, strength=strength, style_mix=[1.0, 2.0]
            )
            if content is photograph and strength == 0.5:
                np.testing.assert_allclose(made, expected, atol=1e-4)
    now = [f._cache_size() for f in (model_module._style_of, model_module._apply_style)]
    assert [b - a for a, b in zip(sizes, now, strict=True)] == [2, 1]


def test_bad_input(model, photograph, paintings):
    with pytest.raises(ValueError, match="2 style_mix weights for 1 styles"):
        stylize(model, photograph, paintings[0], style_mix=[1, 2])
    with pytest.raises(ValueError, match="content.*16"):
        stylize(model, photograph[:8], paintings[0])
    with pytest.raises(ValueError, match="style"):
        stylize(model, photograph, paintings[0][:8])
    with pytest.raises(ValueError, match="matching"):
        stylize(replace(model, matching="linear"), photograph, paintings[0])


@pytest.mark.slow
def test_the_one_that_comes_along_paints(shared):
    """Judged in a network that it was not trained with."""
    from jaxnst import network_from_weights
    from jaxnst.feedforward.weights_file import load_feedforward
    from jaxnst.pretrained.format import read_weights

    judge = network_from_weights(
        read_weights(shared / "weights" / "googlenet-caffe.h5")
    )
    folder = shared / "images"
    content = load_image(folder / "content" / "kodim22_barn.jpg", size=256)
    (path,) = (folder / "style").glob("hokusai_great_wave*")
    style = load_image(path, size=256)
    scores = metrics.judge(
        judge, compiled(load_feedforward(), content, style), content, style
    )
    assert scores.style < 0.75 and scores.content < 1.0
