"""Spans of time, put together as a table; nothing is measured unless asked for."""

import os
import re
import subprocess
import sys
import threading
import time

import pytest
from jax import monitoring
from paths import REPOSITORY

from jaxnst import _phases
from jaxnst._phases import Phase, listening, phase
from jaxnst.app.uploads import sample_pictures
from jaxnst.cli import _timings
from jaxnst.cli._timings import Timings, covered, recorded, rows, table
from scripts import write_network

BACKEND = "/jax/core/compile/backend_compile_duration"


@pytest.mark.parametrize(
    "spans, seconds",
    [
        ([], 0.0),
        ([(1.0, 2.0), (4.0, 5.0)], 2.0),
        ([(4.0, 5.0), (1.0, 3.0), (2.0, 2.5)], 3.0),  # one within another counts once
        ([(1.0, 3.0), (2.0, 5.0)], 4.0),
        ([(-3.0, 1.0), (9.0, 12.0), (20.0, 30.0)], 2.0),  # what lies beyond does not
    ],
)
def test_seconds_that_spans_cover(spans, seconds):
    assert covered(spans, (0.0, 10.0)) == pytest.approx(seconds)


@pytest.fixture
def run(monkeypatch):
    """A run of 20 s of two levels, told of as it would be."""
    now = [0.0]
    monkeypatch.setattr(_timings.time, "perf_counter", lambda: now[0])
    _timings.command_begins(as_process=False)
    now[0] = 1.0
    timings = Timings()

    def told(name, began, ended, about=None):
        timings.told(Phase(name, began, ended, about))

    def compiled(began, ended, event=BACKEND):
        now[0] = ended
        timings.compiled(event, ended - began)

    told("weights", 1.0, 2.0)
    told("pictures", 2.0, 2.5)
    compiled(3.5, 5.0)  # targets
    compiled(6.0, 8.0)  # the loop
    told("steps", 5.5, 9.0, ((30, 40), 60))
    told("compiling", 10.0, 11.0)  # until another thread has compiled
    told("steps", 11.5, 17.0, ((60, 80), 50))
    told("levels", 3.0, 17.0)
    told("write", 18.0, 18.5)
    now[0] = 20.0
    yield timings
    _timings._begun.clear()


def test_phases_of_a_run_and_what_is_left_over(run):
    facts = run.facts()
    first, second = facts["levels"]
    assert first == {"height": 30, "width": 40, "count": 60, "targets": 1.0,
                     "compile": 3.5, "steps": 1.5}  # fmt: skip
    assert second == {"height": 60, "width": 80, "count": 50, "targets": 1.5,
                      "compile": 1.0, "steps": 5.5}  # fmt: skip
    assert facts["import"] == facts["weights"] == 1.0 and facts["write"] == 0.5
    assert facts["total"] == 20.0 == pytest.approx(sum(s for _, s in rows(facts)))
    assert facts["other"] == pytest.approx(3.0)
    text = table(facts)
    assert "level 1: compile    3.50    18%\n" in text
    assert "level 2: 80 x 60 pixels, margin and all, 50 steps" in text
    assert "compiled: 2 programs in 4.50 s, 0 of them from the cache" in text


def test_another_threads_compiling_stands_beside(run):
    thread = threading.Thread(target=run.compiled, args=(BACKEND, 2.0))
    thread.start()
    thread.join()
    facts = run.facts()
    assert facts["compilation"]["seconds"] == 4.5
    assert facts["compilation"]["seconds_ahead"] == 2.0
    assert "; 2.00 s more beside other work" in table(facts)


def test_jax_tells_while_it_is_recorded():
    with recorded(True) as timings:
        monitoring.record_event_duration_secs(BACKEND, 0.5, fun_name="f")
        monitoring.record_event_duration_secs("/jax/other", 0.5)
        monitoring.record_event("/jax/compilation_cache/cache_hits")
    monitoring.record_event_duration_secs(BACKEND, 0.5, fun_name="f")
    assert (timings.programs, timings.cached) == (1, 1)


def test_who_does_not_ask_measures_nothing(monkeypatch):
    def fail():
        raise AssertionError("the time was asked for")

    @phase("part", lambda result: -result)
    def part(x, *, y=0):
        return x + y

    with monkeypatch.context() as patch:
        patch.setattr(_phases, "time", None)
        patch.setattr(_timings, "Timings", fail)
        with recorded(False) as timings:
            assert timings is None and part(1, y=2) == 3
    told = []
    with listening(told.append):
        assert part(3) == 3
    part(4)
    (one,) = told
    assert (one.name, one.about) == ("part", -3) and one.began <= one.ended


def test_a_process_is_measured_from_its_beginning(monkeypatch):
    _timings.command_begins(as_process=True)
    (began,) = _timings._begun
    assert 0.0 < time.perf_counter() - began < 24 * 3600
    _timings._begun.clear()


@pytest.mark.slow
def test_the_second_command_compiles_nothing(tmp_path):
    write_network(tmp_path / "narrow.h5")
    samples = [str(path) for path in sample_pictures()]
    line = [sys.executable, "-m", "jaxnst", *samples, "--network", "narrow.h5"]
    line += ["--size", "32", "--steps", "1", "--timings", "-o"]
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment["PYTHONPATH"] = str(REPOSITORY)

    def counted(name):
        done = subprocess.run(
            [*line, name], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        words = done.stdout + done.stderr
        pattern = r"compiled: (\d+) programs in \S+ s, (\d+) of them from the cache"
        return [int(number) for number in re.search(pattern, words).groups()]

    first, second = counted("a.png"), counted("b.png")
    assert first[1] == 0 < first[0] and second == [first[0]] * 2
