"""Whether a picture can fit into memory is told before anything is compiled."""

from types import SimpleNamespace

import jax
import psutil
import pytest
from networks import narrow_network, picture

from jaxnst import Config, memory, stylize, transfer


@pytest.fixture(scope="module")
def network():
    return narrow_network(width=8, depth=4)  # conv1_1, conv1_2, conv2_1, conv2_2


def free(monkeypatch, count: int) -> None:
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: SimpleNamespace(available=count)
    )


@pytest.mark.parametrize(
    "layers, values",
    [
        (["relu1_1"], 64 * 48 * 8),
        (["relu1_2"], 2 * 64 * 48 * 8),
        (["pool1"], 2 * 64 * 48 * 8 + 32 * 24 * 8),
        (["relu2_1"], 2 * 64 * 48 * 8 + 2 * 32 * 24 * 8),
        (["relu2_1", "relu1_1"], 2 * 64 * 48 * 8 + 2 * 32 * 24 * 8),
        (["conv1_1"], 64 * 48 * 8),  # nothing else to keep
    ],
)
def test_least_bytes_are_those_of_every_layer_kept(network, layers, values):
    assert memory.least_bytes(network, layers, (64, 48)) == 4 * values


def test_half_precision_takes_half_the_bytes(network):
    counted = memory.least_bytes(network, ["relu1_1"], (64, 48), "bfloat16")
    assert counted == 2 * 64 * 48 * 8


def test_odd_sides_are_pooled_downwards(network):
    counted = memory.least_bytes(network, ["pool1"], (33, 17))
    assert counted == 4 * 8 * (2 * 33 * 17 + 16 * 8)


def test_available_is_what_the_system_says(monkeypatch):
    free(monkeypatch, 12345)
    assert memory.available_bytes() == 12345


def test_available_on_a_device_is_what_is_left_of_its_limit(monkeypatch):
    stats = {"bytes_limit": 1000, "bytes_in_use": 300}
    device = SimpleNamespace(platform="gpu", memory_stats=lambda: stats)
    monkeypatch.setattr(jax, "local_devices", lambda: [device])
    assert memory.available_bytes() == 700
    device.memory_stats = lambda: None
    free(monkeypatch, 12345)
    assert memory.available_bytes() == 12345


def test_a_picture_that_just_fits_passes(monkeypatch, network):
    needed = memory.least_bytes(network, ["relu1_1"], (64, 48))
    free(monkeypatch, needed)
    memory.check_memory(network, ["relu1_1"], (64, 48))
    free(monkeypatch, needed - 1)
    with pytest.raises(MemoryError):
        memory.check_memory(network, ["relu1_1"], (64, 48))


def test_error_names_both_numbers_and_the_way_out(monkeypatch, network):
    free(monkeypatch, 3 * 2**29)
    with pytest.raises(MemoryError) as caught:
        memory.check_memory(network, ["relu1_1"], (100_000, 50_000))
    needed = 4 * 8 * 100_000 * 50_000 / 2**30
    for part in ("50000 x 100000 pixels", f"{needed:.1f} GiB", "1.5 GiB", "smaller"):
        assert part in str(caught.value)


def test_stylize_raises_before_it_compiles(monkeypatch, network):
    def never(*arguments, **options):
        raise AssertionError("went on")

    for name in ("make_targets", "run_steps", "init_state"):
        monkeypatch.setattr(transfer, name, never)
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    config = Config(content_layers=("relu2_1",), style_layers=("relu1_1",))
    with pytest.raises(MemoryError, match="16 x 12 pixels"):
        stylize(network, picture(12, 16), picture(12, 16), config=config)
