"""Pictures and options that take several values, in any order."""

from pathlib import Path

import pytest

from jaxnst.cli import _app, judge, stylize, train_network
from jaxnst.cli._order import lists_last
from jaxnst.cli._parser import Misuse


def parsed(line, module=stylize):
    return _app.parse(module, line.split())


@pytest.mark.parametrize(
    "line",
    [
        "a.jpg b.jpg --style-layers relu1_1 relu2_1 --steps 6 5",
        "--style-layers relu1_1 relu2_1 a.jpg b.jpg --steps 6 5",
        "--style-layers relu1_1 relu2_1 --steps 6 5 a.jpg b.jpg",
        "a.jpg --style-layers relu1_1 relu2_1 b.jpg --steps 6 5",
        "--steps 6 5 a.jpg --style-layers relu1_1 relu2_1 b.jpg",
    ],
)
def test_any_order(line):
    arguments = parsed(line + " --beta 3 -o out.png --preset gram")
    assert arguments.pictures == (Path("a.jpg"), Path("b.jpg"))
    settings = arguments.settings
    assert settings.objective.style_layers == ("relu1_1", "relu2_1")
    assert settings.optimization.steps == (6, 5)
    assert settings.terms.beta == 3 and arguments.output == Path("out.png")


def test_masks_are_values():
    arguments = parsed("a.jpg b.jpg c.jpg --style-mask m.png n.png --steps 5")
    assert arguments.settings.masks.style_mask == ("m.png", "n.png")
    assert arguments.pictures == (Path("a.jpg"), Path("b.jpg"), Path("c.jpg"))


@pytest.mark.parametrize("picture", ["-", "/dev/fd/63", "A.JPG", "x.avif"])
def test_what_is_a_picture(picture):
    line = f"--steps 4 {picture} b.png"
    assert parsed(line).pictures == (Path(picture), Path("b.png"))


def test_files_without_a_suffix(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photo").touch()
    assert parsed("--steps 4 photo b.png").pictures[0] == Path("photo")
    with pytest.raises(Misuse, match="invalid int value: .absent"):
        parsed("--steps 4 absent b.png")


def test_the_first_word_is_a_value():
    message = "invalid int value: 'a.jpg'; pictures stand before options"
    with pytest.raises(Misuse, match=message):
        parsed("--steps a.jpg b.jpg")


def test_judges_are_no_pictures():
    arguments = parsed("--judge vgg16 own.h5 a.png b.png c.png --quiet", judge)
    assert arguments.judge == ("vgg16", "own.h5")
    assert (arguments.result, arguments.style) == (Path("a.png"), Path("c.png"))


def test_negative_numbers_stay_where_they_are():
    words = "--style-mix -1 2 a.jpg b.jpg -o x".split()
    options = _app.options(stylize, None)
    assert lists_last(words, options) == "a.jpg b.jpg -o x --style-mix -1 2".split()
    assert lists_last(["--", *words], options) == ["--", *words]


def test_a_list_by_its_place(tmp_path):
    line = f"{tmp_path} more --teacher t.h5 -o o.h5"
    assert parsed(line, train_network).folders == (tmp_path, Path("more"))
