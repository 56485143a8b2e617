"""jaxnst train-decoder: reproducible, resumable, and clear about mistakes."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import load_image, save_image
from jaxnst.feedforward.model import stylize
from jaxnst.feedforward.weights_file import load_feedforward
from jaxnst.pretrained.format import read_weights
from scripts import driver, imported, write_network

pytestmark = pytest.mark.usefixtures("compiled_quickly")

ENCODER = replace(
    narrow_network(width=4, padding="reflect", depth=13), checksum="narrow"
)
HOW = ("--crop", "32", "--batch", "2")


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        yield imported(patch, "train_decoder")


@pytest.fixture
def drive(script, tmp_path, monkeypatch, capsys):
    """Trains in a folder with two photographs and two paintings, a narrow encoder."""
    monkeypatch.chdir(tmp_path)
    for folder, seeds in (("photos", (1, 2)), ("paintings", (3, 4))):
        Path(folder).mkdir()
        for seed in seeds:
            save_image(f"{folder}/{seed}.png", picture(40, 48, seed))
    own = script.load_network
    monkeypatch.setattr(
        script,
        "load_network",
        lambda name: ENCODER if name == "vgg19-lite" else own(name),
    )
    run = driver(script, monkeypatch, capsys)

    def drive(*options, out="f.h5", paintings=("--styles", "paintings")):
        given = ("--contents", "photos", *paintings, *HOW, "--steps", "12")
        return run(*given, "-o", out, *options)

    return drive


@pytest.mark.slow
def test_trains_and_writes_what_one_pass_reads(drive, tmp_path):
    looks = ("--samples", "s.png", "--losses", "l.csv", "--plot", "l.png")
    code, out, error = drive("--every", "6", *looks)
    assert (code, error) == (0, "")
    weights = read_weights("f.h5")
    assert f"sha256 {weights.checksum}" in out
    made = json.loads(weights.notes["training"])
    assert made["steps"] == 12 and made["matching"] == "transport"
    assert made["encoder"] == made["network"] == "narrow" and made["start"] == ""
    model = load_feedforward("f.h5", encoder=ENCODER)
    painted = stylize(model, picture(24, 32, 5), picture(24, 32, 6))
    assert np.isfinite(painted).all()
    rows = np.genfromtxt("l.csv", delimiter=",", names=True)
    assert rows.dtype.names[:2] == ("step", "loss") and len(rows) == 12
    sheet = load_image("s.png")  # two batches of two pairs, three pictures each
    assert sheet.shape[0] > 4 * 190 and sheet.shape[1] > 3 * 190
    assert Path("l.png").stat().st_size > 1000
    assert not list(tmp_path.glob("*.state")) and not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_goes_on_as_if_it_had_not_been_stopped(drive, script, monkeypatch):
    assert drive(out="whole.h5")[0] == 0
    advance = script.DecoderTraining.advance

    def interrupted(self, steps):
        if self.state["step"] == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return advance(self, steps)

    monkeypatch.setattr("jaxnst.cli._train.FETCH", 2)
    with monkeypatch.context() as patch:
        patch.setattr(script.DecoderTraining, "advance", interrupted)
        code, _, error = drive("--every", "2")
    assert code == 130 and "interrupted after 6 steps" in error
    assert not Path("f.h5").exists() and Path("f.h5.state").exists()
    code, _, error = drive("--beta", "3")
    assert code == 1 and "with other beta" in error and "rm f.h5.state" in error
    code, _, error = drive("--every", "5")
    assert code == 0 and "going on from step 6" in error
    assert Path("f.h5").read_bytes() == Path("whole.h5").read_bytes()


@pytest.mark.slow
def test_one_painting_alone_from_an_earlier_training(drive):
    assert drive(out="first.h5")[0] == 0
    one = ("--style", "paintings/3.png")
    code, _, error = drive("--start", "first.h5", paintings=one, out="second.h5")
    assert (code, error) == (0, "")
    first, second = read_weights("first.h5"), read_weights("second.h5")
    assert json.loads(second.notes["training"])["start"] == first.checksum
    assert second.source.endswith("for 3.png")
    kernels = [w.tensors["conv3_1/conv"]["kernel"] for w in (first, second)]
    assert 0 < np.abs(kernels[0] - kernels[1]).max() < 0.1


@pytest.mark.parametrize(
    "options, message",
    [
        (("--crop", "16"), "crop must be at least 32"),
        (("--crop", "41"), "crops need 41"),
        (("--steps", "0"), "steps must be at least 1"),
        (("--leaves", "3"), "leaves must be from 0 to batch"),
        (("--every", "0"), "--every must be at least 1"),
        (("--plot", "x.gif"), ".png, .svg or .pdf"),
        (("--losses", "no/l.csv"), "no/l.csv"),
        (("--losses", "l.txt"), "--losses writes a .csv file"),
        (("--samples", "s.txt"), "unknown suffix"),
        (("--network", "absent.h5"), "absent.h5"),
        (("--start", "net.h5"), "not of a one-pass network"),
        (
            ("--style", "paintings/3.png"),
            "a folder of paintings (--styles DIR), or one",
        ),
        (("--matching", "linear"), "matching"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(options, message, drive):
    write_network(Path("net.h5"), depth=3)
    code, out, error = drive(*options)
    assert code != 0 and message in error and error.count("error") == 1
    assert not Path("f.h5").exists()


def test_no_paintings(drive):
    code, _, error = drive(paintings=())
    assert code == 2 and "--style FILE" in error
