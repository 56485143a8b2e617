"""scripts/measure/compare_strength.py: spread with and without a strength."""

import csv
from pathlib import Path

import numpy as np
import pytest
from networks import picture

from jaxnst import load_image, save_image
from scripts import driver, imported, write_network


@pytest.mark.slow
def test_tables_sheet_and_scores(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder, names in (("photos", "ab"), ("paintings", "xy")):
        Path(folder).mkdir()
        for seed, name in enumerate(names):
            save_image(f"{folder}/{name}.png", picture(40, 48, seed + 2 * len(folder)))
    write_network(Path("judge.h5"), depth=7, width=4, seed=9)
    write_network(Path("other.h5"), architecture="vgg16", depth=7, width=4, seed=8)
    drive = driver(imported(monkeypatch, "compare_strength"), monkeypatch, capsys)
    given = ("--contents", "photos", "--styles", "paintings", "--judge")
    given += ("judge.h5", "other.h5")
    small = ("--size", "48", "--shown", "1", "-o", "out", "--preset", "gram")
    code, out, error = drive(*given, *small)
    assert code == 0, error
    rows = [r.split("|")[1:-1] for r in out.splitlines() if r[:1] == "|"]
    with open("out/strength.csv") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 2 * (2 * 4 + 4)
    spreads = [[cell.strip() for cell in row] for row in rows[2:6]]
    assert [row[:2] for row in spreads] == [
        [judge, label]
        for judge in ("judge", "other")
        for label in ("fixed", "strength 0.5")
    ]
    for judge, label, *cells in spreads:
        own = [
            float(r["style"])
            for r in table
            if (r["judge"], r["weights"]) == (judge, label)
        ]
        numbers = [float(cell) for cell in cells]
        deviation = np.std(own)
        wanted_numbers = [np.mean(own), deviation, deviation / np.mean(own)]
        np.testing.assert_allclose(numbers[:3], wanted_numbers, atol=1e-3)
        np.testing.assert_allclose(numbers[3:], [min(own), max(own)], atol=1e-3)
    photograph = load_image("out/strength 0/a_x.png")
    np.testing.assert_allclose(photograph, load_image("photos/a.png"), atol=0.01)
    height, width, _ = load_image("out/sheet_strength.png").shape
    assert 3 * 300 < width < 4 * 300 and height > 3 * 250  # seven pictures in rows
    stamp = Path("out/fixed/a_x.png").stat().st_mtime_ns
    assert drive(*given, *small)[0] == 0
    assert Path("out/fixed/a_x.png").stat().st_mtime_ns == stamp
