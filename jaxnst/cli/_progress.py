"""Progress bars; Ctrl-C once ends a run in good order, twice at once."""

import math
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from jax import Array
from tqdm import tqdm

from jaxnst import images
from jaxnst.cli._app import describe_error, warn
from jaxnst.optimize.result import Progress, Result

_FRAMES = 60  # in an animation, about

_PAUSES = 10.0, 300.0  # seconds between two lines of a log, least and most

_PICTURES: dict[str, Any] = {
    "unit": " pictures",
    "bar_format": "{l_bar}{bar}| {n:.1f} of {total_fmt} [{elapsed}<{remaining}, "
    "{rate_noinv_fmt}{postfix}]",
}


T = TypeVar("T", bound="Bar")


class Log:
    """Where there is no terminal, a line every so often that says how far a run is.

    After ten seconds at first, then ever more rarely, at most five minutes apart.
    """

    def __init__(
        self, unit: str, done: float = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`unit` is what is counted, such as "step"; `clock` gives seconds."""
        self.unit, self.clock = unit, clock
        self.restart(done)

    def restart(self, done: float, name: str = "") -> None:
        """Count from `done` on, of what is called `name`."""
        self.before, self.name = done, name
        self.began = self.told = self.clock()

    def __call__(
        self, done: float, total: float | None, shown: Mapping[str, object]
    ) -> None:
        """So much is done; `shown` are numbers by their names."""
        now = self.clock()
        pause = min(max(_PAUSES[0], (now - self.began) / 20), _PAUSES[1])
        if now - self.told < pause:
            return
        self.told = now
        parts = [f"{self.unit} {done:.0f}" + (f" of {total:.0f}" if total else "")]
        parts += [f"{name} {value}" for name, value in shown.items()]
        if total and done > self.before:
            rate = (now - self.began) / (done - self.before)
            parts.append(f"{_duration(rate * (total - done))} left")
        name = f"{self.name}: " if self.name else ""
        print(name + ", ".join(parts), file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class Bar:
    """A line on a terminal that says how far a run is and, within `with`, Ctrl-C.

    Attributes:
        interrupted: whether Ctrl-C was pressed: the run is to end in good order.
    """

    def __init__(
        self, total: int | None = None, *, done: float = 0, quiet: bool = False,
        **look: Any,
    ) -> None:  # fmt: skip
        """`look` is for tqdm, "step" the unit by default."""
        look = {"unit": "step", "dynamic_ncols": True} | look
        # None: on a terminal alone.
        self.bar = tqdm(
            total=total, initial=done, disable=True if quiet else None, **look
        )
        self.interrupted = False
        unit = str(look["unit"]).strip()
        self._log = None if quiet or not self.bar.disable else Log(unit, done)

    def __enter__(self: T) -> T:
        self._before = signal.signal(signal.SIGINT, self.interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)
        self.bar.close()

    def close(self) -> None:
        """End the line; Ctrl-C is still waited for."""
        self.bar.close()

    def interrupt(self, *_: object) -> None:
        """On the first Ctrl-C end in good order, on the second at once."""
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self.bar.write("stopping after this call; Ctrl-C again stops now", sys.stderr)

    def advance(
        self, done: float, total: int | None = None, **shown: object
    ) -> None:  # fmt: skip
        """Show that so much is done, of a total that may have changed."""
        if self._log is not None:
            self._log(done, self.bar.total if total is None else total, shown)
        if total is not None:
            self.bar.total = total
        if shown:
            self.bar.set_postfix(shown, refresh=False)
        self.bar.update(done - self.bar.n)


class PictureBar(Bar):
    """Pictures of a batch: pictures a second, time left, failures."""

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        super().__init__(total, quiet=quiet, **_PICTURES)
        self._began = False

    def __call__(self, done: float, failed: int) -> bool:
        if not self._began:  # what was there before is no work of this run
            self._began = True
            self.bar.initial = done
            if self._log is not None:
                self._log.restart(done)
        self.advance(done, **({"failed": failed} if failed else {}))
        return self.interrupted


class PartBar(Bar):
    """Progress of one part of a study after another."""

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__(quiet=quiet)
        self._name = ""

    def __call__(self, name: str, step: int, steps: int) -> None:
        if self._name != name:
            self._name = name
            self.bar.reset(total=steps)
            self.bar.set_description(name)
            if self._log is not None:
                self._log.restart(0, name)
        self.advance(step, steps)
        if self.interrupted:  # what is whole is kept, and found again
            raise KeyboardInterrupt


def numbered(output: Path, step: int) -> Path:
    """The picture on the way to `output` after so many steps."""
    return output.with_name(f"{output.stem}_{step:05d}{output.suffix}")


class Session:
    """What one run shows and collects: the callback of `render`."""

    def __init__(
        self,
        bar: Bar,
        output: Path,
        total: int,
        *,
        every: int | None,
        quality: int | None,
        frames: bool,
        like: images.Like | None = None,
        save: Callable[[Result], None] | None = None,
        save_every: int | None = None,
    ) -> None:
        """`save` is given the run so far after every so many steps, and on Ctrl-C;
        pictures on the way get what `like` has of the photograph."""
        self.bar, self.output, self.quality = bar, output, quality
        self.like, self.failed = like, False
        self.picture_every = every
        self.frame_every = max(1, total // _FRAMES) if frames else None
        self.frames: list[Array] = []
        self.save, self.save_every = save, save_every if save else None

    @property
    def every(self) -> int | None:
        """Steps after which the callback is to be called."""
        periods = self.picture_every, self.frame_every, self.save_every
        wanted = [n for n in periods if n]
        return math.gcd(*wanted) if wanted else None

    def __call__(self, progress: Progress) -> bool:
        terms = progress.terms
        shown: dict[str, Any] = {
            name: f"{terms[name]:.4g}" for name in ("loss", "content", "style")
        }
        self.bar.advance(progress.step, **shown)
        every, out = self.picture_every, self.output
        if every and progress.step % every == 0:
            path, picture = numbered(out, progress.step), progress.picture()
            try:
                images.save_image(path, picture, like=self.like, quality=self.quality)
            except OSError as error:  # the run and its end are worth more
                if not self.failed:
                    warn(describe_error(error))
                self.failed = True
        if self.frame_every and progress.step % self.frame_every == 0:
            self.frames.append(progress.picture())
        due = self.save_every and progress.step % self.save_every == 0
        if self.save and (due or self.bar.interrupted):
            self.save(progress.result())
        return self.bar.interrupted
