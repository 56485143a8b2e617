"""Make a texture of a painting, of any size, without a photograph.

    jaxnst texture painting.jpg -o texture.png --size 1024x512 --tileable

With --tileable it can be laid side by side without seams.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxnst import images
from jaxnst._files import check_not_read, fitting_name
from jaxnst.cli._app import Common, fail
from jaxnst.cli._options import preset_settings, setting_words
from jaxnst.cli._outputs import existing, free, save
from jaxnst.cli._parser import Misuse, option
from jaxnst.cli._progress import Bar, Session, numbered
from jaxnst.cli._streams import STREAM, from_stdin
from jaxnst.cli._warnings import warn_if_astray
from jaxnst.images.opening import MAX_PIXELS
from jaxnst.optimize.initial import INITS
from jaxnst.optimize.result import Result
from jaxnst.pipeline.inputs import open_network
from jaxnst.pipeline.provenance import describe, digests_of
from jaxnst.pipeline.settings import Settings
from jaxnst.pipeline.texture import check_tileable, render_texture, texture_settings

USAGE = "PAINTING [PAINTING ...] [-o OUT.png] [--size WIDTHxHEIGHT]"
WORDS = setting_words()
HELP = {
    "picture": ("shape", "style_scale", "style_mix", "tileable"),
    "run": ("preset", "network", "steps", "seed"),
    "output": ("output", "every", "json", "quiet"),
}
# What only a photograph gives a meaning.
HIDDEN = (
    *(f"settings.{name}" for name in ("color", "masks", "decoder")),
    *(f"settings.terms.{name}" for name in ("alpha", "content_weights", "strength")),
    *(f"settings.geometry.{name}" for name in ("size", "fit", "style_fit")),
    *(f"settings.objective.{name}" for name in ("content_layers", "content_reduction")),
)


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    pictures: tuple[Path, ...] = option((), positional=True, metavar="PAINTING")
    """One painting or several; - for standard input."""
    output: Path | None = option(None, flags=["-o"])
    """Picture to write: .png, .jpg, .webp or .tif; a new name beside the painting if
    not given."""
    shape: str = option("512x512", name="size", metavar="WIDTHxHEIGHT")
    """Size in pixels, such as 1024x512, or one number for a square."""
    tileable: bool = False
    """Without seams where it is laid side by side."""
    quality: int | None = None
    """1 to 100, of JPEG (95) or lossy WebP."""
    every: int | None = None
    """Write the picture after every so many steps, too."""
    settings: Settings = field(default_factory=Settings)


def defaults(line: Sequence[str]) -> Arguments:
    """Options as the preset that the command line names has them for a texture."""
    try:
        return Arguments(settings=texture_settings(preset_settings(line)))
    except ValueError as error:
        raise Misuse(str(error)) from None


def parse_size(text: str) -> tuple[int, int]:
    """(height, width) of "1024x512" or "512".

    Raises:
        Misuse: it is neither.
    """
    found = re.fullmatch(r"(\d{1,6})(?:[xX×](\d{1,6}))?", text.strip())
    sides = [int(side) for side in found.groups() if side] if found else []
    if not sides or min(sides) < 1:
        raise Misuse(f"--size must be such as 1024x512 or 512, got {text!r}")
    height, width = sides[-1], sides[0]
    if height * width > MAX_PIXELS:
        raise Misuse(
            f"--size {text} has more than {MAX_PIXELS:,} pixels; choose a smaller one"
        )
    return height, width


def check(arguments: Arguments, output: Path) -> None:
    """Raise now what would otherwise only fail at the end of a long run."""
    settings = arguments.settings
    if settings.optimization.init not in INITS:
        raise Misuse(f"--init of a texture must be one of {', '.join(INITS)}")
    if arguments.every is not None and arguments.every < 1:
        raise Misuse(f"--every must be at least 1, got {arguments.every}")
    read = [path for path in arguments.pictures if path != STREAM]
    check_not_read(
        written(arguments, output), read + existing(settings.network, settings.weights)
    )
    images.check_output(output, arguments.quality, size=parse_size(arguments.shape))


def total_steps(settings: Settings, size: tuple[int, int]) -> int:
    """Steps at all levels of a texture of (height, width), at most."""
    geometry = replace(settings.geometry, size=max(size))
    return sum(settings.optimization.steps_at(len(geometry.levels())))


def written(arguments: Arguments, output: Path) -> list[Path]:
    """Every file that the run writes."""
    if arguments.every is None:
        return [output]
    total = total_steps(arguments.settings, parse_size(arguments.shape))
    steps = range(arguments.every, total + 1, arguments.every)
    return [output, *(numbered(output, step) for step in steps)]


def output_of(arguments: Arguments) -> Path:
    """The file to write: a new one each time where none is named."""
    if arguments.output is not None:
        return arguments.output
    first = arguments.pictures[0]
    stem = "picture" if first == STREAM else first.stem
    folder = Path() if first == STREAM else first.parent
    return free(folder / fitting_name(f"{stem}-texture", ".png"))


def main(arguments: Arguments) -> int:
    if not arguments.pictures:
        raise Misuse("give a painting: jaxnst texture PAINTING -o OUT.png")
    output, size = output_of(arguments), parse_size(arguments.shape)
    check(arguments, output)
    settings, network, notice = open_network(arguments.settings, arguments.typed)
    arguments.note(notice)
    if arguments.tileable:
        check_tileable(network, settings.objective, size)
    geometry = replace(settings.geometry, size=max(size))
    with from_stdin(arguments.pictures) as files:
        sizes = [geometry.style_size(*images.picture_size(f), size) for f in files]
        styles = [
            images.load_image(path, size=own, alpha=True)
            for path, own in zip(files, sizes, strict=True)
        ]
        names = dict(zip(files, map(str, arguments.pictures), strict=True))
        digests = digests_of(names)
    total = total_steps(settings, size)
    bar = Bar(total, quiet=arguments.quiet)
    session = Session(
        bar, output, total, every=arguments.every, quality=arguments.quality,
        frames=False,
    )  # fmt: skip
    with bar:
        result = render_texture(
            settings,
            network,
            styles,
            size,
            tileable=arguments.tileable,
            callback=session,
            every=session.every,
        )
        bar.close()
        warn_if_astray(result, settings.optimization)
        stored = describe(
            settings, network, result, pictures=arguments.pictures, digests=digests
        )
        # No picture is a photograph, all are paintings.
        stored |= {
            "content": None,
            "styles": [str(path) for path in arguments.pictures],
            "tileable": arguments.tileable,
        }
        place, trouble = _save(arguments, output, result, stored)
    return _report(arguments, place, result, trouble, bar.interrupted)


def _save(
    arguments: Arguments, output: Path, result: Result, stored: dict[str, Any]
) -> tuple[Path, str]:
    def write(path: Path) -> None:
        images.save_image(
            path, result.image, metadata=stored, quality=arguments.quality
        )

    return save(output, write)


def _report(
    arguments: Arguments, place: Path, result: Result, trouble: str, interrupted: bool
) -> int:
    """Say what became of it; the exit code."""
    height, width = result.image.shape[:2]
    arguments.say(
        f"{place}: {width} x {height} pixels, {result.steps} steps in "
        f"{result.seconds:.0f} s"
    )
    losses = {name: float(v[-1]) for name, v in result.trace.items()}
    arguments.answer(
        output=place,
        styles=arguments.pictures,
        width=width,
        height=height,
        tileable=arguments.tileable,
        steps=result.steps,
        seconds=round(result.seconds, 3),
        finite=bool(result.finite),
        losses={k: v for k, v in losses.items() if np.isfinite(v)},
    )
    if trouble:
        return fail(trouble, 1)
    if interrupted:
        return fail(f"interrupted after {result.steps} steps; kept in {place}", 130)
    return 0 if result.finite else 1
