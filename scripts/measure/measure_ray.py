"""Measure what Ray costs a batch of many small pictures, in time and in memory.

    python scripts/measure/measure_ray.py photo.jpg painting.jpg

The photograph, turned round by other amounts, is painted by `jaxnst batch`: by itself;
with --ray by one actor, which computes with as many threads; and by several, which
share the cores. Needs jaxnst's extra "ray".
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import psutil
from _measure import MeasureArguments, device_name, in_new_process

from jaxnst import images
from jaxnst.cli._app import run_module
from jaxnst.cli._manifest import NAME, read_records
from jaxnst.cli._ray import import_ray

_EVERY = 0.5  # seconds between two looks, which themselves take of the cores

_WARM = 0.25  # of the pictures are painted before it counts


@dataclass(frozen=True, kw_only=True)
class Arguments(MeasureArguments):
    pairs: int = 1000
    """Pictures of a batch."""
    size: int = 64
    """Long side in pixels."""
    steps: int = 20
    """Steps at every size from coarse to fine."""
    actors: int = 2
    """That share the cores in the last run."""


@dataclass(frozen=True)
class Row:
    """One run: pictures, seconds in all; once warm, pictures a second and seconds of
    one core for each, of all processes together; and the program's memory in MiB at the
    first picture and at the last."""

    pictures: int
    seconds: float
    rate: float
    work: float
    first: float
    last: float


@dataclass(frozen=True)
class _Sample:
    """At a time (seconds since 1970): seconds of a core that a program and all below it
    have used, those that have ended included, and its own MiB."""

    time: float
    work: float
    memory: float


def _sample(process: psutil.Process, used: dict[int, float]) -> _Sample:
    """`used`: of each process, by its number, as far as it was seen."""
    for each in (process, *process.children(recursive=True)):
        try:
            times = each.cpu_times()
            used[each.pid] = times.user + times.system
        except psutil.Error:  # it has ended meanwhile
            pass
    memory = process.memory_info().rss / 2**20
    return _Sample(time.time(), sum(used.values()), memory)


def batch(arguments: Arguments, folder: Path, name: str, *options: str) -> Row:
    """Run `jaxnst batch` in a new process and watch it."""
    output = folder / name
    line = [sys.executable, "-m", "jaxnst", "batch", "--quiet"]
    line += ["--contents", str(folder / "photos"), "--styles", str(arguments.style)]
    line += ["--size", str(arguments.size), "--steps", str(arguments.steps)]
    line += ["--network", arguments.network, "-o", str(output), *options]
    line += ["--weights", arguments.weights] if arguments.weights else []
    began = time.perf_counter()
    samples: list[_Sample] = []
    used: dict[int, float] = {}
    with subprocess.Popen(line) as process:
        while process.poll() is None:
            try:
                sample = _sample(psutil.Process(process.pid), used)
            except psutil.Error:
                break
            if sample.memory:  # else it has ended since `poll`, and has none any more
                samples.append(sample)
            time.sleep(_EVERY)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{' '.join(line)} failed; its error stands above")
    times = sorted(record["time"] for record in read_records(output / NAME))
    warm = times[int(_WARM * len(times)) :]
    count, during = len(warm) - 1, warm[-1] - warm[0]
    begun = [s for s in samples if s.time >= times[0]] or samples[-1:]
    seen = [s for s in begun if warm[0] <= s.time <= warm[-1]] or begun
    work = (seen[-1].work - seen[0].work) / max(seen[-1].time - seen[0].time, 1e-9)
    return Row(
        pictures=len(times),
        seconds=seconds,
        rate=count / during,
        work=work * during / count,
        first=begun[0].memory,
        last=seen[-1].memory,
    )


def photographs(folder: Path, content: Path, size: int, count: int) -> None:
    """A folder of so many, each the photograph turned round by another amount."""
    folder.mkdir()
    photo = images.load_image(content, size=2 * size)
    for number in range(count):
        rows, columns = divmod(number, photo.shape[1])
        turned = jnp.roll(photo, (rows, columns), (0, 1))
        images.save_image(folder / f"{number:06d}.png", turned)


def main(arguments: Arguments) -> None:
    version, cores = import_ray().__version__, os.cpu_count() or 1
    device = in_new_process(device_name)
    print(
        f"{device}, {cores} cores, jax {jax.__version__}, "
        f"Ray {version}; {arguments.size} pixels, {arguments.steps} steps\n"
    )
    each = str(max(1, cores // arguments.actors))
    several = ("--ray", "--actors", str(arguments.actors), "--cores", each)
    print(
        "| painted by | pictures | seconds | pictures/s, warm | core s each | memory |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="jaxnst-") as place:
        folder = Path(place)
        given = arguments.content, arguments.size, arguments.pairs
        photographs(folder / "photos", *given)
        for name, options in (
            ("itself", ()),
            ("one actor", ("--ray", "--actors", "1")),
            (f"{arguments.actors} actors", several),
        ):
            row = batch(arguments, folder, name.replace(" ", "-"), *options)
            print(
                f"| {name} | {row.pictures} | {row.seconds:.0f} | {row.rate:.2f} "
                f"| {row.work:.3f} | {row.first:.0f} to {row.last:.0f} MiB |",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
