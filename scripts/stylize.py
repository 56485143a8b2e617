"""Paint a photograph in the style of a painting.

    python scripts/stylize.py photo.jpg painting.jpg -o out.png

The picture carries its settings: `--from out.png` runs them again, and
`--continue out.png --more-style` goes on from it. Ctrl-C ends a run and keeps the
picture reached so far.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import _checkpoint
import tyro
from _cli import Common, fail, run, warn
from _continued import continued, factor_of, output_of, with_style
from _network import obtain
from _options import adapted, given, preset_settings
from _pictures import load
from _session import Session
from _stored import changes, describe, misfit, recall

import jaxnst
from jaxnst import images, ops, presets, report
from jaxnst._files import check_writable_folder
from jaxnst.networks.network import Network
from jaxnst.settings import Settings
from jaxnst.start import INITS
from jaxnst.transfer import Result

__doc__ = f"{__doc__}\nPresets: {', '.join(presets.NAMES)}."


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
    finished: Annotated[Path | None, tyro.conf.arg(name="continue")] = None
    """Picture to go on from in few steps, with its stored settings."""
    more_style: bool = False
    """Twice the style of the picture to --continue."""
    less_style: bool = False
    """Half of it."""
    style_factor: float | None = None
    """So many times as much of it."""
    every: int | None = None
    """Write the picture after every so many steps, too."""
    animation: Path | None = None
    """Write the run as a .gif or .webp."""
    losses: Path | None = None
    """Write every term at every step as .csv."""
    plot: Path | None = None
    """Plot the losses as .png, .svg or .pdf (needs matplotlib)."""
    checkpoint: Path | None = None
    """Keep the run in this file on its way, until the picture is written."""
    checkpoint_every: int = 50
    """Steps after which it is kept again."""
    resume: bool = False
    """Go on from --checkpoint, if it is there; an --animation begins there, too."""
    settings: Settings = field(default_factory=Settings)

    @property
    def start(self) -> Path | None:
        """Picture file to start from, if it is one."""
        init = self.settings.optimization.init
        return None if init in INITS else Path(init)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every picture file that is read."""
        return self.pictures if self.start is None else (*self.pictures, self.start)


def defaults() -> Arguments:
    """Options as the preset, or the picture, that the command line names has them."""
    again, finished = given("from"), given("continue")
    name, path = ("from", again) if finished is None else ("continue", finished)
    if path is None:
        return Arguments(settings=preset_settings())
    if again is not None and finished is not None:
        raise ValueError("--from and --continue exclude each other; give one of them")
    settings, pictures = (recall if finished is None else continued)(Path(path))
    if given("preset") not in (None, settings.preset):
        raise ValueError(f"--preset and --{name} exclude each other; give one of them")
    output = Arguments.output if finished is None else output_of(Path(path))
    return Arguments(pictures=pictures, output=output, settings=adapted(settings))


def with_style_asked_for(arguments: Arguments) -> Arguments:
    """Its settings with more or less style, if that is wanted."""
    factor = factor_of(
        more=arguments.more_style,
        less=arguments.less_style,
        factor=arguments.style_factor,
    )
    if factor != 1 and arguments.finished is None:
        raise ValueError(
            "--more-style, --less-style and --style-factor change a finished picture; "
            "name it with --continue PICTURE, or choose another --beta or --strength"
        )
    return replace(arguments, settings=with_style(arguments.settings, factor))


def check(arguments: Arguments) -> None:
    """Raise now what would otherwise only fail at the end of a long run."""
    if len(arguments.pictures) < 2:
        raise ValueError(
            "give a photograph and a painting: "
            "python scripts/stylize.py CONTENT STYLE -o OUT.png"
        )
    if arguments.start is not None and not arguments.start.exists():
        raise FileNotFoundError(
            f"cannot start from {arguments.start} (--init): neither a picture file nor "
            f"one of: {', '.join(INITS)}"
        )
    images.check_output(arguments.output, arguments.quality)
    for name in ("every", "checkpoint_every"):
        steps = getattr(arguments, name)
        if steps is not None and steps < 1:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} must be at least 1, got {steps}")
    _checkpoint.check(arguments.checkpoint, arguments.resume)
    if arguments.animation is not None:
        images.check_animation(arguments.animation)
    if arguments.losses is not None:
        check_writable_folder(arguments.losses)
    if arguments.plot is not None:
        report.check_plot(arguments.plot)


def write(
    arguments: Arguments, network: Network, session: Session, result: Result
) -> None:
    settings, pictures = arguments.settings, arguments.pictures
    images.save_image(
        arguments.output,
        result.image,
        like=pictures[0],
        metadata=describe(settings, pictures, arguments.files, network, result),
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


def warn_if_other(arguments: Arguments, network: Network) -> None:
    """Warn of pictures and weights that are not those the settings were made for."""
    before = arguments.again or arguments.finished
    if before is not None:
        for text in changes(before, arguments.files, network):
            warn(text)
    other = misfit(arguments.settings, network)
    if other is not None:
        warn(other)


def warn_if_astray(result: Result) -> None:
    losses = result.trace["loss"]
    hint = "try a lower --learning-rate, or --optimizer adam"
    if not result.finite:
        warn(f"the loss was not finite at step {result.steps}; {hint}")
    elif losses[-1] > 2 * losses.min():
        warn(f"the loss rose again after its lowest value; {hint}")


def main(arguments: Arguments) -> int:
    arguments = with_style_asked_for(arguments)
    check(arguments)
    settings, network = obtain(arguments.settings)
    arguments = replace(arguments, settings=settings)
    content, styles = load(settings, arguments.pictures, network)
    warn_if_other(arguments, network)
    start = None
    if arguments.start is not None:
        size = content.shape[0], content.shape[1]
        start = images.load_image(arguments.start, size=size)
    total = sum(settings.optimization.steps_at(len(settings.geometry.levels())))
    checkpoint = _checkpoint.Checkpoint(
        arguments.checkpoint, settings, network, arguments.files
    )
    before = checkpoint.load() if arguments.resume else None
    session = Session(
        arguments.output,
        total,
        every=arguments.every,
        quality=arguments.quality,
        frames=arguments.animation is not None,
        keep=None if arguments.checkpoint is None else checkpoint.save,
        keep_every=arguments.checkpoint_every,
        done=before.steps if before else 0,
    )
    with session:
        result = jaxnst.render(
            settings,
            network,
            content,
            styles,
            init=start,
            callback=session,
            every=session.every,
            resume=before,
        )
    warn_if_astray(result)
    write(arguments, network, session, result)
    height, width = result.image.shape[:2]
    print(
        f"{arguments.output}: {width} x {height} pixels, {result.steps} steps in "
        f"{result.seconds:.0f} s, loss {result.trace['loss'][-1]:.4g}"
    )
    if result.steps < total and session.interrupted:
        after = f"interrupted after {result.steps} of {total} steps; kept"
        return fail(after + _checkpoint.hint(arguments.checkpoint), 130)
    checkpoint.remove()
    return 0 if result.finite else 1


if __name__ == "__main__":
    sys.exit(run(Arguments, main, defaults))
