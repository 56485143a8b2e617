"""Measure what many pictures at once cost, in time and in memory.

    python scripts/measure/measure_many.py photo.jpg painting.jpg

First a 4 x 4 grid of alpha and beta against one setting alone, one after another and
side by side, and how far the grid's pictures are from those of 16 runs; then 1, 2, ...
pairs in one call, in the default settings; then pairs side by side, divided between 1,
2, ... devices that the CPU is taken for. Compilation is not counted: everything runs
twice, the second run is timed.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from _measure import MeasureArguments, device_name, in_new_process, peak_memory

import jaxnst
from jaxnst import Config, Network, Settings, Weights, images
from jaxnst.cli._app import keep_compiled, run_module
from jaxnst.pipeline import presets
from jaxnst.pipeline.substitute import adapted

_ALPHAS, _BETAS = (0.25, 0.5, 1.0, 2.0), (2.0, 8.0, 32.0, 128.0)


@dataclass(frozen=True, kw_only=True)
class Arguments(MeasureArguments):
    size: int = 256
    """Side of the pictures in pixels; they are square."""
    steps: int = 20
    """Steps of Adam for every setting of the grid."""
    pairs: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Numbers of pairs in a call."""
    budget: float = 4.0
    """GiB of memory that the pairs may use."""
    devices: tuple[int, ...] = (1, 2, 4)
    """Numbers of devices that the CPU is taken for; none, without that table."""
    divided: int = 8
    """Pairs that are divided between the devices."""


@dataclass(frozen=True)
class Row:
    """One line of a table: so many pictures, seconds, and GiB at the worst moment."""

    items: int
    seconds: float
    memory: float
    difference: float = 0.0


def load(arguments: Arguments) -> tuple[Network, jax.Array, jax.Array]:
    keep_compiled()
    network = arguments.load_network()
    size = arguments.size, arguments.size
    pictures = (arguments.content, arguments.style)
    content, style = (images.load_image(path, size=size) for path in pictures)
    return network, content, style


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """The second run's result and seconds."""
    call()
    began = time.perf_counter()
    return call(), time.perf_counter() - began


def single(arguments: Arguments) -> Row:
    network, content, style = load(arguments)
    options: dict[str, Any] = {"config": Config(), "steps": arguments.steps}
    _, seconds = timed(lambda: jaxnst.stylize(network, content, style, **options))
    return Row(1, seconds, peak_memory())


def grid(arguments: Arguments, vectorize: bool) -> Row:
    network, content, style = load(arguments)
    options: dict[str, Any] = {"config": Config(), "steps": arguments.steps}
    how: dict[str, Any] = {"alphas": _ALPHAS, "betas": _BETAS, "vectorize": vectorize}
    result, seconds = timed(
        lambda: jaxnst.grid_search(network, content, style, **how, **options)
    )
    memory, worst = peak_memory(), 0.0
    for index in np.ndindex(result.finite.shape):
        weights = Weights(alpha=_ALPHAS[index[0]], beta=_BETAS[index[1]])
        single_run = jaxnst.stylize(network, content, style, weights=weights, **options)
        difference = np.abs(result.image[index] - single_run.image)
        worst = max(worst, float(difference.max()))
    return Row(result.finite.size, seconds, memory, worst)


def pairs(arguments: Arguments, count: int, vectorize: bool | None = None) -> Row:
    """So many different pairs: the same pictures, turned round by other amounts."""
    network, content, style = load(arguments)
    shifts = [arguments.size * n // count for n in range(count)]
    contents = [jnp.roll(content, shift, 1) for shift in shifts]
    styles = [jnp.roll(style, shift, 0) for shift in shifts]
    settings = adapted(presets.default, network)[0]
    settings = replace(
        settings, geometry=replace(settings.geometry, size=arguments.size)
    )
    optimization = replace(settings.optimization, steps=(1,))
    warmup = replace(settings, optimization=optimization)  # compiles everything
    how: dict[str, Any] = {"budget": int(arguments.budget * 2**30)}
    how["vectorize"] = vectorize

    def render(settings: Settings) -> Any:
        return jaxnst.render_batch(settings, network, contents, styles, **how)

    render(warmup)
    began = time.perf_counter()
    render(settings)
    return Row(count, time.perf_counter() - began, peak_memory())


def divided(arguments: Arguments, devices: int) -> Row:
    """Pairs that are divided between the devices of this process.

    Raises:
        RuntimeError: there are not so many.
    """
    if jax.local_device_count() != devices:
        raise RuntimeError(f"{jax.local_device_count()} devices instead of {devices}")
    return pairs(arguments, arguments.divided, True)


def on_cpu_devices(devices: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function in a new process, which takes the CPU for so many devices."""
    before = dict(os.environ)
    flag = f"--xla_force_host_platform_device_count={devices}"
    os.environ["XLA_FLAGS"] = f"{before.get('XLA_FLAGS', '')} {flag}".strip()
    os.environ["JAX_PLATFORMS"] = "cpu"
    try:
        return in_new_process(function, *arguments)
    finally:
        os.environ.clear()
        os.environ.update(before)


def main(arguments: Arguments) -> None:
    print(f"{in_new_process(device_name)}, jax {jax.__version__}\n")
    side = arguments.size
    print(f"{arguments.steps} steps at {side} x {side}, {arguments.network}:\n")
    one = in_new_process(single, arguments)
    rows = {
        "alone": one,
        "one after another": in_new_process(grid, arguments, False),
        "side by side": in_new_process(grid, arguments, True),
    }
    print("| settings | way | a setting | relative | memory | largest difference |")
    print("| --- | --- | --- | --- | --- | --- |")
    for way, row in rows.items():
        each = row.seconds / row.items
        print(
            f"| {row.items} | {way} | {each:.2f} s | {each / one.seconds:.2f} "
            f"| {row.memory:.2f} GiB | {row.difference:.1e} |"
        )
    print(f"\ndefault settings, budget {arguments.budget:g} GiB:\n")
    print("| pairs | pictures/s | memory |\n| --- | --- | --- |")
    for count in arguments.pairs:
        row = in_new_process(pairs, arguments, count)
        rate = row.items / row.seconds
        print(f"| {count} | {rate:.3f} | {row.memory:.2f} GiB |", flush=True)
    if arguments.devices:
        print(f"\n{arguments.divided} pairs divided between CPU devices:\n")
        print("| devices | pictures/s | memory |\n| --- | --- | --- |")
    for count in arguments.devices:
        row = on_cpu_devices(count, divided, arguments, count)
        rate = row.items / row.seconds
        print(f"| {count} | {rate:.3f} | {row.memory:.2f} GiB |", flush=True)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
