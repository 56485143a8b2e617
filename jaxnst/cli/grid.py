"""Paint a pair under every alpha and beta in one compiled call, and compare.

    jaxnst grid photo.jpg painting.jpg --alpha 0.3 1 3 --beta 2 8 32 -o FOLDER

FOLDER gets every picture with its settings, sheet.png with the pictures side by side,
results.csv, losses.csv and report.html, which opens in any browser.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import jaxnst
from jaxnst._files import make_folder
from jaxnst.cli._app import Common
from jaxnst.cli._options import preset_settings, setting_words
from jaxnst.cli._outputs import folder_beside
from jaxnst.cli._parser import Misuse, option
from jaxnst.cli._progress import Bar
from jaxnst.cli._streams import from_stdin
from jaxnst.metrics import judge as judge_of
from jaxnst.networks.network import Network
from jaxnst.optimize.result import Progress, Result
from jaxnst.pipeline.inputs import Inputs, load_for_judge, load_inputs
from jaxnst.pipeline.settings import Settings
from jaxnst.pretrained.loading import load_network
from jaxnst.reports import pareto, plots
from jaxnst.reports.grid_report import Grid, write

USAGE = "PHOTO PAINTING [PAINTING ...] [--alpha X ...] [--beta X ...]"
WORDS = setting_words()
HIDDEN = ("settings.terms.alpha", "settings.terms.beta")
HELP = {
    "picture": ("size", "style_scale", "color"),
    "look": ("alpha", "beta", "tv", "preset"),
    "run": ("network", "steps", "refine", "judge", "budget"),
    "output": ("output", "json", "quiet"),
}


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    pictures: tuple[Path, ...] = option((), positional=True, metavar="PICTURE")
    """The photograph, then one painting or several; - for standard input."""
    output: Path | None = option(None, flags=["-o"], metavar="FOLDER")
    """Folder for pictures, contact sheet, tables and report; PHOTO__PAINTING-grid
    beside the photograph if not given."""
    alpha: tuple[float, ...] = (1.0,)
    """Weights of the content: the rows."""
    beta: tuple[float, ...] = (2.0, 8.0, 32.0)
    """Weights of the style: the columns."""
    refine: bool = False
    """Paint a second, finer grid around the suggested setting, into FOLDER/refined."""
    judge: str | None = option(None, metavar="NETWORK")
    """GoogLeNet, or a VGG other than the network, by its name or weights file: compare
    by its style and content distances instead of by the losses."""
    budget: float | None = option(None, metavar="GIB")
    """Memory to use; four fifths of what is free if not given."""
    settings: Settings = field(default_factory=Settings)


def defaults(line: Sequence[str]) -> Arguments:
    """Options as the preset that the command line names has them."""
    return Arguments(settings=preset_settings(line))


def check(arguments: Arguments) -> None:
    """Raise now what would otherwise only fail at the end of a long run."""
    if len(arguments.pictures) < 2:
        raise Misuse(
            "give a photograph and a painting: "
            "jaxnst grid PHOTO PAINTING --beta 2 8 32 -o FOLDER"
        )
    for name in ("alpha", "beta"):
        values = getattr(arguments, name)
        if not values or len(set(values)) < len(values):
            raise Misuse(f"--{name} needs one number or more, each only once")
    if arguments.budget is not None and not arguments.budget > 0:
        raise Misuse(f"--budget must be above 0, got {arguments.budget}")


def paint(
    arguments: Arguments,
    files: Sequence[Path],
    inputs: Inputs,
    judge: Network | None,
    alphas: tuple[float, ...],
    betas: tuple[float, ...],
) -> Grid:
    """One grid, painted and compared."""
    with Bar(quiet=arguments.quiet) as bar:

        def callback(progress: Progress) -> bool:
            bar.advance(progress.step, progress.steps)
            return bar.interrupted

        budget = arguments.budget
        result = jaxnst.render_grid(
            inputs.settings,
            *inputs.arguments,
            alphas=alphas,
            betas=betas,
            init=inputs.init,
            callback=callback,
            budget=None if budget is None else int(budget * 2**30),
            decoder=inputs.decoder,
        )
        if bar.interrupted:
            raise KeyboardInterrupt
    content, style = distances(judge, result, files)
    content = np.where(result.finite, content, np.nan)
    best = pareto.knee(content.ravel(), style.ravel())
    row, column = divmod(best, len(betas))
    judged = judge is not None
    return Grid(alphas, betas, result, content, style, (row, column), judged)


def distances(
    judge: Network | None, result: Result, pictures: Sequence[Path]
) -> tuple[np.ndarray, np.ndarray]:
    """Distances from the photograph and from the first painting, (A, B) each.

    The judge sees the pictures of the files, not as they were resized for the run, so
    that the distances are those of `jaxnst judge`.
    """
    if judge is None:
        return tuple(  # type: ignore[return-value]
            result.trace[name][..., -1].astype(np.float64)
            for name in ("content", "style")
        )
    photograph, painting = load_for_judge(*pictures[:2])
    shape = result.finite.shape  # type: ignore[union-attr]
    content, style = np.zeros(shape), np.zeros(shape)
    for place in np.ndindex(shape):
        scores = judge_of(judge, result.image[place], photograph, painting)
        content[place], style[place] = scores.content, scores.style
    return content, style


def main(arguments: Arguments) -> int:
    check(arguments)
    pictures, folder = arguments.pictures, arguments.output
    if folder is None:
        folder = folder_beside(pictures[0], pictures[1], "grid")
    judge = None if arguments.judge is None else load_network(arguments.judge)
    with from_stdin(pictures) as files:
        return paint_all(arguments, files, judge, folder)


def paint_all(
    arguments: Arguments, files: Sequence[Path], judge: Network | None, folder: Path
) -> int:
    """The grid and, if that is wanted, a finer one around its suggestion; the exit
    code."""
    names = dict(zip(files, map(str, arguments.pictures), strict=True))
    # The axes of the grid are given, too.
    typed = arguments.typed | {"terms.alpha", "terms.beta"}
    inputs = load_inputs(arguments.settings, files[0], files[1:], typed=typed)
    arguments.note(inputs.notice)
    plots.check_plot(make_folder(folder) / "losses.svg")
    axes, finite = (arguments.alpha, arguments.beta), True
    for again in range(2 if arguments.refine else 1):
        grid = paint(arguments, files, inputs, judge, *axes)
        write(grid, inputs, names, folder)
        finite = finite and bool(np.all(grid.result.finite))
        report(arguments, grid, folder)
        if not again and arguments.refine:
            row, column = grid.suggested
            axes = (
                pareto.finer(axes[0], axes[0][row]),
                pareto.finer(axes[1], axes[1][column]),
            )
            folder = folder / "refined"
    return 0 if finite else 1


def report(arguments: Arguments, grid: Grid, folder: Path) -> None:
    """Say where the grid is and which setting to look at first."""
    count, seconds = grid.content.size, grid.result.seconds
    arguments.say(f"{folder}/report.html: {count} pictures in {seconds:.0f} s")
    arguments.say(f"suggested: {grid.label(grid.suggested)}")
    pictures = [
        {
            "output": folder / grid.file(place),
            "alpha": grid.alphas[place[0]],
            "beta": grid.betas[place[1]],
            "content": float(grid.content[place]),
            "style": float(grid.style[place]),
        }
        for place in grid.places()
    ]
    arguments.answer(
        report=folder / "report.html",
        sheet=folder / "sheet.png",
        pictures=pictures,
        suggested=grid.file(grid.suggested),
        seconds=round(seconds, 3),
    )
