"""A batch that is painted by actors: processes, perhaps on other machines, each of
which paints group after group of pictures.

What starts the actors and hands the groups out is an `Engine` (`_ray`). The manifest
stays with the program that plans: an actor writes pictures, and gives their records
back.
"""

import math
import os
import pickle
import platform
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from jaxnst._files import remove_unfinished
from jaxnst._version import __version__
from jaxnst.cli._app import describe_error, keep_compiled
from jaxnst.cli._batch_job import BatchJob, Chunk, Item
from jaxnst.cli._locations import Address, Location
from jaxnst.cli._manifest import Record
from jaxnst.cli._remote import file_system
from jaxnst.cli._remote_manifest import write_record
from jaxnst.feedforward.model import FeedForward
from jaxnst.networks.network import Network
from jaxnst.pipeline.run import padded_size
from jaxnst.pipeline.settings import Settings

TRIES = 4
"""How often a group is begun at most, where the process that paints it dies."""

_DIED = (
    f"the process that paints it died {TRIES} times, for want of memory perhaps; "
    "choose a smaller size, or fewer actors on a machine"
)

# Pixels of pictures whose records come back at once: so much is painted again where the
# program that notes them is killed.
_TOGETHER = 2**15

_SHARES = 4  # groups for each actor at least, so that all end at about the same time

Group = Sequence[Chunk]


@dataclass(frozen=True)
class Shared:
    """What the pictures of a batch have in common, as an actor gets it."""

    version: str
    place: str
    """Folder that relative paths start from."""
    settings: Settings
    network: Network
    decoder: FeedForward | None
    folder: Location
    quality: int | None
    multiple: int
    budget: int | None
    keep_metadata: bool


def shared_by(job: BatchJob) -> Shared:
    return Shared(
        version=__version__,
        place=os.getcwd(),
        settings=job.settings,
        network=job.network,
        decoder=job.decoder,
        folder=job.folder,
        quality=job.quality,
        multiple=job.multiple,
        budget=job.budget,
        keep_metadata=job.keep_metadata,
    )


class Engine(Protocol):
    """What has groups painted by actors."""

    @property
    def side_by_side(self) -> bool:
        """Whether an actor computes several pictures in one call."""

    @property
    def actors(self) -> int:
        """How many there is room for now."""

    def paint(
        self, shared: Shared, groups: Sequence[bytes]
    ) -> Generator[list[Record], None, None]:
        """Have every group (as of `packed`) painted by a `Painter`; the records that
        come back, in any order, as soon as they are there."""


class _Records:
    """In the manifest's place: keeps what has become of pictures, by their names; in a
    store it writes their records, too."""

    def __init__(self, folder: Address | None = None) -> None:
        self.folder = folder
        self.found: dict[str, Record] = {}

    def append(self, record: Record) -> None:
        """Raises OSError if it was not written to the store."""
        if record["status"] != "done":  # that is so, whether it is noted or not
            self.found[record["output"]] = record
        if self.folder is not None:
            write_record(self.folder, record)
        self.found[record["output"]] = record


class Painter:
    """What an actor does.

    A group that is begun again after its process died gives as many lists of records as
    before.
    """

    def __init__(
        self, fetch: Callable[[], Shared], begin: Callable[[int], int]
    ) -> None:
        """`fetch` gives what is common to all, asked for once; `begin` is told the
        number of a group and says how often that has been begun by now."""
        self.fetch, self.begin = fetch, begin
        self.job: BatchJob | None = None
        self.records = _Records()

    def __call__(self, number: int, group: bytes) -> Iterator[list[Record]]:
        """Paint a group; the records of each chunk when it is written, those of small
        pictures a few chunks at a time: to hand a list over costs what a small picture
        does.

        A chunk whose pictures have no records was not painted: it is to be tried again
        by itself.

        Raises:
            OSError, ValueError: this machine cannot paint anything of the batch.
        """
        chunks: Group = pickle.loads(group)
        records: list[Record] = []
        pixels = 0
        for (items, _), of_chunk in zip(
            chunks, self._paint(number, chunks), strict=True
        ):
            records += of_chunk
            pixels += sum(math.prod(item.size) for item in items)
            if pixels >= _TOGETHER:
                yield records
                records, pixels = [], 0
        if pixels:
            yield records

    def _paint(self, number: int, chunks: Group) -> Iterator[list[Record]]:
        """The records of each chunk."""
        tries = self.begin(number)
        if tries > TRIES:
            yield from _given_up(chunks, _DIED)
            return
        # Only now, so that a process that dies of it is counted, too.
        job, done = self._open(), 0
        try:
            with closing(job.paint(chunks)) as painted:
                for items in painted:
                    done += 1
                    names = [item.pair.name for item in items]
                    yield [self.records.found.pop(name) for name in names]
        except Exception as error:
            yield from _given_up(chunks[done:], f"{type(error).__name__}: {error}")

    def _open(self) -> BatchJob:
        """The batch as it is on this machine."""
        if self.job is not None:
            return self.job
        shared, machine = self.fetch(), platform.node()
        if shared.version != __version__:
            raise ValueError(
                f"{machine} has jaxnst {__version__}, the program that began the batch "
                f"{shared.version}; install the same on all machines"
            )
        if isinstance(shared.folder, Address):
            file_system(shared.folder.scheme)
            self.records = _Records(shared.folder)
            with suppress(OSError):  # where there is none, nothing is read from there
                os.chdir(shared.place)
        else:
            _go_to(shared.place, shared.folder)
            remove_unfinished(shared.folder)
        keep_compiled()
        manifest: Any = self.records
        self.job = BatchJob(
            shared.settings,
            shared.network,
            shared.folder,
            manifest,
            shared.quality,
            shared.multiple,
            1,
            shared.budget,
            shared.decoder,
            report_progress=lambda done, failed: False,
            keep_metadata=shared.keep_metadata,
        )
        return self.job


