"""Paint whole folders: every photograph like every painting.

    jaxnst batch --contents PHOTOS --styles PAINTINGS -o FOLDER

Started again, the same command paints what is missing in FOLDER, and what was made from
other files or settings. FOLDER/manifest.jsonl has a line for every picture: its files,
settings and checksum, or what went wrong.

On several machines that see the same folders, each paints its share:

    jaxnst batch --contents PHOTOS --styles PAINTINGS -o FOLDER --shard 2/8

or Ray hands the pictures out (pip install 'jaxnst[ray]'):

    jaxnst batch --contents PHOTOS --styles PAINTINGS -o FOLDER --ray ADDRESS

Each folder may be an address in an object store (pip install 'jaxnst[remote]' s3fs):

    jaxnst batch --contents s3://BUCKET/PHOTOS --styles PAINTINGS -o s3://BUCKET/FOLDER
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from jaxnst import images
from jaxnst._files import make_folder, remove_unfinished
from jaxnst.cli._actors import Engine, paint_with
from jaxnst.cli._app import Common, fail
from jaxnst.cli._batch_inputs import mask_locations
from jaxnst.cli._batch_job import BatchJob
from jaxnst.cli._batch_status import read_status
from jaxnst.cli._locations import (
    Address,
    Location,
    absolute,
    check_written_not_read,
    location,
)
from jaxnst.cli._manifest import NAME, Manifest
from jaxnst.cli._options import preset_settings, setting_words
from jaxnst.cli._pairs import Pair, plan
from jaxnst.cli._parser import Misuse, option
from jaxnst.cli._progress import PictureBar
from jaxnst.cli._ray import connected
from jaxnst.cli._remote import check_writable
from jaxnst.cli._remote_manifest import RemoteManifest, remove_leftovers
from jaxnst.cli._shard import parse_shard
from jaxnst.images.listing import picture_suffixes
from jaxnst.pipeline.inputs import STARTS, open_decoder, open_network
from jaxnst.pipeline.region_masks import check_count
from jaxnst.pipeline.settings import Settings

USAGE = "--contents FOLDER --styles FOLDER [-o FOLDER] [options]"
WORDS = setting_words()
HELP = {
    "pictures": ("contents", "styles", "pairs", "size", "color"),
    "look": ("preset", "beta", "strength"),
    "run": ("network", "steps", "fast", "shard", "ray", "batch", "budget"),
    "output": ("output", "format", "quality", "status", "json", "quiet"),
}


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    output: Location | None = option(None, flags=["-o"], metavar="FOLDER")
    """Folder for pictures and manifest, or an address; PHOTOS-painted beside the
    photographs' if not given."""
    contents: Location | None = option(None, metavar="FOLDER")
    """Folder of photographs, or one, or an address, such as s3://BUCKET/PHOTOS."""
    styles: Location | None = option(None, metavar="FOLDER")
    """Folder of paintings, or one, or an address."""
    pairs: str = option("product", metavar="product|zip|FILE.csv")
    """Every photograph like every painting; the first like the first and so on; or a
    table with columns content and style, and if wanted alpha, beta, tv and output."""
    format: Literal["png", "jpg", "webp", "tif"] = "png"
    """Of the pictures."""
    quality: int | None = None
    """1 to 100, of JPEG (95) or lossy WebP."""
    keep_metadata: bool = True
    """Whether EXIF (author, copyright, date, camera, place) and dots per inch of the
    photographs go into the pictures."""
    batch: int = 8
    """Pictures in one compiled call at most; fewer where memory demands it. On a CPU
    always one after another: as fast, and a picture is that of a run of its own."""
    multiple: int = 32
    """Photographs are continued, mirrored, to sides that are multiples of this, and
    pictures cut to their own size; paintings are resized to such sides. Larger: fewer
    shapes to compile."""
    budget: float | None = option(None, metavar="GIB")
    """Memory to use, with --ray for each actor; four fifths of what is free if not
    given."""
    fast: bool = False
    """One pass of a trained network for each picture instead of an optimisation."""
    shard: str | None = option(None, metavar="I/N")
    """Paint the share I of N alone, such as 2/8; auto or auto/N takes I from a Slurm
    array or an indexed Kubernetes job."""
    ray: str | None = option(None, metavar="ADDRESS", bare="")
    """Paint with actors of Ray: those of the cluster at an address, such as
    10.0.0.1:6379; without one, of the cluster in RAY_ADDRESS, or of this machine."""
    actors: int | None = None
    """With --ray, processes that paint, at most; as many as there is room for if not
    given."""
    cores: int | None = None
    """With --ray, cores of each actor where there is no GPU; all of a machine if not
    given, so that pictures are those of a batch without --ray."""
    status: bool = False
    """Only say how many pictures are done, failed and missing."""
    settings: Settings = field(default_factory=Settings)


