"""Paint a photograph in the style of a painting.

    python scripts/stylize.py photo.jpg painting.jpg -o out.png

The picture carries its settings: `--from out.png` runs them again. Ctrl-C ends a run
and keeps the picture reached so far.
"""

import argparse
import hashlib
import importlib.metadata
import math
import signal
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import jax
import numpy as np
import tyro
from _cli import Common, fail, run
from tqdm import tqdm

import jaxnst
from jaxnst import images, ops, presets, report
from jaxnst._files import check_writable_folder
from jaxnst.networks.network import Network
from jaxnst.settings import Settings
from jaxnst.transfer import INITS, Progress, Result

_FRAMES = 60  # in an animation, about
_PACKAGES = ("jaxnst", "jax", "jaxlib", "flax", "optax", "numpy", "pillow")


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    pictures: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="CONTENT STYLE [STYLE ...]"),
    ] = ()
    """The photograph, then one painting or several."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out.png")
    """Picture to write: .png, .jpg, .webp, or .tif for 16 bits."""
    quality: int | None = None
    """1 to 100, of JPEG (95) or lossy WebP."""
    again: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """Picture whose stored settings, and pictures if none are given, to use again."""
    every: int | None = None
    """Write the picture after every so many steps, too."""
    animation: Path | None = None
    """Write the run as a .gif or .webp."""
    losses: Path | None = None
    """Write every term at every step as .csv."""
    plot: Path | None = None
    """Plot the losses as .png, .svg or .pdf (needs matplotlib)."""
    settings: Settings = field(default_factory=Settings)


def defaults() -> Arguments:
    """Options as the preset, or the picture, that the command line names has them."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--preset")
    first.add_argument("--from", dest="again")
    first.add_argument("--optimizer")
    given = first.parse_known_args()[0]
    if given.again is None:
        settings = presets.get(given.preset or "default")
        return Arguments(settings=adapted(settings, given.optimizer))
    stored = images.read_metadata(given.again)
    if stored is None or "settings" not in stored:
        raise ValueError(
            f"{given.again} carries no settings of jaxnst; give the picture as "
            "scripts/stylize.py wrote it, not a copy that another program saved"
        )
    settings = Settings.from_json(stored["settings"])
    if given.preset not in (None, settings.preset):
        raise ValueError("--preset and --from exclude each other; give one of them")
    pictures = (stored.get("content"), *stored.get("styles", ()))
    if not all(isinstance(name, str) for name in pictures):
        raise ValueError(f"{given.again} does not name its pictures; give them anew")
    settings = adapted(settings, given.optimizer)
    return Arguments(pictures=tuple(map(Path, pictures)), settings=settings)


def adapted(settings: Settings, optimizer: str | None) -> Settings:
    """The defaults with another optimiser: a preset's rate belongs to its own."""
    how = settings.optimization
    if optimizer in (None, how.optimizer):
        return settings
    return replace(settings, optimization=replace(how, learning_rate=None))


def check(arguments: Arguments) -> None:
    """Raise now what would otherwise only fail at the end of a long run."""
    if len(arguments.pictures) < 2:
        raise ValueError(
            "give a photograph and a painting: "
            "python scripts/stylize.py CONTENT STYLE -o OUT.png"
        )
    images.check_output(arguments.output, arguments.quality)
    if arguments.every is not None and arguments.every < 1:
        raise ValueError(f"--every must be at least 1, got {arguments.every}")
    if arguments.animation is not None:
        images.check_animation(arguments.animation)
    if arguments.losses is not None:
        check_writable_folder(arguments.losses)
    if arguments.plot is not None:
        report.check_plot(arguments.plot)


