"""Try what a batch promises: kill it, fill its disk, start it twice.

    python scripts/measure/measure_faults.py photo.jpg painting.jpg
    python scripts/measure/measure_faults.py photo.jpg painting.jpg --ray --pairs 60

The photograph, turned round by other amounts, is painted by `jaxnst batch` undisturbed,
and once more while a second program is started on the same folder, the program is
killed at random moments, files cannot be written for a while, and with --ray actors are
killed; among the pairs are a torn file and one that turns infinite. At the end the
pictures must be the same, byte for byte, and each be noted once. Where the pictures run
out first, it happens less often than asked for: the table says how often.
"""

import csv
import errno
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from _measure import MeasureArguments
from measure_ray import photographs

from jaxnst._files import sha256
from jaxnst.cli._app import run_module
from jaxnst.cli._manifest import NAME, read_records

_LONGEST = 600.0  # seconds that a program may take to its next picture

_FULL = 4.0  # seconds in which no file can be written


@dataclass(frozen=True, kw_only=True)
class Arguments(MeasureArguments):
    pairs: int = 30
    """Pictures of the batch, beside a torn and an infinite one."""
    size: int = 64
    """Long side in pixels."""
    steps: int = 60
    """Steps at every size from coarse to fine."""
    driver_kills: int = 5
    """How often the program is killed."""
    ray: bool = False
    """Paint by two actors of Ray, with a core each."""
    actor_kills: int = 20
    """How often, with --ray, an actor is killed."""
    store: bool = False
    """Paint into a file:// address: a record for each picture, and no lock."""
    seed: int = 7
    """Of the random moments."""
    more: tuple[str, ...] = field(default=(), metadata={"hidden": True})
    """Options of the batch."""


