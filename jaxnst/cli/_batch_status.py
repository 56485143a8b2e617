"""How far a batch is, by the manifests of all who paint it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxnst.cli._manifest import Record, manifests, read_records
from jaxnst.cli._pairs import Pair

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


def read_status(folder: Path, pairs: Sequence[Pair]) -> Status:
    """The state of a batch in a folder, without a look into the pictures.

    A picture counts as done if a manifest says so and its file is there; whether it
    was made from today's files and settings the batch itself finds out.
    """
    done: dict[str, Record] = {}
    failed: dict[str, Record] = {}
    for path in manifests(folder) if folder.is_dir() else ():
        for record in read_records(path):
            if record.get("status") == "done":
                done[record["output"]] = record
            else:
                failed[record["output"]] = record
    there = [p for p in pairs if p.name in done and (folder / p.name).is_file()]
    names = {pair.name for pair in there}
    in_vain = [
        (pair, str(failed[pair.name].get("error", "")))
        for pair in pairs
        if pair.name in failed and pair.name not in names
    ]
    missing = len(pairs) - len(there) - len(in_vain)
    return Status(len(there), in_vain, missing, _rate([done[n] for n in names]))


def _rate(records: Sequence[Record]) -> float | None:
    """Pictures a second, by the times at which the latest were written."""
    times = [record.get("time") for record in records]
    known = sorted(t for t in times if isinstance(t, int | float))[-_LATEST:]
    if len(known) < 2 or known[-1] <= known[0]:
        return None
    return (len(known) - 1) / (known[-1] - known[0])