def _go_to(place: str, folder: Path) -> None:
    """Start relative paths from a place; raise OSError where a machine has not the
    folders of the batch."""
    try:
        os.chdir(place)
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}")
    except OSError as error:
        raise OSError(
            f"{platform.node()} does not see the folders of the batch "
            f"({describe_error(error)}); let all machines mount them at the same place"
        ) from None


def _given_up(chunks: Group, why: str) -> Iterator[list[Record]]:
    """For each chunk no record, so that it is tried again; but for a picture by itself
    one that says why it failed."""
    alone = sum(len(items) for items, _ in chunks) == 1
    for items, _ in chunks:
        failed = {"status": "failed", "error": why}
        yield [{"output": item.pair.name, **failed} for item in items if alone]


def packed(group: Group) -> bytes:
    """A group as it travels."""
    return pickle.dumps(list(group))


def grouped(chunks: Sequence[Chunk], most: int, multiple: int) -> list[Group]:
    """Chunks of one shape together, in their order, so that a group has at most `most`
    pictures, or one chunk."""

    def shape(chunk: Chunk) -> Any:
        first = chunk[0][0]
        return padded_size(first.size, multiple), first.settings.geometry.levels()

    groups: list[Group] = []
    for _, alike in groupby(chunks, shape):
        group: list[Chunk] = []
        for chunk in alike:
            if group and sum(len(c[0]) for c in [*group, chunk]) > most:
                groups.append(group)
                group = []
            group.append(chunk)
        groups.append(group)
    return groups


def paint_with(engine: Engine, job: BatchJob, chunks: Sequence[Chunk]) -> None:
    """Have chunks, as of `BatchJob.plan`, painted by the engine's actors.

    Every record goes to the job's manifest as it comes. Pictures of a group that was
    given up are tried once more, each by itself.

    Raises:
        OSError, ValueError: the actors cannot paint at all.
    """
    waiting = {item.pair.name: item for items, _ in chunks for item in items}
    share = max(1, len(waiting) // (_SHARES * engine.actors))
    groups = grouped(chunks, min(job.batch_size, share), job.multiple)
    shared = shared_by(job)
    for again in (False, True):
        if again:
            groups = [[([i], size)] for c, size in chunks for i in c
                      if i.pair.name in waiting]  # fmt: skip
        if not groups:
            break
        with closing(engine.paint(shared, [packed(g) for g in groups])) as painted:
            for records in painted:
                for record in records:
                    item = waiting.pop(record["output"], None)
                    if item is not None:
                        _take(job, item, record)
                if job.report(0):
                    job.stopped = True
                    return
    for item in waiting.values():
        job.fail(item.pair, RuntimeError("no actor painted it"), item)


def _take(job: BatchJob, item: Item, record: Record) -> None:
    """Note what an actor says has become of a picture."""
    if record["status"] != "done":
        job.fail(item.pair, ValueError(record["error"]), item)
        return
    try:
        if not job.manifest.by_painters:
            # What it depends on is at hand already, and shared by many.
            known = {"output": item.pair.name, "job": item.job}
            job.manifest.append(record | known)
        job.painted += 1
    except OSError as error:
        job.fail(item.pair, error, item)
