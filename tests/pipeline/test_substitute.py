"""Presets in other networks than theirs: they start, with terms as large as there."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, narrow_weights, picture

from jaxnst import make_targets, network_from_weights, objective, render, save_image
from jaxnst.networks.random_weights import random_vgg
from jaxnst.networks.vgg import VGG
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import load_inputs, open_network
from jaxnst.pipeline.magnitude import reference_picture
from jaxnst.pipeline.substitute import adapted
from jaxnst.pretrained.format import write_weights
from scripts import write_network

pytestmark = pytest.mark.usefixtures("compiled_quickly")

NETWORKS = ("vgg19-lite", "vgg16", "vgg19", "googlenet")


def divided(network, factor):
    """The same network with features so many times smaller: relu(W x + b) / s is
    relu((W / s) x + b / s), and of layers that follow relu(W (x / s) + b / s)."""
    params = {name: dict(tensor) for name, tensor in network.params.items()}
    params["conv1_1"]["kernel"] = params["conv1_1"]["kernel"] / factor
    for tensor in params.values():
        tensor["bias"] = tensor["bias"] / factor
    return replace(network, params=params)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    write_network(folder / "vgg16.h5", architecture="vgg16", width=4)
    write_network(folder / "vgg19.h5", width=4)
    write_weights(folder / "googlenet.h5", narrow_weights())
    save_image(folder / "c.png", picture(36, 48, 1))
    save_image(folder / "s.png", picture(40, 32, 2))
    return folder


def opened(name, network, folder):
    """A preset of one step at a tiny size, opened as the command does it."""
    preset = presets.get(name)
    geometry = replace(preset.geometry, size=32, min_size=None, margin=0, fit="square")
    geometry = replace(geometry, style_fit="same", style_scale=1.0)
    steps = (0,) if preset.optimization.one_pass else (1,)
    optimization = replace(preset.optimization, steps=steps)
    settings = replace(preset, geometry=geometry, optimization=optimization)
    if network == "vgg19-lite":
        settings = replace(settings, network=network)
    else:
        settings = replace(settings, weights=str(folder / f"{network}.h5"))
    return load_inputs(settings, folder / "c.png", [folder / "s.png"])


def starts(name, network, folder):
    inputs = opened(name, network, folder)
    assert inputs.settings.network == network and inputs.settings.magnitude is None
    # What the picture keeps is what it was made with: opened again, nothing changes.
    assert open_network(inputs.settings)[0] == inputs.settings
    return inputs


# Compiled on one architecture; every preset's run on its own is in test_presets.py.
@pytest.mark.parametrize(
    ("name", "network"),
    list(zip(("default", "mel457", "gram", "crowson"), NETWORKS, strict=True)),
)
@pytest.mark.slow
def test_presets_run_on_other_architectures(name, network, folder):
    inputs = starts(name, network, folder)
    result = render(inputs.settings, *inputs.arguments, decoder=inputs.decoder)
    assert result.finite
    assert np.abs(result.image - inputs.content).max() > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", presets.NAMES)
def test_every_preset_starts_on_every_architecture(name, network, folder):
    """Its layers are there, its weights fit them: the objective can be traced."""
    inputs = starts(name, network, folder)
    settings = inputs.settings
    network, content, styles = inputs.arguments

    def traced(content, style):
        targets = make_targets(network, content, style, settings.objective)
        terms, config = settings.terms, settings.objective
        return objective(content, network, targets, terms, config)

    loss, terms = jax.eval_shape(traced, content, styles[0])
    assert loss.shape == ()
    named = settings.objective.content_terms, settings.objective.style_terms
    assert len(terms) == 4 + sum(map(len, named))


def terms_of(settings, network):
    """Content and style terms, weighed, of one picture beside another."""
    content, style, image = (picture(48, 48, seed) for seed in (1, 2, 3))
    config = replace(settings.objective, padding=None)
    targets = make_targets(network, content, style, config)
    found = objective(image, network, targets, settings.terms, config)[1]
    return (
        settings.terms.alpha * float(found["content"]),
        settings.terms.beta * float(found["style"]),
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("crowson", marks=pytest.mark.slow),
        "pytorch-tutorial",
        "gatys2016",
    ],
)
def test_in_another_unit_the_objective_is_the_same(name):
    """A published network on the other scale: as if its features were divided."""
    network = random_vgg(jax.random.key(1), (64, 128))
    settings = presets.get(name)
    shallow = replace(
        settings.objective,
        content_layers=("relu2_1",),
        style_layers=("relu1_1", "relu2_1"),
    )
    terms = replace(settings.terms, style_weights=(0.7, 0.3))
    settings = replace(settings, objective=shallow, terms=terms)
    if name == "gatys2016":  # random features are as large as torchvision's
        other = divided(network, 1 / 57)
        found, changes = adapted(settings, network)
    else:
        other, large = network, divided(network, 1 / 57)
        found, changes = adapted(settings, large)
        network = large
    assert changes == ["loss weights carried over to its features"]
    wanted = terms_of(settings, other)
    np.testing.assert_allclose(terms_of(found, network), wanted, rtol=1e-4)
    assert adapted(settings, other) == (replace(settings, magnitude=None), [])


@pytest.mark.parametrize("name", ["crowson", "ncsu", "vgg16-adam", "vgg19-gatys"])
@pytest.mark.slow
def test_terms_are_as_large_whatever_the_magnitude_of_a_network(name):
    network = narrow_network("vgg16" if name == "vgg16-adam" else "vgg19", width=4)
    settings = presets.get(name)
    large = divided(network, 1 / 8)
    one, other = (adapted(settings, n)[0] for n in (network, large))
    np.testing.assert_allclose(
        terms_of(one, network), terms_of(other, large), rtol=1e-3
    )
    assert one.terms != settings.terms and one.terms != other.terms
    assert (one.terms.beta, one.terms.tv) == (settings.terms.beta, settings.terms.tv)


def test_in_the_other_published_network_layers_have_known_magnitudes():
    """relu2_1 of VGG-16 is larger than VGG-19's, as the table of both says."""
    full = random_vgg(jax.random.key(1), (64, 128))
    module = VGG("vgg16", full.module.widths)
    config = replace(
        presets.crowson.objective,
        content_layers=("relu2_1",),
        style_layers=("relu1_1", "relu2_1"),
    )
    terms = replace(presets.crowson.terms, style_weights=(1.0, 1.0))
    settings = replace(presets.crowson, objective=config, terms=terms)
    found = adapted(settings, replace(full, module=module))[0].terms
    wanted = (48.86 / 50.29) ** 2, (270.2 / 379.5) ** 2
    np.testing.assert_allclose(found.style_weights, wanted, rtol=1e-5)
    np.testing.assert_allclose(found.content_weights, wanted[1:], rtol=1e-5)


