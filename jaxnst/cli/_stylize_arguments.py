"""What `jaxnst stylize` is told, and what is wrong with it before anything is read."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from jaxnst import images
from jaxnst._files import check_not_read, check_output_file
from jaxnst.cli import _checkpoint
from jaxnst.cli._app import Common
from jaxnst.cli._outputs import existing
from jaxnst.cli._parser import Misuse, option
from jaxnst.cli._progress import numbered
from jaxnst.cli._streams import STREAM, check_read_again
from jaxnst.pipeline.inputs import further_files
from jaxnst.pipeline.region_masks import check_count
from jaxnst.pipeline.settings import Settings
from jaxnst.reports import plots

_BESIDE = ("losses", "plot", "animation", "checkpoint")  # files that are written, too

_MORE = 2.0  # times as much style


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    pictures: tuple[Path, ...] = option((), positional=True, metavar="PICTURE")
    """The photograph, then one painting or several; - for standard input."""
    output: Path | None = option(None, flags=["-o"])
    """Picture to write: .png, .jpg, .webp, or .tif for 16 bits; - for standard output;
    a new name beside the photograph if not given."""
    quality: int | None = None
    """1 to 100, of JPEG (95) or lossy WebP."""
    keep_metadata: bool = True
    """Whether EXIF (author, copyright, date, camera, place) and dots per inch of the
    photograph go into the picture."""
    again: Path | None = option(None, name="from", metavar="PICTURE")
    """Use the settings of this picture; its photograph and paintings, too, if none are
    given."""
    finished: Path | None = option(None, name="continue", metavar="PICTURE")
    """Go on from this picture in few steps, with its settings."""
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
    timings: bool = False
    """Print where the time went, by phase, on stderr at the end; with --json in it."""
    fast: bool = False
    """One pass of a trained network instead of an optimisation: a picture in a moment;
    with --steps, what is optimised from."""
    settings: Settings = field(default_factory=Settings)


def style_factor(arguments: Arguments) -> float:
    """How many times as much style the options ask for.

    Raises:
        Misuse: more than one of them, a factor that is not above 0, or no picture
            whose style it could be.
    """
    more, less, factor = (
        arguments.more_style,
        arguments.less_style,
        arguments.style_factor,
    )
    if more + less + (factor is not None) > 1:
        raise Misuse(
            "--more-style, --less-style and --style-factor exclude each other; give one"
        )
    if factor is not None and not (0 < factor < math.inf):
        raise Misuse(f"--style-factor must be above 0, got {factor:g}")
    found = factor or (_MORE if more else 1 / _MORE if less else 1.0)
    if found != 1 and arguments.finished is None:
        raise Misuse(
            "--more-style, --less-style and --style-factor change a finished picture; "
            "name it with --continue PICTURE, or choose another --beta or --strength"
        )
    return found


def check(arguments: Arguments, output: Path) -> None:
    """Raise now what would otherwise only fail at the end of a long run."""
    for path in further_files(arguments.settings):
        check_read_again(path)
    check_count(arguments.settings.masks, len(arguments.pictures) - 1)
    check_not_read(written(arguments, output), read(arguments))
    if output != STREAM:
        images.check_output(output, arguments.quality)
    elif arguments.json:
        raise Misuse("standard output takes the picture (-o -) or --json, not both")
    for name in ("every", "checkpoint_every"):
        steps = getattr(arguments, name)
        if steps is not None and steps < 1:
            spelled = name.replace("_", "-")
            raise Misuse(f"--{spelled} must be at least 1, got {steps}")
    if arguments.settings.optimization.one_pass:
        for name in ("every", "checkpoint", "resume", "animation", "losses", "plot"):
            if getattr(arguments, name):
                raise Misuse(
                    f"one pass has no steps to look at; leave --{name}, or give "
                    "--steps 60 to go on from it"
                )
    _checkpoint.check(arguments.checkpoint, arguments.resume)
    if arguments.every is not None and output == STREAM:
        raise Misuse("--every writes files beside the output; name one with -o")
    if arguments.every is not None:
        images.check_output(numbered(output, 0), arguments.quality)
    if arguments.animation is not None:
        images.check_animation(arguments.animation)
    if arguments.losses is not None:
        check_output_file(arguments.losses)
        if arguments.losses.suffix.lower() != ".csv":
            raise Misuse(f"--losses writes a .csv file, got {arguments.losses}")
    if arguments.plot is not None:
        plots.check_plot(arguments.plot)


def written(arguments: Arguments, output: Path) -> list[Path]:
    """Every file that the run writes."""
    beside = [getattr(arguments, name) for name in _BESIDE]
    files = [path for path in (output, *beside) if path not in (None, STREAM)]
    every, settings = arguments.every, arguments.settings
    if every is None or every < 1 or output == STREAM:
        return files
    total = sum(settings.optimization.steps_at(len(settings.geometry.levels())))
    return files + [numbered(output, n) for n in range(every, total + 1, every)]


def read(arguments: Arguments) -> list[Path]:
    """Every file that the run reads: pictures, weights."""
    settings = arguments.settings
    before = arguments.again, arguments.finished
    pictures = [*arguments.pictures, *before, *further_files(settings)]
    named = settings.network, settings.weights, settings.decoder
    return [p for p in pictures if p not in (None, STREAM)] + existing(*named)


def check_recorded(arguments: Arguments) -> None:
    """Check that what a picture was made from is there.

    Raises:
        FileNotFoundError: it is not, and what to give in its place.
    """
    name = "from" if arguments.finished is None else "continue"
    picture = arguments.again or arguments.finished
    for path in arguments.pictures if picture is not None else ():
        if path != STREAM and not path.exists():
            raise FileNotFoundError(
                f"there is no {path}, of which {picture} was made; name the photograph "
                f"and the paintings: jaxnst PHOTO PAINTING --{name} {picture}"
            )