@dataclass
class Campaign:
    """A batch's folders, and what has been done to it.

    Attributes:
        out: where it paints while it is disturbed.
        happened: {fault: how often}.
    """

    arguments: Arguments
    folder: Path
    chance: random.Random
    happened: Counter[str] = field(default_factory=Counter)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def command(self, output: Path) -> list[str]:
        given = self.arguments
        place = f"file://{output}" if given.store else str(output)
        line = [sys.executable, "-m", "jaxnst", "batch", "--quiet", "-o", place]
        line += ["--pairs", str(self.folder / "list.csv"), "--size", str(given.size)]
        line += ["--steps", str(given.steps), "--network", given.network]
        line += ["--weights", given.weights] if given.weights else []
        line += ["--ray", "--actors", "2", "--cores", "1"] if given.ray else []
        return [*line, *given.more]

    def write_list(self) -> None:
        """The pairs: good ones, a torn file, and one whose loss is not finite."""
        photos, given = self.folder / "photos", self.arguments
        photographs(photos, given.content, given.size, given.pairs)
        names = sorted(path.name for path in photos.iterdir())
        whole = (photos / names[0]).read_bytes()
        (photos / "torn.png").write_bytes(whole[: len(whole) // 2])
        rows = [(name, "", Path(name).stem) for name in (*names, "torn.png")]
        rows.insert(len(rows) // 2, (names[0], "3e38", "infinite"))  # and so is a sum
        with open(self.folder / "list.csv", "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(("content", "style", "alpha", "beta", "tv", "output"))
            style = given.style.absolute()
            for name, weight, output in rows:
                table.writerow((photos / name, style, *(weight,) * 3, output))

    @contextmanager
    def started(self, output: Path) -> Iterator[subprocess.Popen[str]]:
        """A batch's program, whose processes are all gone when the block ends."""
        log = self.folder / "log"
        with open(log, "a") as file:
            run = subprocess.Popen(
                self.command(output), stderr=file, text=True, cwd=self.folder
            )
        below: list[psutil.Process] = []
        try:
            yield run
            with suppress(psutil.Error):
                below = psutil.Process(run.pid).children(recursive=True)
        finally:
            run.kill()
            run.wait()
            for process in psutil.wait_procs(below, timeout=15)[1]:
                with suppress(psutil.Error):
                    process.kill()

    def finish(self, output: Path) -> None:
        """Run a batch to its end; the two bad pairs alone fail."""
        with self.started(output) as run:
            code = run.wait()
        if code != 1 or painted(output) != self.arguments.pairs:
            raise RuntimeError(
                f"exit code {code} instead of 1; see {self.last_words()}"
            )

    def last_words(self) -> str:
        return (self.folder / "log").read_text()[-8000:]


def painted(folder: Path) -> int:
    return len(list(folder.glob("*.png")))


def progress(run: subprocess.Popen[str], folder: Path, before: int) -> bool:
    """Wait for another picture; False where the program ends first."""
    began = time.monotonic()
    while painted(folder) <= before:
        if run.poll() is not None:
            return False
        if time.monotonic() - began > _LONGEST:
            raise RuntimeError(f"no picture in {_LONGEST:.0f} s")
        time.sleep(0.005)
    return True


def actors_of(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that paint for a program: those of Ray's, or itself."""
    try:
        process = psutil.Process(run.pid)
        names = [(p, " ".join(p.cmdline())) for p in process.children(recursive=True)]
    except psutil.Error:
        return []
    return [p for p, name in names if name.startswith("ray::") and "MapWorker" in name]


def kill_drivers(campaign: Campaign) -> None:
    for _ in range(campaign.arguments.driver_kills):
        with campaign.started(campaign.out) as run:
            if not progress(run, campaign.out, painted(campaign.out)):
                return  # all is painted
            time.sleep(campaign.chance.random() * 0.3)
            run.kill()
        campaign.happened["program killed"] += 1
        check_records(campaign)


def start_second(campaign: Campaign) -> None:
    """Two programs at once: the second one is refused, and the first one killed;
    without a lock both paint until there is another picture, and are killed."""
    with campaign.started(campaign.out) as first:
        if campaign.arguments.store:
            with campaign.started(campaign.out) as second:
                progress(second, campaign.out, painted(campaign.out))
                time.sleep(1)
        elif progress(first, campaign.out, painted(campaign.out)):
            process = psutil.Process(first.pid)
            process.suspend()  # it might end before the second one is there
            with campaign.started(campaign.out) as second:
                code = second.wait()
            process.resume()
            if code != 1 or "another batch is writing" not in campaign.last_words():
                raise RuntimeError("the second program was not refused")
        campaign.happened["second program"] += 1
        campaign.happened["program killed"] += 1
    check_records(campaign)


def fill_disk(campaign: Campaign) -> None:
    """No file of a program, or of one of its actors, can be longer than 100 bytes for a
    while; the run goes on to its end."""
    if not hasattr(psutil.Process, "rlimit"):
        print("no limits can be set for another process on this system: no full disk")
        return
    kind = psutil.RLIMIT_FSIZE
    with campaign.started(campaign.out) as run:
        if progress(run, campaign.out, painted(campaign.out)):
            found = actors_of(run) if campaign.arguments.ray else []
            process = found[0] if found else psutil.Process(run.pid)
            with suppress(psutil.Error):  # it has ended meanwhile
                before = process.rlimit(kind)
                process.rlimit(kind, (100, before[1]))
                time.sleep(_FULL)
                process.rlimit(kind, before)
                campaign.happened["disk full"] += 1
        run.wait()
    failed = campaign.last_words().count(os.strerror(errno.EFBIG))
    campaign.happened["pictures that found no room"] += failed
    check_records(campaign)


def kill_actors(campaign: Campaign) -> None:
    """Kill an actor whenever another picture has been painted."""
    left = campaign.arguments.actor_kills
    while left:
        with campaign.started(campaign.out) as run:
            while left and progress(run, campaign.out, painted(campaign.out)):
                time.sleep(campaign.chance.random() * 0.3)
                found = actors_of(run)
                if found:
                    with suppress(psutil.Error):
                        campaign.chance.choice(found).kill()
                        left -= 1
                        campaign.happened["actor killed"] += 1
            if run.poll() is not None:
                return  # all is painted
        check_records(campaign)


def records_of(campaign: Campaign) -> list[dict[str, str]]:
    """Every record that says a picture is done, in their order."""
    if campaign.arguments.store:
        paths = campaign.out.glob("manifest/done/*.json")
        return [json.loads(path.read_text()) for path in paths]
    path = campaign.out / NAME
    records = read_records(path) if path.exists() else ()
    return [record for record in records if record["status"] == "done"]


def check_records(campaign: Campaign) -> None:
    """What is said to be done is there, and whole."""
    for record in records_of(campaign):
        path = campaign.out / record["output"]
        if sha256(path) != record["sha256"]:
            raise RuntimeError(f"{path} is not what its record says")


def compare(campaign: Campaign, wanted: Path) -> list[str]:
    """What is not as it must be, in words."""
    pictures = {path.name: path.read_bytes() for path in wanted.glob("*.png")}
    found = {path.name: path.read_bytes() for path in campaign.out.glob("*.png")}
    noted = Counter(record["output"] for record in records_of(campaign))
    wrong = [f"{name} is lost" for name in pictures.keys() - found.keys()]
    wrong += [f"{name} should not be there" for name in found.keys() - pictures.keys()]
    wrong += [
        f"{name} is another picture"
        for name in pictures.keys() & found.keys()
        if pictures[name] != found[name]
    ]
    wrong += [f"{name} is noted {n} times" for name, n in noted.items() if n > 1]
    wrong += [f"{name} is not noted" for name in found.keys() - noted.keys()]
    parts = campaign.out.glob("**/*.part*")
    return wrong + [f"{path.name} was left behind" for path in parts]


def main(arguments: Arguments) -> int:
    with tempfile.TemporaryDirectory(prefix="jaxnst-faults-") as place:
        folder = Path(place)
        campaign = Campaign(arguments, folder, random.Random(arguments.seed))
        campaign.write_list()
        began = time.perf_counter()
        campaign.finish(folder / "undisturbed")
        start_second(campaign)
        if arguments.ray:
            kill_actors(campaign)
        kill_drivers(campaign)
        fill_disk(campaign)
        campaign.finish(campaign.out)
        wrong = compare(campaign, folder / "undisturbed")
        count = painted(folder / "undisturbed")
    print("| fault | times |\n| --- | --- |")
    print("| torn file, infinite loss | in every run |")
    for name, times in campaign.happened.items():
        print(f"| {name} | {times} |")
    seconds = time.perf_counter() - began
    end = "; ".join(wrong) or "the same, byte for byte, and each noted once"
    print(f"\n{count} pictures in {seconds:.0f} s: {end}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
