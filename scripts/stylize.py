"""Paint a photograph in the style of a painting.

    python scripts/stylize.py photo.jpg painting.jpg -o out.png

The picture carries its settings: `--from out.png` runs them again, and
`--continue out.png --more-style` goes on from it. Ctrl-C ends a run and keeps the
picture reached so far.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import _checkpoint
import tyro
from _cli import Common, fail, run
from _continued import continued, factor_of, output_of, with_style
from _network import obtain, obtain_decoder
from _options import adapted, given, preset_settings
from _pictures import load
from _session import Session
from _stored import describe, recall
from _warned import warn_if_astray, warn_if_other
from jax import Array

import jaxnst
from jaxnst import images, ops, presets, report
from jaxnst._files import check_writable_folder
from jaxnst.feedforward import FeedForward
from jaxnst.networks.network import Network
from jaxnst.settings import Settings
from jaxnst.start import FEEDFORWARD, INITS
from jaxnst.transfer import Result

_STARTS = (*INITS, FEEDFORWARD)

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
    fast: bool = False
    """One pass of a trained network instead of an optimisation: a picture in a moment.
    Short for --preset encoder-transformer; with --steps, what is optimised from."""
    settings: Settings = field(default_factory=Settings)

    @property
    def start(self) -> Path | None:
        """Picture file to start from, if it is one."""
        init = self.settings.optimization.init
        return None if init in _STARTS else Path(init)

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
            f"one of: {', '.join(_STARTS)}"
        )
    images.check_output(arguments.output, arguments.quality)
    for name in ("every", "checkpoint_every"):
        steps = getattr(arguments, name)
        if steps is not None and steps < 1:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} must be at least 1, got {steps}")
    if arguments.settings.optimization.one_pass:
        for name in ("every", "checkpoint", "resume", "animation", "losses", "plot"):
            if getattr(arguments, name):
                raise ValueError(
                    f"one pass has no steps to look at; leave --{name}, or give "
                    "--steps 60 to go on from it"
                )
    _checkpoint.check(arguments.checkpoint, arguments.resume)
    if arguments.animation is not None:
        images.check_animation(arguments.animation)
    if arguments.losses is not None:
        check_writable_folder(arguments.losses)
    if arguments.plot is not None:
        report.check_plot(arguments.plot)


def write(
    arguments: Arguments,
    network: Network,
    decoder: FeedForward | None,
    frames: Sequence[Array],
    result: Result,
) -> None:
    settings, pictures = arguments.settings, arguments.pictures
    images.save_image(
        arguments.output,
        result.image,
        like=pictures[0],
        metadata=describe(
            settings, pictures, arguments.files, network, result, decoder
        ),
        quality=arguments.quality,
    )
    if arguments.losses is not None:
        report.write_losses(arguments.losses, result.trace)
    if arguments.plot is not None:
        report.plot_losses(arguments.plot, result.trace, title=arguments.output.name)
    if arguments.animation is not None:
        size = result.image.shape[:2]
        frames = [ops.resize(frame, size) for frame in frames]
        images.save_animation(arguments.animation, [*frames, result.image])


def said(arguments: Arguments, result: Result) -> str:
    height, width = result.image.shape[:2]
    return f"{arguments.output}: {width} x {height} pixels"


def main(arguments: Arguments) -> int:
    arguments = with_style_asked_for(arguments)
    check(arguments)
    settings, network = obtain(arguments.settings)
    decoder = obtain_decoder(settings)
    arguments = replace(arguments, settings=settings)
    content, styles = load(settings, arguments.pictures, network)
    before = arguments.again or arguments.finished
    warn_if_other(before, arguments.files, settings, network, decoder)
    if settings.optimization.one_pass:
        result = jaxnst.render(settings, network, content, styles, decoder=decoder)
        write(arguments, network, decoder, (), result)
        print(f"{said(arguments, result)}, one pass in {result.seconds:.1f} s")
        return 0 if result.finite else 1
    start = None
    if arguments.start is not None:
        size = content.shape[0], content.shape[1]
        start = images.load_image(arguments.start, size=size)
    total = sum(settings.optimization.steps_at(len(settings.geometry.levels())))
    checkpoint = _checkpoint.Checkpoint(
        arguments.checkpoint, settings, network, arguments.files
    )
    kept = checkpoint.load() if arguments.resume else None
    session = Session(
        arguments.output,
        total,
        every=arguments.every,
        quality=arguments.quality,
        frames=arguments.animation is not None,
        keep=None if arguments.checkpoint is None else checkpoint.save,
        keep_every=arguments.checkpoint_every,
        done=kept.steps if kept else 0,
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
            resume=kept,
            decoder=decoder,
        )
    warn_if_astray(result)
    write(arguments, network, decoder, session.frames, result)
    print(
        f"{said(arguments, result)}, {result.steps} steps in {result.seconds:.0f} s, "
        f"loss {result.trace['loss'][-1]:.4g}"
    )
    if result.steps < total and session.interrupted:
        after = f"interrupted after {result.steps} of {total} steps; kept"
        return fail(after + _checkpoint.hint(arguments.checkpoint), 130)
    checkpoint.remove()
    return 0 if result.finite else 1


if __name__ == "__main__":
    sys.exit(run(Arguments, main, defaults))
