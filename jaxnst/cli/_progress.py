"""Progress bars; Ctrl-C once ends a run in good order, twice at once."""

import math
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from jax import Array
from tqdm import tqdm

from jaxnst import images
from jaxnst.optimize.result import Progress, Result

_FRAMES = 60  # in an animation, about

_PICTURES: dict[str, Any] = {
    "unit": " pictures",
    "bar_format": "{l_bar}{bar}| {n:.1f} of {total_fmt} [{elapsed}<{remaining}, "
    "{rate_noinv_fmt}{postfix}]",
}


T = TypeVar("T", bound="Bar")


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

    def __enter__(self: T) -> T:
        self._before = signal.signal(signal.SIGINT, self.interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)
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
        if total is not None:
            self.bar.total = total
        if shown:
            self.bar.set_postfix(shown, refresh=False)
        self.bar.update(done - self.bar.n)


class PictureBar(Bar):
    """Pictures of a batch: pictures a second, time left, failures."""

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        super().__init__(total, quiet=quiet, **_PICTURES)

    def __call__(self, done: float, failed: int) -> bool:
        if not self.bar.n:  # what was there before is no work of this run
            self.bar.initial = done
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
        self.advance(step, steps)
        if self.interrupted:  # what is whole is kept, and found again
            raise KeyboardInterrupt


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
        self.like = like
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
            name = f"{out.stem}_{progress.step:05d}{out.suffix}"
            path, picture = out.with_name(name), progress.picture()
            images.save_image(path, picture, like=self.like, quality=self.quality)
        if self.frame_every and progress.step % self.frame_every == 0:
            self.frames.append(progress.picture())
        due = self.save_every and progress.step % self.save_every == 0
        if self.save and (due or self.bar.interrupted):
            self.save(progress.result())
        return self.bar.interrupted
