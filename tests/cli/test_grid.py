"""jaxnst grid: pictures, contact sheet, tables and a report from one call."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from networks import picture

import jaxnst
from jaxnst import load_image, metrics, save_image
from jaxnst.cli import _app
from jaxnst.images import read_metadata
from jaxnst.pipeline.inputs import load_for_judge, load_inputs
from scripts import driver, imported, write_network

pytestmark = pytest.mark.usefixtures("compiled_quickly")

SMALL = ("--size", "48", "--coarsest", "24", "--steps", "3", "2")


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        yield imported(patch, "grid")


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    write_network(folder / "net.h5", depth=13)
    write_network(folder / "judge.h5", depth=7, width=4, seed=5)
    save_image(folder / "c.png", picture(64, 96, 1))
    save_image(folder / "s.png", picture(60, 50, 2))
    return folder


@pytest.fixture
def drive(script, originals, tmp_path, monkeypatch, capsys):
    shutil.copytree(originals, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    run = driver(script, monkeypatch, capsys)

    def drive(*options, pictures=("c.png", "s.png")):
        return run(*pictures, "--weights", "net.h5", *SMALL, "-o", "out", *options)

    return drive


@pytest.mark.slow
def test_a_grid_with_everything_beside_it(drive):
    code, out, error = drive("--alpha", "0.5", "1", "--beta", "1", "10", "100")
    assert code == 0 and "error" not in error
    assert "out/report.html: 6 pictures" in out and "suggested: alpha" in out
    names = {path.name for path in Path("out").iterdir()}
    tables = {"sheet.png", "results.csv", "losses.csv", "report.html"}
    files = {f"alpha{a}_beta{b}.png" for a in ("0.5", "1") for b in ("1", "10", "100")}
    assert names == tables | files
    stored = read_metadata("out/alpha0.5_beta100.png")
    terms = stored["settings"]["terms"]
    assert (terms["alpha"], terms["beta"]) == (0.5, 100.0)
    with open("out/results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 and sum(row["suggested"] == "True" for row in rows) == 1
    row = next(r for r in rows if r["file"] == "alpha0.5_beta100.png")
    assert float(row["style"]) == pytest.approx(stored["final"]["style"], rel=1e-4)
    assert row["style distance"] == row["style"]  # no judge was given
    with open("out/losses.csv", newline="") as file:
        curves = list(csv.reader(file))
    assert len(curves[0]) == 7 and len(curves) == 6
    text = Path("out/report.html").read_text()
    assert text.count("data-file=") == 6 and "c as s" in text


def test_layer_weights_are_the_presets_unless_layers_are_given(script):
    def settings(*options):
        line = ["c.png", "s.png", "-o", "out", *options]
        return _app.parse(script, line).settings

    weights = jaxnst.presets.mel457.terms.style_weights
    assert settings("--preset", "mel457").terms.style_weights == weights
    other = settings("--preset", "mel457", "--style-layers", "relu1_1", "--tv", "3")
    assert other.terms.style_weights is None and other.terms.tv == 3


@pytest.mark.slow
def test_a_picture_of_the_grid_is_what_its_settings_give(drive):
    """One way in: what `--from` does with the picture makes the same one, to the
    rounding of the file (over many or long steps the two summation orders drift
    apart)."""
    assert drive("--beta", "3", "30", "--learning-rate", "0.03")[0] == 0
    stored = read_metadata("out/alpha1_beta30.png")
    settings = jaxnst.Settings.from_json(stored["settings"])
    inputs = load_inputs(settings, "c.png", ["s.png"])
    own = jaxnst.render(inputs.settings, *inputs.arguments)
    image = load_image("out/alpha1_beta30.png")
    np.testing.assert_allclose(image, own.image, rtol=0, atol=0.51 / 255)


@pytest.mark.slow
def test_judged_by_another_network(drive):
    assert drive("--beta", "3", "30", "--judge", "judge.h5")[0] == 0
    with open("out/results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    judge = jaxnst.load_network("vgg19", weights="judge.h5")
    image = load_image("out/alpha1_beta30.png")
    # In sizes of their own, as `jaxnst judge` reads them; its picture is rounded.
    scores = metrics.judge(judge, image, *load_for_judge("c.png", "s.png"))
    found = [float(rows[1][f"{name} distance"]) for name in ("style", "content")]
    np.testing.assert_allclose(found, [scores.style, scores.content], rtol=0.01)
    assert "distance, as judged" in Path("out/report.html").read_text()


@pytest.mark.slow
def test_a_finer_grid_around_the_suggestion(drive, script):
    code, out, _ = drive("--beta", "1", "10", "100", "--refine")
    assert code == 0 and out.count("suggested:") == 2
    finer = list(Path("out/refined").glob("alpha1_beta*.png"))
    assert len(finer) == 5 and Path("out/refined/report.html").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        (("--beta", "1", "1"), "--beta needs one number or more, each only once"),
        (("--beta", "-1"), "beta"),
        (("--budget", "0"), "--budget must be above 0"),
        (("--budget", "0.0001"), "the budget is 0.1 MiB"),
        (("--judge", "absent.h5"), "absent.h5"),
        (("--network", "vgg18"), "vgg18"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(options, message, drive):
    code, out, error = drive(*options)
    assert code != 0 and message in error and not list(Path("out").glob("*.png"))


def test_pictures_that_are_missing_leave_no_folder(drive):
    code, _, error = drive(pictures=("absent.png", "s.png"))
    assert code == 1 and "absent.png" in error and not Path("out").exists()


def test_pictures_are_needed(drive):
    code, _, error = drive(pictures=("c.png",))
    assert code == 2 and "give a photograph and a painting" in error
