"""`jaxnst`: its commands, what it does without one, and what importing costs."""

import json
import subprocess
import sys

import pytest
from networks import picture
from paths import REPOSITORY

import jaxnst
from jaxnst import save_image
from jaxnst.cli import _app, main
from jaxnst.cli._commands import COMMANDS, command


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def test_help_lists_every_command(capsys):
    for line in ([], ["--help"], ["-h"]):
        assert main(line) == 0
        out, error = capsys.readouterr()
        assert error == "" and all(f"  {name} " in out for name in COMMANDS)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"jaxnst {jaxnst.__version__}\n"


@pytest.mark.parametrize(
    "word, hint", [("stilize", "did you mean stylize?"), ("zzz", "neither a command")]
)
def test_what_is_no_command(word, hint, capsys):
    assert main([word]) == 2
    out, error = capsys.readouterr()
    assert out == "" and hint in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "line", [["a.jpg", "b.jpg"], ["--from", "a.png"], ["-", "b.png"]]
)
def test_pictures_without_a_command_are_stylized(line, monkeypatch):
    calls = []
    monkeypatch.setattr(_app, "run", lambda *given: calls.append(given) or 7)
    assert main(line) == 7 and calls == [("stylize", line)]


def test_a_picture_without_a_suffix_is_no_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo").write_bytes(b"x")
    calls = []
    monkeypatch.setattr(_app, "run", lambda *given: calls.append(given) or 0)
    assert main(["photo", "b.jpg"]) == 0 and calls[0][0] == "stylize"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_words(name):
    """A description, what it takes, and no name that occurs twice."""
    module = command(name)
    default = getattr(module, "defaults", lambda line: None)([])
    options = _app.options(module, default)
    flags = [flag for each in options for flag in each.flags]
    assert len(set(flags)) == len(flags)
    for each in options:
        assert len(each.help) > 5, each.dest
        assert not each.help.endswith("."), each.dest
    shown = {name for names in getattr(module, "HELP", {}).values() for name in names}
    assert shown <= {each.name for each in options}
    for everything in (True, False):
        text = _app.parser_of(module, default, everything=everything).format_help()
        assert "None" not in text and max(map(len, text.splitlines())) <= 88


def test_help_of_a_command_is_short():
    """Two dozen lines of options at most where an artist looks; the rest on demand."""
    module = command("stylize")
    options = _app.options(module, module.defaults([]))
    assert sum(map(len, module.HELP.values())) <= 20 < len(options)


def test_info_as_text_and_as_json(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    for word in (
        jaxnst.__version__,
        "device     cpu",
        "weights    vgg19-lite: ",
        "GiB",
    ):
        assert word in out
    assert main(["info", "--json"]) == 0
    out, error = capsys.readouterr()
    found = json.loads(out)
    assert found["weights"]["vgg19-lite"].endswith("vgg19-lite.h5")
    assert found["versions"]["jaxnst"] == jaxnst.__version__ and "versions" in error
    assert len(found["devices"]) == 2 and found["free_memory_bytes"] > 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_commands_and_options(shell, capsys):
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    for word in ("stylize", "convert-weights", "beta", "lr-decay", "min-size"):
        assert word in out


def test_completion_is_sound_bash(capsys, tmp_path):
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "complete.sh"
    script.write_text(capsys.readouterr().out)
    assert subprocess.run(["bash", "-n", script]).returncode == 0


@pytest.mark.parametrize(
    "name", sorted(p.name for p in REPOSITORY.glob("scripts/*.py"))
)
def test_scripts_work_from_a_checkout_that_is_not_installed(name, tmp_path):
    """-P and -I would find the installed package; a path without it finds none."""
    lines = (REPOSITORY / "scripts" / name).read_text().splitlines()
    assert len(lines) <= 12
    code = (
        "import runpy, sys; sys.meta_path = [f for f in sys.meta_path if 'editable' "
        f"not in repr(f)]; sys.path = [p for p in sys.path if p != {str(REPOSITORY)!r}]"
        f"; sys.argv = [{name!r}, '--help']; "
        f"runpy.run_path({str(REPOSITORY / 'scripts' / name)!r}, run_name='__main__')"
    )
    done = run("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: jaxnst ")


@pytest.mark.slow
def test_an_uninstalled_checkout_paints(tmp_path):
    """Without the package's metadata, of which a version could be asked."""
    for name in ("c.png", "s.png"):
        save_image(tmp_path / name, picture(40, 48))
    script = REPOSITORY / "scripts" / "stylize.py"
    small = ("--size", "48", "--steps", "1", "--margin", "0", "--network", "vgg19-lite")
    hide = (
        "import importlib.metadata as m, runpy, sys\n"
        "own = m.version\n"
        "def version(name):\n"
        "    if name == 'jaxnst':\n"
        "        raise m.PackageNotFoundError(name)\n"
        "    return own(name)\n"
        "m.version = version\n"
        f"sys.argv = ['stylize.py', 'c.png', 's.png', '-o', 'o.png', *{small!r}]\n"
        f"runpy.run_path({str(script)!r}, run_name='__main__')\n"
    )
    done = run("-c", hide, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o.png").stat().st_size > 0


def test_importing_jaxnst_does_not_see_the_command_line():
    code = (
        "import sys, jaxnst; print([m for m in sys.modules if m[:10] == 'jaxnst.cli'])"
    )
    assert run("-c", code).stdout.strip() == "[]"
