"""Compare networks, starts, style layers and weights on a pair of your own.

    jaxnst study photo.jpg painting.jpg -o FOLDER

FOLDER gets report.html, which opens in any browser, the figures as PNG, every picture,
losses.csv and scores.csv. What FOLDER holds already, of the same settings, is not
painted again: a study that was interrupted goes on.
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np

import jaxnst
from jaxnst import images
from jaxnst._files import sha256
from jaxnst.cli._app import Common
from jaxnst.cli._outputs import folder_beside
from jaxnst.cli._parser import option
from jaxnst.cli._progress import PartBar
from jaxnst.networks.network import Network
from jaxnst.pipeline import presets
from jaxnst.pipeline.settings import Settings
from jaxnst.pipeline.substitute import preset_run
from jaxnst.reports import plots
from jaxnst.study.figures import Preset
from jaxnst.study.findings import Study
from jaxnst.study.plan import Pair, Plan, Subject, at_hand, choices
from jaxnst.study.report import Report
from jaxnst.study.results import studied
from jaxnst.study.runs import on_its_way

# Epochs 1, 5 and 10 of vgg19-gatys, and the steps that its fellows report.
_SHOWN = {
    "mel457": (600, 1200),
    "ncsu": (50, 100, 150, 200, 250, 300),
    "vgg19-gatys": (100, 500, 1000),
}

_SERIES = (1 / 30, 1 / 5, 1, 5, 30)

USAGE = "PHOTO PAINTING [-o FOLDER] [options]"
HELP = {
    "compared": ("networks", "starts", "style_layers", "beta", "presets"),
    "run": ("size", "shown", "judge", "full"),
    "output": ("output", "json", "quiet"),
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
    networks: tuple[str, ...] = ("vgg16", "vgg19", "googlenet", "vgg19-lite")
    """Names or weights files; those whose weights are not at hand are left out."""
    starts: tuple[str, ...] = ("content", "noise")
    """What the pictures start from."""
    style_layers: tuple[str, ...] = ("5", "9", "16", "5-shallow", "5-deep")
    """How many layers style is taken from, over all depths, or the first or the last
    ones; the first choice is the usual one."""
    alpha: tuple[float, ...] = ()
    """Weights of the content to try beside the preset's."""
    beta: tuple[float, ...] = ()
    """Weights of the style to try beside the preset's; a series from a thirtieth to
    thirty times if none are given."""
    full: bool = False
    """Try every choice of layers under all weights, too; else every choice under the
    preset's weights, and all weights under the first choice."""
    shown: tuple[int, ...] = (50, 100, 150, 200, 250, 300)
    """Steps after which losses and pictures are shown; the last ends the run."""
    judge: tuple[str, ...] = option((), metavar="NETWORK")
    """Networks that judge, by name or weights file; GoogLeNet and VGG-19 if they are at
    hand."""
    presets: tuple[str, ...] = ("mel457", "ncsu", "vgg19-gatys", "vgg16-adam")
    """Published systems to run as they are, by name."""
    preset: str = "gram"
    """Named settings that networks are compared with, at one size."""
    size: int = 256
    """Long side in pixels of what is compared; published systems have their own."""


def check(arguments: Arguments) -> None:
    """Raise now what would otherwise only fail after hours."""
    for name in ("alpha", "beta"):
        values = getattr(arguments, name)
        if not all(np.isfinite(v) and v > 0 for v in values):
            raise ValueError(f"--{name} takes numbers above 0, got {values}")
    for name in ("starts", "style_layers", "networks", "shown"):
        values = getattr(arguments, name)
        spelled = name.replace("_", "-")
        if not values or len(set(values)) < len(values):
            raise ValueError(f"--{spelled} needs one or more, each only once")
    if min(arguments.shown) < 1:
        raise ValueError(
            f"--shown takes numbers of steps from 1, got {arguments.shown}"
        )
    for start in arguments.starts:
        if start not in ("content", "noise", "style"):
            raise ValueError(f"--starts knows content, noise and style, got {start!r}")
    for name in arguments.presets:
        presets.get(name)
    for path in (arguments.content, arguments.style):
        images.picture_size(path)


