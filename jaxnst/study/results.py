"""The whole study: every network run and judged, and the report written."""

import platform
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import jax
import numpy as np

from jaxnst import images, metrics
from jaxnst._files import check_not_read, make_folder
from jaxnst._version import __version__
from jaxnst.metrics import Scores
from jaxnst.networks.network import Network
from jaxnst.networks.vgg import VGG
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import load_for_judge, open_network, sizes_of
from jaxnst.pipeline.run import levels_at
from jaxnst.pipeline.settings import Settings
from jaxnst.pipeline.substitute import adapted, choose
from jaxnst.reports import plots
from jaxnst.study.findings import NO_SCORES, NetworkResults, Study
from jaxnst.study.pictures import PICTURES, network_settings, write_pictures
from jaxnst.study.plan import (
    CACHE,
    Candidate,
    Pair,
    Plan,
    StudyOptions,
    available_networks,
)
from jaxnst.study.report import FILES, Report
from jaxnst.study.runs import (
    Grid,
    PresetRun,
    ReportProgress,
    Run,
    loop_bytes,
    run_grid,
    run_single,
)

_JUDGES = ("googlenet", "vgg16", "vgg19")

_BATCH = 8  # images that are judged together

# Epochs 1, 5 and 10 of vgg19-gatys, and the steps that the others' authors show.
_SHOWN = {
    "mel457": (600, 1200),
    "ncsu": (50, 100, 150, 200, 250, 300),
    "vgg19-gatys": (100, 500, 1000),
}


def _ignore(name: str, step: int, steps: int) -> None:
    pass


def run_study(
    content: str | PathLike[str],
    style: str | PathLike[str],
    folder: str | PathLike[str],
    options: StudyOptions | None = None,
    *,
    keep_metadata: bool = True,
    report_progress: ReportProgress = _ignore,
) -> Report:
    """Compare networks, starts, style layers and weights on a pair of images.

    Writes report.html, which opens in any browser, its figures as PNG, every image,
    losses.csv and scores.csv into `folder`. Results that `folder` holds already, of
    the same settings, are not computed again: an interrupted study goes on.

    Args:
        content, style: image files.
        folder: for everything that is written; created if it does not exist.
        options: `StudyOptions()` if not given.
        keep_metadata: whether EXIF and dots per inch of the photograph go into the
            pictures.
        report_progress: called with the name of what runs, the step, and the number
            of steps.

    Returns:
        The report, with all numbers and images in its `study`.

    Raises:
        OSError, ValueError: an image, a network or its weights cannot be used; or no
            network is available.
        ImportError: matplotlib, which draws the curves, is not installed.
    """
    options = StudyOptions() if options is None else options
    _check_files(Path(content), Path(style), Path(folder), options)
    networks, missing = available_networks(options.networks)
    if not networks:
        raise ValueError(f"no network is at hand; {next(iter(missing.values()))}")
    judges = available_networks(options.judge or _JUDGES)[0]
    candidates = options.candidates(networks)
    paths = Path(content), Path(style), Path(folder)
    with Pair.copied(*paths, keep_metadata=keep_metadata) as pair:
        plan = options.plan(pair)
        _check_sizes(candidates, judges, plan)
        plots.check_plot(make_folder(pair.folder) / "losses.svg")
        results = [
            run_candidate(candidate, plan, judges, report_progress)
            for candidate in candidates
        ]
        axes = plan.starts, plan.alphas, plan.betas
        study = Study(results, list(judges), *axes, *plan.preset_index)
        preset_runs = _run_presets(options.presets, networks, pair, report_progress)
        facts = _facts(options.preset, pair, results[0].grid)
        report = Report(study, preset_runs, missing, facts, pair, plan.shown)
        report.write()
    return report


def _check_files(
    content: Path, style: Path, folder: Path, options: StudyOptions
) -> None:
    """Check that nothing that is read would be overwritten.

    Raises:
        ValueError: it would.
    """
    named = [p for p in map(Path, (*options.networks, *options.judge)) if p.is_file()]
    read = [content, style, *named]
    check_not_read([folder / name for name in FILES], read)
    for path in read:
        for inside in (folder / PICTURES, folder / CACHE):
            if inside.resolve() in path.resolve().parents:
                raise ValueError(
                    f"{path} lies in {inside}, where pictures of the study are "
                    "written; choose another folder for it"
                )


def _check_sizes(
    candidates: Sequence[Candidate], judges: dict[str, Network], plan: Plan
) -> None:
    """Check that networks and judges can see the images at their sizes.

    Raises:
        ValueError: one cannot.
    """
    pair = plan.pair
    for candidate in candidates:
        settings = _candidate_settings(candidate, plan.settings)
        sizes = sizes_of(settings, pair.content, [pair.style])
    if judges:
        seen = load_for_judge(*pair.files)
    for judge in judges.values():
        if any(metrics.may_judge(judge, one.network) for one in candidates):
            metrics.check_judge(judge, sizes.content, *seen)


