"""`jaxnst app`: what it refuses before anything is started."""

import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from jaxnst.app import server
from jaxnst.cli import app as command
from scripts import driver


@pytest.fixture
def drive(monkeypatch, capsys):
    monkeypatch.setattr(command, "check_installed", lambda: None)
    return driver(command, monkeypatch, capsys)


@pytest.fixture
def served(monkeypatch):
    """What the server was asked for; it ends as by Ctrl-C."""
    asked = []

    @contextmanager
    def serve(describe, **how):
        asked.append(how)
        assert describe(ValueError("x")) == "x"
        yield SimpleNamespace(address="http://127.0.0.1:1/", public=None)

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setattr(command.time, "sleep", interrupt)
    return asked


@pytest.mark.parametrize(
    "line, words",
    [
        (["--share"], "say --share with anyone"),
        (["--share", "yes"], "say --share with anyone"),
        (["--port", "70000"], "--port must be from 1 to 65535"),
        (["--open", "--api-only"], "exclude each other"),
    ],
)
def test_what_is_refused(line, words, drive, served):
    code, out, error = drive(*line)
    assert code == 2 and words in error and not out and not served


def test_it_serves_until_it_is_interrupted(drive, served):
    code, out, error = drive("--port", "7999")
    assert code == 0 and "the page: http://127.0.0.1:1/" in out and "ended" in error
    assert served == [
        {"port": 7999, "api_only": False, "share": False, "browser": False}
    ]


COMPILING = """
import sys, time
from contextlib import contextmanager
from types import SimpleNamespace
import jax, jax.numpy as jnp
from jaxnst.app import runs, server
from jaxnst.cli import app, main

def long(x):
    return sum(jnp.sin(x @ x * i).sum() for i in range(3000))

@contextmanager
def serve(*given, **how):
    run = runs.Run()
    lowered = jax.jit(jax.grad(long)).lower(jnp.ones((8, 8)))
    run.start(lambda run: lowered.compile())
    yield SimpleNamespace(address="here", public=None)

def interrupt(seconds):
    time.sleep(1)
    raise KeyboardInterrupt

server.serve, app.check_installed = serve, lambda: None
app.time = SimpleNamespace(sleep=interrupt)
sys.exit(main(["app"]))
"""


@pytest.mark.slow
def test_it_ends_in_good_order_while_a_run_compiles():
    done = subprocess.run(
        [sys.executable, "-c", COMPILING], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and "ended" in done.stderr, done.stderr
    assert "the page: here" in done.stdout


def test_sharing_in_so_many_words(drive, served):
    assert drive("--share", "with", "anyone", "--api-only")[0] == 0
    assert served[0]["share"] and served[0]["api_only"]


def test_without_gradio_it_is_one_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setattr("jaxnst.app.find_spec", lambda name: None)
    code, out, error = driver(command, monkeypatch, capsys)()
    assert code == 1 and error.count("\n") == 1
    assert error.endswith("pip install 'jaxnst[app]'\n")
