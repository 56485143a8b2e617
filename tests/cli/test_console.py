"""What is told: on consoles without all letters, in logs, once."""

import io
import os
import signal
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from jaxnst.cli import _app, _warnings
from jaxnst.cli._console import say, tolerant_streams
from jaxnst.cli._progress import Bar, Log, PartBar, PictureBar
from jaxnst.optimize import Result
from jaxnst.pipeline.settings import Optimization

STRANGE = "caf\u00e9 \u6f22\udcff.png"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_letters_that_a_console_does_not_have_are_replaced(encoding, monkeypatch):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    monkeypatch.setattr(_app, "keep_compiled", lambda: None)
    monkeypatch.setattr(_app, "parse", lambda *_: _app.Common())

    def main(arguments):
        arguments.say(f"{STRANGE}: done")
        arguments.note(STRANGE)
        _app.warn(STRANGE)
        print(STRANGE, file=sys.stderr)

    assert _app.run_module(SimpleNamespace(main=main), []) == 0
    shown = STRANGE.encode(encoding, "replace")
    assert streams[0].buffer.getvalue() == shown + b": done\n"
    assert streams[1].buffer.getvalue().count(shown) == 3
    assert streams[0].errors == "strict"


def test_a_name_that_a_console_cannot_show_costs_nothing():
    code = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "from jaxnst.cli import main\n"
        "sys.exit(main(['zz\\u6f22\\udcff']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        timeout=100,
        env=os.environ | {"PYTHONIOENCODING": "cp1252"},
    )
    assert done.returncode == 2 and done.stderr.startswith(b"error: 'zz")
    assert b"Traceback" not in done.stderr


def test_nobody_listens():
    code = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "from jaxnst.cli import main\nsys.exit(main(['--help']))"
    )
    read, written = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=written, stderr=-1, timeout=100
    )
    os.close(written)
    assert (done.returncode, done.stderr) == (0, b"")
    say("nothing", None)


def test_streams_that_are_none_or_closed(monkeypatch):
    closed = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", closed)
    with tolerant_streams():
        closed.close()


def test_a_warning_is_told_once_in_a_command(capsys, monkeypatch):
    def main(arguments):
        for _ in range(3):
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn("the profile is broken", stacklevel=1)
        _app.warn("another")

    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(_app, "keep_compiled", lambda: None)
    monkeypatch.setattr(_app, "parse", lambda *_: _app.Common())
    for _ in range(2):
        assert _app.run_module(SimpleNamespace(main=main), []) == 0
        error = capsys.readouterr().err
        assert error == "warning: the profile is broken\nwarning: another\n"


@pytest.mark.parametrize(
    ("how", "said", "unsaid"),
    [
        ({}, "below 0.02", "adam"),
        ({"learning_rate": 0.5}, "below 0.5", "adam"),
        ({"optimizer": "lbfgs"}, "below 1, or --optimizer adam", "0.02"),
    ],
)
@pytest.mark.parametrize("losses", [[1.0, np.nan], [1.0, 9.0]])
def test_advice_fits_the_optimizer(how, said, unsaid, losses, capsys):
    _app._told.clear()
    finite = bool(np.isfinite(losses).all())
    result = Result(None, {"loss": np.array(losses)}, 2, finite, 0.0, None)
    _warnings.warn_if_astray(result, Optimization(**how))
    error = capsys.readouterr().err
    assert said in error and unsaid not in error and error.count("\n") == 1


def test_a_log_has_a_line_every_so_often(capsys):
    now = [100.0]
    log = Log("step", clock=lambda: now[0])
    for step in range(0, 4001, 10):
        now[0] = 100 + step  # a second each
        log(step, 4000, {"loss": "1.5"})
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "step 10 of 4000, loss 1.5, 66 min left"
    assert lines[1] == "step 20 of 4000, loss 1.5, 66 min left"
    assert lines[-1].endswith(" s left") and 30 < len(lines) < 80
    assert len(lines) == len(set(lines))


def test_a_log_counts_what_this_run_did(capsys):
    now = [0.0]
    log = Log("pictures", 50, clock=lambda: now[0])
    log.restart(50, "second part")
    now[0] = 100.0
    log(60, 100, {})
    assert capsys.readouterr().err == "second part: pictures 60 of 100, 7 min left\n"
    log(70, None, {})
    now[0] = 1e5
    log(80, None, {"failed": 2})
    assert capsys.readouterr().err == "second part: pictures 80, failed 2\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_bars_without_a_terminal_write_a_log(quiet, capsys, monkeypatch):
    monkeypatch.setattr("jaxnst.cli._progress._PAUSES", (0.0, 0.0))
    with Bar(8, quiet=quiet) as bar:
        bar.advance(2, loss="3.5")
    with PictureBar(9, quiet=quiet) as pictures:
        pictures(3, 0)
        pictures(4.5, 1)
    with PartBar(quiet=quiet) as parts:
        parts("vgg19_content", 5, 50)
    error = capsys.readouterr().err
    if quiet:
        assert error == ""
        return
    lines = error.splitlines()
    assert lines[0].startswith("step 2 of 8, loss 3.5, 0 s left")
    assert lines[1] == "pictures 3 of 9"
    assert lines[2].startswith("pictures 4 of 9, failed 1, ")
    assert lines[3].startswith("vgg19_content: step 5 of 50, ")


def test_a_run_of_moments_has_no_log(capsys):
    with Bar(8) as bar:
        bar.advance(2, loss="3.5")
        bar.advance(8, loss="2.5")
    assert capsys.readouterr().err == ""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
