"""Standard streams that are closed, and devices that are not there."""

import subprocess
import sys
from pathlib import Path

import jax
import pytest
from paths import REPOSITORY

from jaxnst.cli import _app, _closed_streams
from jaxnst.cli._devices import missing_device

# The module alone, which takes no second to import.
PROGRAM = """
import os, runpy, sys
streams = runpy.run_path(sys.argv[1])
streams["replace_closed"]()
print("for stderr", file=sys.stderr)
assert sys.stdin.read() == ""
with open(sys.argv[2], "wb") as file:
    assert file.fileno() > 2, file.fileno()
    os.write(2, b"of a library")
try:
    print("for stdout", flush=True)
except OSError as error:
    file = open(sys.argv[2], "w")
    file.write(error.strerror)
    file.close()
    os._exit(0)  # or Python would try to write it again
"""


@pytest.mark.parametrize("closed", ["", "<&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_what_is_for_a_closed_stream(closed, tmp_path):
    path = Path(_closed_streams.__file__)
    command = [sys.executable, "-c", PROGRAM, str(path), str(tmp_path / "a")]
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
    done = subprocess.run(
        shell, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    without = " >&-" in closed
    assert done.returncode == 0, done.stderr
    assert done.stdout == ("" if without else "for stdout\n")
    assert done.stderr == ("" if "2>" in closed else "for stderr\nof a library")
    # Standard output refuses what is meant for it; no library's words are in the file.
    assert (tmp_path / "a").read_text() == ("Bad file descriptor" if without else "")


@pytest.mark.slow
def test_a_picture_is_painted_without_stderr(tmp_path):
    pictures = [
        REPOSITORY / "scripts/samples" / n for n in ("harbour.jpg", "strokes.jpg")
    ]
    command = [sys.executable, "-m", "jaxnst", *map(str, pictures), "--size", "64"]
    command += [
        "--network",
        "vgg19-lite",
        "--steps",
        "2",
        "-o",
        str(tmp_path / "a.png"),
    ]
    shell = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    done = subprocess.run(shell, capture_output=True, text=True, cwd=REPOSITORY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1 and (tmp_path / "a.png").exists()


UNABLE = "Unable to initialize backend 'cuda': no such thing"


@pytest.mark.parametrize("error", [RuntimeError(UNABLE), AssertionError()])
def test_a_device_that_is_not_there(error, monkeypatch):
    def none():
        raise error

    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setattr(jax, "local_devices", none)
    text = missing_device(error)
    assert "no device for JAX_PLATFORMS=cpu" in text and "set it to cpu" in text
    assert (str(error) or "cannot use it here") in text


def test_one_of_several_devices_that_is_not_there():
    assert "no such thing" in missing_device(RuntimeError(UNABLE))
    assert missing_device(RuntimeError("something else")) is None
    assert missing_device(KeyError("cuda")) is None


def test_it_is_one_line(monkeypatch, capsys):
    def main(arguments):
        raise RuntimeError(UNABLE)

    module = _app.command("info")
    monkeypatch.setattr(module, "main", main)
    monkeypatch.setattr(_app, "keep_compiled", lambda: None)
    assert _app.run_module(module, []) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: there is no device") and error.count("\n") == 1
    with pytest.raises(ValueError, match="there is no device"):
        _app.run_module(module, ["--debug"])
