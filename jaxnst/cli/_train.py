"""What the training commands share: their options, and the loop with its state file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxnst._files import check_not_read, check_output_file
from jaxnst.cli._app import EXPECTED, Common, describe_error, fail, warn
from jaxnst.cli._outputs import existing, save
from jaxnst.cli._parser import Misuse, option
from jaxnst.cli._progress import Bar
from jaxnst.pretrained.format import read_weights
from jaxnst.reports import plots, tables
from jaxnst.training.state import Resumable

FETCH = 20  # steps between two looks at the device

_SMOOTH = 50  # steps to a point of the plot: every batch is of other pictures


@dataclass(frozen=True, kw_only=True)
class Trained(Common):
    """Options that every training has."""

    output: Path = option(flags=["-o"])
    """Weights file to write."""
    losses: Path | None = None
    """Write every loss at every step as .csv."""
    plot: Path | None = None
    """Plot the losses as .png, .svg or .pdf (needs matplotlib)."""
    every: int = 250
    """Steps between two writings of the state."""

    @property
    def state(self) -> Path:
        """Where an unfinished training is kept."""
        return self.output.with_name(self.output.name + ".state")

    @property
    def written(self) -> list[Path]:
        """Every file that the training writes."""
        files = self.output, self.state, self.losses, self.plot
        return [path for path in files if path is not None]

    def check_read(self, read: Iterable[str | Path | None]) -> None:
        """Check that nothing that is read would be overwritten.

        Args:
            read: of files, or names of networks, which are none.
        """
        check_not_read(self.written, existing(*read))

    def check(self) -> None:
        """Raise now what would otherwise only fail in the end."""
        for path in (self.output, self.state, self.losses):
            if path is not None:
                check_output_file(path)
        if self.losses is not None and self.losses.suffix.lower() != ".csv":
            raise Misuse(f"--losses writes a .csv file, got {self.losses}")
        if self.plot is not None:
            plots.check_plot(self.plot)
        if self.every < 1:
            raise Misuse(f"--every must be at least 1, got {self.every}")

    def draw(self, trace: dict[str, np.ndarray]) -> None:
        """Write and plot the losses, where that is asked for."""
        if self.losses is not None:
            tables.write_losses(self.losses, trace)
        if self.plot is not None:
            title = self.output.name
            plots.plot_losses(self.plot, trace, title=title, smooth=_SMOOTH)


def train(
    training: Resumable,
    total: int,
    how: Trained,
    look: Callable[[int], None] | None = None,
) -> int:
    """All the steps, from where the state file has it; the exit code.

    Args:
        look: called, with the number of steps done, whenever the state is written.
    """
    if how.state.exists():
        training.restore(how.state)
        how.note(f"going on from step {training.state['step']} of {how.state}")
    complete = _advance(training, total, how, look)
    try:
        how.draw(training.state["trace"])
    except EXPECTED as error:  # the weights are worth more
        warn(describe_error(error))
    if not complete:
        done = training.state["step"]
        return fail(f"interrupted after {done} steps; the same command goes on", 130)
    return 0


def _advance(
    training: Resumable,
    total: int,
    how: Trained,
    look: Callable[[int], None] | None,
) -> bool:
    """As many steps as there are before Ctrl-C; whether it was all."""
    done, every = training.state["step"], how.every
    with Bar(total, done=done, quiet=how.quiet) as bar:
        while done < total and not bar.interrupted:
            count = min(FETCH, total - done, every - done % every)
            means = training.advance(count)
            done += count
            if not np.isfinite(means["loss"]):
                raise ValueError(
                    f"the loss is not finite after step {done}; try a lower "
                    "--learning-rate"
                )
            bar.advance(done, loss=f"{means['loss']:.4f}")
            if done % every == 0 or done == total or bar.interrupted:
                _keep(training, how, last=bar.interrupted)
            if look is not None and (done % every == 0 or bar.interrupted):
                try:
                    look(done)
                except OSError as error:
                    warn(describe_error(error))
    return not bar.interrupted


def _keep(training: Resumable, how: Trained, *, last: bool) -> None:
    """Write the state; a disk that is full costs it, not the training.

    Args:
        last: the training ends: what it has must not be lost.
    """
    if last:
        trouble = save(how.state, training.save)[1]
        if trouble:
            warn(f"{trouble}; move it to {how.state} to go on from it")
        return
    try:
        training.save(how.state)
    except OSError as error:
        warn(describe_error(error))


def finish(
    how: Trained,
    write: Callable[[Path], None],
    measure: Callable[[], dict[str, Any]],
) -> int:
    """Write the weights, say what was written, and remove the state; the exit code.

    Args:
        write: writes the weights to a path.
        measure: facts to tell of the weights, when they are written.
    """
    place, trouble = save(how.output, write)
    try:
        facts = measure()
    except EXPECTED as error:  # a picture that is gone, perhaps
        warn(describe_error(error))
        facts = {}
    checksum, size = read_weights(place).checksum, place.stat().st_size
    how.say(f"sha256 {checksum}")
    how.say(f"{size:,} bytes in {place}")
    how.answer(output=place, sha256=checksum, bytes=size, **facts)
    if trouble:
        return fail(trouble, 1)
    how.state.resolve().unlink(missing_ok=True)
    return 0
