"""Measure one pass: seconds for a picture, alone and several at once.

    python scripts/measure/measure_feedforward.py photo.jpg painting.jpg --sizes 256 512

The photograph at each size like the painting at the same, features of both and all; and
one of so many photographs at once like a painting that is known.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from _measure import device_name

from jaxnst import feedforward, images
from jaxnst.cli._app import Common, run_module
from jaxnst.cli._parser import option
from jaxnst.feedforward.weights_file import load_feedforward


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    content: Path = option(positional=True, metavar="PHOTO")
    """The photograph."""
    style: Path = option(positional=True, metavar="PAINTING")
    """The painting."""
    sizes: tuple[int, ...] = (256, 512, 1024)
    """Long sides in pixels."""
    batch: int = 4
    """Photographs at once."""
    runs: int = 7
    """Of which the median counts."""


def time_calls(function: Callable[[], Any], runs: int) -> tuple[float, float]:
    """Of the first call, which compiles, and the median of others."""
    times = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        jax.block_until_ready(function())
        times.append(time.perf_counter() - began)
    return times[0], statistics.median(times[1:])


def main(arguments: Arguments) -> None:
    # What an earlier run compiled would be no first picture's.
    jax.config.update("jax_compilation_cache_dir", None)
    model = load_feedforward().prepared()
    stylize_batch = jax.jit(jax.vmap(feedforward.apply_style, (None, 0, None)))
    at_once = f"{arguments.batch} at once, each"
    print(f"| size | first picture | picture | {at_once} |\n| --- | --- | --- | --- |")
    for size in arguments.sizes:
        paths = arguments.content, arguments.style
        content, style = (images.load_image(path, size=size) for path in paths)
        first, one = time_calls(
            partial(feedforward.stylize_compiled, model, content, style),
            arguments.runs,
        )
        style_statistics = feedforward.style_of(model, style)
        contents = jnp.stack([content] * arguments.batch)
        _, several = time_calls(
            partial(stylize_batch, model, contents, style_statistics), 3
        )
        numbers = first, one, several / arguments.batch
        cells = " | ".join(f"{number:.2f} s" for number in numbers)
        print(f"| {size} | {cells} |", flush=True)
    print(f"({device_name()}; first: with compilation)")


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
