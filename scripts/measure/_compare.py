"""What the compare scripts share: candidates, stylized once, judged, tables, sheets."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from _program import Program
from jax import Array
from tqdm import tqdm

import jaxnst
from jaxnst import Network, Result, images, metrics
from jaxnst._fingerprint import differences
from jaxnst.cli._app import Common
from jaxnst.cli._parser import option
from jaxnst.feedforward.model import FeedForward
from jaxnst.images.listing import image_files
from jaxnst.metrics import Scores
from jaxnst.pipeline.inputs import load_for_judge, load_judges, load_pictures
from jaxnst.pipeline.settings import Settings
from jaxnst.pipeline.substitute import adapted
from jaxnst.reports.tables import write_csv

Pair = tuple[Path, Path]
"""Files of a content and a style image."""

PairScores = dict[Pair, Scores]

Table = dict[str, PairScores]
"""{label of a candidate: its scores}."""

Tables = dict[str, Table]
"""{name of a judge: what it says}."""

Judges = Mapping[str, Network]
"""{name: network}, as `load_judges` gives them."""

_ABREAST = 6  # pictures of a sheet that are still large enough


@dataclass(frozen=True, kw_only=True)
class CompareArguments(Common):
    """Options of a comparison over all pairs of two folders."""

    contents: Path
    """Folder of photographs."""
    styles: Path
    """Folder of paintings."""
    judge: tuple[str, ...]
    """GoogLeNet, VGG-16 or another VGG that none of the pictures is made with, each by
    its name or weights file."""
    output: Path = option(flags=["-o"])
    """Folder for pictures, contact sheets and scores."""


@dataclass(frozen=True)
class Candidate:
    """What is compared: a network and settings under a label.

    Attributes:
        settings: what a command makes of those that are given in this network.
        decoder: of the feed-forward model, where the settings start from its output.
        start: whose picture it begins from, if not from what the settings say.
    """

    label: str
    network: Network
    settings: Settings
    decoder: FeedForward | None = None
    start: "Candidate | None" = None

    def __post_init__(self) -> None:
        own = adapted(self.settings, self.network)[0]
        object.__setattr__(self, "settings", own)

    @property
    def description(self) -> dict[str, Any]:
        """All that its pictures depend on."""
        decoder = self.decoder
        described = {
            "settings": self.settings.to_json(),
            "weights": self.network.checksum,
            "decoder": None if decoder is None else decoder.checksum,
        }
        start = {} if self.start is None else {"start": self.start.description}
        return described | start

    def paint(self, pair: Pair) -> Array:
        """Its picture of a pair, computed now."""
        return self._results(pair)[-1].image

    def seconds(self, pair: Pair, runs: int) -> float:
        """Median seconds of `runs` pictures, after a first run that compiles."""
        times = [sum(r.seconds for r in self._results(pair)) for _ in range(runs + 1)]
        return statistics.median(times[1:])

    def _results(self, pair: Pair) -> list[Result]:
        """Its own, after those that it begins from."""
        before = [] if self.start is None else self.start._results(pair)
        settings, network = self.settings, self.network
        content, styles = load_pictures(settings, network, pair[0], [pair[1]])
        own = jaxnst.render(
            settings,
            network,
            content,
            styles,
            decoder=self.decoder,
            init=before[-1].image if before else None,
        )
        return [*before, own]


Painter = Candidate | Program


def with_size(settings: Settings, size: int) -> Settings:
    return replace(settings, geometry=replace(settings.geometry, size=size))


def from_one_pass(settings: Settings, steps: int) -> Settings:
    """The same objective optimised from one pass, at the full size alone."""
    optimization = replace(settings.optimization, init="feedforward", steps=(steps,))
    geometry = replace(settings.geometry, min_size=None)
    return replace(settings, optimization=optimization, geometry=geometry)


def with_other_beta(settings: Settings, beta: float) -> Settings:
    """The settings with another weight of the style, for `exchange_rate`."""
    if beta == settings.terms.beta:
        raise ValueError(
            f"--other-beta is {beta:g} as in the preset; give another, to see what "
            "style costs in content"
        )
    return replace(settings, terms=replace(settings.terms, beta=beta))


def pairs_in_turn(files: Sequence[Path]) -> list[Pair]:
    """Each content image with the style image that follows it."""
    if not files or len(files) % 2:
        raise ValueError("give photographs and paintings in turn, as many of each")
    return list(zip(files[::2], files[1::2], strict=True))


def all_pairs(contents: Path, styles: Path) -> list[Pair]:
    """Every content image of a folder with every style image of another."""
    return list(product(image_files([contents]), image_files([styles])))


def stylize_cached(candidate: Painter, pair: Pair, folder: Path) -> Array:
    """The candidate's image for a pair, computed unless `folder` holds it."""
    content, style = pair
    path = folder / candidate.label / f"{content.stem}_{style.stem}.png"
    description = candidate.description
    if not path.exists() or differences(images.read_metadata(path), description):
        path.parent.mkdir(parents=True, exist_ok=True)
        images.save_image(path, candidate.paint(pair), metadata=description)
    return images.load_image(path)  # the same numbers, cached or not


