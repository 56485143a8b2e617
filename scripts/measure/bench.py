"""Time a step of the compiled loop against PyTorch, interleaved in one run.

    python scripts/measure/bench.py --sizes 256 512 --batches 1 4 --numbers bench.json

Both do the same work on the same weights: VGG-19 to relu5_1, the Gram objective, its
gradient to the picture and a step of Adam. PyTorch runs eagerly and, with
`--torch-compile`, compiled, in the faster of its two memory layouts. The full VGG-19's
weights are random, which does not change the time. Without torch its columns stay
empty. Only ratios within one run mean anything: machines differ, and shared ones drift.
"""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
from _bench import (
    Call,
    Workload,
    count_operations,
    jaxnst_call,
    matrix_rate,
    named_network,
    steps_per_call,
    time_commands,
    time_interleaved,
    torch_calls,
)
from _profile import profile_call

from jaxnst import images
from jaxnst._files import atomic_write, check_writable_folder
from jaxnst.cli._app import Common, run_module

Row = dict[str, Any]
_LONGEST = 6  # kinds of operations shown of a profile


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    networks: tuple[Literal["vgg19", "vgg19-lite"], ...] = ("vgg19", "vgg19-lite")
    """The full VGG-19, and the one that comes with jaxnst."""
    sizes: tuple[int, ...] = (256, 512)
    """Sides of the square pictures in pixels."""
    batches: tuple[int, ...] = (1,)
    """Pictures at once."""
    precisions: tuple[Literal["float32", "bfloat16"], ...] = ("float32",)
    """Of the activations, for both programs."""
    repeats: int = 5
    """Timed calls, of which the median counts."""
    profile: Path | None = None
    """Folder for traces of jaxnst's calls, for Perfetto or TensorBoard; what took
    longest is printed, too."""
    torch_compile: bool = False
    """Time PyTorch compiled by torch.compile, too, which wants a C++ compiler on a
    CPU."""
    quick: bool = False
    """Little of everything: whether it works, not how fast."""
    numbers: Path | None = None
    """Write all numbers to this file, too."""


def measure(work: Workload, rate: float, arguments: Arguments) -> Row:
    """One line of the table; seconds are those of a step for one picture."""
    network = named_network(work.network)
    steps = steps_per_call(work)
    call, needed = jaxnst_call(work, network, steps)
    eager = torch_calls(work, network, steps, compiled=False)
    compiled: dict[str, Call] = {}
    if arguments.torch_compile:
        compiled = torch_calls(work, network, steps, compiled=True)
    repeats = 1 if arguments.quick else arguments.repeats
    timed = time_interleaved({"jaxnst": call, **eager, **compiled}, repeats)
    profile = arguments.profile
    shares = {} if profile is None else profile_call(call, profile)
    each = {name: s / steps / work.batch for name, (s, _) in timed.items()}
    best, best_compiled = (
        min(calls, key=each.__getitem__, default=None) for calls in (eager, compiled)
    )
    speed = count_operations(network, work.size) / each["jaxnst"]
    return {
        **asdict(work),
        "seconds": each["jaxnst"],
        "torch_seconds": {name: each[name] for name in (*eager, *compiled)},
        "ratio": best and each[best] / each["jaxnst"],
        "compiled_ratio": best_compiled and each[best_compiled] / each["jaxnst"],
        "gflops": speed / 1e9,
        "share": speed / rate,
        "loss": timed["jaxnst"][1],
        "torch_loss": best and timed[best][1],
        "gib": needed / 2**30,
        "gib_per_megapixel": needed / 2**30 / (work.batch * work.size**2 / 1e6),
        "profile": shares,
    }


def format_time(seconds: float) -> str:
    """In seconds or, where that is short, milliseconds."""
    return f"{1e3 * seconds:.3g} ms" if seconds < 0.1 else f"{seconds:.3f} s"


def format_row(row: Row, peers: Sequence[str]) -> str:
    """Cells of a row, two for each of the ratios to PyTorch that are named."""
    ratios = [row[name] for name in peers]
    peer = " | ".join(
        f"{format_time(ratio * row['seconds'])} | {ratio:.2f}" if ratio else " | "
        for ratio in ratios
    )
    losses = f"{row['loss']:.4g}"
    if row["torch_loss"] is not None:
        losses += f", {row['torch_loss']:.4g}"
    return (
        f"| {row['network']} | {row['size']} | {row['batch']} | {row['precision']} "
        f"| {format_time(row['seconds'])} | {peer} | {row['gflops']:.0f} "
        f"| {row['share']:.0%} | {losses} | {row['gib_per_megapixel']:.2f} GiB |"
    )


def print_profiles(rows: list[Row]) -> None:
    """Print what took most of each row's time."""
    print("\n| network | size | batch | precision | where the time goes |")
    print("|" + " --- |" * 5)
    for row in rows:
        longest = list(row["profile"].items())[:_LONGEST]
        shares = ", ".join(f"{kind} {share:.0%}" for kind, share in longest)
        cells = (row[name] for name in ("network", "size", "batch", "precision"))
        print(f"| {' | '.join(map(str, cells))} | {shares} |")


def time_started_commands(options: tuple[str, ...]) -> dict[str, float]:
    """Seconds of whole commands, with an empty cache of compiled code at first."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("photo.png", "painting.png")]
        for seed, path in enumerate(paths):
            picture = jax.random.uniform(jax.random.key(seed), (256, 256, 3))
            images.save_image(path, jnp.asarray(picture))
        before = os.environ.get("XDG_CACHE_HOME")
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            return time_commands(paths, options)
        finally:
            os.environ.pop("XDG_CACHE_HOME")
            if before is not None:
                os.environ["XDG_CACHE_HOME"] = before


def write(path: Path | None, numbers: dict[str, Any]) -> None:
    """Write what is known so far, so that a run that is cut off is not for nothing."""
    if path is not None:
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(numbers, indent=1))


def main(arguments: Arguments) -> None:
    if arguments.numbers is not None:
        check_writable_folder(arguments.numbers)
    # Of a GPU's memory no more than is needed: PyTorch and the commands share it.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    sizes = arguments.sizes[:1] if arguments.quick else arguments.sizes
    device = str(jax.local_devices()[0].device_kind)
    print(
        f"{device}, {platform.processor() or platform.machine()}, jax "
        f"{jax.__version__}\n"
    )
    peers = {"ratio": "PyTorch"}
    if arguments.torch_compile:
        peers["compiled_ratio"] = "compiled"
    head = ["network", "size", "batch", "precision", "step"]
    head += [cell for name in peers.values() for cell in (name, "ratio")]
    head += ["GFLOP/s", "of a product's", "losses", "memory per MP"]
    print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    numbers: dict[str, Any] = {"device": device, "jax": jax.__version__, "rows": []}
    rows = numbers["rows"]
    for precision in arguments.precisions:
        rate = matrix_rate(precision, 512 if arguments.quick else None)
        for name, size, batch in product(arguments.networks, sizes, arguments.batches):
            work = Workload(name, size, batch, precision)
            rows.append(measure(work, rate, arguments))
            print(format_row(rows[-1], list(peers)), flush=True)
            write(arguments.numbers, numbers)
    if arguments.profile is not None:
        print_profiles(rows)
    print("\n| command | seconds |\n| --- | --- |")
    small = ("--size", "48", "--steps", "2", "--margin", "0")
    times = time_started_commands(small if arguments.quick else ("--size", "256"))
    for command, seconds in times.items():
        print(f"| {command} | {seconds:.1f} |")
    write(arguments.numbers, numbers | {"commands": times})


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
