"""Paint a pair under every alpha and beta in one compiled call, and compare.

    python scripts/grid.py photo.jpg painting.jpg --alpha 0.3 1 3 --beta 2 8 32 -o DIR

DIR gets every picture with its settings, sheet.png with the pictures side by side,
results.csv, losses.csv and report.html, which opens in any browser.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from _cli import Common, run
from _grid import Grid, write
from _network import obtain
from _options import preset_settings
from tqdm import tqdm

import jaxnst
from jaxnst import Config, Weights, images, metrics, presets, report, tradeoff
from jaxnst.networks.network import Network
from jaxnst.settings import Color, Geometry, Optimization, Settings
from jaxnst.transfer import Progress, Result


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    pictures: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="CONTENT STYLE [STYLE ...]"),
    ]
    """The photograph, then one painting or several."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for pictures, contact sheet, tables and report."""
    alpha: tuple[float, ...] = (1.0,)
    """Weights of the content: the rows."""
    beta: tuple[float, ...] = (2.0, 8.0, 32.0)
    """Weights of the style: the columns."""
    tv: float | None = None
    """Weight of the smoothness; the preset's if not given."""
    refine: bool = False
    """Paint a second, finer grid around the suggested setting, into DIR/refined."""
    judge: Path | None = None
    """Weights of GoogLeNet, or of a VGG other than the network: compare by its style
    and content distances instead of by the losses."""
    budget: float | None = None
    """GiB of memory to use; four fifths of what is free if not given."""
    preset: str = "default"
    """Named settings that every other option then changes."""
    network: str = "auto"
    """Feature network: vgg16, vgg19, vgg19-lite, or auto for the best at hand."""
    weights: str | None = None
    """Weights of the network: a file, or the name of a source such as keras."""
    color: Color = "style"
    """Colours of the painting, of the photograph, or matched to it."""
    geometry: Geometry = field(default_factory=Geometry)
    """Sizes of the picture and of the painting, and the levels from coarse to fine."""
    optimization: Optimization = field(default_factory=Optimization)
    """How the pictures are optimised."""
    objective: Config = field(default_factory=Config)
    """What is compared, and in which convention."""
    terms: tyro.conf.Suppress[Weights] = field(default_factory=Weights)
    """The preset's, of which alpha and beta are not used."""

    @property
    def settings(self) -> Settings:
        """What all pictures have in common."""
        tv = self.terms.tv if self.tv is None else self.tv
        return replace(
            presets.get(self.preset),
            network=self.network,
            weights=self.weights,
            color=self.color,
            terms=replace(self.terms, tv=tv),
            geometry=self.geometry,
            optimization=self.optimization,
            objective=self.objective,
        )


def defaults() -> Any:
    """Options as the preset that the command line names has them."""
    settings = preset_settings()
    return Arguments(
        pictures=tyro.MISSING,
        output=tyro.MISSING,
        preset=settings.preset,
        network=settings.network,
        weights=settings.weights,
        color=settings.color,
        geometry=settings.geometry,
        optimization=settings.optimization,
        objective=settings.objective,
        terms=settings.terms,
    )


def check(arguments: Arguments) -> None:
    """Raise now what would otherwise only fail at the end of a long run."""
    if len(arguments.pictures) < 2:
        raise ValueError(
            "give a photograph and a painting: "
            "python scripts/grid.py CONTENT STYLE --beta 2 8 32 -o DIR"
        )
    for name in ("alpha", "beta"):
        values = getattr(arguments, name)
        if not values or len(set(values)) < len(values):
            raise ValueError(f"--{name} needs one number or more, each only once")
    if arguments.budget is not None and not arguments.budget > 0:
        raise ValueError(f"--budget must be above 0, got {arguments.budget}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    report.check_plot(arguments.output / "losses.svg")


def paint(
    arguments: Arguments,
    settings: Settings,
    network: Network,
    pictures: tuple[Any, list[Any]],
    alphas: tuple[float, ...],
    betas: tuple[float, ...],
) -> Grid:
    bar = tqdm(unit="step", disable=None, dynamic_ncols=True)

    def callback(progress: Progress) -> None:
        bar.total = progress.steps
        bar.update(progress.step - bar.n)

    budget = arguments.budget
    result = jaxnst.render_grid(
        settings,
        network,
        *pictures,
        alphas=alphas,
        betas=betas,
        callback=callback,
        budget=None if budget is None else int(budget * 2**30),
    )
    bar.close()
    content, style = distances(arguments, result, pictures)
    content = np.where(result.finite, content, np.nan)
    best = tradeoff.knee(content.ravel(), style.ravel())
    row, column = divmod(best, len(betas))
    judged = arguments.judge is not None
    return Grid(alphas, betas, result, content, style, (row, column), judged)


def distances(
    arguments: Arguments, result: Result, pictures: tuple[Any, list[Any]]
) -> tuple[np.ndarray, np.ndarray]:
    """(A, B) each: from the photograph and from the painting."""
    if arguments.judge is None:
        return tuple(  # type: ignore[return-value]
            result.trace[name][..., -1].astype(np.float64)
            for name in ("content", "style")
        )
    weights = jaxnst.weights.read_weights(arguments.judge)
    judge = jaxnst.network_from_weights(weights)
    photograph, paintings = pictures
    shape = result.finite.shape  # type: ignore[union-attr]
    content, style = np.zeros(shape), np.zeros(shape)
    for place in np.ndindex(shape):
        scores = metrics.judge(judge, result.image[place], photograph, paintings[0])
        content[place], style[place] = scores.content, scores.style
    return content, style


def main(arguments: Arguments) -> int:
    check(arguments)
    settings, network = obtain(arguments.settings)
    photograph, *paintings = (images.load_image(path) for path in arguments.pictures)
    pictures = photograph, paintings
    axes, folder = (arguments.alpha, arguments.beta), arguments.output
    finite = True
    for again in range(2 if arguments.refine else 1):
        grid = paint(arguments, settings, network, pictures, *axes)
        write(grid, settings, network, arguments.pictures, folder)
        finite = finite and bool(np.all(grid.result.finite))
        count, seconds = grid.content.size, grid.result.seconds
        print(f"{folder}/report.html: {count} pictures in {seconds:.0f} s")
        print(f"suggested: {grid.label(grid.suggested)}")
        if not again and arguments.refine:
            row, column = grid.suggested
            axes = (
                tradeoff.finer(axes[0], axes[0][row]),
                tradeoff.finer(axes[1], axes[1][column]),
            )
            folder = folder / "refined"
    return 0 if finite else 1


if __name__ == "__main__":
    sys.exit(run(Arguments, main, defaults))