def judge_image(judges: Judges, image: Array, pair: Pair) -> dict[str, Scores]:
    """What every judge says of an image for a pair."""
    files = load_for_judge(*pair)
    return {name: metrics.judge(judge, image, *files) for name, judge in judges.items()}


def judges_for(names: Sequence[str], networks: Iterable[Network]) -> Judges:
    """The networks that judge, by name or weights file.

    Raises:
        ValueError: one of them would judge what was made with it.
    """
    judges = load_judges(names)
    for network, (name, judge) in product(networks, judges.items()):
        if not metrics.may_judge(judge, network):
            raise ValueError(
                f"{name} cannot judge: pictures are made with it, or with one like it; "
                "give another --judge"
            )
    return judges


def score(
    candidates: Sequence[Painter],
    pairs: Sequence[Pair],
    judges: Judges,
    folder: Path,
) -> Tables:
    """Every judge's scores of every candidate for every pair.

    Args:
        folder: for the images, which are not computed again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables: Tables = {name: {c.label: {} for c in candidates} for name in judges}
    work = list(product(pairs, candidates))
    for pair, candidate in tqdm(work, unit="picture", disable=None):
        image = stylize_cached(candidate, pair, folder)
        for name, scores in judge_image(judges, image, pair).items():
            tables[name][candidate.label][pair] = scores
    return tables


def save_sheet(
    path: Path, candidates: Sequence[Painter], pairs: Sequence[Pair]
) -> None:
    """Save a contact sheet beside the cached images: a row for each pair, with content,
    style, and every candidate's image; several rows for one pair and many candidates.
    """
    rows = [
        [*map(images.load_image, pair)]
        + [stylize_cached(candidate, pair, path.parent) for candidate in candidates]
        for pair in pairs
    ]
    labels = ["photograph", "painting", *(candidate.label for candidate in candidates)]
    if len(pairs) == 1 and len(labels) > _ABREAST:
        width = math.ceil(math.sqrt(len(labels)))
        pictures, named = in_rows(rows[0], width), in_rows(labels, width)
        sheet = images.contact_sheet(pictures, captions=named, cell=300)
    else:
        sheet = images.contact_sheet(rows, column_labels=labels, cell=300)
    images.save_image(path, sheet)


def in_rows(values: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """The values in rows of `size`, the last one shorter."""
    return [values[i : i + size] for i in range(0, len(values), size)]


def save_sheets(
    folder: Path, candidates: Sequence[Painter], pairs: Sequence[Pair]
) -> None:
    """Save a contact sheet for each content image."""
    for content in dict.fromkeys(pair[0] for pair in pairs):
        of_content = [pair for pair in pairs if pair[0] == content]
        save_sheet(folder / f"sheet_{content.stem}.png", candidates, of_content)


def write_scores(path: Path, tables: Tables, column: str = "network") -> None:
    """Write the scores by every judge of every candidate and pair as CSV.

    Args:
        column: name of the candidates' column.
    """
    rows = [
        [judge, label, content.stem, style.stem, *(f"{float(v):.6f}" for v in values)]
        for judge, table in tables.items()
        for label, scores in table.items()
        for (content, style), values in scores.items()
    ]
    head = ["judge", column, "photograph", "painting", *Scores._fields]
    write_csv(path, head, rows)


def print_head(
    first: Sequence[str],
    judges: Iterable[str],
    measures: Sequence[str] = ("style", "content", "Q"),
    last: Sequence[str] = (),
) -> None:
    """Print a table's head, the measures once for each judge, after its name."""
    cells = list(first)
    for judge in judges:
        cells += [f"{judge}: {measures[0]}", *measures[1:]]
    print(f"| {' | '.join([*cells, *last])} |")
    print("|" + " --- |" * len([*cells, *last]))


def format_cells(numbers: Iterable[float | Array]) -> str:
    """Cells of a table's row."""
    return " | ".join(f"{float(number):.3f}" for number in numbers)


def mean_scores(scores: PairScores) -> list[float]:
    """Means over pairs of style distance, content distance and Q."""
    columns = zip(*scores.values(), strict=True)
    return [statistics.mean(map(float, column)) for column in columns]


def exchange_rate(scores: PairScores, other_beta: PairScores) -> float:
    """Change of the mean style distance over that of the mean content distance, between
    two weights of the style."""
    (style, content, _), (style2, content2, _) = map(mean_scores, (scores, other_beta))
    return (style2 - style) / (content2 - content)


def style_at_equal_content(
    scores: PairScores, reference: PairScores, rate: float
) -> float:
    """Median over pairs of the style distance over the reference's, after moving it to
    the reference's content distance at the rate of `exchange_rate`."""
    ratios = []
    for pair, (style, content, _) in scores.items():
        target = reference[pair]
        level = style + rate * (target.content - content)
        ratios.append(float(level / target.style))
    return statistics.median(ratios)


def quality_difference(
    scores: PairScores, reference: PairScores
) -> tuple[float, float, float]:
    """Q less the reference's over pairs: mean, its standard error, and median."""
    values = [float(scores[pair].q - reference[pair].q) for pair in reference]
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return statistics.mean(values), error, statistics.median(values)
