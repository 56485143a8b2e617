"""Layers of the same depth in another network, and so many style layers."""

from pathlib import Path

import pytest
from networks import narrow_network, narrow_weights, picture

from jaxnst import Config, network_from_weights, save_image
from jaxnst.images import read_metadata
from jaxnst.losses.layers import (
    at_same_depth,
    nearest_layer,
    style_candidates,
    style_choice,
)
from jaxnst.pipeline import presets
from jaxnst.pretrained.format import write_weights
from scripts import driver, imported


@pytest.fixture(scope="module")
def googlenet():
    return network_from_weights(narrow_weights())


def test_blocks_become_stages(googlenet):
    own = at_same_depth(Config(), googlenet)
    inception = ("inception_3a", "inception_3b", "inception_4a")
    assert own.style_layers == ("conv1", "conv2", *inception)
    assert own.content_layers == ("inception_3b",)
    many = Config(style_layers=("conv1_1", "relu1_2", "conv3_1", "relu3_4"))
    assert at_same_depth(many, googlenet).style_layers == ("conv1", "inception_3a")


@pytest.mark.parametrize("name", presets.NAMES)
def test_every_preset_has_layers_that_both_know(googlenet, name):
    settings = presets.get(name)
    own = at_same_depth(settings.objective, googlenet)
    googlenet.check_layers(own.layers)
    vgg = narrow_network()
    assert at_same_depth(settings.objective, vgg) == settings.objective


def test_layers_of_its_own_stay(googlenet):
    own = Config(content_layers=("pool4",), style_layers=("conv2/3x3_reduce", "norm1"))
    assert at_same_depth(own, googlenet) == own


@pytest.mark.slow
def test_paints_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("c.png", "s.png")):
        save_image(name, picture(32, 32, seed))
    write_weights(Path("g.h5"), narrow_weights(30, variant="torchvision"))
    drive = driver(imported(monkeypatch, "stylize"), monkeypatch, capsys)
    small = ("--network", "googlenet", "--weights", "g.h5", "--size", "32")
    code, _, error = drive(
        *("c.png", "s.png", "-o", "out.png"),
        *(*small, "--preset", "gram", "--steps", "3"),
    )
    assert code == 0, error
    kept = read_metadata("out.png")
    assert "style/inception_3b" in kept["final"]
    assert kept["settings"]["objective"]["content_layers"] == ["inception_3b"]


def test_candidates_are_what_follows_a_relu(googlenet):
    vgg = narrow_network(depth=13)
    assert style_candidates(vgg)[:3] == ("relu1_1", "relu1_2", "relu2_1")
    assert len(style_candidates(vgg)) == 13 and len(style_candidates(googlenet)) == 11
    assert len(style_candidates(narrow_network())) == 16


@pytest.mark.parametrize(
    "count, where, layers",
    [
        (1, "spread", "1_1"),
        (5, "spread", "1_1 2_1 3_1 4_1 5_1"),
        (7, "spread", "1_1 1_2 2_1 2_2 3_1 4_1 5_1"),
        (10, "spread", "1_1 1_2 2_1 2_2 3_1 3_2 4_1 4_2 5_1 5_2"),
        (5, "shallow", "1_1 1_2 2_1 2_2 3_1"),
        (3, "deep", "5_2 5_3 5_4"),
    ],
)
def test_so_many_style_layers(count, where, layers):
    chosen = style_choice(narrow_network(), count, where)
    assert chosen == tuple(f"relu{name}" for name in layers.split())


def test_no_more_layers_than_there_are(googlenet):
    for where in ("spread", "shallow", "deep"):
        assert style_choice(googlenet, 99, where) == style_candidates(googlenet)
    usual = at_same_depth(Config(), googlenet).style_layers
    assert style_choice(googlenet, 5, "spread") == usual
    assert style_choice(googlenet, 6, "spread") == (*usual, "inception_4b")


@pytest.mark.parametrize("count, where", [(0, "deep"), (5, "middle"), (2.5, "deep")])
def test_what_is_no_choice_of_layers(count, where):
    with pytest.raises(ValueError):
        style_choice(narrow_network(), count, where)


VGG19, VGG16 = narrow_network().layers, narrow_network("vgg16").layers
LITE = narrow_network(depth=13).layers
INCEPTION = network_from_weights(narrow_weights()).layers


@pytest.mark.parametrize(
    "layer, layers, wanted",
    [
        ("relu4_4", VGG19, "relu4_4"),
        ("relu4_4", VGG16, "relu4_3"),
        ("relu3_4", VGG16, "relu3_3"),
        ("conv5_4", VGG16, "conv5_3"),
        ("conv4_2", VGG16, "conv4_2"),
        ("pool4", VGG16, "pool4"),
        ("relu5_3", LITE, "relu5_1"),
        ("conv5_4", LITE, "conv5_1"),
        ("relu4_4", LITE, "relu4_4"),
        ("pool5", LITE, "pool4"),
        ("relu5_1", narrow_network(depth=5).layers, "relu3_1"),
        ("relu4_4", INCEPTION, "inception_3b"),
        ("conv5_3", INCEPTION, "inception_4a"),
        ("pool4", INCEPTION, "pool4"),
        ("inception_4a", VGG16, "inception_4a"),
        ("conv2", VGG19, "conv2"),
        ("relu9_1", VGG19, "relu9_1"),
    ],
)
def test_the_layer_of_the_nearest_depth(layer, layers, wanted):
    assert nearest_layer(layer, layers) == wanted


def test_layers_that_become_one_are_named_once():
    config = Config(content_layers=("relu5_3",), style_layers=("relu5_4", "relu5_1"))
    own = at_same_depth(config, narrow_network(depth=13))
    assert own.content_layers == ("relu5_1",) and own.style_layers == ("relu5_1",)
    assert at_same_depth(config, narrow_network()) == config
