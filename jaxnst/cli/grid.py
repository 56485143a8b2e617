"""Paint a pair under every alpha and beta, and compare.

    jaxnst grid photo.jpg painting.jpg --alpha 0.3 1 3 --beta 2 8 32 -o FOLDER

FOLDER gets every picture with its settings, sheet.png with the pictures side by side,
results.csv, losses.csv and report.html, which opens in any browser. Ctrl-C ends the run
and writes what there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxnst
from jaxnst import images, metrics
from jaxnst._files import check_not_read, check_space, make_folder
from jaxnst.cli._app import Common, fail
from jaxnst.cli._options import preset_settings, setting_words
from jaxnst.cli._outputs import existing, folder_beside, save
from jaxnst.cli._parser import Misuse, option
from jaxnst.cli._progress import Bar
from jaxnst.cli._streams import STREAM, from_stdin
from jaxnst.metrics import Scores
from jaxnst.networks.network import Network
from jaxnst.optimize.result import Progress, Result
from jaxnst.pipeline.inputs import Inputs, further_files, load_for_judge, load_inputs
from jaxnst.pipeline.settings import Settings
from jaxnst.pretrained.loading import load_network
from jaxnst.reports import pareto, plots
from jaxnst.reports.grid_report import Grid, Sources, files_of, write

USAGE = "PHOTO PAINTING [PAINTING ...] [--alpha X ...] [--beta X ...]"
WORDS = setting_words()
HIDDEN = ("settings.terms.alpha", "settings.terms.beta")
HELP = {
    "picture": ("size", "style_scale", "color"),
    "look": ("alpha", "beta", "tv", "preset"),
    "run": ("network", "steps", "refine", "judge", "budget"),
    "output": ("output", "json", "quiet"),
}

_FINER = "refined"  # the folder of the finer grid, in that of the first


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
    keep_metadata: bool = True
    """Whether EXIF (author, copyright, date, camera, place) and dots per inch of the
    photograph go into the pictures."""
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


def check_files(arguments: Arguments, folder: Path) -> None:
    """Check that nothing that is read would be overwritten."""
    settings = arguments.settings
    read = [path for path in arguments.pictures if path != STREAM]
    read += existing(settings.network, settings.weights, settings.decoder)
    read += existing(arguments.judge, *further_files(settings))
    names = files_of(arguments.alpha, arguments.beta)
    check_not_read([folder / name for name in names], read)
    finer = (folder / _FINER).resolve()
    for path in read if arguments.refine else ():
        if path.resolve().parent == finer:
            raise ValueError(
                f"{path} lies in {folder / _FINER}, where the finer grid is written; "
                "choose another folder (-o)"
            )


@dataclass(frozen=True)
class Judge:
    """A network that judges, and what it compares with.

    The pictures are those of the files, not as they were resized for the run, and those
    of the run lie over white where the photograph is transparent, as their files are
    shown, so that the distances are those of `jaxnst judge`; read before the work.
    """

    network: Network
    photograph: Array
    painting: Array
    alpha: np.ndarray | None

    def __call__(self, image: np.ndarray) -> Scores:
        shown = jnp.asarray(images.over_white(image, self.alpha))
        return metrics.judge(self.network, shown, self.photograph, self.painting)


def paint(
    arguments: Arguments,
    bar: Bar,
    inputs: Inputs,
    judge: Judge | None,
    alphas: tuple[float, ...],
    betas: tuple[float, ...],
) -> Grid:
    """One grid, painted and compared; after Ctrl-C as far as it came.

    Raises:
        KeyboardInterrupt: Ctrl-C before there was anything.
    """

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
        regions=inputs.regions,
    )
    bar.close()
    content, style = distances(judge, result)
    content = np.where(result.finite, content, np.nan)
    if bar.interrupted and not np.isfinite(content).any():
        raise KeyboardInterrupt
    best = pareto.knee(content.ravel(), style.ravel())
    row, column = divmod(best, len(betas))
    judged = judge is not None
    return Grid(alphas, betas, result, content, style, (row, column), judged)


def distances(judge: Judge | None, result: Result) -> tuple[np.ndarray, np.ndarray]:
    """Distances from the photograph and from the first painting, (A, B) each; NaN of
    pictures that were not reached."""
    ends = {name: _last(result.trace[name]) for name in ("content", "style")}
    if judge is None:
        return ends["content"], ends["style"]
    shape = ends["content"].shape
    content, style = np.full(shape, np.nan), np.full(shape, np.nan)
    for place in np.ndindex(shape):
        if np.isfinite(ends["content"][place]):
            scores = judge(result.image[place])
            content[place], style[place] = scores.content, scores.style
    return content, style


def _last(values: np.ndarray) -> np.ndarray:
    """Of (A, B, steps) the last finite value of each; NaN where there is none."""
    finite = np.isfinite(values)
    last = values.shape[-1] - 1 - np.argmax(finite[..., ::-1], -1)
    taken = np.take_along_axis(values, last[..., None], -1)[..., 0]
    return np.where(finite.any(-1), taken, np.nan).astype(np.float64)


def main(arguments: Arguments) -> int:
    check(arguments)
    pictures, folder = arguments.pictures, arguments.output
    if folder is None:
        folder = folder_beside(pictures[0], pictures[1], "grid")
    check_files(arguments, folder)
    judge = None if arguments.judge is None else load_network(arguments.judge)
    with from_stdin(pictures) as files:
        return paint_all(arguments, files, judge, folder)


def opened(
    network: Network | None, files: Sequence[Path], inputs: Inputs
) -> Judge | None:
    """The judge, tried on the sizes of what it will see."""
    if network is None:
        return None
    alpha = images.read_like(files[0], size=inputs.size, keep_metadata=False).alpha
    photograph, painting = load_for_judge(*files[:2])
    judge = Judge(network, photograph, painting, alpha)
    metrics.check_judge(network, inputs.size, judge.photograph, judge.painting)
    return judge


def paint_all(
    arguments: Arguments, files: Sequence[Path], network: Network | None, folder: Path
) -> int:
    """The grid and, if that is wanted, a finer one around its suggestion; the exit
    code."""
    # The axes of the grid are given, too.
    typed = arguments.typed | {"terms.alpha", "terms.beta"}
    inputs = load_inputs(arguments.settings, files[0], files[1:], typed=typed)
    arguments.note(inputs.notice)
    judge = opened(network, files, inputs)
    names, keep = list(map(str, arguments.pictures)), arguments.keep_metadata
    sources = Sources.of(files, names, keep_metadata=keep)
    check_folder(arguments, inputs, folder)
    axes, finite = (arguments.alpha, arguments.beta), True
    for again in range(2 if arguments.refine else 1):
        with Bar(quiet=arguments.quiet) as bar:
            grid = paint(arguments, bar, inputs, judge, *axes)
            # Ctrl-C waits for it.
            place, trouble = save(folder, partial(write, grid, inputs, sources))
        reached = list(grid.places())
        finite = finite and all(grid.result.finite[p] for p in reached)  # type: ignore[index]
        report(arguments, grid, place)
        if trouble:
            return fail(trouble, 1)
        if bar.interrupted:
            return fail(
                f"interrupted; {len(reached)} of {grid.content.size} pictures, as far "
                f"as they came, are in {place}",
                130,
            )
        if not again and arguments.refine:
            row, column = grid.suggested
            axes = (
                pareto.finer(axes[0], axes[0][row]),
                pareto.finer(axes[1], axes[1][column]),
            )
            folder = folder / _FINER
    return 0 if finite else 1


def check_folder(arguments: Arguments, inputs: Inputs, folder: Path) -> None:
    """Make the folder and try what will be written there."""
    plots.check_plot(make_folder(folder) / "losses.svg")
    for name in files_of(arguments.alpha, arguments.beta)[:1]:
        images.check_output(folder / name, size=inputs.size)
    count = len(arguments.alpha) * len(arguments.beta)
    check_space(folder, count * prod(inputs.size))


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
