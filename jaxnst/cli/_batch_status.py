"""How far a batch is, by the manifests of all who paint it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxnst.cli._locations import Address, Location
from jaxnst.cli._manifest import manifests, read_records
from jaxnst.cli._pairs import Pair
from jaxnst.cli._remote_manifest import errors_of, list_records

_LATEST = 100  # pictures whose times count for the rate


@dataclass(frozen=True)
class Status:
    """What has become of the pairs of a batch.

    Attributes:
        done: how many pictures are there.
        failed: pairs that were tried in vain, each with what went wrong.
        missing: how many were not tried yet, or whose picture is gone.
        rate: pictures a second of the latest, None where there are not two.
    """

    done: int
    failed: list[tuple[Pair, str]]
    missing: int
    rate: float | None


def read_status(folder: Location, pairs: Sequence[Pair]) -> Status:
    """The state of a batch in a folder, without a look into the pictures.

    A picture counts as done if a manifest says so and its file is there; whether it
    was made from today's files and settings the batch itself finds out.

    Raises:
        OSError: the folder or a manifest in it cannot be read.
    """
    if isinstance(folder, Address):
        return _read_remote(folder, pairs)
    done: dict[str, float | None] = {}
    failed: dict[str, str] = {}
    for path in manifests(folder) if folder.is_dir() else ():
        for record in read_records(path):
            if record.get("status") == "done":
                time = record.get("time")
                done[record["output"]] = time if isinstance(time, int | float) else None
            else:
                failed[record["output"]] = str(record.get("error", ""))
    there = {p.name for p in pairs if p.name in done and Path(folder, p.name).is_file()}
    in_vain = [p for p in pairs if p.name in failed and p.name not in there]
    texts = [failed[pair.name] for pair in in_vain]
    return _status(pairs, {name: done[name] for name in there}, in_vain, texts)


def _read_remote(folder: Address, pairs: Sequence[Pair]) -> Status:
    records = list_records(folder)
    done = {p.name: records.done[p.name] for p in pairs if p.name in records.done}
    in_vain = [p for p in pairs if p.name in records.failed and p.name not in done]
    texts = errors_of(folder, [pair.name for pair in in_vain])
    return _status(pairs, done, in_vain, texts)


def _status(
    pairs: Sequence[Pair],
    done: dict[str, float | None],
    in_vain: list[Pair],
    texts: list[str],
) -> Status:
    missing = len(pairs) - len(done) - len(in_vain)
    failed = list(zip(in_vain, texts, strict=True))
    return Status(len(done), failed, missing, _rate(done.values()))


def _rate(times: Iterable[float | None]) -> float | None:
    """Pictures a second, by the times at which the latest were written."""
    known = sorted(time for time in times if time is not None)[-_LATEST:]
    if len(known) < 2 or known[-1] <= known[0]:
        return None
    return (len(known) - 1) / (known[-1] - known[0])