def defaults(line: Sequence[str]) -> Arguments:
    """Options as the preset that the command line names has them."""
    return Arguments(settings=preset_settings(line))


def output_of(arguments: Arguments) -> Location:
    """The folder for the pictures; the same one every time."""
    if arguments.output is not None:
        return arguments.output
    table = arguments.pairs if arguments.pairs.lower().endswith(".csv") else None
    beside = arguments.contents or (table and location(table))
    if not beside:
        raise Misuse(
            "give a folder of photographs and one of paintings: "
            "--contents FOLDER --styles FOLDER"
        )
    beside = absolute(beside)  # "..", too, by its name
    if isinstance(beside, Address):
        if not beside.parent.path.strip("/"):
            what = f"{beside} is all of a store"
            raise Misuse(f"{what}; name a folder for the pictures (-o)")
        file = beside.suffix.lower() in {".csv", *picture_suffixes()}
        return beside.parent / f"{beside.stem if file else beside.name}-painted"
    name = beside.name if beside.is_dir() else beside.stem
    return beside.with_name(f"{name}-painted")


def check(arguments: Arguments) -> None:
    """Raise now what would otherwise cost every single picture."""
    for name in ("batch", "multiple"):
        if getattr(arguments, name) < 1:
            raise Misuse(f"--{name} must be at least 1, got {getattr(arguments, name)}")
    if arguments.budget is not None and not arguments.budget > 0:
        raise Misuse(f"--budget must be above 0, got {arguments.budget}")
    for name in ("actors", "cores"):
        value = getattr(arguments, name)
        if value is not None and arguments.ray is None:
            raise Misuse(f"--{name} is for --ray")
        if value is not None and value < 1:
            raise Misuse(f"--{name} must be at least 1, got {value}")
    settings = arguments.settings
    if settings.optimization.init not in STARTS:
        raise Misuse(f"--init must be one of {', '.join(STARTS)} for a batch")
    if settings.style_mix is not None:
        raise Misuse("a picture of a batch has one painting; leave --style-mix")
    check_count(settings.masks, 1)
    images.check_quality(f".{arguments.format}", arguments.quality)


def main(arguments: Arguments) -> int:
    folder = output_of(arguments)
    check(arguments)
    given = arguments.pairs, arguments.contents, arguments.styles
    pairs = plan(*given, folder, f".{arguments.format}")
    masks = mask_locations(arguments.settings.masks)
    check_written_not_read([folder / pair.name for pair in pairs], masks)
    if arguments.ray is not None:
        read = (place for pair in pairs for place in (pair.content, pair.style))
        check_shared([folder, *read])
    shard = None if arguments.shard is None else parse_shard(arguments.shard)
    if shard is not None:
        pairs = [pair for pair in pairs if shard.has(pair.name)]
    if arguments.status:
        return report_status(arguments, folder, pairs)
    with engine_of(arguments) as engine:
        name = NAME if shard is None else shard.manifest
        job, seconds = paint(arguments, folder, name, pairs, engine)
    return report(arguments, folder, job, len(pairs), seconds)


