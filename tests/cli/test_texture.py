"""jaxnst texture: pictures out, and one line for what went wrong."""

import json

import numpy as np
import pytest
from networks import picture

from jaxnst import load_image, save_image
from jaxnst.cli import texture
from jaxnst.cli._parser import Misuse
from jaxnst.images import read_metadata
from scripts import driver, imported, write_network

WITH = ("--weights", "net.h5", "--preset", "gram", "--steps", "2")


@pytest.fixture
def drive(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_network("net.h5", depth=13)
    save_image("s.png", picture(48, 64, 1))
    save_image("t.png", picture(40, 40, 2))
    save_image("s_00001.jpg", picture(40, 40, 3))
    return driver(imported(monkeypatch, "texture"), monkeypatch, capsys)


def test_a_texture(drive, tmp_path):
    code, out, said = drive("s.png", *WITH, "--size", "96x64", "--json")
    assert code == 0, said
    facts = json.loads(out)
    assert facts["output"] == "s-texture.png" and facts["tileable"] is False
    assert load_image("s-texture.png").shape == (64, 96, 3)
    stored = read_metadata("s-texture.png")
    assert stored["content"] is None and stored["styles"] == ["s.png"]
    assert set(stored["sha256"]) == {"s.png"}
    code, out, _ = drive("s.png", *WITH, "--size", "96x64", "--json")
    assert json.loads(out)["output"] == "s-texture-2.png"
    first, second = (tmp_path / f"s-texture{n}.png" for n in ("", "-2"))
    np.testing.assert_array_equal(load_image(first), load_image(second))
    drive("s.png", *WITH, "--size", "96x64", "--seed", "1", "-o", "other.png")
    assert np.abs(load_image("other.png") - load_image(first)).max() > 0.1


@pytest.mark.slow
def test_two_paintings_without_seams(drive):
    line = ("s.png", "t.png", "--style-mix", "2", "1", *WITH, "--tileable")
    code, _, said = drive(*line, "--size", "64", "-o", "a.jpg", "--every", "2")
    assert code == 0, said
    assert load_image("a.jpg").shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ((), "give a painting"),
        (("s.png", "--size", "0x4"), "--size must be such as 1024x512"),
        (("s.png", "--size", "large"), "--size must be such as 1024x512"),
        (("s.png", "--size", "99999x99999"), "more than"),
        (("s.png", "--size", "65", "--tileable"), "take 64 x 64"),
        (("s.png", "-o", "s.png"), "s.png"),
        (("s_00001.jpg", "--every", "1", "-o", "s.jpg"), "s_00001"),
        (("gone.png",), "gone.png"),
        (("s.png", "--init", "t.png"), "--init of a texture must be one of"),
        (("s.png", "--every", "0"), "--every must be at least 1"),
    ],
)
def test_what_cannot_be_made(drive, tmp_path, line, words):
    before = (tmp_path / "s.png").read_bytes()
    code, _, said = drive(*line, *WITH)
    assert code in (1, 2) and words in said and len(said.splitlines()) <= 2
    assert (tmp_path / "s.png").read_bytes() == before
    assert not list(tmp_path.glob("s-texture*"))


def test_sizes():
    assert texture.parse_size("1024x512") == (512, 1024)
    assert texture.parse_size("300") == (300, 300)
    with pytest.raises(Misuse):
        texture.parse_size("3x4x5")


def test_a_texture_is_no_picture_to_make_again(drive, monkeypatch, capsys):
    assert drive("s.png", *WITH, "--size", "64", "-o", "a.png")[0] == 0
    stylize = driver(imported(monkeypatch, "stylize"), monkeypatch, capsys)
    code, _, said = stylize("--from", "a.png", "-o", "b.png")
    assert code in (1, 2) and "a.png" in said and len(said.splitlines()) == 1
