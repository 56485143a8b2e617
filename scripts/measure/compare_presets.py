"""Compare presets in one network: distances, seconds and pictures side by side.

    python scripts/measure/compare_presets.py photo1.jpg painting1.jpg photo2.jpg ... \\
        --presets default crowson --weights net.h5 --judge googlenet.h5 -o DIR

Every pair is painted under every preset and judged in a network that none of them uses;
the first pair is painted again, compiled, for the seconds. All presets have the one
network, with weights of their terms for the magnitude of its features. Pictures that
DIR holds already, from the same settings and weights, are not painted again.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from _compared import Table, mean, pairs_in_turn, score, seconds, write_scores
from _painted import Candidate, Pair, painted_pair

from jaxnst import images
from jaxnst.cli._app import Common, run_module
from jaxnst.cli._parser import option
from jaxnst.pipeline import presets
from jaxnst.pipeline.substitute import adapted
from jaxnst.pretrained.loading import load_network


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    pictures: tuple[Path, ...] = option(positional=True, metavar="PICTURE")
    """Photographs and paintings in turn."""
    presets: tuple[str, ...] = ("default", "crowson")
    """Named settings, one or more."""
    network: str = "vgg19-lite"
    """Feature network."""
    weights: str | None = None
    """Its weights: a file, or the name of a source; the network is what it holds."""
    judge: str
    """GoogLeNet, by name or weights file, or a VGG other than the network."""
    output: Path = option(flags=["-o"])
    """Folder for pictures, contact sheet and scores.csv."""
    size: int = 256
    """Long side in pixels."""


def candidates(arguments: Arguments, pair: Pair) -> list[Candidate]:
    """Every preset in the one network; the pair shows it the features' magnitude."""
    if not arguments.presets or len(set(arguments.presets)) < len(arguments.presets):
        raise ValueError("--presets wants one name or more, none of them twice")
    content, style = (images.load_image(path, size=arguments.size) for path in pair)
    network = load_network(arguments.weights or arguments.network)
    found = []
    for name in arguments.presets:
        settings = adapted(presets.get(name), network, content, [style])
        geometry = replace(settings.geometry, size=arguments.size)
        found.append(Candidate(name, network, replace(settings, geometry=geometry)))
    return found


def report(table: Table, times: dict[str, float]) -> None:
    """Print each pair's distances under every preset, their means, and seconds."""
    print("| preset | pair | style | content | Q |")
    print("| --- | --- | --- | --- | --- |")
    for label, scores in table.items():
        rows = {f"{c.stem} × {s.stem}": v for (c, s), v in scores.items()}
        for pair, values in rows.items():
            numbers = " | ".join(f"{float(value):.3f}" for value in values)
            print(f"| {label} | {pair} | {numbers} |")
        means = " | ".join(f"{value:.3f}" for value in mean(scores))
        print(f"| {label} | mean, {times[label]:.1f} s a picture | {means} |")


def sheet(everyone: list[Candidate], pairs: list[Pair], folder: Path) -> None:
    """A row for every pair: photograph, painting, and what each preset made of them."""
    rows = [
        [*map(images.load_image, pair)]
        + [painted_pair(candidate, pair, folder) for candidate in everyone]
        for pair in pairs
    ]
    labels = ["photograph", "painting", *(candidate.label for candidate in everyone)]
    drawn = images.contact_sheet(rows, column_labels=labels, cell=300)
    images.save_image(folder / "sheet.png", drawn)


def main(arguments: Arguments) -> None:
    pairs = pairs_in_turn(arguments.pictures)
    everyone = candidates(arguments, pairs[0])
    arguments.output.mkdir(parents=True, exist_ok=True)
    table = score(everyone, pairs, arguments.judge, arguments.output, shown=())
    write_scores(arguments.output / "scores.csv", table)
    report(table, {one.label: seconds(one, pairs[0], 1) for one in everyone})
    sheet(everyone, pairs, arguments.output)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
