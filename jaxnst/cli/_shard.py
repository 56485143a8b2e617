"""The share of a batch that one of several machines paints: `--shard 2/8`."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from jaxnst.cli._parser import Misuse

_SHARD = re.compile(r"(\d{1,9}|auto)/(\d{1,9})|auto")

_INDICES = ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX")


@dataclass(frozen=True)
class Shard:
    """Share `index` of `count`, counted from 1."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def manifest(self) -> str:
        """Name of the share's own manifest."""
        return f"manifest-{self.index}-of-{self.count}.jsonl"

    def has(self, name: str) -> bool:
        """Whether the picture of a name is of this share.

        By a checksum of the name, so that a share is the same whenever it is started
        again, whatever pictures have been added.
        """
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8]) % self.count == self.index - 1


def parse_shard(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
    """A share from the words of an option.

    Args:
        text: "2/8"; "auto/8", the second number given, the first from a Slurm array's
            SLURM_ARRAY_TASK_ID or an indexed Kubernetes job's JOB_COMPLETION_INDEX; or
            "auto", both from a Slurm array.

    Raises:
        Misuse: it is none of these, or the variables are not set.
    """
    words = _SHARD.fullmatch(text.strip())
    if words is None:
        raise Misuse(
            f"--shard must be I/N, such as 2/8, or auto, or auto/N, got {text!r}"
        )
    if words[1] and words[1] != "auto":
        shard = Shard(int(words[1]), int(words[2]))
        if not 1 <= shard.index <= shard.count:
            raise Misuse(f"--shard I/N needs I from 1 to N, got {text}")
        return shard
    count = int(words[2]) if words[2] else _slurm_count(environment)
    if count < 1:
        raise Misuse(f"--shard needs at least one share, got {text}")
    index = next((environment[n] for n in _INDICES if environment.get(n)), None)
    if index is None:
        raise Misuse(
            f"--shard {text} takes the number of the share from "
            f"{' or '.join(_INDICES)}, neither of which is set; give it: --shard I/N"
        )
    # From 0 or from 1: every index of an array of that length has a share of its own.
    return Shard(_number(index, "the number of the share") % count + 1, count)


def _slurm_count(environment: Mapping[str, str]) -> int:
    """The length of a Slurm array without gaps."""
    names = (f"SLURM_ARRAY_TASK_{name}" for name in ("COUNT", "MIN", "MAX"))
    values = [environment.get(name) for name in names]
    if not all(values):
        raise Misuse(
            "--shard auto takes the number of shares from SLURM_ARRAY_TASK_COUNT, "
            "which is not set; give it: --shard auto/N"
        )
    count, first, last = (_number(v or "", "a number of Slurm's") for v in values)
    if last - first + 1 != count:
        raise Misuse(
            f"the Slurm array has {count} tasks from {first} to {last}, with gaps; "
            "give the number of shares: --shard auto/N"
        )
    return count


def _number(text: str, what: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text):
        raise Misuse(f"{what} must be a whole number, got {text!r}")
    return int(text)
