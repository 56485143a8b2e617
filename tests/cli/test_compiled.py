"""Broken entries of the cache of compiled code are written anew."""

import subprocess
import sys
import zlib

import jax
import pytest

from jaxnst.cli import _app
from jaxnst.cli._compiled import drop_broken

ABOUT = "Error reading persistent compilation cache entry for '{}': error: Error -5"
DOUBLE = """
import sys, warnings
import jax
from jaxnst.cli._app import warn

warnings.showwarning = warn
jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@jax.jit
def double(x):
    return 2 * x


print(double(3.0))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    yield tmp_path
    jax.config.update("jax_compilation_cache_dir", before)


def test_a_broken_one_goes_and_the_others_stay(folder, capsys):
    sound = ("jit_run-a1-cache", "jit_other-a1-cache", "jit_run_too-a1-cache")
    for name in sound:
        (folder / name).write_bytes(zlib.compress(b"code"))
    (folder / "jit_run-b2-cache").write_bytes(zlib.compress(b"code")[:-2])
    _app.warn(ABOUT.format("jit_run"))
    assert sorted(path.name for path in folder.iterdir()) == sorted(sound)
    # What unpacks and still cannot be read: none of them is to be trusted.
    assert drop_broken(ABOUT.format("jit_run"))
    assert sorted(path.name for path in folder.iterdir()) == sorted(sound[1:])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", ["something else", ABOUT.format("jit_none")])
def test_other_warnings_are_printed(text, folder, capsys):
    (folder / "jit_run-a1-cache").write_bytes(b"")
    _app.warn(text)
    assert capsys.readouterr().err == f"warning: {text}\n"
    assert len(list(folder.iterdir())) == 1


@pytest.mark.slow
def test_jax_writes_it_again(tmp_path):
    def run() -> str:
        command = [sys.executable, "-c", DOUBLE, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == "6.0\n"
        return done.stderr

    assert run() == ""
    (path,) = tmp_path.glob("jit_double-*-cache")
    whole = zlib.decompress(path.read_bytes())
    for data in (b"", path.read_bytes()[:-3]):
        path.write_bytes(data)
        assert run() == ""
        assert len(zlib.decompress(path.read_bytes())) == len(whole)
