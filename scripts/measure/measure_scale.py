"""Measure what many pairs cost the program that plans them and hands them out.

    python scripts/measure/measure_scale.py photo.jpg painting.jpg

The pairs are of small copies of the two pictures, a hundred paintings. They are listed
and planned as by `jaxnst batch`, handed out to actors that paint nothing and say that
all is done, and noted in the manifest, which flushes every line to the disk; then the
batch is begun again, which reads the manifest and finds that all is done.
"""

import json
import pickle
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from _measure import MeasureArguments, in_new_process

from jaxnst import images
from jaxnst._files import sha256
from jaxnst.cli._actors import Shared, paint_with
from jaxnst.cli._app import run_module
from jaxnst.cli._batch_job import BatchJob
from jaxnst.cli._manifest import Manifest, Record
from jaxnst.cli._pairs import Pair, plan
from jaxnst.pipeline import presets

_SIDE = 8  # pixels of the copies

_PAINTINGS = 100

_PICTURE = b"a picture that nobody painted"


@dataclass(frozen=True, kw_only=True)
class Arguments(MeasureArguments):
    pairs: tuple[int, ...] = (10_000, 30_000, 100_000)
    """Numbers of pairs, each in a new process."""


@dataclass(frozen=True)
class Row:
    """Of so many pairs: seconds to list, to plan and to hand them out and note them; to
    read the manifest when the batch is begun again, and to find that all is done; MiB
    of the manifest; and MiB of the program before it knows of pairs, when they are
    planned, when the first picture is done, when the last one is, and when it is begun
    again and has found all done."""

    pairs: int
    listing: float
    planning: float
    handing_out: float
    reading: float
    finding: float
    manifest: float
    memory: tuple[float, float, float, float, float]


class _Idle:
    """An engine whose actors say that all is done."""

    side_by_side, actors = False, 2

    def __init__(self) -> None:
        self.first = self.last = 0.0
        self.digest = sha256(_PICTURE)

    def paint(
        self, shared: Shared, groups: Sequence[bytes]
    ) -> Generator[list[Record], None, None]:
        for number, group in enumerate(groups):
            for items, _ in pickle.loads(group):
                # What comes back has travelled, too.
                records = [
                    {
                        "output": item.pair.name,
                        "status": "done",
                        "time": round(time.time(), 3),
                        "content": str(item.pair.content),
                        "style": str(item.pair.style),
                        "job": item.job,
                        "sha256": self.digest,
                    }
                    for item in items
                ]
                yield json.loads(json.dumps(records))
            if number == 0:
                self.first = memory()
        self.last = memory()


def memory() -> float:
    """MiB that this process has now."""
    return float(psutil.Process().memory_info().rss) / 2**20


def copies(arguments: Arguments, folder: Path, count: int) -> tuple[Path, Path]:
    """Folders of photographs and of paintings whose product are so many pairs."""
    paintings = min(_PAINTINGS, count)
    folders = folder / "photos", folder / "paintings"
    given = arguments.content, arguments.style
    counts = -(-count // paintings), paintings
    for place, path, number in zip(folders, given, counts, strict=True):
        place.mkdir()
        data = images.encode(images.load_image(path, size=_SIDE), ".png")
        for n in range(number):
            (place / f"{n:06d}.png").write_bytes(data)
    return folders


def simulated(arguments: Arguments, count: int) -> Row:
    network = arguments.load_network()

    def job_of(folder: Path) -> BatchJob:
        return BatchJob(
            presets.default,
            network,
            folder,
            Manifest(folder),
            quality=None,
            multiple=32,
            batch_size=8,
            budget=None,
            decoder=None,
            report_progress=lambda done, failed: False,
            side_by_side=False,
        )

    with tempfile.TemporaryDirectory(prefix="jaxnst-scale-") as place:
        photos, paintings = copies(arguments, Path(place), count)
        output = Path(place, "out")
        output.mkdir()
        before = memory()
        times = [time.perf_counter()]
        pairs: list[Pair] = plan("product", photos, paintings, output, ".png")
        del pairs[count:]
        times.append(time.perf_counter())
        job = job_of(output)
        chunks = job.plan(pairs)
        times.append(time.perf_counter())
        planned, engine = memory(), _Idle()
        paint_with(engine, job, chunks)
        times.append(time.perf_counter())
        assert isinstance(job.manifest, Manifest) and job.painted == count
        size = job.manifest.path.stat().st_size / 2**20
        job.manifest.close()
        del job, chunks
        for pair in pairs:
            Path(output, pair.name).write_bytes(_PICTURE)
        times.append(time.perf_counter())
        job = job_of(output)
        times.append(time.perf_counter())
        left = job.plan(pairs)
        times.append(time.perf_counter())
        assert job.done_before == count and not left
        job.manifest.close()
        return Row(
            pairs=count,
            listing=times[1] - times[0],
            planning=times[2] - times[1],
            handing_out=times[3] - times[2],
            reading=times[5] - times[4],
            finding=times[6] - times[5],
            manifest=size,
            memory=(before, planned, engine.first, engine.last, memory()),
        )


def main(arguments: Arguments) -> None:
    print("Microseconds for each pair; MiB.\n")
    print(
        "| pairs | listed | planned | handed out | read again | found done | manifest "
        "| memory before | planned | first picture | last | begun again |"
    )
    print("|" + " --- |" * 12)
    for count in arguments.pairs:
        row = in_new_process(simulated, arguments, count)
        parts = row.listing, row.planning, row.handing_out, row.reading, row.finding
        each = " | ".join(f"{1e6 * seconds / count:,.0f}" for seconds in parts)
        sizes = " | ".join(f"{mib:,.0f}" for mib in (row.manifest, *row.memory))
        print(f"| {count:,} | {each} | {sizes} |", flush=True)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
