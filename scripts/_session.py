"""What a run shows and collects while it goes."""

import math
import signal
import sys
from pathlib import Path
from types import FrameType

from jax import Array
from tqdm import tqdm

from jaxnst import images
from jaxnst.transfer import Progress

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
    ) -> None:
        self.output, self.quality = output, quality
        self.picture_every = every
        self.frame_every = max(1, total // _FRAMES) if frames else None
        self.frames: list[Array] = []
        self.interrupted = False
        self.bar = tqdm(total=total, unit="step", disable=None, dynamic_ncols=True)

    @property
    def every(self) -> int | None:
        """Steps after which the run is to look up."""
        wanted = [n for n in (self.picture_every, self.frame_every) if n]
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
        return self.interrupted
