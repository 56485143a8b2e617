"""Trainings and converters: nothing overwritten, nothing that was learned is lost."""

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from networks import picture

from jaxnst import save_image
from jaxnst.cli import _app, _train
from jaxnst.cli._train import Trained, finish, train
from jaxnst.pretrained.convert import convert_file
from jaxnst.pretrained.format import read_weights
from scripts import driver, imported, write_network


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    Path("pictures").mkdir()
    for name in ("1.png", "2.png", "a.h5.state"):
        save_image("x.png", picture(40, 30, 1))
        shutil.move("x.png", f"pictures/{name}")
    write_network(Path("teacher.h5"), depth=7, width=4, seed=1)
    return tmp_path / "work"


@pytest.mark.parametrize(
    "options",
    [
        ("-o", "teacher.h5"),
        ("-o", "pictures/1.png"),
        ("-o", "new.h5", "--plot", "pictures/2.png"),
        ("-o", "new.csv", "--losses", "new.csv"),
        ("-o", "new.h5", "--start", "new.h5"),
    ],
)
def test_inputs_are_not_overwritten(options, here, monkeypatch, capsys):
    if "--start" in options:
        shutil.copy("teacher.h5", "new.h5")
    before = {p: p.read_bytes() for p in here.rglob("*") if p.is_file()}
    drive = driver(imported(monkeypatch, "train_network"), monkeypatch, capsys)
    code, out, error = drive("pictures", "--teacher", "teacher.h5", *options)
    assert (code, out) == (1, "") and error.count("\n") == 1
    assert "would be overwritten" in error or "would be one file" in error
    assert before == {p: p.read_bytes() for p in here.rglob("*") if p.is_file()}


def test_samples_are_no_pictures_of_the_training(here, monkeypatch, capsys):
    drive = driver(imported(monkeypatch, "train_decoder"), monkeypatch, capsys)
    folders = ("--contents", "pictures", "--styles", "pictures")
    for samples in ("pictures/1.png", "new.h5"):
        code, _, error = drive(*folders, "-o", "new.h5", "--samples", samples)
        assert code == 1 and not Path("new.h5").exists()
        assert "overwritten" in error or "one file" in error or "suffix" in error


def test_a_file_is_not_converted_onto_itself(here):
    before = Path("teacher.h5").read_bytes()
    Path("link.h5").symlink_to("teacher.h5")
    for name in ("teacher.h5", "pictures/../teacher.h5", "link.h5"):
        with pytest.raises(ValueError, match="would be overwritten"):
            convert_file("teacher.h5", name)
    assert Path("teacher.h5").read_bytes() == before


class Counting:
    """A training whose every step counts."""

    def __init__(self):
        self.state = {"step": 0, "trace": {"loss": np.ones(4)}}
        self.saves = []

    def advance(self, count):
        self.state["step"] += count
        return {"loss": 1.0}

    def save(self, path):
        self.saves.append(self.state["step"])
        path.write_bytes(b"state")


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_costs_the_state_and_not_the_training(here, monkeypatch, capsys):
    _app._told.clear()
    training, how = Counting(), Trained(output=Path("new.h5"), every=2)
    monkeypatch.setattr(training, "save", no_space)
    assert train(training, 5, how, look=no_space) == 0
    assert training.state["step"] == 5
    assert "warning: No space left on device" in capsys.readouterr().err


def test_the_last_state_is_kept_until_the_weights_are_written(here, capsys):
    training, how = Counting(), Trained(output=Path("new.h5"), every=4)
    assert train(training, 6, how) == 0
    assert training.saves == [4, 6] and how.state.exists()


def test_losses_that_cannot_be_written_do_not_cost_the_weights(here, monkeypatch):
    monkeypatch.setattr(_train.tables, "write_losses", no_space)
    how = Trained(output=Path("new.h5"), losses=Path("l.csv"))
    assert train(Counting(), 2, how) == 0


def test_weights_that_cannot_be_written_are_saved_elsewhere(here, capsys):
    Path("stick").mkdir()
    how = Trained(output=Path("stick/new.h5"))
    how.state.write_bytes(b"state")

    def write(path):
        if path.parent == Path("stick"):
            no_space()
        write_network(path, depth=7)

    assert finish(how, write, dict) == 1
    out, error = capsys.readouterr()
    assert f"saved as {here / 'new.h5'}" in error and str(here / "new.h5") in out
    assert read_weights("new.h5").architecture == "vgg19" and how.state.exists()


def test_what_cannot_be_measured_does_not_cost_the_weights(here, capsys):
    how = Trained(output=Path("new.h5"))
    how.state.write_bytes(b"state")
    _app._told.clear()
    code = finish(how, lambda path: write_network(path, depth=7), no_space)
    assert code == 0 and not how.state.exists()
    assert "warning: No space left" in capsys.readouterr().err


def test_an_interrupted_training_keeps_its_state_somewhere(here, monkeypatch, capsys):
    training, how = Counting(), Trained(output=Path("gone/new.h5"))
    _train._keep(training, SimpleNamespace(state=how.state), last=True)
    assert Path("new.h5.state").exists()
    assert "move it to gone/new.h5.state to go on" in capsys.readouterr().err
