"""scripts/measure/measure_scale.py: what pairs cost that nobody paints."""

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
    return imported(monkeypatch, "measure_scale")


def test_pairs_that_nobody_paints_are_all_noted_and_found_again(measure):
    given = measure.Arguments(content=Path("c.png"), style=Path("s.png"))
    row = measure.simulated(given, 30)
    seconds = row.listing, row.planning, row.handing_out, row.reading, row.finding
    assert row.pairs == 30 and all(0 < part < 60 for part in seconds)
    assert 0.02 < row.manifest < 1  # MiB: about 1.5 kB a line
    before, planned, first, last, again = row.memory
    assert 10 < before <= planned * 1.1 and all(x > 10 for x in (first, last, again))
    assert not list(Path().glob("0*.png"))