def test_magnitudes_of_the_published_network_are_the_aim():
    """Of crowson's terms, which grow with the square of features."""
    settings, network = presets.crowson, narrow_network(depth=13)
    found = adapted(settings, network)[0].terms.style_weights[0]
    features = network(reference_picture(), ["relu1_1"])["relu1_1"]
    square = np.mean(np.float64(features) ** 2)
    wanted = settings.terms.style_weights[0] * (48.86 / 57) ** 2 / square
    assert found == pytest.approx(wanted, rel=1e-4)


def test_layers_of_googlenet_are_as_large_as_those_after_a_relu():
    network = network_from_weights(narrow_weights())
    features = network(reference_picture(), ["inception_3b"])["inception_3b"]
    square = np.sum(np.float64(features) ** 2)
    found = adapted(presets.mel457, network)[0]  # content at conv4_2
    wanted = 1005**2 * 512 * 32**2 / square
    assert found.terms.content_weights == (pytest.approx(wanted, rel=1e-4),)


@pytest.mark.parametrize("name", ["default", "gram", "sliced"])
def test_relative_terms_know_no_magnitude(name):
    preset = presets.get(name)
    assert adapted(preset, narrow_network())[0].terms == preset.terms


@pytest.mark.parametrize("name", ["default", "encoder-transformer", "photo"])
def test_in_a_narrow_network_the_default_has_content_at_shallow_layers_too(name):
    preset, network = presets.get(name), narrow_network()
    found, said = adapted(preset, network)
    layers = presets.NARROW_CONTENT
    assert found.objective == replace(preset.objective, content_layers=layers)
    assert adapted(found, network) == (found, said) == (found, [])
    vgg16 = adapted(preset, narrow_network("vgg16"))[0].objective.content_layers
    assert vgg16 == ("relu1_2", "relu2_2", "relu3_3", "relu4_2")


