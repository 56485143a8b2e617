"""jaxnst judge as people run it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from networks import MEAN, STD, narrow_network, picture
from paths import REPOSITORY

from jaxnst import save_image
from jaxnst.pretrained.format import NetworkWeights, write_weights

SCRIPT = REPOSITORY / "scripts" / "judge.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def files(tmp_path) -> list[Path]:
    """A photograph, a painting and weights."""
    paths = [tmp_path / name for name in ("photo.png", "painting.png", "net.h5")]
    save_image(paths[0], picture(40, 48, 1))
    save_image(paths[1], 1 - picture(48, 40, 2) ** 2)
    network = narrow_network(depth=7, width=4)
    tensors = {
        layer: {part: np.asarray(a) for part, a in tensor.items()}
        for layer, tensor in network.params.items()
    }
    about = ("zeros", "random", "none")
    mean, std = np.float32(MEAN), np.float32(STD)
    write_weights(paths[2], NetworkWeights("vgg19", mean, std, *about, tensors))
    return paths


def test_prints_three_numbers(files):
    photo, painting, weights = files
    done = run(photo, photo, painting, "--weights", weights)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows == [["style", "1.000"], ["content", "0.000"], ["q", "1.000"]]


def test_failures_are_one_line(files, tmp_path):
    photo, painting, weights = files
    absent = tmp_path / "absent.h5"
    for arguments, message in [
        ((photo, photo, painting, "--weights", absent), "absent.h5 does not exist"),
        ((photo, photo, painting, "--weights", photo), "photo.png"),
        ((tmp_path / "no.png", photo, painting, "--weights", weights), "no.png"),
    ]:
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert message in done.stderr


def test_wrong_usage_and_help(files):
    done = run(files[0], files[0], files[1])
    assert done.returncode == 2 and "--judge is missing" in done.stderr
    done = run(files[0], files[0])
    assert done.returncode == 2 and "required: PAINTING" in done.stderr
    done = run("--help")
    assert done.returncode == 0 and "--judge NETWORK" in done.stdout
