"""Every pair painted by every candidate, judged, and set side by side."""

import csv
import statistics
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from _painted import Candidate, Pair, judged, painted_pair, render
from tqdm import tqdm

from jaxnst import images, metrics
from jaxnst._files import atomic_write, picture_files
from jaxnst.pretrained.loading import load_network

Table = dict[str, dict[Pair, metrics.Scores]]


def pairs_in_turn(pictures: Sequence[Path]) -> list[Pair]:
    """Each photograph with the painting that follows it."""
    if not pictures or len(pictures) % 2:
        raise ValueError("give photographs and paintings in turn, as many of each")
    return list(zip(pictures[::2], pictures[1::2], strict=True))


def all_pairs(contents: Path, styles: Path) -> list[Pair]:
    """Every photograph of a folder with every painting of another."""
    return list(product(picture_files([contents]), picture_files([styles])))


def score(
    everyone: Sequence[Candidate],
    pairs: Sequence[Pair],
    judge: str,
    folder: Path,
    shown: Sequence[str],
) -> Table:
    """Every picture painted and judged, and a contact sheet for every photograph.

    Args:
        judge: the network that judges, by name or weights file.
        shown: labels of the candidates that the sheets show; no sheets if none.
    """
    network = load_network(judge)
    table: Table = {candidate.label: {} for candidate in everyone}
    rows: dict[Path, list[list[Any]]] = {}
    bar = tqdm(total=len(pairs) * len(everyone), unit="picture", disable=None)
    for pair in pairs:
        row = [images.load_image(pair[1])]
        for candidate in everyone:
            painted = painted_pair(candidate, pair, folder)
            table[candidate.label][pair] = judged(network, painted, pair)
            row += [painted] if candidate.label in shown else []
            bar.update()
        rows.setdefault(pair[0], []).append(row)
    bar.close()
    if not shown:
        return table
    styles = [pair[1].stem for pair in pairs if pair[0] == pairs[0][0]]
    labels = ["painting", *(c.label for c in everyone if c.label in shown)]
    for content, painted_rows in rows.items():
        sheet = images.contact_sheet(
            painted_rows, row_labels=styles, column_labels=labels, cell=300
        )
        images.save_image(folder / f"sheet_{content.stem}.png", sheet)
    return table


def seconds(candidate: Candidate, pair: Pair, runs: int) -> float:
    """Of one picture, the median of so many, once everything is compiled."""
    found = [render(candidate, pair).seconds for _ in range(runs + 1)]
    return statistics.median(found[1:])


def write_scores(path: Path, table: Table) -> None:
    with atomic_write(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["network", "photograph", "painting", *metrics.Scores._fields])
        for label, scores in table.items():
            for (content, style), values in scores.items():
                numbers = [f"{float(value):.6f}" for value in values]
                writer.writerow([label, content.stem, style.stem, *numbers])


def mean(scores: dict[Pair, metrics.Scores]) -> list[float]:
    """Means over pairs of style distance, content distance and Q."""
    columns = zip(*scores.values(), strict=True)
    return [statistics.mean(map(float, column)) for column in columns]


def exchange(
    one: dict[Pair, metrics.Scores], other: dict[Pair, metrics.Scores]
) -> float:
    """Rise of the style distance for a rise of the content distance, from the means of
    the same method under two weights."""
    (style, content, _), (style2, content2, _) = mean(one), mean(other)
    return (style2 - style) / (content2 - content)


def at_equal_content(
    scores: dict[Pair, metrics.Scores],
    reference: dict[Pair, metrics.Scores],
    rate: float,
) -> float:
    """Median over pairs of the style distance over the reference's, each brought to the
    content distance of the reference at the rate of `exchange`."""
    ratios = []
    for pair, (style, content, _) in scores.items():
        wanted = reference[pair]
        level = style + rate * (wanted.content - content)
        ratios.append(float(level / wanted.style))
    return statistics.median(ratios)


def quality_apart(
    scores: dict[Pair, metrics.Scores], reference: dict[Pair, metrics.Scores]
) -> tuple[float, float, float]:
    """Q less the reference's over pairs: mean, its standard error, and median."""
    apart = [float(scores[pair].q - reference[pair].q) for pair in reference]
    error = statistics.stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else 0.0
    return statistics.mean(apart), error, statistics.median(apart)
