"""scripts/measure/measure_ray.py watches a batch."""

from dataclasses import replace
from pathlib import Path

import pytest
from networks import picture

from jaxnst import save_image
from scripts import imported


@pytest.fixture
def measure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(40, 40))
    save_image("s.png", picture(40, 40, 1))
    return imported(monkeypatch, "measure_ray")


def arguments(measure, **more):
    return measure.Arguments(content=Path("c.png"), style=Path("s.png"), **more)


@pytest.mark.slow
@pytest.mark.parametrize("looks", [10_000, 3])
def test_a_batch_is_watched(measure, monkeypatch, looks):
    """After so many looks as a process that has ended between two of them."""
    sample, seen = measure._sample, []

    def until(*given):
        seen.append(sample(*given))
        return seen[-1] if len(seen) <= looks else replace(seen[-1], memory=0.0)

    monkeypatch.setattr(measure, "_sample", until)
    given = arguments(measure, pairs=8, size=32, steps=1)
    measure.photographs(Path("photos"), Path("c.png"), 32, 8)
    layers = ("--content-layers", "relu1_2", "--style-layers", "relu1_1")
    row = measure.batch(given, Path().resolve(), "out", "--preset", "gram", *layers)
    assert row.pictures == 8 == len(list(Path("out").glob("*.png")))
    assert 0 < row.rate and 7 / row.rate < row.seconds
    assert row.work >= 0 and row.first > 10 and row.last > 10
