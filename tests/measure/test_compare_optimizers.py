"""scripts/measure/compare_optimizers.py: the seconds in which others reach the mark."""

import json

import pytest
from networks import picture

from jaxnst import presets, save_image
from scripts import driver, imported, write_network

pytestmark = pytest.mark.usefixtures("compiled_quickly")


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        yield imported(patch, "compare_optimizers")


def test_the_mark_is_reached_when_a_loss_is_as_low(script):
    row = script.Row([1.0, 2.0, 3.0, 4.0], [9.0, 5.0, 3.0, 4.0], 4, {})
    assert row.reached(5.0) == 2.0 and row.reached(3.5) == 3.0
    assert row.reached(1.0) is None
    mark = script.Row([2.0, 8.0], [9.0, 5.0], 2, {})
    assert script.format_row("way", row, mark).split("|")[5:7] == [" 2.0 ", " 0.25 "]
    scores = {"one": [0.5, 0.8, 0.9], "other": [0.6, 0.4, 0.8]}
    slow = script.Row([2.0], [6.0], 1, scores)
    expected = "– | – | 0.500 | 0.800 | 0.900 | 0.600 | 0.400 | 0.800 |"
    assert script.format_row("way", slow, mark).endswith(f" 6.0000 | {expected}")


def test_every_way_has_the_same_objective(script):
    known = script.named_settings(512, 500)
    assert next(iter(known)) == script.MARK
    assert len({(way.objective, way.terms) for way in known.values()}) == 1
    assert len(set(known.values())) == len(known)
    mark = known[script.MARK]
    assert mark.geometry.levels() == (1.0,) and mark.optimization.steps == (500,)


@pytest.mark.slow
def test_table_and_json(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(40, 40))
    save_image("s.png", picture(40, 40, 1))
    drive = driver(script, monkeypatch, capsys)
    write_network(tmp_path / "one.h5", depth=7, width=4, seed=9)
    write_network(tmp_path / "other.h5", architecture="vgg16", depth=7, width=4)
    small = ("--size", "32", "--evaluations", "12", "--numbers", "o.json")
    small += ("--judge", "one.h5", "other.h5")
    code, out, _ = drive("c.png", "s.png", *small, "--only", "Adam, one size")
    assert code == 0
    rows = [r.split("|")[1:-1] for r in out.splitlines() if r[:1] == "|"][2:]
    assert [row[0].strip() for row in rows] == ["L-BFGS", "Adam, one size"]
    assert [int(row[1]) for row in rows] == [12, presets.default.optimization.steps[0]]
    found = json.loads((tmp_path / "o.json").read_text())["ways"]
    for row, way in zip(rows, found.values(), strict=True):
        assert float(row[3]) == pytest.approx(way["losses"][-1], abs=1e-4)
        scores = [*way["scores"]["one"], *way["scores"]["other"]]
        assert [float(cell) for cell in row[6:]] == pytest.approx(scores, abs=1e-3)
        assert way["losses"][-1] < way["losses"][0]
    code, _, error = drive("c.png", "s.png", "--only", "newton")
    assert code == 1 and "'newton'" in error
