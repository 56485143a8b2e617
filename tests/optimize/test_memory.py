"""Whether a picture can fit into memory is told before anything is compiled."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import optax
import psutil
import pytest
from jax import monitoring
from networks import narrow_network, picture

from jaxnst import Config, stylize
from jaxnst.optimize import memory, optimizers, single


@pytest.fixture(scope="module")
def network():
    return narrow_network(width=8, depth=4)  # conv1_1, conv1_2, conv2_1, conv2_2


def free(monkeypatch, count: int) -> None:
    monkeypatch.setattr(memory, "limited_bytes", lambda: None)
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
    assert memory.min_feature_bytes(network, layers, (64, 48)) == 4 * values


def test_half_precision_takes_half_the_bytes(network):
    counted = memory.min_feature_bytes(network, ["relu1_1"], (64, 48), "bfloat16")
    assert counted == 2 * 64 * 48 * 8


def test_odd_sides_are_pooled_downwards(network):
    counted = memory.min_feature_bytes(network, ["pool1"], (33, 17))
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


CONFIG = Config(content_layers=("relu1_1",), style_layers=("relu2_1",))
SIDE = 400


def needs(network, side, tile):
    if tile == side:
        seen = 3 * memory.min_feature_bytes(network, CONFIG.layers, (side, side))
    else:
        seen = memory.tiled_bytes(network, CONFIG, (side, side), tile)
    return seen + 14 * 12 * side * side


def test_bytes_in_tiles_are_those_of_one_and_of_what_is_kept(network):
    counted = memory.tiled_bytes(network, CONFIG, (SIDE, SIDE), 200)
    # Four tiles of 200 and 2 x 2 pixels, channels 3 -> 8 -> 8 -> pool1; of pool1 the
    # tile may be as large as all of it.
    pixels, positions = 4 * 204**2, 200**2
    kept = pixels * (3 * 4 + 3) + positions * (8 * 4 + 2)
    whole = positions * 8 * 4 + SIDE**2 * 8 * 4  # pool1, and the content target
    assert counted == kept + whole + 3 * max(204**2 * 19, positions * 16) * 4


@pytest.mark.parametrize("tile", [None, 16])
def test_every_octave_has_features_of_its_own(network, tile):
    needed = [
        memory.bytes_needed(network, replace(CONFIG, octaves=count), size, tile)
        for count, size in ((2, (64, 49)), (1, (64, 49)), (1, (32, 25)))
    ]
    pictures = (memory._IMAGES + memory._ADAM_IMAGES) * 12 * 32 * 25
    assert needed[0] == needed[1] + needed[2] - pictures


def test_tiles_only_where_the_whole_does_not_fit(monkeypatch, network):
    at_once = needs(network, SIDE, SIDE)
    free(monkeypatch, at_once)
    assert (
        memory.with_tiles_if_needed(network, CONFIG, (SIDE, SIDE), share=1.0) == CONFIG
    )
    free(monkeypatch, at_once - 1)
    tile = memory.with_tiles_if_needed(network, CONFIG, (SIDE, SIDE), share=1.0).tile
    assert tile == 384  # the largest multiple of 64 below
    free(monkeypatch, needs(network, SIDE, 128))
    assert (
        memory.with_tiles_if_needed(network, CONFIG, (SIDE, SIDE), share=1.0).tile
        == 128
    )
    free(monkeypatch, min(needs(network, SIDE, 64 * n) for n in range(1, 7)) - 1)
    with pytest.raises(MemoryError):
        memory.with_tiles_if_needed(network, CONFIG, (SIDE, SIDE), share=1.0)


def test_a_tile_that_was_chosen_is_kept(monkeypatch, network):
    free(monkeypatch, needs(network, SIDE, 128))
    chosen = replace(CONFIG, tile=96)
    assert memory.with_tiles_if_needed(network, chosen, (SIDE, SIDE)) == chosen


def test_error_names_both_numbers_and_the_way_out(monkeypatch, network):
    free(monkeypatch, 3 * 2**29)
    with pytest.raises(MemoryError) as caught:
        memory.with_tiles_if_needed(network, CONFIG, (100_000, 50_000), share=1.0)
    for part in ("50000 x 100000 pixels", "1.5 GiB", "smaller"):
        assert part in str(caught.value)


def test_a_tiled_run_is_chosen_by_stylize(monkeypatch, network):
    def noted(network, content, style, config, **_):
        raise RuntimeError(config.tile)

    monkeypatch.setattr(single, "compute_targets", noted)
    free(monkeypatch, int(needs(network, SIDE, 192) / memory.MEMORY_SHARE) + 1)
    with pytest.raises(RuntimeError, match="192"):
        stylize(network, picture(SIDE, SIDE), picture(32, 32), config=CONFIG)


@pytest.mark.slow
def test_in_tiles_the_loop_is_compiled_once_and_then_memory_returned(
    monkeypatch, network
):
    done = []

    def listen(event, *_, **about):
        if event == "/jax/core/compile/backend_compile_duration":
            done.append(about["fun_name"])

    monkeypatch.setattr(single, "return_freed_memory", lambda: done.append("returned"))
    monitoring.register_event_duration_secs_listener(listen)
    stylize(
        network, picture(45, 38), picture(32, 32),
        config=replace(CONFIG, tile=24), steps=2,
        callback=lambda _: done.append("step"),
    )  # fmt: skip
    monitoring.unregister_event_duration_listener(listen)
    loops = [name for name in done if "run_steps" in name]
    assert len(loops) == 1
    order = [done.index(name) for name in (*loops, "returned", "step")]
    assert order == sorted(order)


def test_stylize_raises_before_it_compiles(monkeypatch, network):
    def never(*arguments, **options):
        raise AssertionError("went on")

    for name in ("compute_targets", "run_steps", "init_state"):
        monkeypatch.setattr(single, name, never)
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    config = Config(content_layers=("relu2_1",), style_layers=("relu1_1",))
    with pytest.raises(MemoryError, match="16 x 12 pixels need"):
        stylize(network, picture(12, 16), picture(12, 16), config=config)


def test_a_cpu_is_given_few_large_pictures_at_once(monkeypatch):
    assert memory.max_parallel_items((64, 64)) == 16
    assert (
        memory.max_parallel_items((256, 256))
        == memory.max_parallel_items((999, 999))
        == 2
    )
    gpu = SimpleNamespace(platform="gpu")
    monkeypatch.setattr(jax, "local_devices", lambda: [gpu])
    assert memory.max_parallel_items((999, 999)) > 10**9


@pytest.mark.parametrize(
    "optimizer, count",
    [
        (optimizers.adam(), 2),
        (optimizers.gradient(), 0),
        (optimizers.lbfgs(history=100), 202),
        (optimizers.lbfgs_linesearch(history=10), 23),
        (optax.sgd(0.1, momentum=0.9), 1),
    ],
)
def test_pictures_that_optimizers_remember(optimizer, count):
    assert optimizers.state_images(optimizer) == count


def test_what_the_optimizer_remembers_counts(monkeypatch, network):
    more = needs(network, SIDE, SIDE) + 200 * 12 * SIDE * SIDE
    free(monkeypatch, more)
    how = {"share": 1.0, "state_images": 202}
    given = network, CONFIG, (SIDE, SIDE)
    assert memory.with_tiles_if_needed(*given, **how) == CONFIG
    free(monkeypatch, more - 1)
    assert memory.with_tiles_if_needed(*given, **how).tile == 384
    told = []

    def noted(network, config, size, *, state_images):
        told.append((size, state_images))
        raise MemoryError

    monkeypatch.setattr(single, "with_tiles_if_needed", noted)
    with pytest.raises(MemoryError):
        image, optimizer = picture(12, 16), optimizers.lbfgs(history=7)
        stylize(network, image, image, config=CONFIG, optimizer=optimizer)
    assert told == [((12, 16, 3), 16)]


def test_what_cannot_be_seen_in_tiles_is_told_before_it_runs(network):
    config = replace(CONFIG, statistic="sliced")
    with pytest.raises(MemoryError, match="choose a smaller size"):
        memory.with_tiles_if_needed(network, config, (2048, 2048), budget=2**30)
    gram = replace(config, statistic="gram")
    assert memory.with_tiles_if_needed(network, gram, (2048, 2048), budget=2**30).tile
