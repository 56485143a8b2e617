"""scripts/measure/compare_presets.py: presets side by side in one network."""

import csv
from pathlib import Path

import numpy as np
import pytest
from networks import picture

from jaxnst import load_image, save_image
from jaxnst.images import read_metadata
from scripts import driver, imported, write_network

pytestmark = pytest.mark.usefixtures("compiled_quickly")


@pytest.fixture
def drive(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("abxy"):
        save_image(f"{name}.png", picture(40, 48, seed))
    write_network(Path("own.h5"), depth=13)
    write_network(Path("judge.h5"), depth=7, width=4, seed=9)
    write_network(Path("other.h5"), architecture="vgg16", depth=7, width=4, seed=8)
    return driver(imported(monkeypatch, "compare_presets"), monkeypatch, capsys)


@pytest.mark.slow
def test_presets_side_by_side(drive):
    given = ("a.png", "x.png", "b.png", "y.png", "--weights", "own.h5")
    how = ("--judge", "judge.h5", "other.h5", "--size", "32", "-o", "out")
    code, out, error = drive(*given, *how, "--presets", "default", "gram")
    assert code == 0, error
    rows = [r.split("|")[1:-1] for r in out.splitlines() if r[:2] == "| "][2:]
    pairs = [row for row in rows if "mean" not in row[1]]
    assert [(row[0].strip(), row[1].strip()) for row in pairs] == [
        (preset, pair) for preset in ("default", "gram") for pair in ("a × x", "b × y")
    ]
    means = [row for row in rows if "s a picture" in row[1]]
    for name, row in zip(("default", "gram"), means, strict=True):
        own = [[float(c) for c in r[2:]] for r in pairs if r[0].strip() == name]
        numbers = [float(cell) for cell in row[2:]]
        assert len(numbers) == 2 * 3
        np.testing.assert_allclose(numbers, np.mean(own, 0), atol=1.1e-3)
    with open("out/scores.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["judge"] for row in table] == ["judge"] * 4 + ["other"] * 4
    for row, *by_judge in zip(pairs, table[:4], table[4:], strict=True):
        wanted = [
            float(r[name]) for r in by_judge for name in ("style", "content", "q")
        ]
        np.testing.assert_allclose(np.float64(row[2:]), wanted, atol=1e-3)
    kept = read_metadata("out/gram/b_y.png")["settings"]
    assert kept["preset"] == "gram" and kept["geometry"]["size"] == 32
    assert load_image("out/sheet.png").shape[1] > 4 * 300


def test_presets_have_a_network_of_their_kind(drive, monkeypatch):
    write_network(Path("vgg16.h5"), architecture="vgg16", width=8)
    script = imported(monkeypatch, "compare_presets")
    given = script.Arguments(
        pictures=(Path("a.png"), Path("x.png")),
        presets=("default", "vgg16-adam", "gatys2016", "strotss"),
        weights=("own.h5", "vgg16.h5"),
        judge=("judge.h5",),
        output=Path("out"),
    )
    kinds = ["vgg19", "vgg16", "vgg19", "vgg16"]
    found = script.make_candidates(given)
    assert [c.network.module.architecture for c in found] == kinds
    assert {c.settings.geometry.size for c in found} == {256}


def test_what_is_wrong_is_said_in_a_line(drive):
    how = ("--judge", "judge.h5", "--weights", "own.h5", "-o", "out")
    for given, said in (
        (("a.png",), "in turn"),
        (("a.png", "x.png", "--presets", "default", "default"), "none of them twice"),
        (("a.png", "x.png", "--presets", "best"), "'best'"),
    ):
        code, _, error = drive(*given, *how)
        assert code == 1 and said in error and error.count("\n") == 1
    assert not Path("out").exists()
