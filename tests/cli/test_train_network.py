"""jaxnst train-network: reproducible, resumable, and clear about what is wrong."""

import json
import os
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest
from networks import picture

from jaxnst import load_network, save_image
from jaxnst.pretrained.format import read_weights
from scripts import driver, imported, write_network

pytestmark = pytest.mark.usefixtures("compiled_quickly")

HOW = ("--widths", "2", "3", "3", "--crop", "16", "--batch", "2", "--leaves", "1")


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        yield imported(patch, "train_network")


@pytest.fixture
def drive(script, tmp_path, monkeypatch, capsys):
    """Trains in a folder with two pictures and a teacher."""
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    for seed in (1, 2):
        save_image(f"pictures/{seed}.png", picture(40, 30, seed))
    write_network(Path("teacher.h5"), depth=13, width=4, seed=1)
    run = driver(script, monkeypatch, capsys)
    given = ("pictures", "--teacher", "teacher.h5", *HOW)

    def drive(*options, out="lite.h5"):
        return run(*given, "--steps", "30", "-o", out, *options)

    return drive


@pytest.mark.slow
def test_trains_and_writes_a_network(drive, tmp_path):
    code, out, error = drive("--losses", "l.csv", "--plot", "l.png")
    assert (code, error) == (0, "")
    weights = read_weights("lite.h5")
    assert f"sha256 {weights.checksum}" in out and "relu3_1: " in out
    assert weights.padding == "reflect" and "Apache-2.0" in weights.license
    made = json.loads(weights.notes["training"])
    assert made["widths"] == [2, 3, 3] and made["seed"] == 0 and made["steps"] == 30
    assert made["teacher"] == read_weights("teacher.h5").checksum
    with h5py.File("lite.h5") as file:
        assert file["conv1_1/kernel"].dtype == np.float16
    network = load_network("vgg19", weights="lite.h5")
    assert network(picture(16, 16), ["relu3_1"])["relu3_1"].shape == (4, 4, 3)
    rows = np.genfromtxt("l.csv", delimiter=",", names=True)
    assert rows.dtype.names[:3] == ("step", "loss", "layerrelu1_1")
    assert len(rows) == 30 and np.ptp(rows["loss"]) > 0.1
    assert Path("l.png").stat().st_size > 1000
    assert not list(tmp_path.glob("*.state")) and not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_goes_on_as_if_it_had_not_been_stopped(drive, script, monkeypatch):
    assert drive(out="whole.h5")[0] == 0
    advance = script.StudentTraining.advance

    def interrupted(self, steps):
        if self.state["step"] == 10:
            os.kill(os.getpid(), signal.SIGINT)
        return advance(self, steps)

    monkeypatch.setattr(script.StudentTraining, "advance", interrupted)
    monkeypatch.setattr("jaxnst.cli._train.FETCH", 5)
    code, _, error = drive("--every", "5", "--losses", "l.csv")
    assert code == 130 and "interrupted after 15 steps" in error
    assert not Path("lite.h5").exists() and Path("lite.h5.state").exists()
    assert len(Path("l.csv").read_text().splitlines()) == 16
    monkeypatch.setattr(script.StudentTraining, "advance", advance)
    code, _, error = drive("--every", "7", "--losses", "l.csv")
    assert code == 0 and "going on from step 15" in error
    assert Path("lite.h5").read_bytes() == Path("whole.h5").read_bytes()
    assert len(Path("l.csv").read_text().splitlines()) == 31


@pytest.mark.slow
def test_another_seed_is_another_network(drive):
    assert drive()[0] == drive("--seed", "1", out="other.h5")[0] == 0
    assert Path("lite.h5").read_bytes() != Path("other.h5").read_bytes()


@pytest.fixture
def stopped(drive, script, monkeypatch):
    """A training that was killed after step 5."""

    def killed(self, steps):
        if self.state["step"] >= 5:
            raise MemoryError
        return advance(self, 5)

    advance = script.StudentTraining.advance
    with monkeypatch.context() as patch:
        patch.setattr(script.StudentTraining, "advance", killed)
        assert drive("--every", "5")[0] == 1
    return Path("lite.h5.state")


def test_a_state_of_other_options_is_left_alone(drive, stopped):
    before = stopped.read_bytes()
    code, _, error = drive("--seed", "3", "--learning-rate", "0.1")
    assert code == 1 and "with other learning_rate, seed" in error
    assert "rm lite.h5.state" in error and stopped.read_bytes() == before


def test_a_damaged_state(drive, stopped):
    stopped.write_bytes(stopped.read_bytes()[:-1000])
    code, _, error = drive()
    assert code == 1 and "lite.h5.state is damaged" in error


@pytest.mark.parametrize(
    "options, message",
    [
        (("--crop", "8"), "crop must be at least 16"),
        (("--crop", "31"), "crops need 31"),
        (("--steps", "0"), "steps must be at least 1"),
        (("--leaves", "3"), "leaves must be from 0 to batch"),
        (("--every", "0"), "--every must be at least 1"),
        (("--plot", "x.gif"), ".png, .svg or .pdf"),
        (("--losses", "no/l.csv"), "no/l.csv"),
        (("--losses", "l.txt"), "--losses writes a .csv file"),
        (("--teacher", "absent.h5"), "absent.h5"),
        (("--geometry", "relu9_1"), "not at relu9_1"),
        (("--teacher", "narrow.h5"), "relu2_2' is not in this vgg19"),
        (("--learning-rate", "1e30"), "not finite"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(options, message, drive):
    write_network(Path("narrow.h5"), depth=3)
    code, out, error = drive(*options)
    assert code != 0 and message in error and error.count("error") == 1
    assert not Path("lite.h5").exists()


@pytest.mark.slow
def test_begins_from_an_earlier_training(drive):
    assert drive(out="first.h5")[0] == 0
    geometry = ("--geometry", "relu2_1")
    assert drive("--start", "first.h5", *geometry, out="second.h5")[0] == 0
    first, second = read_weights("first.h5"), read_weights("second.h5")
    made = json.loads(second.notes["training"])
    assert made["start"]["sha256"] == first.checksum and made["geometry"] == ["relu2_1"]
    assert made["start"]["training"] == json.loads(first.notes["training"])
    kernels = [w.tensors["conv2_1"]["kernel"] for w in (first, second)]
    assert 0 < np.abs(kernels[0] - kernels[1]).max() < 0.5
    code, _, error = drive(
        "--start", "first.h5", "--widths", "3", "5", "6", out="more.h5"
    )
    assert (code, error) == (0, "")
    assert read_weights("more.h5").tensors["conv2_1"]["kernel"].shape[2:] == (3, 5)
    write_network(Path("wide.h5"), depth=5, width=9)
    code, _, error = drive("--start", "wide.h5")
    assert code == 1 and "cannot start from widths (9, 9, 9, 9, 9)" in error
