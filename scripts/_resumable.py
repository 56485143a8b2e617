"""A training that can be stopped anywhere: its state on disk, and its loop."""

import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from _cli import Common, fail
from flax import serialization
from tqdm import tqdm

from jaxnst import report
from jaxnst._files import atomic_write, check_writable_folder

FETCH = 20  # steps between two looks at the device
_SMOOTH = 50  # steps to a point of the plot: every batch is of other pictures


@dataclass(frozen=True, kw_only=True)
class Trained(Common):
    """Options that every training has."""

    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
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
        if self.plot is not None:
            report.check_plot(self.plot)
        if self.every < 1:
            raise ValueError(f"--every must be at least 1, got {self.every}")

    def draw(self, trace: dict[str, np.ndarray]) -> None:
        """Write and plot the losses, where that is asked for."""
        if self.losses is not None:
            report.write_losses(self.losses, trace)
        if self.plot is not None:
            title = self.output.name
            report.plot_losses(self.plot, trace, title=title, smooth=_SMOOTH)


class Resumable:
    """What a training has learned after `state["step"]` steps, and its losses so far.

    Attributes:
        description: all that the result depends on, as JSON's types.
        state: "step"; "trace", every loss at every step; and what is learned.
    """

    description: dict[str, Any]
    state: dict[str, Any]

    def advance(self, steps: int) -> dict[str, float]:
        """So many steps; the means of their losses."""
        raise NotImplementedError

    def noted(self, parts: Sequence[dict[str, jax.Array]]) -> dict[str, float]:
        """The losses of some steps added to the trace; their means."""
        trace = self.state["trace"]
        fetched = jax.device_get(list(parts))
        for name in sorted(fetched[0], key="loss".__ne__):  # the loss first
            values = np.array([part[name] for part in fetched], np.float32)
            trace[name] = np.concatenate([trace.get(name, values[:0]), values])
        return {
            name: float(values[-len(parts) :].mean()) for name, values in trace.items()
        }

    def save(self, path: Path) -> None:
        data = serialization.to_bytes(
            self.state | {"description": json.dumps(self.description)}
        )
        with atomic_write(path) as temporary:
            temporary.write_bytes(data)

    def restore(self, path: Path) -> None:
        """Go on with a state that the same command wrote."""
        mend = f"remove it to begin anew: rm {path}"
        try:
            held = serialization.msgpack_restore(path.read_bytes())
            before, trace = json.loads(held.pop("description")), held.pop("trace")
        except Exception as error:  # of msgpack's own kinds, too
            raise ValueError(f"{path} is damaged ({error}); {mend}") from None
        wanted = json.loads(json.dumps(self.description))
        changed = [key for key in wanted if before.get(key) != wanted[key]]
        if changed:
            raise ValueError(
                f"{path} is of a training with other {', '.join(changed)}; give the "
                f"same options, or {mend}"
            )
        now = {key: value for key, value in self.state.items() if key != "trace"}
        state = serialization.from_state_dict(now, held)
        self.state = jax.tree.map(jnp.asarray, state) | {
            "step": int(state["step"]),
            "trace": trace,
        }


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
        print(f"going on from step {training.state['step']} of {how.state}")
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
    every, interrupted = how.every, False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        bar.write("stopping after these steps", sys.stderr)

    done = training.state["step"]
    bar = tqdm(total=total, initial=done, unit="step", disable=None, dynamic_ncols=True)
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        while done < total and not interrupted:
            count = min(FETCH, total - done, every - done % every)
            means = training.advance(count)
            done += count
            if not np.isfinite(means["loss"]):
                raise ValueError(
                    f"the loss is not finite after step {done}; try a lower "
                    "--learning-rate"
                )
            bar.set_postfix(loss=f"{means['loss']:.4f}", refresh=False)
            bar.update(count)
            if done % every == 0 or interrupted:
                training.save(how.state)
                if look is not None:
                    look(done)
    finally:
        signal.signal(signal.SIGINT, before)
        bar.close()
    return not interrupted
