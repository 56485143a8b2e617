"""Compare presets in one network: distances, seconds and pictures side by side.

    python scripts/measure/compare_presets.py photo1.jpg painting1.jpg photo2.jpg ... \\
        --presets default crowson --weights net.h5 --judge googlenet.h5 vgg16.h5 \\
        -o DIR

Every pair is painted under every preset and judged in networks that none of them uses;
the first pair is painted again, compiled, for the seconds. Of several networks a
preset has the first of the kind that it was published for, VGG-16 or VGG-19, or the
first of all, and weights of its terms for the magnitude of its features. Pictures that
DIR holds already, from the same settings and weights, are not painted again.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from _compare import (
    Candidate,
    Pair,
    Tables,
    format_cells,
    judges_for,
    mean_scores,
    pairs_in_turn,
    print_head,
    save_sheet,
    score,
    with_size,
    write_scores,
)

from jaxnst.cli._app import Common, run_module
from jaxnst.cli._parser import option
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import open_network
from jaxnst.pretrained.loading import AUTO


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    pictures: tuple[Path, ...] = option(positional=True, metavar="PICTURE")
    """Photographs and paintings in turn."""
    presets: tuple[str, ...] = ("default", "crowson")
    """Named settings, one or more."""
    network: str = "vgg19-lite"
    """Feature network."""
    weights: tuple[str, ...] = ()
    """Its weights, a file; the network is what it holds. Several: of each kind."""
    judge: tuple[str, ...]
    """GoogLeNet, VGG-16 or a VGG other than the network, each by its name or weights
    file."""
    output: Path = option(flags=["-o"])
    """Folder for pictures, contact sheet and scores.csv."""
    size: int = 256
    """Long side in pixels."""
    untimed: bool = False
    """Leave out the seconds, for which the first pair is painted once more."""


def make_candidates(arguments: Arguments) -> list[Candidate]:
    """Every preset in a network of its kind, adapted to its features."""
    if not arguments.presets or len(set(arguments.presets)) < len(arguments.presets):
        raise ValueError("--presets wants one name or more, none of them twice")
    sources: list[tuple[str, str | None]] = [(AUTO, w) for w in arguments.weights]
    networks = [
        open_network(replace(presets.default, network=name, weights=weights))[1]
        for name, weights in sources or [(arguments.network, None)]
    ]
    candidates = []
    for name in arguments.presets:
        preset = with_size(presets.get(name), arguments.size)
        kinds = [network.module.architecture for network in networks]
        own = kinds.index(preset.network) if preset.network in kinds else 0
        candidates.append(Candidate(name, networks[own], preset))
    return candidates


def print_table(
    tables: Tables, pairs: Sequence[Pair], seconds: dict[str, float | None]
) -> None:
    """Print each pair's distances under every preset, their means, and seconds."""
    print_head(["preset", "pair"], tables)
    for label in seconds:
        scores = [table[label] for table in tables.values()]
        for pair in pairs:
            numbers = format_cells(n for of_judge in scores for n in of_judge[pair])
            print(f"| {label} | {pair[0].stem} × {pair[1].stem} | {numbers} |")
        means = format_cells(n for of_judge in scores for n in mean_scores(of_judge))
        spent = seconds[label]
        timed = "" if spent is None else f", {spent:.1f} s a picture"
        print(f"| {label} | mean{timed} | {means} |")


def main(arguments: Arguments) -> None:
    pairs = pairs_in_turn(arguments.pictures)
    candidates = make_candidates(arguments)
    judges = judges_for(arguments.judge, [c.network for c in candidates])
    tables = score(candidates, pairs, judges, arguments.output)
    write_scores(arguments.output / "scores.csv", tables)
    seconds = {
        c.label: None if arguments.untimed else c.seconds(pairs[0], 1)
        for c in candidates
    }
    print_table(tables, pairs, seconds)
    save_sheet(arguments.output / "sheet.png", candidates, pairs)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
