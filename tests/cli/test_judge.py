"""jaxnst judge as people run it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from networks import picture
from paths import REPOSITORY

from jaxnst import load_image, load_network, metrics, save_image
from scripts import driver, imported, write_network

SCRIPT = REPOSITORY / "scripts" / "judge.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def drive(monkeypatch, capsys):
    """The command in this process: exit code, stdout, stderr of a line."""
    return driver(imported(monkeypatch, "judge"), monkeypatch, capsys)


@pytest.fixture
def files(tmp_path) -> list[Path]:
    """A photograph, a painting and weights."""
    paths = [tmp_path / name for name in ("photo.png", "painting.png", "net.h5")]
    save_image(paths[0], picture(40, 48, 1))
    save_image(paths[1], 1 - picture(48, 40, 2) ** 2)
    write_network(paths[2], depth=7, width=4)
    return paths


def test_prints_three_numbers(files):
    photo, painting, weights = files
    done = run(photo, photo, painting, "--weights", weights)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "judge    style  content        q",
        "net      1.000    0.000    1.000",
    ]


@pytest.mark.slow
def test_two_judges(files, tmp_path, monkeypatch, drive):
    monkeypatch.setattr(metrics, "SCALES", (32, 24))
    photo, painting, weights = files
    second = tmp_path / "sixteen.h5"
    write_network(second, "a second one", architecture="vgg16", width=4)
    image = tmp_path / "out.png"
    save_image(image, 1 - picture(40, 48, 3))
    given = (image, photo, painting, "--judge", weights, second)
    code, out, error = drive(*given, "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["picture"] == str(image)
    assert list(answer["judges"]) == ["net", "sixteen"]
    assert answer["judges"]["sixteen"]["source"] == "a second one"
    pictures = [load_image(path, size=32) for path in (image, photo, painting)]
    head, *rows = (line.split() for line in error.splitlines())
    assert head == ["judge", "style", "content", "q"]
    for row, path in zip(rows, (weights, second), strict=True):
        expected = metrics.judge(load_network(path), *pictures)._asdict()
        said = answer["judges"][path.stem]
        assert row == [path.stem, *(f"{said[name]:.3f}" for name in expected)]
        for name, value in expected.items():
            np.testing.assert_allclose(said[name], value, rtol=1e-4)
    code, _, error = drive(*given, weights)
    assert code == 1 and "two judges are called net" in error


def test_failures_are_one_line(files, tmp_path, drive):
    photo, painting, weights = files
    absent = tmp_path / "absent.h5"
    for arguments, message in [
        ((photo, photo, painting, "--weights", absent), "absent.h5 does not exist"),
        ((photo, photo, painting, "--weights", photo), "photo.png"),
        ((tmp_path / "no.png", photo, painting, "--weights", weights), "no.png"),
    ]:
        code, out, error = drive(*arguments)
        assert (code, out) == (1, "")
        assert error.startswith("error: ") and error.count("\n") == 1
        assert message in error


def test_wrong_usage_and_help(files, drive):
    code, _, error = drive(files[0], files[0], files[1])
    assert code == 2 and "--judge is missing" in error
    code, _, error = drive(files[0], files[0])
    assert code == 2 and "required: PAINTING" in error
    code, _, error = drive("--judge", files[2], files[0], files[0])
    assert code == 2 and "required: PAINTING" in error
    assert "pictures stand before options that take several values" in error
    code, out, _ = drive("--help")
    assert code == 0 and "--judge NETWORK" in out
