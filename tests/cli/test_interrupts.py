"""Ctrl-C at any moment ends in one line and exit code 130."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from jaxnst.cli import _app
from jaxnst.cli._interrupts import deferred, never_swallowed


def press(*_: object) -> None:
    signal.raise_signal(signal.SIGINT)


def test_one_that_the_garbage_collector_swallows_comes_again():
    def callback(phase, info):
        if not pressed:
            pressed.append(phase)
            press()  # as it is within JAX's callback: printed and forgotten

    pressed: list[str] = []
    before = sys.unraisablehook
    gc.callbacks.append(callback)
    try:
        with pytest.raises(KeyboardInterrupt), never_swallowed():
            gc.collect()
            assert pressed
            time.sleep(10)
    finally:
        gc.callbacks.remove(callback)
    assert sys.unraisablehook is before


def test_other_errors_that_cannot_be_raised_go_where_they_went(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    failed = SimpleNamespace(exc_type=ValueError)
    with never_swallowed():
        sys.unraisablehook(failed)
    assert seen == [failed]


def test_a_command_that_swallowed_one_ends_all_the_same(monkeypatch, capsys):
    def main(arguments):
        callback = [press]
        gc.callbacks.append(lambda *_: callback and callback.pop()())
        try:
            gc.collect()
            time.sleep(10)
        finally:
            gc.callbacks.pop()

    monkeypatch.setattr(_app, "keep_compiled", lambda: None)
    monkeypatch.setattr(_app, "parse", lambda *_: object())
    module = SimpleNamespace(main=main)
    assert _app.run_module(module, []) == 130
    assert capsys.readouterr() == ("", "error: interrupted\n")


def test_the_first_is_noted_and_the_second_raised():
    handler = signal.getsignal(signal.SIGINT)
    with deferred() as interrupted:
        assert not interrupted()
        press()
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            press()
    assert signal.getsignal(signal.SIGINT) is handler


def test_other_threads_have_no_signals():
    def work():
        with deferred() as interrupted:
            seen.append(interrupted())

    seen: list[bool] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


PROCESS = """
import os, signal, sys
sys.path[:] = {path!r}
class Press:
    def find_spec(self, name, *_):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Press())
from jaxnst.cli import main
sys.exit(main(["judge", "a.png", "b.png", "c.png", "--judge", "absent.h5"]))
"""


@pytest.mark.parametrize("module", ["jax", "jaxnst.metrics"])
def test_during_imports(module):
    done = subprocess.run(
        [sys.executable, "-c", PROCESS.format(path=sys.path, module=module)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "error: interrupted\n"


EXIT = """
import atexit, os, signal, sys
sys.path[:] = {path!r}
def late():
    os.kill(os.getpid(), signal.SIGINT)
    print("late")
atexit.register(late)
from jaxnst.cli import main
sys.exit(main(["--version"]))
"""


def test_at_the_exit_it_does_nothing():
    done = subprocess.run(
        [sys.executable, "-c", EXIT.format(path=sys.path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("late\n")
