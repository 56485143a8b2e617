"""Compare fixed loss weights with a given strength, over many pairs.

    python scripts/measure/compare_strength.py --contents PHOTOS --styles PAINTINGS \\
        --judge googlenet.h5 vgg16.h5 -o DIR

Every photograph is painted like every painting under the preset's weights and with
strength 0.5; the less a judge's style distance differs from pair to pair, the more
equally they are stylised. A contact sheet shows some pairs from strength 0 to 1.
Pictures that are in DIR already, from the same settings and weights, are not painted
again.
"""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from _compare import (
    Candidate,
    CompareArguments,
    Pair,
    Tables,
    all_pairs,
    format_cells,
    judges_for,
    save_sheet,
    score,
    with_size,
    write_scores,
)

from jaxnst.cli._app import run_module
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import open_network

_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)

Candidates = dict[float | None, Candidate]
"""By strength, None for fixed loss weights."""


@dataclass(frozen=True, kw_only=True)
class Arguments(CompareArguments):
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


def make_candidates(arguments: Arguments) -> Candidates:
    preset = with_size(presets.get(arguments.preset), arguments.size)
    preset = replace(preset, network=arguments.network, weights=arguments.weights)
    preset, network, _ = open_network(preset)
    candidates: Candidates = {}
    for strength in (None, *_STRENGTHS):
        label = "fixed" if strength is None else f"strength {strength:g}"
        settings = replace(preset, terms=replace(preset.terms, strength=strength))
        candidates[strength] = Candidate(label, network, settings)
    return candidates


def spread(values: Sequence[float]) -> str:
    """Mean, standard deviation, their ratio, and the extremes."""
    mean, deviation = statistics.mean(values), statistics.pstdev(values)
    return format_cells((mean, deviation, deviation / mean, min(values), max(values)))


def print_tables(
    tables: Tables, compared: Sequence[Candidate], series: Sequence[Candidate]
) -> None:
    """Print the spread of the style distance, and the distances of some pairs."""
    print("| judge | weights | mean | deviation | of the mean | least | most |")
    print("|" + " --- |" * 7)
    for judge, table in tables.items():
        for candidate in compared:
            styles = [float(scores.style) for scores in table[candidate.label].values()]
            print(f"| {judge} | {candidate.label} | {spread(styles)} |")
    print(f"(style distance over {len(styles)} pairs)\n")
    print(f"| judge | pair | {' | '.join(f'{s:g}' for s in _STRENGTHS)} |")
    print("|" + " --- |" * (2 + len(_STRENGTHS)))
    for judge, table in tables.items():
        for pair in table[series[0].label]:
            cells = format_cells(table[c.label][pair].style for c in series)
            print(f"| {judge} | {pair[0].stem} × {pair[1].stem} | {cells} |")


def choose_shown(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """Some pairs, with every content and every style image in turn."""
    contents, styles = (list(dict.fromkeys(p[i] for p in pairs)) for i in (0, 1))
    shown = [
        (contents[n % len(contents)], styles[n % len(styles)])
        for n in range(min(count, len(pairs)))
    ]
    return list(dict.fromkeys(shown))


def main(arguments: Arguments) -> None:
    candidates = make_candidates(arguments)
    pairs = all_pairs(arguments.contents, arguments.styles)
    shown = choose_shown(pairs, arguments.shown)
    compared = [candidates[strength] for strength in (None, 0.5)]
    series = [candidates[strength] for strength in _STRENGTHS]
    rest = [candidates[strength] for strength in _STRENGTHS if strength != 0.5]
    judges = judges_for(arguments.judge, [c.network for c in compared])
    folder = arguments.output
    tables = score(compared, pairs, judges, folder)
    for judge, table in score(rest, shown, judges, folder).items():
        tables[judge] |= table
    write_scores(folder / "strength.csv", tables, "weights")
    print_tables(tables, compared, series)
    save_sheet(folder / "sheet_strength.png", series, shown)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
