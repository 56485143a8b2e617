"""compare_starts.py: VGG-19 throughout, and from what a quicker network began."""

import csv
from pathlib import Path

import numpy as np
import pytest
from networks import picture

from jaxnst import load_image, save_image
from scripts import driver, imported, write_network

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled_quickly")]
LABELS = [
    "vgg19",
    "coarse in vgg19-lite",
    "vgg19-lite, then 2 steps",
    "one pass, then 2 steps",
    "1 steps a level",
]


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("photos/a", "paintings/x")):
        Path(name).parent.mkdir()
        save_image(f"{name}.png", picture(40, 48, seed))
    write_network(Path("wide.h5"), depth=13)
    write_network(Path("judge.h5"), depth=7, width=4, seed=9)
    return imported(monkeypatch, "compare_starts")


def test_ways_side_by_side(script, monkeypatch, capsys):
    drive = driver(script, monkeypatch, capsys)
    given = ("--contents", "photos", "--styles", "paintings", "--judge", "judge.h5")
    given += ("--weights", "wide.h5", "--size", "48", "-o", "out")
    code, out, error = drive(*given, "--last", "2", "--after", "2", "--fewer", "1")
    assert code == 0, error
    rows = [r.split("|")[1:-1] for r in out.splitlines() if r[:2] == "| "][2:]
    assert [row[0].strip() for row in rows] == LABELS
    with open("out/scores.csv") as file:
        table = {r["network"]: r for r in csv.DictReader(file)}
    for label, *cells in rows:
        own = table[label.strip()]
        wanted = [float(own[name]) for name in ("style", "content", "q")]
        np.testing.assert_allclose(list(map(float, cells[:3])), wanted, atol=1e-3)
        assert float(cells[3]) >= 0
    painted = [load_image(f"out/{label}/a_x.png") for label in LABELS]
    assert len({np.asarray(p).tobytes() for p in painted}) == len(LABELS)


def test_the_end_begins_from_the_quicker_networks_picture(script, tmp_path):
    """One step from it is near it."""
    arguments = script.Arguments(
        contents=Path("photos"), styles=Path("paintings"), judge=("judge.h5",),
        output=Path("out"), weights="wide.h5", size=48, last=1,
    )  # fmt: skip
    throughout, coarse, whole, *_ = script.make_candidates(arguments)
    assert coarse.start.settings.geometry.size == 24
    assert coarse.start.settings.optimization.lr_decay == 0
    assert coarse.settings.geometry.min_size is None
    assert coarse.settings.objective == throughout.settings.objective
    assert coarse.description["start"] == coarse.start.description
    assert "start" not in throughout.description
    pair = (Path("photos/a.png"), Path("paintings/x.png"))
    begun, painted = whole.start.paint(pair), whole.paint(pair)
    assert (
        np.abs(painted - begun).max() <= 2 * whole.settings.optimization.learning_rate
    )
