"""Compare fixed weights with a wanted strength, over many pairs.

    python scripts/measure/compare_strength.py --contents PHOTOS --styles PAINTINGS \\
        --judge googlenet.h5 -o DIR

Every photograph is painted like every painting under the preset's weights and with
strength 0.5; the less the judge's style distance differs from pair to pair, the more
equally they are stylised. A contact sheet shows some pairs from strength 0 to 1.
Pictures that DIR holds already, from the same settings and weights, are not painted
again.
"""

import csv
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from _painted import Candidate, Pair, judged, painted_pair
from tqdm import tqdm

import jaxnst
from jaxnst import images, metrics
from jaxnst._files import atomic_write, picture_files
from jaxnst.cli._app import Common, run_module
from jaxnst.cli._parser import option
from jaxnst.pipeline import presets
from jaxnst.pretrained.loading import load_network

Work = tuple[Pair, float | None]
Table = dict[Work, metrics.Scores]

_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    contents: Path
    """Folder of photographs."""
    styles: Path
    """Folder of paintings."""
    judge: str
    """GoogLeNet, by name or weights file, or a VGG other than the network."""
    output: Path = option(flags=["-o"])
    """Folder for pictures, sheet_strength.png and strength.csv."""
    network: str = "vgg19-lite"
    """Feature network."""
    weights: str | None = None
    """Weights of the network: a file, or the name of a source."""
    preset: str = "default"
    """Named settings."""
    size: int = 256
    """Long side in pixels."""
    shown: int = 4
    """Pairs on the contact sheet."""


def candidates(arguments: Arguments) -> dict[float | None, Candidate]:
    """By strength, None for fixed weights."""
    network = jaxnst.load_network(arguments.network, weights=arguments.weights)
    given = presets.get(arguments.preset)
    given = replace(given, geometry=replace(given.geometry, size=arguments.size))
    found: dict[float | None, Candidate] = {}
    for strength in (None, *_STRENGTHS):
        label = "fixed" if strength is None else f"strength {strength:g}"
        settings = replace(given, terms=replace(given.terms, strength=strength))
        found[strength] = Candidate(label, network, settings)
    return found


def spread(values: Iterable[float]) -> str:
    """Mean, standard deviation, their ratio, and the extremes."""
    found = list(values)
    mean, deviation = statistics.mean(found), statistics.pstdev(found)
    numbers = mean, deviation, deviation / mean, min(found), max(found)
    return " | ".join(f"{number:.3f}" for number in numbers)


def judged_all(
    arguments: Arguments, known: dict[float | None, Candidate], work: list[Work]
) -> Table:
    """Everything painted and judged."""
    judge = load_network(arguments.judge)
    scores: Table = {}
    for pair, strength in tqdm(work, unit="picture", disable=None):
        picture = painted_pair(known[strength], pair, arguments.output)
        scores[pair, strength] = judged(judge, picture, pair)
    return scores


def report(
    known: dict[float | None, Candidate],
    scores: Table,
    pairs: list[Pair],
    shown: list[Pair],
) -> None:
    print("| weights | mean | deviation | of the mean | least | most |")
    print("| --- | --- | --- | --- | --- | --- |")
    for strength in (None, 0.5):
        styles = [float(scores[pair, strength].style) for pair in pairs]
        print(f"| {known[strength].label} | {spread(styles)} |")
    print(f"(style distance over {len(pairs)} pairs)\n")
    print(f"| pair | {' | '.join(f'{s:g}' for s in _STRENGTHS)} |")
    print(f"| --- |{' --- |' * len(_STRENGTHS)}")
    for pair in dict.fromkeys(shown):
        own = " | ".join(f"{float(scores[pair, s].style):.3f}" for s in _STRENGTHS)
        print(f"| {pair[0].stem} × {pair[1].stem} | {own} |")


def write(
    arguments: Arguments,
    known: dict[float | None, Candidate],
    scores: Table,
) -> None:
    path = arguments.output / "strength.csv"
    with atomic_write(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["weights", "photograph", "painting", *metrics.Scores._fields])
        for ((content, style), strength), values in scores.items():
            numbers = [f"{float(value):.6f}" for value in values]
            label = known[strength].label
            writer.writerow([label, content.stem, style.stem, *numbers])


def sheet(
    arguments: Arguments, known: dict[float | None, Candidate], shown: list[Pair]
) -> None:
    rows = [
        [images.load_image(pair[1])]
        + [painted_pair(known[s], pair, arguments.output) for s in _STRENGTHS]
        for pair in shown
    ]
    labels = ["painting", *(known[s].label for s in _STRENGTHS)]
    picture = images.contact_sheet(rows, column_labels=labels, cell=300)
    images.save_image(arguments.output / "sheet_strength.png", picture)


def main(arguments: Arguments) -> None:
    known = candidates(arguments)
    photographs = picture_files([arguments.contents])
    paintings = picture_files([arguments.styles])
    pairs = list(product(photographs, paintings))
    # Every photograph and every painting in turn.
    shown = [
        (photographs[i % len(photographs)], paintings[i % len(paintings)])
        for i in range(min(arguments.shown, len(pairs)))
    ]
    work: list[Work] = [(pair, strength) for strength in (None, 0.5) for pair in pairs]
    work += [(pair, s) for pair in shown for s in _STRENGTHS if s != 0.5]
    arguments.output.mkdir(parents=True, exist_ok=True)
    scores = judged_all(arguments, known, work)
    write(arguments, known, scores)
    report(known, scores, pairs, shown)
    sheet(arguments, known, shown)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
