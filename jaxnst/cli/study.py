"""Compare networks, starts, style layers and weights on a pair of your own.

    jaxnst study photo.jpg painting.jpg -o FOLDER

FOLDER gets report.html, which opens in any browser, the figures as PNG, every picture,
losses.csv and scores.csv. What FOLDER holds already, of the same settings, is not
painted again: a study that was interrupted goes on.
"""

from dataclasses import dataclass, field
from pathlib import Path

from jaxnst.cli._app import Common, fail
from jaxnst.cli._outputs import folder_beside
from jaxnst.cli._parser import option
from jaxnst.cli._progress import PartBar
from jaxnst.cli._streams import check_read_again
from jaxnst.study import StudyOptions, run_study

USAGE = "PHOTO PAINTING [-o FOLDER] [options]"
HELP = {
    "compared": ("networks", "starts", "style_layers", "beta", "presets"),
    "run": ("size", "shown", "judge", "full"),
    "output": ("output", "json", "quiet"),
}
WORDS = {
    "study.judge": (
        "NETWORK",
        "networks that judge, by name or weights file; GoogLeNet, VGG-16 and VGG-19 "
        "if they are at hand",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    content: Path = option(positional=True, metavar="PHOTO")
    """The photograph."""
    style: Path = option(positional=True, metavar="PAINTING")
    """The painting."""
    output: Path | None = option(None, flags=["-o"], metavar="FOLDER")
    """Folder for the report and all that belongs to it; PHOTO__PAINTING-study beside
    the photograph if not given."""
    keep_metadata: bool = True
    """Whether EXIF (author, copyright, date, camera, place) and dots per inch of the
    photograph go into the pictures."""
    study: StudyOptions = field(default_factory=StudyOptions)


def main(arguments: Arguments) -> int:
    pair = arguments.content, arguments.style
    for picture in pair:
        check_read_again(picture)
    folder = arguments.output or folder_beside(*pair, "study")
    try:
        with PartBar(quiet=arguments.quiet) as bar:
            report = run_study(
                *pair,
                folder,
                arguments.study,
                keep_metadata=arguments.keep_metadata,
                report_progress=bar,
            )
    except KeyboardInterrupt:
        return fail("interrupted; the same command goes on", 130)
    path, study = folder / "report.html", report.study
    networks = [result.label for result in study.networks]
    arguments.say(f"{path}: {study.image_count} pictures of {len(networks)} networks")
    arguments.answer(
        report=path,
        pictures=study.image_count,
        networks=networks,
        left_out=report.missing,
    )
    return 0
