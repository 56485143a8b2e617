"""How an image, or how many of a size, can fit into memory."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import psutil

from jaxnst._memory_limits import limited_bytes
from jaxnst.losses.config import Config
from jaxnst.losses.tile_layout import tilings
from jaxnst.networks.network import Network
from jaxnst.networks.vgg import VGG

# Of what is free; the rest is for pictures on their way and for other programs.
MEMORY_SHARE = 0.8

# Bytes of a step over those of the features alone.
STEP_FACTOR = 3

# What is kept of the picture's own size beside the optimiser's memory: itself, its
# gradient, the average, copies.
_IMAGES = 12

# Pictures that Adam remembers, the usual optimiser.
_ADAM_IMAGES = 2

_LARGEST, _STEP = 2048, 64  # sides of tiles that are tried, down to the step

# Bytes of features that were counted: of many pictures of one size it is asked again
# and again, and to trace a deep network takes a tenth of a second.
_feature_bytes: dict[Any, int] = {}

# Pixels at once beyond which a CPU's caches no longer help: larger images then take
# longer for each, small ones less.
_CACHE_PIXELS = 2**16


def min_feature_bytes(
    network: Network,
    layers: Sequence[str],
    size: tuple[int, ...],
    precision: str = "float32",
) -> int:
    """Bytes that the features alone of one picture take, all layers kept.

    The gradient needs every layer's features up to the deepest: a lower bound, which
    a real run exceeds by a factor of about two to three.

    Args:
        size: (height, width) of the picture.
        precision: of the activations.
    """
    key = network.module, tuple(layers), tuple(size), precision
    if key not in _feature_bytes:
        _feature_bytes[key] = _count_feature_bytes(network, *key[1:])
    return _feature_bytes[key]


def _count_feature_bytes(
    network: Network, layers: tuple[str, ...], size: tuple[int, ...], precision: str
) -> int:
    held = network.layers
    deepest = max(held.index(layer) for layer in network.check_layers(layers))
    # After the ReLU alone: it is computed in place of the convolution's output; and
    # of an inception its output alone, which is made of its branches'.
    kept = [n for n in held[: deepest + 1] if not (n.startswith("conv") or "/" in n)]
    image = jax.ShapeDtypeStruct((*size, 3), jnp.float32)
    features = jax.eval_shape(
        lambda x: network(x, kept or layers, precision=precision), image
    )
    return sum(f.dtype.itemsize * math.prod(f.shape) for f in features.values())


def compiled_bytes(compiled: Any) -> int:
    """Bytes that a compiled computation takes on one device, arguments and all."""
    held = compiled.memory_analysis()
    # What is donated counts once.
    taken = held.argument_size_in_bytes - held.alias_size_in_bytes
    return int(held.temp_size_in_bytes + held.output_size_in_bytes + taken)


def available_bytes() -> int:
    """Bytes that this process could still get on the device that JAX uses; within the
    limits of its cgroup and its shell, too."""
    device = jax.local_devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"]) - int(stats.get("bytes_in_use", 0))
    free = int(psutil.virtual_memory().available)
    limited = limited_bytes()
    return free if limited is None else min(free, limited)


def max_parallel_items(size: tuple[int, ...]) -> int:
    """Pictures of (height, width) side by side beyond which a device takes longer for
    each: on a CPU two, unless they are small; on others more are never slower."""
    if jax.local_devices()[0].platform != "cpu":
        return sys.maxsize
    return max(2, _CACHE_PIXELS // (size[0] * size[1]))


def max_items(
    bytes_of: Callable[[int], int],
    count: int,
    guess: int,
    *,
    multiple: int,
    budget: int,
) -> int:
    """The largest number of items whose computation stays within a budget, or nearly.

    Bytes grow linearly with items, or slower; two or three looks find it.

    Args:
        bytes_of: bytes that so many items take, as the compiler says; costly.
        count: items there are; more than these, rounded up, are never needed.
        guess: where to look first.
        multiple: the number is one of these (the devices).
        budget: in bytes.

    Raises:
        MemoryError: not even `multiple` items fit.
    """
    most = -(-count // multiple) * multiple

    def whole(items: float) -> int:
        return int(min(max(items // multiple, 1) * multiple, most))

    items = whole(guess)
    fits = 0
    while True:
        needed = bytes_of(items)
        if needed <= budget:
            fits = items
        elif items == multiple:
            raise MemoryError(
                f"{items} at once need {needed / 2**30:.1f} GiB of memory, the budget "
                f"is {budget / 2**30:.1f} GiB; choose a smaller size or a larger budget"
            )
        wanted = whole(items * budget / needed)
        # Up only where it is worth another compilation, down always.
        if fits and wanted < 1.5 * fits and not (wanted == most > fits):
            return fits
        if needed > budget:
            wanted = min(wanted, items - multiple)
        if fits and wanted <= fits:
            return fits
        items = wanted


def bytes_needed(
    network: Network,
    config: Config,
    size: tuple[int, ...],
    tile: int | None,
    *,
    state_images: int = _ADAM_IMAGES,
) -> int:
    """About what a run takes for a picture of (height, width), seen in tiles or, for
    None, at once; `state_images` as of `with_tiles_if_needed`."""
    height, width = size[:2]
    needed = (_IMAGES + state_images) * 12 * height * width
    for _ in range(config.octaves):
        if tile is not None and tile < max(height, width):
            needed += tiled_bytes(network, config, (height, width), tile)
        else:
            layers, precision = config.layers, config.precision
            seen = min_feature_bytes(network, layers, (height, width), precision)
            needed += STEP_FACTOR * seen
        height, width = -(-height // 2), -(-width // 2)
    return needed


def tiled_bytes(
    network: Network, config: Config, size: tuple[int, int], tile: int
) -> int:
    """About what features take in tiles: those of one tile, and what is kept of all.

    Kept are of every segment the tiles that it takes, a bit for each value of its
    features, the whole of what the next takes, and the content target.
    """
    of_type = jnp.dtype(config.precision).itemsize
    kept, of_tile = 0, 0
    for tiling in tilings(network, config.layers, size, tile):
        segment, positions = tiling.segment, math.prod(tiling.size)
        taken, *features = segment.channels
        in_tiles = taken * (of_type if segment.start else 4)
        masks = (sum(features) + features[-1]) / 8
        kept += int(len(tiling) * positions * (in_tiles + masks))
        if segment.end:
            kept += math.prod(tiling.map_size(segment.end)) * features[-1] * of_type
        for layer in {*segment.layers} & {*config.content_layers}:
            kept += math.prod(tiling.map_size(layer)) * features[-1] * 4
        of_tile = max(of_tile, positions * sum(segment.channels) * of_type)
    return kept + STEP_FACTOR * of_tile


def with_tiles_if_needed(
    network: Network,
    config: Config,
    size: tuple[int, ...],
    *,
    share: float = MEMORY_SHARE,
    budget: int | None = None,
    state_images: int = _ADAM_IMAGES,
) -> Config:
    """`config`, with tiles if a picture of (height, width) would not fit at once.

    The largest tiles that take, with the pictures themselves, at most `budget` bytes,
    or where that is None this share of what is free. A tile that `config` has is kept.

    Args:
        size: (height, width), margins and all.
        state_images: of `optimizers.state_images`.

    Raises:
        MemoryError: not even small tiles fit, or the network or an image that repeats
            cannot be seen in tiles.
            Without this the system would end the process, without a word, when memory
            runs out.
    """
    height, width = size[:2]
    free = int(available_bytes() * share) if budget is None else budget
    needed = partial(bytes_needed, network, config, size, state_images=state_images)
    if config.tile is not None or needed(None) <= free:
        return config
    repeats = config.padding == "circular"
    if isinstance(network.module, VGG) and config.tileable and not repeats:
        for tile in range(_LARGEST, 0, -_STEP):
            if tile < max(height, width) and needed(tile) <= free:
                return replace(config, tile=tile)
    raise MemoryError(
        f"{width} x {height} pixels need {_in_units(needed(None))} of memory, "
        + _what_is_there(free, is_budget=budget is not None)
    )


def _what_is_there(free: int, *, is_budget: bool) -> str:
    """How much memory there is, why not more, and what to do."""
    there = _in_units(free)
    if is_budget:
        return f"the budget is {there}; choose a smaller size or a larger budget"
    limited = limited_bytes()
    if limited is not None and limited < psutil.virtual_memory().available:
        return (
            f"and this process is limited to {there} more, by its container or shell; "
            "choose a smaller size or a higher limit"
        )
    return f"and {there} are free; choose a smaller size"


def _in_units(count: int) -> str:
    """So many bytes, as a person reads them."""
    if count < 2**27:
        return f"{count / 2**20:.1f} MiB"
    return f"{count / 2**30:.1f} GiB"
