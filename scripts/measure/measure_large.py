"""Measure large pictures: time and memory, at once and in tiles.

    python scripts/measure/measure_large.py photo.jpg painting.jpg --sizes 1024

Every line is a process of its own; the losses of one size agree.
"""

import sys
from dataclasses import dataclass
from itertools import product

from _measure import MeasureArguments, device_name, in_new_process, peak_memory

import jaxnst
from jaxnst import Config, images
from jaxnst.cli._app import keep_compiled, run_module
from jaxnst.optimize import optimizers
from jaxnst.optimize.result import Progress


@dataclass(frozen=True, kw_only=True)
class Arguments(MeasureArguments):
    sizes: tuple[int, ...] = (1024, 2048)
    """Sides of the square pictures in pixels."""
    tiles: tuple[int, ...] = (0, 512, 1024)
    """Sides of tiles in pixels; 0 for none."""
    steps: int = 3
    """Steps of Adam, of which all but the first are timed."""


@dataclass(frozen=True)
class Row:
    """Seconds of a step, GiB at the worst moment, and the loss in the end."""

    seconds: float
    memory: float
    loss: float


def measure(arguments: Arguments, size: int, tile: int) -> Row:
    keep_compiled()
    network = arguments.load_network()
    content = images.load_image(arguments.content, size=(size, size))
    style = images.load_image(arguments.style, size=512)
    times = []

    def callback(progress: Progress) -> None:
        times.append(progress.seconds)

    result = jaxnst.stylize(
        network,
        content,
        style,
        config=Config(statistic="gaussian", tile=tile or None),
        optimizer=optimizers.adam(0.02),
        steps=arguments.steps,
        callback=callback,
        every=1,
    )
    seconds = (times[-1] - times[0]) / (len(times) - 1)
    return Row(seconds, peak_memory(), float(result.trace["loss"][-1]))


def main(arguments: Arguments) -> None:
    if arguments.steps < 2:
        raise ValueError("--steps must be at least 2: the first one compiles")
    print(f"{in_new_process(device_name)}, {arguments.network}\n")
    print("| size | tile | a step | memory | per megapixel | loss |")
    print("| --- | --- | --- | --- | --- | --- |")
    for size, tile in product(arguments.sizes, arguments.tiles):
        row = in_new_process(measure, arguments, size, tile)
        pixels = size * size / 1e6
        print(
            f"| {size} | {tile or 'none'} | {row.seconds:.2f} s | {row.memory:.2f} GiB "
            f"| {row.memory / pixels:.2f} GiB | {row.loss:.6g} |",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
