"""GoogLeNet's layers in the place of VGG's."""

from pathlib import Path

import pytest
from networks import narrow_network, picture
from test_googlenet import narrow_weights

from jaxnst import Config, network_from_weights, presets, save_image
from jaxnst.depths import at_same_depth
from jaxnst.images import read_metadata
from jaxnst.weights import write_weights
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


def test_paints_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("c.png", "s.png")):
        save_image(name, picture(32, 32, seed))
    write_weights(Path("g.h5"), narrow_weights(30, variant="torchvision"))
    drive = driver(imported(monkeypatch, "stylize"), monkeypatch, capsys)
    small = ("--network", "googlenet", "--weights", "g.h5", "--size", "32")
    code, _, error = drive("c.png", "s.png", *small, "--preset", "gram", "--steps", "3")
    assert code == 0, error
    kept = read_metadata("out.png")
    assert "style/inception_3b" in kept["final"]
    assert kept["settings"]["objective"]["content_layers"] == ["inception_3b"]
