"""The judge: what it must say of known pictures, and its formula in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import load_image, load_network, metrics
from jaxnst.images import resize
from jaxnst.metrics import factored_gaussian, judge, style_distance

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1")
CONTENT = picture(40, 52, 1)
STYLE = 1 - picture(48, 44, 2) ** 2


@pytest.fixture(scope="module", autouse=True)
def small_scales():
    """Scales at which a narrow network is quick; the real ones are used below."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "SCALES", (32, 16, 8))
        yield


@pytest.fixture(scope="module")
def network():
    return narrow_network(depth=7)


def exact(a, b):
    """W² between the Gaussians of two feature maps by eigendecomposition, float64."""
    a, b = (np.float64(x).reshape(-1, x.shape[-1]) for x in (a, b))
    means = [x.mean(0) for x in (a, b)]
    first, second = (np.cov(x.T, bias=True) for x in (a, b))
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    middle = np.linalg.eigvalsh(root @ second @ root).clip(0)
    square = ((means[0] - means[1]) ** 2).sum()
    return square + np.trace(first + second) - 2 * np.sqrt(middle).sum()


@pytest.mark.parametrize("positions", [3, 12, 200])  # below and above the channels
def test_wasserstein_is_that_of_float64(rng, positions):
    mixing = np.geomspace(1, 1e-3, 24)[:, None] * rng.normal(size=(24, 24))
    a = np.float32(rng.normal(size=(positions, 2, 24)) @ mixing + 2)
    b = np.float32(rng.normal(size=(50, 3, 24)) @ np.roll(mixing, 3, 1) + 1)
    given = metrics.wasserstein_squared(factored_gaussian(a), factored_gaussian(b))
    np.testing.assert_allclose(given, exact(a, b), rtol=1e-4)


def test_factored_gaussian_is_mean_and_covariance(rng):
    features = np.float32(rng.normal(size=(7, 9, 5)) + 3)
    mean, root = factored_gaussian(features)
    flat = np.float64(features).reshape(-1, 5)
    np.testing.assert_allclose(mean, flat.mean(0), rtol=1e-5)
    np.testing.assert_allclose(root.T @ root, np.cov(flat.T, bias=True), atol=1e-5)


def test_formula(network):
    image = jnp.clip(CONTENT * 0.5 + 0.3, 0, 1)
    see = jax.jit(lambda image: network(image, (*STYLE_LAYERS, "relu3_3")))
    ratios = []
    for side in (32, 16, 8):
        sizes = [(round(side * 40 / 52), side)] * 2 + [(side, round(side * 44 / 48))]
        pictures = (image, CONTENT, STYLE)
        x, c, s = (
            see(resize(p, size)) for p, size in zip(pictures, sizes, strict=True)
        )
        ratios += [exact(x[n], s[n]) / exact(c[n], s[n]) for n in STYLE_LAYERS]
    given = judge(network, image, CONTENT, STYLE)
    np.testing.assert_allclose(given.style, np.mean(ratios), rtol=1e-3)
    f, p = (np.float64(see(resize(p, (25, 32)))["relu3_3"]) for p in (image, CONTENT))
    expected = ((f - p) ** 2).mean() / (p**2).mean()
    np.testing.assert_allclose(given.content, expected, rtol=1e-4)
    np.testing.assert_allclose(given.q, given.style + given.content / 2, rtol=1e-6)


def test_photograph_and_painting_are_1_and_0(network):
    photograph = judge(network, CONTENT, CONTENT, STYLE)
    np.testing.assert_allclose(photograph, (1, 0, 1), atol=1e-6)
    assert style_distance(network, STYLE, CONTENT, STYLE) < 1e-4
    same = style_distance(network, CONTENT, CONTENT, CONTENT)
    assert np.isfinite(same) and same < 1e-2


def test_size_of_the_photograph_does_not_matter(network):
    image = 1 - CONTENT
    larger = resize(CONTENT, (80, 104))
    given, other = (judge(network, image, c, STYLE) for c in (CONTENT, larger))
    np.testing.assert_allclose(given, other, rtol=0.02)


def test_jit_vmap_and_numpy(network):
    images = jnp.stack([CONTENT, 1 - CONTENT])
    lifted = jax.jit(jax.vmap(judge, in_axes=(None, 0, None, None)))
    together = lifted(network, images, CONTENT, STYLE)
    for index in range(2):
        one = judge(network, np.asarray(images[index]), CONTENT, STYLE)
        given = [score[index] for score in together]
        np.testing.assert_allclose(given, one, rtol=1e-3, atol=1e-6)


def test_bad_pictures_and_networks(network):
    with pytest.raises(TypeError, match="style must be an array"):
        judge(network, CONTENT, CONTENT, "painting.jpg")
    with pytest.raises(ValueError, match="content must have shape"):
        judge(network, CONTENT, CONTENT[None], STYLE)
    with pytest.raises(ValueError, match="style is 90 x 9 pixels, too narrow.*crop"):
        judge(network, CONTENT, CONTENT, picture(9, 90))
    with pytest.raises(ValueError, match="'relu3_1' is not in this vgg19"):
        judge(narrow_network(depth=3), CONTENT, CONTENT, STYLE)


@pytest.mark.parametrize(
    "name, file", [("googlenet", "googlenet-caffe"), ("vgg19", "vgg19-blocks123")]
)
def test_real_networks(shared, monkeypatch, name, file):
    monkeypatch.setattr(metrics, "SCALES", (64,))  # compiling takes the time
    network = load_network(name, weights=shared / "weights" / f"{file}.h5")
    folder = shared / "images"
    content = load_image(folder / "content" / "tubingen_neckarfront.jpg", size=64)
    style = load_image(folder / "style" / "vangogh_starry_night_1889.jpg", size=64)
    np.testing.assert_allclose(
        judge(network, content, content, style), (1, 0, 1), atol=1e-5
    )
    painting = resize(style, content.shape[:2])
    noise = jax.random.uniform(jax.random.key(0), content.shape)
    slight = jnp.clip(content + 0.1 * (noise - 0.5), 0, 1)
    toward = (content + painting) / 2
    scores = {
        label: judge(network, image, content, style)
        for label, image in [("noise", noise), ("slight", slight), ("toward", toward)]
    }
    assert 0 < scores["slight"].content < scores["noise"].content
    assert scores["toward"].style < 1 < scores["noise"].style
    assert scores["toward"].q < scores["noise"].q
