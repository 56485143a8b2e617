"""stylize.py --checkpoint and --resume: interrupted or killed, the end is the same."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from networks import picture
from paths import REPOSITORY

from jaxnst import load_image, save_image
from scripts import driver, imported, write_network

WITH = ("c.png", "s.png", "--weights", "net.h5", "--size", "48", "--coarsest", "24")
HOW = (*WITH, "--steps", "12", "9", "-o", "o.png", "--losses", "l.csv")
KEPT = ("--checkpoint", "run.kept", "--checkpoint-every", "4")


@pytest.fixture
def drive(tmp_path, monkeypatch, capsys):
    write_network(tmp_path / "net.h5", depth=13)
    save_image(tmp_path / "c.png", picture(64, 96, 1))
    save_image(tmp_path / "s.png", picture(40, 30, 2))
    monkeypatch.chdir(tmp_path)
    return driver(imported(monkeypatch, "stylize"), monkeypatch, capsys)


@pytest.fixture
def whole(drive):
    """Pixels and losses of a run that nothing disturbed."""
    assert drive(*HOW)[0] == 0
    return np.asarray(load_image("o.png")), Path("l.csv").read_text()


def stop_after(monkeypatch, saves):
    """Ctrl-C when the checkpoint is written for that time."""
    from jaxnst.cli import _checkpoint

    own, count = _checkpoint.save_checkpoint, []

    def save(*arguments):
        own(*arguments)
        count.append(1)
        if len(count) == saves:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(_checkpoint, "save_checkpoint", save)


@pytest.mark.parametrize(
    "saves", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4))]
)
def test_interrupted_and_resumed_it_is_the_same(saves, drive, whole, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, saves)
        code, out, error = drive(*HOW, *KEPT)
    assert code == 130 and "the same command with --resume goes on" in error
    assert Path("run.kept").exists() and Path("o.png").exists()
    code, out, error = drive(*HOW, *KEPT, "--resume")
    assert code == 0 and "going on after step" in error and "21 steps" in out
    np.testing.assert_array_equal(load_image("o.png"), whole[0])
    assert Path("l.csv").read_text() == whole[1]
    assert not Path("run.kept").exists()


@pytest.mark.slow
def test_a_first_run_may_say_resume_already(drive, whole):
    code, _, error = drive(*HOW, *KEPT, "--resume")
    assert code == 0 and "no checkpoint at run.kept yet" in error
    np.testing.assert_array_equal(load_image("o.png"), whole[0])


def test_an_earlier_checkpoint_is_not_lost(drive):
    Path("run.kept").write_text("of an earlier run")
    code, _, error = drive(*HOW, *KEPT)
    assert code == 1 and "--resume goes on from it" in error
    code, _, error = drive(*HOW, *KEPT, "--resume")
    assert code == 1 and "not a checkpoint" in error
    assert Path("run.kept").read_text() == "of an earlier run"
    assert not Path("o.png").exists()


def test_other_options_and_pictures_are_refused(drive, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        assert drive(*HOW, *KEPT)[0] == 130
    code, _, error = drive(*HOW, *KEPT, "--resume", "--beta", "3")
    assert code == 1 and "other settings" in error
    shutil.copy("s.png", "c.png")
    code, _, error = drive(*HOW, *KEPT, "--resume")
    assert code == 1 and "other pictures" in error


@pytest.mark.parametrize(
    ("options", "said", "wanted"),
    [
        (("--resume",), "name it with --checkpoint", 2),
        (("--checkpoint", "none/run"), "does not exist", 1),
        (("--checkpoint", "k", "--checkpoint-every", "0"), "--checkpoint-every", 2),
    ],
)
def test_misuse_says_how_to_mend_it(options, said, wanted, drive):
    code, _, error = drive(*HOW, *options)
    assert code == wanted and said in error


@pytest.mark.slow
def test_a_full_disk_costs_the_checkpoint_alone(drive, whole, monkeypatch):
    from jaxnst.cli import _checkpoint

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_checkpoint, "save_checkpoint", full)
    code, _, error = drive(*HOW, *KEPT)
    assert code == 0 and "run.kept could not be written: No space left" in error
    np.testing.assert_array_equal(load_image("o.png"), whole[0])


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_the_same(drive, whole):
    command = [sys.executable, str(REPOSITORY / "scripts" / "stylize.py"), *HOW]
    command += ["--checkpoint", "run.kept", "--checkpoint-every", "1", "--resume"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    Path("o.png").unlink()
    # Killed where the file's own age says that it has gone on by some steps.
    for _ in range(3):
        run = subprocess.Popen(command, **quiet)
        before = Path("run.kept").stat().st_mtime if Path("run.kept").exists() else 0
        while run.poll() is None:
            if Path("run.kept").exists() and Path("run.kept").stat().st_mtime > before:
                break
            time.sleep(0.005)
        run.kill()
        run.communicate()
    done = subprocess.run(command, **quiet)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(load_image("o.png"), whole[0])
    assert Path("l.csv").read_text() == whole[1]
