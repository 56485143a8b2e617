"""jaxnst convert-weights as people run it: one line says what went wrong."""

import hashlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import foreign
import pytest
from paths import REPOSITORY

from jaxnst.cli import _app
from jaxnst.cli._memory import MEND
from jaxnst.pretrained.format import read_weights
from scripts import driver, imported

SCRIPT = REPOSITORY / "scripts" / "convert_weights.py"


def run(*arguments, **other):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        **other,
    )


@pytest.fixture
def drive(monkeypatch, capsys):
    """The command in this process: exit code, stdout, stderr of a line."""
    return driver(imported(monkeypatch, "convert_weights"), monkeypatch, capsys)


@pytest.fixture
def source(rng, tmp_path) -> Path:
    path = tmp_path / "net.pth"
    tensors = foreign.vgg_tensors("vgg19", rng, layers=4)
    path.write_bytes(foreign.torch_file(foreign.torch_state("vgg19", tensors), "zip"))
    return path


def test_converts_and_reports(source, tmp_path):
    out = tmp_path / "out.h5"
    done = run(source, "-o", out, "--architecture", "vgg19")
    assert (done.returncode, done.stderr) == (0, "")
    weights = read_weights(out)
    assert len(weights.tensors) == 4
    for fact in (
        *weights.tensors,
        hashlib.sha256(out.read_bytes()).hexdigest(),
        f"{out.stat().st_size:,} bytes",
    ):
        assert fact in done.stdout


def test_failures_are_one_line(source, tmp_path, drive):
    (tmp_path / "page.pth").write_text("<html>\nplease log in")
    out = tmp_path / "out.h5"
    for arguments, message in [
        ((source, "-o", out), "vgg16 or vgg19; choose one (architecture=)"),
        ((tmp_path / "absent.pth", "-o", out), "absent.pth does not exist"),
        ((tmp_path / "page.pth", "-o", out), "looks like a web page"),
        ((source, "-o", tmp_path / "no" / "o.h5", "--architecture", "vgg19"), "mkdir"),
    ]:
        code, said, error = drive(*arguments)
        assert (code, said) == (1, "")
        assert error.startswith("error: ") and error.count("\n") == 1
        assert message in error
    assert not out.exists()


def test_the_published_file_is_not_overwritten(source, drive):
    before = source.read_bytes()
    code, _, error = drive(source, "-o", source)
    assert code == 1 and "would be overwritten" in error
    assert source.read_bytes() == before


def test_debug_shows_the_traceback(tmp_path):
    done = run(tmp_path / "absent.pth", "-o", tmp_path / "o.h5", "--debug")
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_wrong_usage(drive):
    assert drive("x.pth")[0] == 2


def test_help_names_everything(drive):
    code, said, _ = drive("--help")
    assert code == 0
    for word in ("-o", "--output", "--architecture", "--help-all", "vgg16"):
        assert word in said


class TestRun:
    """The helper that every script shares."""

    @staticmethod
    def run(main, *line):
        """A command that is `main` alone."""
        module = ModuleType("jaxnst.cli.nothing", "A command.")
        module.Arguments, module.main = _app.Common, main
        return _app.run_module(module, line)

    @pytest.mark.parametrize(
        "error, code, line",
        [
            (ValueError("a\n  b"), 1, "error: a b\n"),
            (
                OSError(28, "No space left on device", "/x"),
                1,
                "error: /x: No space left on device\n",
            ),
            (MemoryError(), 1, f"error: out of memory; {MEND}\n"),
            (TypeError(), 1, "error: TypeError\n"),
            (KeyboardInterrupt(), 130, "error: interrupted\n"),
        ],
    )
    def test_errors_become_a_line(self, error, code, line, capsys):
        def main(arguments):
            raise error

        assert self.run(main) == code
        assert capsys.readouterr().err == line

    def test_debug_and_bugs_pass_through(self):
        def main(arguments):
            raise (ValueError if arguments.debug else RuntimeError)("x")

        with pytest.raises(RuntimeError):
            self.run(main)
        with pytest.raises(ValueError):
            self.run(main, "--debug")

    def test_no_error_is_0(self):
        assert self.run(lambda _: None) == 0
