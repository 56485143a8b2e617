"""scripts/measure_many.py prints its tables."""

import pytest
from networks import picture

from jaxnst import save_image
from scripts import driver, imported


@pytest.mark.slow
def test_tables(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(40, 40))
    save_image("s.png", picture(40, 40, 1))
    drive = driver(imported(monkeypatch, "measure_many"), monkeypatch, capsys)
    small = ("--size", "32", "--steps", "2", "--pairs", "1", "3")
    code, out, _ = drive("c.png", "s.png", *small)
    assert code == 0
    rows = [line.split("|")[1:-1] for line in out.splitlines() if line[:1] == "|"]
    settings, pairs = rows[2:4], rows[6:]
    assert [int(row[0]) for row in settings] == [1, 16]
    assert float(settings[1][4]) < 1e-3
    assert [int(row[0]) for row in pairs] == [1, 3]
    assert all(float(row[1]) > 0 for row in pairs)
