"""How large features are: measured, published, and which published network it is."""

import jax
import numpy as np
import pytest
from networks import narrow_network, narrow_weights

from jaxnst import (
    content_loss,
    gram_matrix,
    load_network,
    network_from_weights,
    style_loss,
)
from jaxnst.losses.functional import CONTENT_REDUCTIONS, STYLE_REDUCTIONS
from jaxnst.networks.random_weights import random_vgg
from jaxnst.pipeline import magnitude
from jaxnst.pipeline.magnitude import Magnitude, measure, published, published_unit


def test_the_reference_picture_is_always_the_same():
    picture = np.asarray(magnitude.reference_picture())
    assert picture.shape == (256, 256, 3) and picture.dtype == np.float32
    assert 0 <= picture.min() and picture.max() <= 1
    assert picture.mean(dtype=np.float64) == pytest.approx(0.572618, abs=1e-5)


def test_magnitudes_of_features():
    network = narrow_network("vgg16", width=4, depth=3)
    found = measure(network, ("relu1_2", "pool1", "conv2_1", "relu2_1"))
    image = magnitude.reference_picture()
    x = np.float64(network(image, ("relu1_2",))["relu1_2"]).reshape(-1, 4)
    wanted = np.sqrt(np.mean(x**2)), np.sqrt(np.mean((x.T @ x / len(x)) ** 2))
    own = found["relu1_2"]
    np.testing.assert_allclose((own.rms, own.gram), wanted, rtol=1e-5)
    assert (own.channels, own.positions) == (4, 256**2)
    assert found["pool1"] == own and found["conv2_1"].rms > found["relu2_1"].rms


@pytest.mark.parametrize("reduction", CONTENT_REDUCTIONS)
def test_sizes_of_content_terms(reduction, rng):
    """Of two networks in proportion."""

    def term(features):
        return content_loss(0 * features, features, reduction=reduction)

    sizes, terms = [], []
    for shape in ((6, 5, 3), (4, 4, 7)):
        x = jax.numpy.float32(rng.uniform(size=shape))
        rms = float(np.sqrt(np.mean(x**2)))
        sizes.append(Magnitude(rms, 1.0, shape[2], shape[0] * shape[1]))
        terms.append(float(term(x)))
    ratio = sizes[0].content(reduction) / sizes[1].content(reduction)
    assert ratio == pytest.approx(terms[0] / terms[1], rel=1e-5)


@pytest.mark.parametrize("normalize", ["none", "positions", "elements"])
@pytest.mark.parametrize("reduction", STYLE_REDUCTIONS)
def test_sizes_of_style_terms(reduction, normalize, rng):
    sizes, terms = [], []
    for shape in ((6, 5, 3), (4, 4, 7)):
        x = jax.numpy.float32(rng.uniform(size=shape))
        count = shape[0] * shape[1]
        gram = gram_matrix(x, normalize="positions")
        entries = float(np.sqrt(np.mean(np.square(gram))))
        sizes.append(Magnitude(1.0, entries, shape[2], count))
        own = gram_matrix(x, normalize=normalize)
        term = style_loss(0 * own, own, reduction=reduction, positions=count)
        terms.append(float(term))
    one, other = (size.style("gram", reduction, normalize) for size in sizes)
    assert one / other == pytest.approx(terms[0] / terms[1], rel=1e-4)


def test_published_magnitudes_of_any_layer():
    relu = published("vgg19", "relu4_4")
    assert relu == published("vgg19", "pool4")
    assert relu.rms < published("vgg19", "conv4_4").rms
    assert published("vgg16", "relu4_4") == published("vgg16", "relu4_3") != relu
    assert published("vgg19", "inception_3b/1x1") == published("vgg19", "relu4_1")
    assert published("vgg19", "inception_5a") == published("vgg19", "relu5_1")
    assert (relu.channels, relu.positions) == (512, 32**2)


def test_which_published_network_it_is():
    """Told by widths and magnitude, not by names: random weights of He et al. keep the
    magnitude of the picture, which is torchvision's."""
    network = random_vgg(jax.random.key(0), (64, 128))
    measured = measure(network, ("relu1_1", "relu2_1"))
    assert published_unit(network, measured) == 1 / 57
    larger = {name: size.times(57.0) for name, size in measured.items()}
    assert published_unit(network, larger) == 1
    for factor in (1 / 57, 57.0**2):
        other = {name: size.times(factor) for name, size in measured.items()}
        assert published_unit(network, other) is None
    mixed = {**measured, "relu1_1": larger["relu1_1"]}
    assert published_unit(network, mixed) is None
    assert published_unit(narrow_network(depth=3), measured) is None
    inception = network_from_weights(narrow_weights(3))
    assert published_unit(inception, measured) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, file", [("vgg19", "vgg19-caffe-8bit.h5"), ("vgg16", "vgg16-caffe.h5")]
)
def test_the_published_magnitudes_are_those_of_the_real_weights(name, file, shared):
    network = load_network(shared / "weights" / file)
    layers = tuple(n for n in network.layers if not n.startswith("pool"))
    measured = measure(network, layers)
    for layer in layers:
        given = published(name, layer)
        np.testing.assert_allclose(
            (given.rms, given.gram),
            (measured[layer].rms, measured[layer].gram),
            rtol=2e-3,
        )
        assert given.channels == measured[layer].channels
        assert given.positions == measured[layer].positions
    assert published_unit(network, measured) == 1
