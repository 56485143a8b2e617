"""The judge: what it must say of known pictures, and its formula in float64."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, narrow_weights, picture

from jaxnst import load_image, load_network, metrics, network_from_weights
from jaxnst.images import resize
from jaxnst.metrics import content_distance, factored_gaussian, judge, style_distance

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1")
VGG16_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
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


@pytest.fixture(scope="module")
def vgg16():
    return narrow_network("vgg16", width=6)


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


@pytest.mark.parametrize(
    "name, scales, style_layers, content_layer",
    [
        ("network", (32, 16, 8), STYLE_LAYERS, "relu3_3"),
        ("vgg16", (48, 24), VGG16_LAYERS, "relu4_3"),
    ],
)
def test_formula(name, scales, style_layers, content_layer, request, monkeypatch):
    monkeypatch.setattr(metrics, "SCALES", scales)
    network = request.getfixturevalue(name)
    image = jnp.clip(CONTENT * 0.5 + 0.3, 0, 1)
    see = jax.jit(lambda image: network(image, (*style_layers, content_layer)))
    ratios = []
    for side in scales:
        sizes = [(round(side * 40 / 52), side)] * 2 + [(side, round(side * 44 / 48))]
        pictures = (image, CONTENT, STYLE)
        x, c, s = (
            see(resize(p, size)) for p, size in zip(pictures, sizes, strict=True)
        )
        ratios += [exact(x[n], s[n]) / exact(c[n], s[n]) for n in style_layers]
    given = judge(network, image, CONTENT, STYLE)
    np.testing.assert_allclose(given.style, np.mean(ratios), rtol=1e-3)
    size = round(scales[0] * 40 / 52), scales[0]
    f, p = (np.float64(see(resize(p, size))[content_layer]) for p in (image, CONTENT))
    expected = ((f - p) ** 2).mean() / (p**2).mean()
    np.testing.assert_allclose(given.content, expected, rtol=1e-4)
    np.testing.assert_allclose(given.q, given.style + given.content / 2, rtol=1e-6)


def test_only_a_complete_vgg16_has_layers_of_its_own(network, monkeypatch):
    """The same numbers in the first seven convolutions of every one of these."""
    monkeypatch.setattr(metrics, "SCALES", (16,))
    image = 1 - CONTENT
    usual = judge(network, image, CONTENT, STYLE)
    for other in (narrow_network("vgg19"), narrow_network("vgg16", depth=12)):
        given = judge(other, image, CONTENT, STYLE)
        np.testing.assert_allclose(given, usual, rtol=1e-4)


def test_pictures_too_narrow_for_the_layers_are_followed_by_mirrored_copies(vgg16):
    narrow = jax.ShapeDtypeStruct((3, 90, 3), jnp.float32)
    usual = jax.ShapeDtypeStruct((40, 64, 3), jnp.float32)
    for pictures in ((narrow, narrow, usual), (usual, usual, narrow)):
        assert jax.eval_shape(judge, vgg16, *pictures).q.shape == ()
    image = metrics._at_size(vgg16, CONTENT, (10, 64))
    assert image.shape == (20, 64, 3)
    np.testing.assert_array_equal(image[9::-1], image[10:])


def test_photograph_and_painting_are_1_and_0_in_vgg16(vgg16, monkeypatch):
    monkeypatch.setattr(metrics, "SCALES", (48, 24))
    photograph = judge(vgg16, CONTENT, CONTENT, STYLE)
    np.testing.assert_allclose(photograph, (1, 0, 1), atol=1e-6)
    assert style_distance(vgg16, STYLE, CONTENT, STYLE) < 1e-4
    assert content_distance(vgg16, STYLE, CONTENT) > 0.1


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


def test_no_network_judges_itself(network, vgg16):
    may = metrics.may_judge
    vgg, other = (replace(network, checksum=checksum) for checksum in "ab")
    sixteen = replace(vgg16, checksum="c")
    inception = replace(network_from_weights(narrow_weights()), checksum="d")
    assert may(inception, vgg) and may(other, vgg) and may(vgg, inception)
    assert may(sixteen, vgg) and may(inception, sixteen)
    assert not may(vgg, vgg)
    for kin in (inception, sixteen):  # of other training
        assert not may(replace(kin, checksum="e"), kin)


def test_bad_pictures_and_networks(network):
    with pytest.raises(TypeError, match="style must be an array"):
        judge(network, CONTENT, CONTENT, "painting.jpg")
    with pytest.raises(ValueError, match="content must have shape"):
        judge(network, CONTENT, CONTENT[None], STYLE)
    with pytest.raises(ValueError, match="'relu3_1' is not in this vgg19"):
        judge(narrow_network(depth=3), CONTENT, CONTENT, STYLE)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, file",
    [
        ("googlenet", "googlenet-caffe"),
        ("vgg16", "vgg16-caffe"),
        ("vgg19", "vgg19-blocks123"),
    ],
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