class Session:
    """What a run shows and collects while it goes: bar, pictures, frames, Ctrl-C."""

    def __init__(self, arguments: Arguments, total: int) -> None:
        self.arguments = arguments
        self.interrupted = False
        self.frames: list[jax.Array] = []
        self.frame_every = max(1, total // _FRAMES) if arguments.animation else None
        self.bar = tqdm(total=total, unit="step", disable=None, dynamic_ncols=True)

    @property
    def every(self) -> int | None:
        """Steps after which the run is to look up."""
        wanted = [n for n in (self.arguments.every, self.frame_every) if n]
        return math.gcd(*wanted) if wanted else None

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
        every = self.arguments.every
        if every and progress.step % every == 0:
            out = self.arguments.output
            name = f"{out.stem}_{progress.step:05d}{out.suffix}"
            images.save_image(out.with_name(name), progress.picture())
        if self.frame_every and progress.step % self.frame_every == 0:
            self.frames.append(progress.picture())
        return self.interrupted


def load(arguments: Arguments, network: Network) -> tuple[jax.Array, list[jax.Array]]:
    """Photograph and paintings, at the sizes at which they are used."""
    settings, (content, *styles) = arguments.settings, arguments.pictures
    least = network.min_side(settings.objective.layers)
    for path in arguments.pictures:
        height, width = images.picture_size(path)
        if min(height, width) < least:
            raise ValueError(
                f"{path} is {width} x {height} pixels, too small: the layers need at "
                f"least {least} on each side; choose a larger picture"
            )
    geometry = settings.geometry
    size = geometry.content_size(*images.picture_size(content))
    paintings = [
        images.load_image(
            path, size=geometry.style_size(*images.picture_size(path), size)
        )
        for path in styles
    ]
    return images.load_image(content, size=size), paintings


def describe(arguments: Arguments, network: Network, result: Result) -> dict[str, Any]:
    """What the file keeps, so that the picture can be made again."""
    return {
        "settings": arguments.settings.to_json(),
        "content": str(arguments.pictures[0]),
        "styles": [str(path) for path in arguments.pictures[1:]],
        "sha256": {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in arguments.pictures
        },
        "weights": {"source": network.source, "sha256": network.checksum},
        "steps": result.steps,
        "final": {
            name: float(values[-1]) if np.isfinite(values[-1]) else None
            for name, values in result.trace.items()
        },
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def write(
    arguments: Arguments, network: Network, session: Session, result: Result
) -> None:
    images.save_image(
        arguments.output,
        result.image,
        like=arguments.pictures[0],
        metadata=describe(arguments, network, result),
        quality=arguments.quality,
    )
    if arguments.losses is not None:
        report.write_losses(arguments.losses, result.trace)
    if arguments.plot is not None:
        report.plot_losses(arguments.plot, result.trace, title=arguments.output.name)
    if arguments.animation is not None:
        size = result.image.shape[:2]
        frames = [ops.resize(frame, size) for frame in session.frames]
        images.save_animation(arguments.animation, [*frames, result.image])


def warn_if_astray(result: Result) -> None:
    losses = result.trace["loss"]
    hint = "try a lower --learning-rate, or --optimizer adam"
    if not result.finite:
        tqdm.write(f"warning: the loss was not finite at step {result.steps}; {hint}")
    elif losses[-1] > 2 * losses.min():
        tqdm.write(f"warning: the loss rose again after its lowest value; {hint}")


def main(arguments: Arguments) -> int:
    check(arguments)
    settings = arguments.settings
    network = jaxnst.load_network(settings.network, weights=settings.weights)
    content, styles = load(arguments, network)
    init = settings.optimization.init
    size = content.shape[0], content.shape[1]
    start = None if init in INITS else images.load_image(init, size=size)
    total = sum(settings.optimization.steps_at(len(settings.geometry.levels())))
    session = Session(arguments, total)
    before = signal.signal(signal.SIGINT, session.interrupt)
    try:
        result = jaxnst.render(
            settings,
            network,
            content,
            styles,
            init=start,
            callback=session,
            every=session.every,
        )
    finally:
        signal.signal(signal.SIGINT, before)
        session.bar.close()
    warn_if_astray(result)
    write(arguments, network, session, result)
    height, width = result.image.shape[:2]
    print(
        f"{arguments.output}: {width} x {height} pixels, {result.steps} steps in "
        f"{result.seconds:.0f} s, loss {result.trace['loss'][-1]:.4g}"
    )
    if session.interrupted:
        return fail(f"interrupted after {result.steps} of {total} steps; kept", 130)
    return 0 if result.finite else 1


if __name__ == "__main__":
    sys.exit(run(Arguments, main, defaults))
