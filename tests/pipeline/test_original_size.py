"""Size "original": the photograph's own, as a number from where it is known."""

from dataclasses import replace

import pytest
from networks import narrow_network, picture

from jaxnst import render_batch, save_image
from jaxnst.cli import _app, stylize
from jaxnst.losses.config import Config
from jaxnst.pipeline import inputs
from jaxnst.pipeline.run import prepare
from jaxnst.pipeline.settings import Geometry, Settings

NETWORK = narrow_network(depth=3)
SETTINGS = Settings(
    network="vgg19",
    objective=Config(content_layers=("relu2_1",), style_layers=("relu1_1",)),
    geometry=Geometry(size="original", min_size=16),
)


@pytest.mark.parametrize(
    ("fit", "number"), [("long", 40), ("short", 30), ("height", 30), ("square", 40)]
)
def test_it_is_the_side_that_fit_names(fit, number):
    geometry = Geometry(size="original", fit=fit)
    assert geometry.of_photograph(30, 40) == Geometry(size=number, fit=fit)
    wanted = (40, 40) if fit == "square" else (30, 40)
    assert geometry.content_size(30, 40) == wanted


def test_it_needs_a_photograph():
    with pytest.raises(ValueError, match=r"geometry.of_photograph\(height, width\)"):
        SETTINGS.geometry.levels()
    assert Geometry(size=9).of_photograph(30, 40) == Geometry(size=9)
    with pytest.raises(TypeError, match="size must be a number"):
        Geometry(size="largest")


def test_it_can_be_stored():
    assert Settings.from_json(SETTINGS.to_json()) == SETTINGS
    for size in ("largest", None, 2.5, True):
        with pytest.raises(ValueError, match="size cannot be"):
            Settings.from_json({"geometry": {"size": size}})


def test_runs_know_the_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(24, 36, 1))
    save_image("s.png", picture(30, 20, 2))
    monkeypatch.setattr(
        inputs, "open_network", lambda settings, typed: (settings, NETWORK, "")
    )
    loaded = inputs.load_inputs(SETTINGS, "c.png", ["s.png"])
    assert loaded.settings.geometry.size == 36
    assert loaded.content.shape == (24, 36, 3) and loaded.levels == (0.5, 1)
    prepared = prepare(SETTINGS, NETWORK, picture(24, 36, 1), [picture(30, 20, 2)])
    assert prepared.content.shape == (24, 36, 3)
    assert prepared.styles[0].shape == (36, 24, 3)
    assert prepared.options["levels"] == (0.5, 1)


def test_a_picture_to_start_from_is_resized_with_a_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(24, 36, 1))
    save_image("start.png", picture(20, 20, 2))
    monkeypatch.setattr(
        inputs, "open_network", lambda settings, typed: (settings, NETWORK, "")
    )
    for start, line in [
        ("start.png", "start.png is 20 x 20 pixels, resized to 36 x 24"),
        ("c.png", ""),
    ]:
        how = replace(SETTINGS.optimization, init=start)
        settings = replace(SETTINGS, optimization=how)
        loaded = inputs.load_inputs(settings, "c.png", ["c.png"])
        assert loaded.notice == line and loaded.init.shape == (24, 36, 3)


def test_a_batch_is_of_the_same_levels():
    pictures = [picture(24, 32, 1), picture(24, 30, 2)]
    with pytest.raises(ValueError, match="differ in their levels"):
        render_batch(SETTINGS, NETWORK, pictures, pictures, multiple=8)


def test_the_command_line_takes_the_word_and_numbers():
    def size(text):
        line = ["a.png", "b.png", "--size", text]
        return _app.parse(stylize, line).settings.geometry.size

    assert size("Original") == "original" and size("300") == 300
    with pytest.raises(_app.Misuse, match="--size: invalid int or original value"):
        size("largest")
