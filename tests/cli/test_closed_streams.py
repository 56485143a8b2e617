"""Standard streams that are closed, and devices that are not there."""

import subprocess
import sys
from pathlib import Path

import jax
import pytest
from paths import REPOSITORY

from jaxnst.cli import _app, _closed_streams, _outputs, _streams
from jaxnst.cli._devices import missing_device

# The module alone, which takes no second to import.
PROGRAM = """
import os, runpy, sys
streams = runpy.run_path(sys.argv[1])
streams["replace_closed"]()
print("for stderr", file=sys.stderr)
print("for stdout", flush=True)
with open(sys.argv[2], "wb") as file:
    assert file.fileno() > 2, file.fileno()
    for number in (1, 2):
        os.write(number, b"of a library")
"""


@pytest.mark.parametrize("closed", ["", "<&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_what_is_for_a_closed_stream(closed, tmp_path):
    path = Path(_closed_streams.__file__)
    command = [sys.executable, "-c", PROGRAM, str(path), str(tmp_path / "a")]
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
    done = subprocess.run(
        shell, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    spoken = "for {}\nof a library"
    assert done.stdout == ("" if " >&-" in closed else spoken.format("stdout"))
    assert done.stderr == ("" if "2>" in closed else spoken.format("stderr"))
    assert (tmp_path / "a").read_bytes() == b""


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


def test_a_closed_stream_in_the_place_of_a_picture(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ValueError, match="standard input .* is closed; name a file"):
        with _streams.from_stdin([_streams.STREAM]):
            pass
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(ValueError, match="standard output .* is closed; name a file"):
        with _outputs.to_stdout(_streams.STREAM):
            pass


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
