"""Addresses on the web in the place of files are named as such."""

from dataclasses import replace
from pathlib import Path

import pytest

from jaxnst import cli, load_image, load_network, presets
from jaxnst._files import check_no_address
from jaxnst.cli import _app, batch, stylize
from jaxnst.cli._pairs import plan
from jaxnst.images.listing import list_pictures
from jaxnst.pipeline.inputs import init_file

ADDRESS = "https://example.org/a/b.jpg"
SAID = f"{ADDRESS} is an address on the web, which is not fetched; download it"


@pytest.mark.parametrize("path", [ADDRESS, Path(ADDRESS)])
def test_an_address_is_no_file(path):
    functions = (check_no_address, load_image, load_network)
    for function in (*functions, lambda path: list_pictures([path])):
        with pytest.raises(ValueError, match=SAID):
            function(path)


def test_a_files_address():
    with pytest.raises(ValueError, match="give the file: /home/a.png$"):
        check_no_address("file:///home/a.png")


def test_what_only_looks_like_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ab:").mkdir()
    Path("ab:/c.png").touch()
    for name in ("ab:/c.png", "C:/a.png", "a.png", "12:30/a.png", "a:b.png"):
        check_no_address(name)


@pytest.mark.parametrize(
    "line",
    [
        (ADDRESS, "s.png"),
        ("c.png", ADDRESS),
        ("c.png", "s.png", "-o", ADDRESS),
        ("--style-layers", "relu1_1", ADDRESS, "s.png"),
    ],
)
def test_command_lines(line, capsys):
    assert cli.main(["stylize", *line]) == 2
    assert SAID in capsys.readouterr().err
    assert cli.main(["https://example.org/photo", "s.png"]) == 2
    assert "is an address on the web" in capsys.readouterr().err


def test_settings_and_tables(tmp_path, monkeypatch):
    settings = presets.gram
    how = replace(settings.optimization, init=ADDRESS)
    with pytest.raises(ValueError, match=SAID):
        init_file(replace(settings, optimization=how))
    monkeypatch.chdir(tmp_path)
    Path("l.csv").write_text(f"content,style\na.png,{ADDRESS}\n")
    with pytest.raises(ValueError, match=f"l.csv, line 2: {SAID}"):
        plan("l.csv", None, None, Path("out"), ".png")
    with pytest.raises(_app.Misuse, match=SAID):
        _app.parse(batch, ["--contents", ADDRESS])
    assert _app.parse(stylize, ["a.png", "b.png"]).pictures[0] == Path("a.png")
