"""jaxnst grid: what it has is written, whatever becomes of files, disks and Ctrl-C."""

import csv
import errno
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from networks import picture

import jaxnst
from jaxnst import Result, images, metrics, save_image
from jaxnst.images import read_metadata
from jaxnst.optimize.result import Progress
from jaxnst.reports import grid_report
from scripts import driver, imported, write_network

LINE = ("c.png", "s.png", "--weights", "net.h5", "--size", "48", "--preset", "gram")
LINE += ("--steps", "4", "-o", "out", "--beta", "1", "2", "4")


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    write_network(folder / "net.h5", depth=13)
    write_network(folder / "shallow.h5", depth=2)
    save_image(folder / "c.png", picture(64, 96, 1))
    save_image(folder / "s.png", picture(60, 50, 2))
    return folder


@pytest.fixture
def drive(originals, tmp_path, monkeypatch, capsys):
    shutil.copytree(originals, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(grid_report, "_plots", lambda grid: {})
    return driver(imported(monkeypatch, "grid"), monkeypatch, capsys)


@pytest.fixture
def during(monkeypatch):
    """What happens in the middle of the run, in which nothing is optimised: Ctrl-C
    ends it when one picture is done, one half done and the others are not begun."""
    events = []

    def render_grid(settings, network, content, styles, *, callback, **given):
        shape = len(given["alphas"]), len(given["betas"])
        trace = {
            name: np.random.default_rng(1).random((*shape, 4), np.float32)
            for name in ("loss", "content", "style")
        }
        for event in events:
            event()
        told = Progress(6, 12, dict.fromkeys(trace, 1.0), 0.1, None, None)
        if callback(told):
            for values in trace.values():
                values[:, 1, 2:] = np.nan
                values[:, 2:] = np.nan
        image = np.broadcast_to(content, (*shape, *content.shape))
        return Result(image, trace, 4, np.ones(shape, bool), 0.1, None)

    monkeypatch.setattr(jaxnst, "render_grid", render_grid)
    return events


def never(monkeypatch):
    def render_grid(*_, **__):
        pytest.fail("it was begun")

    monkeypatch.setattr(jaxnst, "render_grid", render_grid)


def test_the_files_may_go_while_the_run_goes_on(drive, during, monkeypatch):
    def judge(network, image, photograph, painting):
        assert photograph.shape[:2] == (171, 256) and painting.shape[:2] == (256, 213)
        return metrics.Scores(0.5, 0.25, 0.625)

    monkeypatch.setattr(metrics, "judge", judge)
    monkeypatch.setattr(metrics, "check_judge", lambda *_: None)
    during.append(lambda: [Path(f"{name}.png").unlink() for name in "cs"])
    code, out, error = drive(*LINE, "--judge", "net.h5")
    assert (code, error) == (0, "") and "3 pictures" in out
    assert set(read_metadata("out/alpha1_beta2.png")["sha256"]) == {"c.png", "s.png"}
    assert Path("out/report.html").read_text().count("data-file=") == 3


def test_ctrl_c_writes_what_there_is(drive, during):
    during.append(lambda: signal.raise_signal(signal.SIGINT))
    code, out, error = drive(*LINE, "--refine")
    assert code == 130 and "interrupted; 2 of 3 pictures, as far as they came" in error
    names = {path.name for path in Path("out").iterdir()}
    tables = {"sheet.png", "results.csv", "losses.csv", "report.html"}
    assert names == tables | {"alpha1_beta1.png", "alpha1_beta2.png"}
    steps = [read_metadata(f"out/alpha1_beta{b}.png")["steps"] for b in (1, 2)]
    assert steps == [4, 2]
    with open("out/results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["alpha1_beta1.png", "alpha1_beta2.png"]
    assert all(np.isfinite(float(row["style distance"])) for row in rows)
    text = Path("out/report.html").read_text()
    assert text.count("data-file=") == 2 and "nan" not in text


def test_ctrl_c_before_there_is_anything(drive, during, monkeypatch):
    def render_grid(settings, network, content, styles, *, callback, **_):
        signal.raise_signal(signal.SIGINT)
        assert callback(Progress(0, 1, {}, 0.1, None, None))
        nothing = np.full((1, 3, 4), np.nan)
        trace = dict.fromkeys(("loss", "content", "style"), nothing)
        return Result(None, trace, 4, np.ones((1, 3), bool), 0.1, None)

    monkeypatch.setattr(jaxnst, "render_grid", render_grid)
    code, out, error = drive(*LINE)
    assert code == 130 and error.endswith("error: interrupted\n")
    assert not list(Path("out").iterdir())


@pytest.mark.parametrize("what", ["full", "gone"])
def test_a_folder_that_cannot_be_written_at_the_end(
    what, drive, during, monkeypatch, tmp_path
):
    own = images.save_image

    def save(path, *arguments, **options):
        if Path("out") in path.parents:
            raise OSError(errno.ENOSPC, "No space left on device")
        own(path, *arguments, **options)

    if what == "full":
        monkeypatch.setattr(images, "save_image", save)
    else:
        Path("stick").mkdir()
        during.append(lambda: shutil.rmtree("stick"))
    folder = "out" if what == "full" else "stick/out"
    code, out, error = drive(*LINE, "-o", folder)
    (elsewhere,) = {path.parent for path in tmp_path.rglob("report.html")}
    assert code == 1 and f"saved as {elsewhere}" in error
    assert out.startswith(f"{elsewhere}/report.html: 3 pictures")
    assert (elsewhere / "alpha1_beta4.png").exists()


def test_values_that_look_the_same_have_files_of_their_own(drive, during):
    betas = ("1.0000001", "1.0000002", "3")
    assert drive(*LINE, "--beta", *betas)[0] == 0
    names = {path.name for path in Path("out").glob("alpha*.png")}
    assert names == {"alpha1_beta1.0000001.png", "alpha1_beta1.0000002.png",
                     "alpha1_beta3.0.png"}  # fmt: skip
    with open("out/losses.csv", newline="") as file:
        assert len(next(csv.reader(file))) == 4


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("out/alpha1_beta2.png", ()),
        ("out/sheet.png", ()),
        ("out/refined/any.png", ("--refine",)),
    ],
)
def test_inputs_are_not_overwritten(name, options, drive, monkeypatch):
    never(monkeypatch)
    Path(name).parent.mkdir(parents=True)
    shutil.copy("c.png", name)
    before = Path(name).read_bytes()
    code, out, error = drive(name, *LINE[1:], *options)
    assert (code, out) == (1, "") and error.count("\n") == 1
    assert "would be overwritten" in error or "lies in out/refined" in error
    assert Path(name).read_bytes() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--judge", "shallow.h5"), "layer 'relu2_1' is not in this vgg19"),
        (("-o", "c.png"), "file of that name"),
        ((), "are free; free some space"),
    ],
)
def test_what_would_fail_at_the_end_fails_before_the_work(
    options, said, drive, monkeypatch
):
    never(monkeypatch)
    usage = type("Usage", (), {"free": 3000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    code, out, error = drive(*LINE, *options)
    assert (code, out) == (1, "") and said in error


def test_a_name_that_is_no_text_is_shown_with_replacements(drive, during):
    os.rename("c.png", b"caf\xe9.png")
    name = os.fsdecode(b"caf\xe9.png")
    code, _, error = drive(name, *LINE[1:])
    assert (code, error) == (0, "")
    assert "<h1>caf? as s</h1>" in Path("out/report.html").read_text("utf-8")
    assert read_metadata("out/alpha1_beta1.png")["content"] == name


def test_a_photograph_that_is_the_painting_too(drive, during):
    assert drive("c.png", "c.png", *LINE[2:])[0] == 0
    stored = read_metadata("out/alpha1_beta1.png")
    assert (stored["content"], stored["styles"]) == ("c.png", ["c.png"])
