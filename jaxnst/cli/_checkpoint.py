"""The checkpoint of a command: --checkpoint and --resume."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jaxnst._files import check_output_file
from jaxnst.cli._app import warn
from jaxnst.cli._parser import Misuse
from jaxnst.networks.network import Network
from jaxnst.optimize.checkpoint import load_checkpoint, save_checkpoint
from jaxnst.optimize.result import Result
from jaxnst.pipeline.provenance import with_current_settings
from jaxnst.pipeline.settings import Settings


def check(path: Path | None, resume: bool) -> None:
    """Raise now what would otherwise only fail later, or cost an earlier run."""
    if path is None:
        if resume:
            raise Misuse("--resume goes on from a file; name it with --checkpoint")
        return
    check_output_file(path)
    if path.exists() and not resume:
        raise FileExistsError(
            f"{path} is there already; --resume goes on from it, or remove it to "
            "begin anew"
        )


def hint(path: Path | None) -> str:
    """How an interrupted run can go on."""
    return "" if path is None else "; the same command with --resume goes on"


@dataclass(frozen=True)
class Checkpoint:
    """The file of a run of these settings at so many levels, if there is one.

    Attributes:
        digests: SHA-256 of the pictures that the run is of.
    """

    path: Path | None
    settings: Settings
    network: Network
    digests: Iterable[str]
    levels: int

    @cached_property
    def description(self) -> dict[str, Any]:
        return {
            "settings": self.settings.to_json(),
            "pictures": list(self.digests),
            "weights": self.network.checksum,
        }

    def load(self) -> Result | None:
        """What it holds, or None, and a line that says so, where there is no file."""
        if self.path is None or not self.path.exists():
            print(f"no checkpoint at {self.path} yet: from the start", file=sys.stderr)
            return None
        how = self.settings.optimization
        result = load_checkpoint(
            self.path,
            self.description,
            how.make_optimizer(self.levels),
            averaging=how.ema is not None,
            guided=bool(self.settings.objective.guide),
            upgrade=with_current_settings,
        )
        print(f"going on after step {result.steps} of {self.path}", file=sys.stderr)
        return result

    def save(self, result: Result) -> None:
        """A disk that is full costs the checkpoint, not the run."""
        assert self.path is not None
        try:
            save_checkpoint(self.path, result, self.description)
        except OSError as error:
            warn(f"{self.path} could not be written: {error.strerror or error}")

    def remove(self) -> None:
        """The picture is written: there is nothing left to go on with."""
        try:
            if self.path is not None:
                self.path.resolve().unlink(missing_ok=True)  # not a link to it
        except OSError as error:
            warn(f"{self.path} could not be removed: {error.strerror or error}")
