"""scripts/measure/bench.py: both programs do the same work, the numbers fit."""

import json
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import jax
import pytest

from jaxnst.networks.random_weights import random_vgg
from scripts import driver, imported

pytestmark = pytest.mark.usefixtures("compiled_quickly")


@pytest.fixture
def drive(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    return driver(imported(monkeypatch, "bench"), monkeypatch, capsys)


@pytest.mark.slow
def test_rows_say_what_was_done(drive):
    work = ("--networks", "vgg19-lite", "--sizes", "64", "--batches", "3")
    code, out, _ = drive(*work, "--quick", "--numbers", "b.json", "--profile", "traces")
    assert code == 0
    found = json.loads(Path("b.json").read_text())
    (row,) = found["rows"]
    assert (row["network"], row["size"], row["batch"]) == ("vgg19-lite", 64, 3)
    # 9 of a kernel, 2 operations, there and back; the first block alone is 2.8 million.
    assert row["gflops"] * row["seconds"] * 1e9 > 4 * 9 * (3 * 16 + 16 * 16) * 64 * 64
    assert 0 < row["share"] < 2 and row["gib"] > 0
    lines = [line for line in out.splitlines() if "| vgg19-lite | 64 |" in line]
    assert len(lines) == 2 and sum(row["profile"].values()) == pytest.approx(1)
    longest = next(iter(row["profile"]))
    assert max(row["profile"].values()) == row["profile"][longest]
    assert f"| {longest} " in lines[1] and "conv" in " ".join(row["profile"])
    assert list(Path("traces").rglob("*.trace.json.gz"))
    assert set(found["commands"]) == {
        "import jaxnst",
        "jaxnst --help",
        "a picture, first run",
        "a picture, second run",
    }
    if find_spec("torch") is not None:
        assert set(row["torch_seconds"]) == {"NCHW", "NHWC"} and row["ratio"] > 0
        assert row["torch_loss"] == pytest.approx(row["loss"], rel=0.02)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_compiled_peer_has_a_column_of_its_own(drive, monkeypatch):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    # Traced as ever, but without a minute of a C++ compiler's.
    traced = partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", traced)
    work = ("--networks", "vgg19-lite", "--sizes", "64", "--quick", "--torch-compile")
    code, out, _ = drive(*work, "--numbers", "b.json")
    (row,) = json.loads(Path("b.json").read_text())["rows"]
    seconds = row["torch_seconds"]
    eager, compiled = ["NCHW", "NHWC"], ["NCHW, compiled", "NHWC, compiled"]
    assert code == 0 and set(seconds) == {*eager, *compiled}
    best = {"ratio": eager, "compiled_ratio": compiled}
    for name, layouts in best.items():
        wanted = min(seconds[layout] for layout in layouts) / row["seconds"]
        assert row[name] == pytest.approx(wanted)
    head, _, cells, *_ = [line for line in out.splitlines() if line.startswith("| ")]
    assert "| PyTorch | ratio | compiled | ratio |" in head
    assert f"| {row['compiled_ratio']:.2f} |" in cells
    assert row["torch_loss"] == pytest.approx(row["loss"], rel=0.02)


@pytest.mark.parametrize(
    "seconds, wanted", [(0.00131, "1.31 ms"), (0.085, "85 ms"), (1.383, "1.383 s")]
)
def test_short_times_are_in_milliseconds(seconds, wanted, monkeypatch):
    assert imported(monkeypatch, "bench").format_time(seconds) == wanted


def test_a_run_that_is_cut_off_keeps_its_rows(monkeypatch, tmp_path, capsys):
    bench = imported(monkeypatch, "bench")
    row = {
        **{"network": "vgg19-lite", "size": 64, "batch": 1, "precision": "float32"},
        **{"seconds": 0.5, "ratio": None, "gflops": 1.0, "share": 0.1},
        **{"loss": 1.0, "torch_loss": None, "gib_per_megapixel": 1.0},
    }

    def measure(work, *_):
        if work.size == 96:
            raise ValueError("cut off")
        return row

    monkeypatch.setattr(bench, "measure", measure)
    run = driver(bench, monkeypatch, capsys)
    file = tmp_path / "b.json"
    code, _, err = run("--networks", "vgg19-lite", "--sizes", 64, 96, "--numbers", file)
    assert code != 0 and "cut off" in err
    assert json.loads(file.read_text())["rows"] == [row]


@pytest.mark.slow
def test_operations_are_those_of_the_convolutions(monkeypatch):
    bench = imported(monkeypatch, "_bench")
    network = random_vgg(jax.random.key(0), (2, 3, 4, 5, 6))
    per_pixel = 3 * 2 + 2 * 2
    second = 2 * 3 + 3 * 3
    third = 3 * 4 + 3 * 4 * 4
    fourth = 4 * 5 + 3 * 5 * 5
    wanted = per_pixel + second / 4 + third / 16 + fourth / 64 + 5 * 6 / 256
    assert bench.count_operations(network, 64) == 2 * 2 * 9 * 64 * 64 * wanted
