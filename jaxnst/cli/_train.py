"""What the training commands share: their options, and the loop with its state file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxnst._files import check_writable_folder
from jaxnst.cli._app import Common, fail
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

    def check(self) -> None:
        """Raise now what would otherwise only fail in the end."""
        check_writable_folder(self.output)
        if self.losses is not None:
            check_writable_folder(self.losses)
            if self.losses.suffix.lower() != ".csv":
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
    how.draw(training.state["trace"])
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
            if done % every == 0 or bar.interrupted:
                training.save(how.state)
                if look is not None:
                    look(done)
    return not bar.interrupted


def report(how: Trained, **facts: object) -> None:
    """Say what was written."""
    checksum, size = read_weights(how.output).checksum, how.output.stat().st_size
    how.say(f"sha256 {checksum}")
    how.say(f"{size:,} bytes in {how.output}")
    how.answer(output=how.output, sha256=checksum, bytes=size, **facts)
