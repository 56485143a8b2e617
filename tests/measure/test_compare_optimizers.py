"""scripts/measure/compare_optimizers.py: the seconds in which others reach the mark."""

import json

import pytest
from networks import picture

from jaxnst import save_image
from scripts import driver, imported


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        yield imported(patch, "compare_optimizers")


def test_the_mark_is_reached_when_a_loss_is_as_low(script):
    row = script.Row([1.0, 2.0, 3.0, 4.0], [9.0, 5.0, 3.0, 4.0], 4, None)
    assert row.reached(5.0) == 2.0 and row.reached(3.5) == 3.0
    assert row.reached(1.0) is None
    mark = script.Row([2.0, 8.0], [9.0, 5.0], 2, None)
    assert script.format_row("way", row, mark).split("|")[5:7] == [" 2.0 ", " 0.25 "]
    slow = script.Row([2.0], [6.0], 1, 0.9)
    assert script.format_row("way", slow, mark).split("|")[5:8] == [
        " – ",
        " – ",
        " 0.900 ",
    ]


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
    small = ("--size", "32", "--evaluations", "12", "--numbers", "o.json")
    code, out, _ = drive("c.png", "s.png", *small, "--only", "Adam, one size")
    assert code == 0
    rows = [r.split("|")[1:-1] for r in out.splitlines() if r[:1] == "|"][2:]
    assert [row[0].strip() for row in rows] == ["L-BFGS", "Adam, one size"]
    assert [int(row[1]) for row in rows] == [12, 100]
    found = json.loads((tmp_path / "o.json").read_text())["ways"]
    for row, way in zip(rows, found.values(), strict=True):
        assert float(row[3]) == pytest.approx(way["losses"][-1], abs=1e-4)
        assert way["losses"][-1] < way["losses"][0]
    code, _, error = drive("c.png", "s.png", "--only", "newton")
    assert code == 1 and "'newton'" in error
