"""`jaxnst study`: one command, a report whose numbers are those of the runs."""

import csv
import html
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from loops import loops_compiled
from networks import narrow_weights, picture

from jaxnst import load_image, save_image
from jaxnst.pretrained.format import write_weights
from scripts import driver, imported, write_network

SMALL = ("--size", "64", "--shown", "2", "4", "--style-layers", "5", "3-deep")
ONE = ("--networks", "net.h5", "--starts", "content", "--presets")


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        yield imported(patch, "study")


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    write_network(folder / "net.h5", depth=13, width=4)
    write_network(folder / "judge.h5", depth=7, width=4, seed=5)
    write_weights(folder / "inception.h5", narrow_weights())
    save_image(folder / "c.png", picture(64, 72, 1))
    save_image(folder / "s.png", picture(80, 64, 2))
    return folder


@pytest.fixture
def drive(script, originals, tmp_path, monkeypatch, capsys):
    shutil.copytree(originals, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAXNST_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    monkeypatch.setattr("jaxnst.pretrained.sources._repository_folder", lambda: None)
    (tmp_path / "none").mkdir()
    run = driver(script, monkeypatch, capsys)
    return lambda *options: run("c.png", "s.png", "-o", "out", *SMALL, *options)


def tables(text: str) -> dict[str, list[list[str]]]:
    """Cells of every table of numbers, by caption."""
    found = {}
    for table in re.findall(r'<table class="numbers">(.*?)</table>', text):
        caption = re.search(r"<caption>(.*?)</caption>", table)
        rows = re.findall(r"<tr>(.*?)</tr>", table)
        cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
        found[html.unescape(caption[1]) if caption else ""] = cells
    return found


@pytest.mark.slow
def test_the_report_has_the_numbers_of_the_runs(drive, script, monkeypatch):
    given = ("--networks", "net.h5", "inception.h5", "vgg16", "--beta", "10", "1000")
    given += ("--judge", "judge.h5", "--presets", "vgg16-adam", "--full")
    monkeypatch.setattr("jaxnst.pipeline.presets.vgg16_adam", brief("vgg16_adam"))
    compiled = loops_compiled()
    code, out, error = drive(*given)
    assert code == 0, error
    assert "out/report.html: 24 pictures of 2 networks" in out
    text = Path("out/report.html").read_text()
    numbers = tables(text)
    with open("out/losses.csv", newline="") as file:
        losses = list(csv.DictReader(file))
    for start in ("content", "noise"):
        head, *rows = numbers[f"Losses, started from {start}"]
        assert head[1:] == ["2 steps", "4 steps"] and len(rows) == 4
        for name, *cells in rows:
            network, term = name.split(", ")
            traced = [
                float(row[term])
                for row in losses
                if (row["network"], row["start"]) == (network, start)
                and row["step"] in ("2", "4")
            ]
            np.testing.assert_allclose(np.float64(cells), traced, rtol=1e-3)
    with open("out/scores.csv", newline="") as file:
        scores = list(csv.DictReader(file))
    assert len(scores) == 24
    # For each network a loop for single pictures and one for the grid, of all starts.
    assert loops_compiled() - compiled <= 2 * 2 + 1  # and that of the preset
    usual = next(
        row
        for row in scores
        if (row["network"], row["start"], row["beta"]) == ("net", "noise", "100")
        and row["layers"] == "5 layers"
    )
    judged = {row[0]: row[1:] for row in numbers["Judged by judge"]}
    wanted = [float(usual[f"{n}, judge"]) for n in ("style", "content", "Q")]
    # The single run and that of the grid are compiled apart.
    np.testing.assert_allclose(np.float64(judged["net, from noise"]), wanted, atol=0.02)
    assert "vgg16: its weights are not at hand" in text
    assert "in the place of vgg16" in text and "are not comparable" in text
    for name in ("steps", "layers", "weights", "presets"):
        assert load_image(f"out/{name}.png").std() > 0.01


def brief(name: str):
    """A preset of fewer steps at a smaller size."""
    from dataclasses import replace

    from jaxnst.pipeline import presets

    given = getattr(presets, name)
    return replace(
        given,
        geometry=replace(given.geometry, size=64),
        optimization=replace(given.optimization, steps=(3,)),
    )


@pytest.mark.slow
def test_what_is_there_is_not_painted_again(drive, script, monkeypatch):
    assert drive(*ONE)[0] == 0
    cached = {path: path.stat().st_mtime_ns for path in Path("out/kept").iterdir()}
    page = Path("out/report.html").read_text()
    assert len(cached) == 2 and "No judge was given" in page
    Path("out/report.html").unlink()
    assert drive(*ONE)[0] == 0
    assert cached == {p: p.stat().st_mtime_ns for p in Path("out/kept").iterdir()}
    assert Path("out/report.html").read_text() == page
    assert drive(*ONE, "--beta", "5")[0] == 0  # another grid, the same single run
    changed = [p.name for p in cached if p.stat().st_mtime_ns != cached[p]]
    assert changed == ["net_grid.npz"]


@pytest.mark.slow
def test_every_picture_is_a_file_that_can_be_made_again(drive):
    from jaxnst.images import read_metadata

    assert drive(*ONE, "--beta", "10")[0] == 0
    files = sorted(path.name for path in Path("out/pictures").iterdir())
    assert files == [
        "net_content_3-deep_alpha1_beta100.png",
        "net_content_5-layers_alpha1_beta10.png",
        "net_content_5-layers_alpha1_beta100.png",
    ]
    stored = read_metadata(f"out/pictures/{files[0]}")
    assert stored["settings"]["objective"]["style_layers"] == [
        "relu4_3",
        "relu4_4",
        "relu5_1",
    ]
    assert stored["settings"]["terms"]["beta"] == 100
    json.dumps(stored)


@pytest.mark.parametrize(
    "options, message",
    [
        (("--beta", "0"), "beta must be numbers above 0"),
        (("--beta", "nan"), "beta must be numbers above 0"),
        (("--shown", "0"), "shown must be numbers of steps from 1"),
        (("--shown", "4", "4"), "shown needs one or more, each only once"),
        (("--starts", "painting"), "choose one of: content, noise, style"),
        (("--style-layers", "all"), "'all' is no choice of style layers"),
        (("--networks", "vgg16"), "no network is at hand"),
        (("--networks", "absent.h5"), "absent.h5"),
        (("--networks", "c.png"), "c.png"),
        (("--judge", "absent.h5"), "absent.h5"),
        (("--presets", "van-gogh"), "van-gogh"),
        (("--preset", "van-gogh"), "van-gogh"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(options, message, drive):
    given = () if "--networks" in options else ("--networks", "net.h5")
    code, _, error = drive(*given, *options)
    assert code != 0 and message in error and len(error.strip().splitlines()) == 1
    assert not list(Path("out").glob("*.html"))