def check_shared(places: Sequence[Location]) -> None:
    """Raise where an actor would not see what is in this process."""
    for place in places:
        if isinstance(place, Address) and place.scheme == "memory":
            raise Misuse(f"{place} is in the memory of one process; --ray has several")


@contextmanager
def engine_of(arguments: Arguments) -> Iterator[Engine | None]:
    """Whose actors paint; None, this process paints."""
    if arguments.ray is None:
        yield None
        return
    how = {"actors": arguments.actors, "cores": arguments.cores}
    with connected(arguments.ray, **how, debug=arguments.debug) as engine:
        yield engine


def paint(
    arguments: Arguments,
    folder: Location,
    name: str,
    pairs: Sequence[Pair],
    engine: Engine | None,
) -> tuple[BatchJob, float]:
    """Paint what is missing, and note it in the manifest of a name; in how many
    seconds."""
    budget = arguments.budget
    settings, network, notice = open_network(arguments.settings, arguments.typed)
    arguments.note(notice)
    decoder = open_decoder(settings)
    manifest = open_manifest(arguments, folder, name, pairs)
    began = time.perf_counter()
    with PictureBar(len(pairs), quiet=arguments.quiet) as bar:
        job = BatchJob(
            settings,
            network,
            folder,
            manifest,
            arguments.quality,
            arguments.multiple,
            arguments.batch,
            None if budget is None else int(budget * 2**30),
            decoder,
            report_progress=bar,
            keep_metadata=arguments.keep_metadata,
            side_by_side=None if engine is None else engine.side_by_side,
        )
        if engine is None:
            job.run(pairs)
        else:
            paint_with(engine, job, job.plan(pairs))
    manifest.close()
    return job, time.perf_counter() - began


def open_manifest(
    arguments: Arguments, folder: Location, name: str, pairs: Sequence[Pair]
) -> Manifest | RemoteManifest:
    """The records of the folder, after making sure that it can be written to."""
    if isinstance(folder, Address):
        check_writable(folder)
        remove_leftovers(folder)
        return RemoteManifest(folder, [pair.name for pair in pairs])
    images.check_output(make_folder(folder) / f"a.{arguments.format}")
    # From here on the folder, or our share of it, is ours alone.
    manifest = Manifest(folder, name)
    remove_unfinished(folder)
    return manifest


def report(
    arguments: Arguments, folder: Location, job: BatchJob, count: int, seconds: float
) -> int:
    """Say what became of the pairs; the exit code."""
    rate = job.painted / seconds
    there = job.done_before + job.painted
    earlier = f" ({job.done_before} from before)" if job.done_before else ""
    arguments.say(
        f"{folder}: {there} of {count} pictures{earlier}, {rate:.2f} a second"
    )
    for pair, text in job.failed:
        fail(f"{pair}: {text}", 1)
    arguments.answer(
        output=str(folder),
        pictures=count,
        painted=job.painted,
        done_before=job.done_before,
        failed=[{"pair": str(p), "error": text} for p, text in job.failed],
        seconds=round(seconds, 3),
    )
    if job.stopped:
        return fail("interrupted; the same command goes on", 130)
    return 1 if job.failed else 0


def report_status(arguments: Arguments, folder: Location, pairs: Sequence[Pair]) -> int:
    """Say how far the batch is; the exit code."""
    status = read_status(folder, pairs)
    rate = "" if status.rate is None else f", {status.rate:.2f} a second"
    arguments.say(
        f"{folder}: {status.done} of {len(pairs)} pictures done, "
        f"{len(status.failed)} failed, {status.missing} missing{rate}"
    )
    for pair, text in status.failed:
        arguments.say(f"{pair}: {text}")
    arguments.answer(
        output=str(folder),
        pictures=len(pairs),
        done=status.done,
        failed=[{"pair": str(pair), "error": text} for pair, text in status.failed],
        missing=status.missing,
        rate=status.rate,
    )
    return 0
