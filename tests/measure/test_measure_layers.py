"""scripts/measure/measure_layers.py: the parts of a step are all there."""

import jax
import pytest

from jaxnst.networks.random_weights import random_vgg
from scripts import driver, imported

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled_quickly")]


@pytest.fixture
def script(monkeypatch):
    return imported(monkeypatch, "measure_layers")


def rows_of(out: str) -> list[list[str]]:
    lines = [line for line in out.splitlines() if line.startswith("| ")]
    lines = [line for line in lines if "---" not in line]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_parts_and_the_rest_are_the_step(script, monkeypatch, capsys):
    run = driver(script, monkeypatch, capsys)
    code, out, _ = run("--networks", "vgg19-lite", "--size", 32, "--repeats", 1)
    assert code == 0
    head, *rows, rest, step = rows_of(out)
    assert {len(row) for row in (head, *rows, rest, step)} == {10}
    convolutions = [row[0] for row in rows if row[0].startswith("conv")]
    assert convolutions[0] == "conv1_1" and convolutions[-1] == "conv5_1"
    assert len(convolutions) == 13
    assert [row[0][-7:] for row in rows if row[0].startswith("Gram")] == [
        f"relu{block}_1" for block in range(1, 6)
    ]
    assert [row[0] for row in rows if "pool" in row[0]] == [
        f"ReLU and pool{block}" for block in range(1, 5)
    ]
    times = [float(row[8]) for row in (*rows, rest)]
    assert min(float(row[8]) for row in rows if row[0].startswith("conv")) > 0
    assert sum(times) == pytest.approx(float(step[8]), abs=0.005 * len(times))


def test_limits_count_what_the_algorithm_multiplies(script):
    network = random_vgg(jax.random.key(0), (4, 96, 4, 4, 4))
    first, wide = (
        script.convolution_part(name, (10, 12, inputs), network.params[name])
        for name, inputs in (("conv1_1", 3), ("conv2_2", 96))
    )
    assert first.algorithm == "packed"
    assert first.operations == 2 * 9 * 10 * 12 * 3 * 4
    # 3 x 3 tiles of 4 x 4 outputs, each 36 products in place of 144.
    assert wide.algorithm == "F(4 x 4)"
    assert wide.operations == 2 * 36 * 3 * 3 * 96 * 96
