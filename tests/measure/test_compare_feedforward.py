"""compare_feedforward.py and measure_feedforward.py: tables of one pass."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from networks import picture

from jaxnst import load_image, presets, save_image
from scripts import driver, imported, write_network

pytestmark = pytest.mark.usefixtures("compiled_quickly")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder, names in (("photos", "ab"), ("paintings", "x")):
        Path(folder).mkdir()
        for seed, name in enumerate(names):
            save_image(f"{folder}/{name}.png", picture(40, 48, seed + len(names)))
    write_network(Path("judge.h5"), depth=7, width=4, seed=9)
    write_network(Path("other.h5"), architecture="vgg16", depth=7, width=4, seed=8)


@pytest.mark.slow
def test_methods_side_by_side(here, monkeypatch, capsys):
    script = imported(monkeypatch, "compare_feedforward")
    monkeypatch.setattr(script, "_RUNS", 1)
    drive = driver(script, monkeypatch, capsys)
    given = ("--contents", "photos", "--styles", "paintings", "--judge")
    given += ("judge.h5", "other.h5")
    small = ("--size", "48", "--steps", "3", "-o", "out")
    code, out, error = drive(*given, *small)
    assert code == 0, error
    rows = [r.split("|")[1:-1] for r in out.splitlines() if r[:2] == "| "][2:]
    labels = [row[0].strip() for row in rows]
    assert labels == [
        "optimised",
        "one pass",
        "one pass, 3 steps",
        "optimised, beta 4",
    ]
    with open("out/scores.csv") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 2 * 4 * 2
    numbers = {row[0].strip(): [float(cell) for cell in row[1:]] for row in rows}
    for label, row in numbers.items():
        for judge, cells in (("judge", row[:3]), ("other", row[4:7])):
            own = [r for r in table if (r["judge"], r["network"]) == (judge, label)]
            for name, found in zip(("style", "content", "q"), cells, strict=True):
                wanted = np.mean([float(r[name]) for r in own])
                np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert numbers["optimised"][3] == numbers["optimised"][7] == 1.0  # at its content
    one, other = numbers["optimised"], numbers["optimised, beta 4"]
    rate = float(re.search(r"buys (-?[\d.]+) less", out).group(1))
    wanted = -(other[0] - one[0]) / (other[1] - one[1])
    np.testing.assert_allclose(rate, wanted, rtol=0.2)
    assert numbers["one pass"][8] < numbers["optimised"][8]
    assert load_image("out/sheet_a.png").shape[1] > 4 * 300
    same = str(presets.default.terms.beta)
    assert drive(*given, *small, "--other-beta", same)[0] == 1


@pytest.mark.slow
def test_seconds(here, monkeypatch, capsys):
    drive = driver(imported(monkeypatch, "measure_feedforward"), monkeypatch, capsys)
    given = ("photos/a.png", "paintings/x.png", "--sizes", "32", "--runs", "1")
    code, out, error = drive(*given, "--batch", "2")
    assert (code, error) == (0, "")
    assert re.search(r"^\| 32 \| [\d.]+ s \| [\d.]+ s \| [\d.]+ s \|$", out, re.M)