def test_what_else_is_asked_for_as_content_stays_in_a_narrow_network():
    default, network = presets.default, narrow_network()
    typed = {"objective.content_layers"}
    assert adapted(default, network, typed)[0] == default
    for config in (
        replace(default.objective, content_layers=()),  # a texture
        replace(default.objective, content_layers=("relu4_1",)),
    ):
        own = replace(default, objective=config)
        assert adapted(own, network)[0] == own
    weighed = replace(default, terms=replace(default.terms, content_weights=(2.0,)))
    for settings in (weighed, presets.gram, presets.sliced):
        assert adapted(settings, network)[0] == settings


def test_the_complete_network_has_the_default_as_it_is():
    wide = random_vgg(jax.random.key(0), (4, 4, 4, 512, 4))
    assert adapted(presets.default, wide)[0] == presets.default


def test_weights_of_layers_that_become_one_are_added():
    network = network_from_weights(narrow_weights())
    settings = replace(presets.pytorch_tutorial, magnitude=None)
    terms = replace(settings.terms, style_weights=(1.0, 2.0, 3.0, 4.0, 5.0))
    found, changes = adapted(replace(settings, terms=terms), network)
    assert found.objective.style_layers == ("conv1", "conv2", "inception_3a")
    assert found.terms.style_weights == (3.0, 7.0, 5.0)
    assert changes == ["conv1, conv2, inception_3a for the layers of VGG"]


def test_what_is_typed_stays():
    network = narrow_network("vgg16", width=4)
    settings = presets.crowson
    typed = {"terms.style_weights"}
    found = adapted(settings, network, typed)[0].terms
    assert found.style_weights == settings.terms.style_weights
    assert found.beta != settings.terms.beta and found.alpha == settings.terms.alpha
    found = adapted(settings, network, {*typed, "terms.beta"})[0].terms
    assert (found.style_weights, found.beta) == (
        settings.terms.style_weights,
        settings.terms.beta,
    )
    for layer, typed in (("relu4_4", ()), ("relu4_2", {"objective.content_layers"})):
        config = replace(settings.objective, content_layers=(layer,))
        own = replace(settings, objective=config)
        if layer == "relu4_4":
            with pytest.raises(ValueError, match="'relu4_4' is not.*relu4_3, pool4"):
                adapted(own, network, typed)
        else:
            with pytest.raises(ValueError, match="'relu4_2' is not.*inception_3b"):
                adapted(own, network_from_weights(narrow_weights()), typed)


@pytest.mark.parametrize("name", presets.NAMES)
def test_presets_name_the_magnitude_that_their_weights_have(name):
    preset = presets.get(name)
    wanted = {"keras": "caffe", "torchvision": "torchvision", None: None}
    if preset.objective.normalization == "mean255":  # torchvision's, on 0..255
        assert preset.magnitude == "caffe"
    else:
        assert preset.magnitude == wanted[preset.weights]


def test_features_divided_by_a_factor():
    network = narrow_network(width=4)
    layers = tuple(n for n in network.layers if n.startswith("relu"))
    image = picture(32, 32)
    small = divided(network, 57.0)(image, layers)
    for name, features in network(image, layers).items():
        assert jnp.abs(features).max() > 0
        np.testing.assert_allclose(small[name] * 57, features, rtol=1e-4, atol=1e-4)


def test_on_a_cpu_narrow_networks_take_float32(monkeypatch):
    config = replace(presets.gram.objective, precision="bfloat16")
    settings = replace(presets.gram, objective=config)
    narrow = narrow_network()
    found, changes = adapted(settings, narrow)
    assert found.objective == replace(settings.objective, precision="float32")
    assert len(changes) == 1 and "bfloat16 is slower" in changes[0]
    assert adapted(presets.gram, narrow) == (presets.gram, [])
    widths = (*narrow.module.widths[:-1], 512)
    wide = replace(narrow, module=narrow.module.clone(widths=widths))
    assert adapted(settings, wide) == (settings, [])
    monkeypatch.setattr(jax, "local_devices", lambda: [SimpleNamespace(platform="gpu")])
    assert adapted(settings, narrow) == (settings, [])
