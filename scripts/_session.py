"""What a run shows and collects while it goes."""

import math
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from jax import Array
from tqdm import tqdm

from jaxnst import images
from jaxnst.transfer import Progress, Result

_FRAMES = 60  # in an animation, about


class Session:
    """Bar, pictures on the way, frames and, within `with`, Ctrl-C of one run."""

    def __init__(
        self,
        output: Path,
        total: int,
        *,
        every: int | None,
        quality: int | None,
        frames: bool,
        keep: Callable[[Result], None] | None = None,
        keep_every: int | None = None,
        done: int = 0,
    ) -> None:
        """`keep` is given the run so far after every so many steps, and on Ctrl-C;
        `done` steps were done before."""
        self.output, self.quality = output, quality
        self.picture_every = every
        self.frame_every = max(1, total // _FRAMES) if frames else None
        self.frames: list[Array] = []
        self.keep, self.keep_every = keep, keep_every if keep else None
        self.interrupted = False
        look = {"unit": "step", "disable": None, "dynamic_ncols": True}
        self.bar = tqdm(total=total, initial=done, **look)

    @property
    def every(self) -> int | None:
        """Steps after which the run is to look up."""
        periods = self.picture_every, self.frame_every, self.keep_every
        wanted = [n for n in periods if n]
        return math.gcd(*wanted) if wanted else None

    def __enter__(self) -> None:
        self.before = signal.signal(signal.SIGINT, self.interrupt)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self.before)
        self.bar.close()

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """On the first Ctrl-C end in good order, on the second at once."""
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self.bar.write("stopping after this call; Ctrl-C again stops now", sys.stderr)

    def __call__(self, progress: Progress) -> bool:
        terms = progress.terms
        shown = {name: f"{terms[name]:.4g}" for name in ("loss", "content", "style")}
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update(progress.step - self.bar.n)
        every, out = self.picture_every, self.output
        if every and progress.step % every == 0:
            name = f"{out.stem}_{progress.step:05d}{out.suffix}"
            path, picture = out.with_name(name), progress.picture()
            images.save_image(path, picture, quality=self.quality)
        if self.frame_every and progress.step % self.frame_every == 0:
            self.frames.append(progress.picture())
        due = self.keep_every and progress.step % self.keep_every == 0
        if self.keep and (due or self.interrupted):
            self.keep(progress.result())
        return self.interrupted