def judges_of(arguments: Arguments) -> dict[str, Network]:
    if arguments.judge:
        return at_hand(arguments.judge)[0]
    return at_hand(["googlenet", "vgg19"])[0]


def settings_of(arguments: Arguments) -> Settings:
    """The preset at one size, for as many steps as are shown."""
    given = presets.get(arguments.preset)
    geometry = replace(given.geometry, size=arguments.size, min_size=None)
    optimization = replace(given.optimization, steps=(max(arguments.shown),))
    return replace(given, geometry=geometry, optimization=optimization)


def axis(given: Sequence[float], own: float, series: Sequence[float]) -> list[float]:
    """Values of a weight in order, the preset's own among them."""
    values = given or [float(f"{own * factor:.3g}") for factor in series]
    return sorted({*values, own})


def published(
    arguments: Arguments, networks: dict[str, Network], pair: Pair, bar: PartBar
) -> list[Preset]:
    """The presets on the pair, at their own sizes and for their own steps."""
    found = []
    content, style = pair.load_for_judge()
    for name in arguments.presets:
        chosen = preset_run(name, networks, content, [style])
        levels = len(chosen.settings.geometry.levels())
        total = sum(chosen.settings.optimization.steps_at(levels))
        shown = _SHOWN.get(name, (total,))
        one = on_its_way(
            f"preset_{name}", chosen.settings, chosen.network, pair, shown, bar
        )
        found.append(Preset(name, one, chosen.note))
    return found


def facts(arguments: Arguments, pair: Pair, height: int, width: int) -> list[tuple]:
    return [
        ("photograph", f"{pair.content.name}, SHA-256 {sha256(pair.content)[:16]}…"),
        ("painting", f"{pair.style.name}, SHA-256 {sha256(pair.style)[:16]}…"),
        ("size", f"{width} x {height} pixels"),
        ("preset", arguments.preset),
        ("machine", f"{jax.local_devices()[0].device_kind}, {platform.system()}"),
        ("versions", f"jaxnst {jaxnst.__version__}, jax {jax.__version__}"),
    ]


def main(arguments: Arguments) -> int:
    check(arguments)
    networks, missing = at_hand(arguments.networks)
    if not networks:
        raise ValueError(f"no network is at hand; {next(iter(missing.values()))}")
    judges = judges_of(arguments)
    settings = settings_of(arguments)
    folder = arguments.output
    if folder is None:
        folder = folder_beside(arguments.content, arguments.style, "study")
    folder.mkdir(parents=True, exist_ok=True)
    plots.check_plot(folder / "losses.svg")
    pair = Pair(arguments.content, arguments.style, folder)
    terms = settings.terms
    alphas = axis(arguments.alpha, terms.alpha, (1.0,))
    betas = axis(arguments.beta, terms.beta, _SERIES)
    shown = sorted(arguments.shown)
    places = alphas.index(terms.alpha), betas.index(terms.beta)
    axes = arguments.starts, alphas, betas
    plan = Plan(settings, pair, shown, *axes, places, arguments.full)
    files = {Path(n).stem: n for n in arguments.networks if n.endswith(".h5")}
    subjects = [
        Subject(
            label, network, choices(network, arguments.style_layers), files.get(label)
        )
        for label, network in networks.items()
    ]
    with PartBar(quiet=arguments.quiet) as bar:
        found = [studied(subject, plan, judges, bar) for subject in subjects]
        study = Study(found, list(judges), *axes, *places)
        ran = published(arguments, networks, pair, bar)
    size = found[0].grid.images.shape[-3:-1]
    told = facts(arguments, pair, *size)
    Report(study, ran, missing, told, pair, shown).write()
    count = sum(len(plan.starts) * int(own.grid.painted.sum()) for own in found)
    arguments.say(f"{folder}/report.html: {count} pictures of {len(found)} networks")
    arguments.answer(
        report=folder / "report.html",
        pictures=count,
        networks=[own.label for own in found],
        left_out=missing,
    )
    return 0