def run_candidate(
    candidate: Candidate,
    plan: Plan,
    judges: dict[str, Network],
    report_progress: ReportProgress,
) -> NetworkResults:
    """Single runs from every start, the grid, and the judges' scores of both."""
    settings = _candidate_settings(candidate, plan.settings)
    runs = {}
    for start in plan.starts:
        runs[start] = run_single(
            f"{candidate.label}_{start}",
            replace(settings, optimization=replace(settings.optimization, init=start)),
            candidate.network,
            plan.pair,
            plan.shown,
            report_progress,
        )
    grid = run_grid(candidate, settings, plan, report_progress)
    write_pictures(candidate, settings, grid, plan)
    scores: dict[str, dict[str, Scores]] = {}
    grid_scores: dict[str, np.ndarray] = {}
    for label, judge in judges.items():
        report_progress(f"{candidate.label} judged by {label}", 0, 1)
        scores[label] = dict.fromkeys(runs, NO_SCORES)
        grid_scores[label] = np.full((*grid.content.shape, 3), np.nan)
        if metrics.may_judge(judge, candidate.network):
            scores[label], grid_scores[label] = _judge_all(judge, runs, grid, plan)
    memory = loop_bytes(settings, candidate.network, plan.pair)
    return NetworkResults(candidate, runs, grid, memory, scores, grid_scores)


def _candidate_settings(candidate: Candidate, settings: Settings) -> Settings:
    """The study's settings for the network, under its name."""
    return replace(candidate.settings(settings), **network_settings(candidate))


def _judge_all(
    judge: Network, runs: dict[str, Run], grid: Grid, plan: Plan
) -> tuple[dict[str, Scores], np.ndarray]:
    """Scores of the runs' final images by start, and of the grid (*grid, 3)."""
    finite = np.isfinite(grid.content)
    flat = grid.images[finite]
    finals = [run.final for run in runs.values()]
    rows = judge_images(judge, np.concatenate([flat, finals]), plan.pair)
    grid_scores = np.full((*finite.shape, 3), np.nan)
    grid_scores[finite] = rows[: len(flat)]
    by_start = zip(runs, rows[len(flat) :], strict=True)
    return {start: Scores(*row) for start, row in by_start}, grid_scores


def judge_images(judge: Network, pictures: np.ndarray, pair: Pair) -> np.ndarray:
    """(N, 3): style, content and Q of images (N, H, W, 3)."""
    content, style = load_for_judge(*pair.files)
    size = pictures.shape[1], pictures.shape[2]
    like = images.read_like(pair.files[0], size=size, keep_metadata=False)
    pictures = images.over_white(pictures, like.alpha)  # as their files are shown
    batches = []
    for first in range(0, len(pictures), _BATCH):
        # The last batch is filled up: one shape is compiled once.
        chosen = np.arange(first, first + _BATCH).clip(max=len(pictures) - 1)
        batches.append(_scores(judge, pictures[chosen], content, style))
    return np.concatenate([np.stack(b, -1) for b in batches])[: len(pictures)]


@jax.jit
def _scores(
    judge: Network, pictures: jax.Array, content: jax.Array, style: jax.Array
) -> metrics.Scores:
    """Scores of (N,) each; what depends on content and style alone is computed once."""
    return jax.vmap(lambda image: metrics.judge(judge, image, content, style))(pictures)


def _run_presets(
    names: Sequence[str],
    networks: dict[str, Network],
    pair: Pair,
    report_progress: ReportProgress,
) -> list[PresetRun]:
    """Presets on the pair, at their own sizes and for their own steps."""
    preset_runs = []
    for name in names:
        settings, network, note = open_preset(name, networks)
        size = sizes_of(settings, pair.content, [pair.style]).content
        levels = len(levels_at(settings, network, size))
        total = sum(settings.optimization.steps_at(levels))
        run = run_single(
            f"preset_{name}",
            settings,
            network,
            pair,
            _SHOWN.get(name, (total,)),
            report_progress,
        )
        preset_runs.append(PresetRun(name, run, note))
    return preset_runs


def open_preset(name: str, others: dict[str, Network]) -> tuple[Settings, Network, str]:
    """A preset as `open_network` has it if the weights of its network are at hand, or
    else with the widest VGG of `others` (GoogLeNet where there is none); and in words
    what is not as it prescribes."""
    given = presets.get(name)
    if choose(given).path is not None:
        return open_network(given)
    label, network = max(others.items(), key=lambda item: _width(item[1]))
    settings, changes = adapted(given, network)
    missing = f"{label} in the place of {given.network}, whose weights are not at hand"
    return settings, network, "; ".join([missing, *changes])


def _width(network: Network) -> int:
    """Channels in all, of a VGG; others come after every VGG."""
    return sum(network.module.widths) if isinstance(network.module, VGG) else 0


def _facts(preset: str, pair: Pair, grid: Grid) -> list[tuple[str, str]]:
    """What all images of a study have in common, name and value."""
    height, width = grid.images.shape[-3:-1]
    return [
        ("photograph", f"{pair.content.name}, SHA-256 {pair.digests[0][:16]}…"),
        ("painting", f"{pair.style.name}, SHA-256 {pair.digests[1][:16]}…"),
        ("size", f"{width} x {height} pixels"),
        ("preset", preset),
        ("machine", f"{jax.local_devices()[0].device_kind}, {platform.system()}"),
        ("versions", f"jaxnst {__version__}, jax {jax.__version__}"),
    ]
