"""scripts/measure/measure_many.py prints its tables."""

import os
from pathlib import Path

import jax
import pytest
from networks import picture

from jaxnst import save_image
from scripts import driver, imported

pytestmark = pytest.mark.usefixtures("compiled_quickly")


@pytest.mark.slow
def test_tables(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(40, 40))
    save_image("s.png", picture(40, 40, 1))
    drive = driver(imported(monkeypatch, "measure_many"), monkeypatch, capsys)
    small = ("--size", "32", "--steps", "2", "--pairs", "1", "3", "--devices")
    code, out, _ = drive("c.png", "s.png", *small)
    assert code == 0
    rows = [line.split("|")[1:-1] for line in out.splitlines() if line[:1] == "|"]
    settings, pairs = rows[2:5], rows[7:]
    assert [int(row[0]) for row in settings] == [1, 16, 16]
    assert float(settings[1][5]) == 0  # one after another
    assert 0 < float(settings[2][5]) < 1e-3  # side by side: another order of sums
    assert [int(row[0]) for row in pairs] == [1, 3]
    assert all(float(row[1]) > 0 for row in pairs)


@pytest.mark.slow
def test_a_cpu_is_taken_for_several_devices(monkeypatch):
    module = imported(monkeypatch, "measure_many")
    flags = os.environ["XLA_FLAGS"]
    assert module.on_cpu_devices(3, jax.local_device_count) == 3
    assert os.environ["XLA_FLAGS"] == flags
    given = module.Arguments(content=Path("c.png"), style=Path("c.png"))
    with pytest.raises(RuntimeError, match="2 devices instead of 3"):
        module.divided(given, 3)


@pytest.mark.slow
def test_large_pictures_at_once_and_in_tiles(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(40, 40))
    save_image("s.png", picture(40, 40, 1))
    drive = driver(imported(monkeypatch, "measure_large"), monkeypatch, capsys)
    code, out, _ = drive("c.png", "s.png", "--sizes", "72", "--tiles", "0", "40")
    assert code == 0
    rows = [line.split("|")[1:-1] for line in out.splitlines() if line[:1] == "|"][2:]
    assert [row[1].strip() for row in rows] == ["none", "40"]
    assert float(rows[0][5]) == pytest.approx(float(rows[1][5]), rel=1e-3)
    assert all(float(row[2].split()[0]) > 0 for row in rows)
    assert drive("c.png", "s.png", "--steps", "1")[0] == 1


def test_random_weights_are_for_the_full_network(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(40, 40))
    drive = driver(imported(monkeypatch, "measure_sizes"), monkeypatch, capsys)
    code, _, error = drive("c.png", "c.png", "--weights", "random")
    assert code == 1 and "--weights random is for --network vgg19" in error


@pytest.mark.slow
def test_random_weights_take_the_place_of_the_full_networks(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAXNST_WEIGHTS", str(tmp_path / "nothing.h5"))
    save_image("c.png", picture(40, 40))
    drive = driver(imported(monkeypatch, "measure_large"), monkeypatch, capsys)
    small = ("--sizes", "48", "--tiles", "0", "--steps", "2")
    full = ("--network", "vgg19", "--weights", "random")
    code, out, _ = drive("c.png", "c.png", *small, *full)
    assert code == 0 and ", vgg19\n" in out
    (row,) = [line for line in out.splitlines() if line.startswith("| 48 ")]
    # 12.9 million numbers in float32 alone are 0.05 GiB.
    assert float(row.split("|")[4].split()[0]) > 0.05
