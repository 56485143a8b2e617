"""Compare feature networks by the pictures that they paint.

    python scripts/compare_networks.py --contents PHOTOS --styles PAINTINGS \\
        --networks vgg19-lite other.h5 random --judge googlenet.h5 -o DIR

Every photograph is painted like every painting in each network, with the same settings,
and the pictures are judged in a network that none of them was made in. Pictures that
DIR holds already, from the same settings and weights, are not painted again.
"""

import csv
import statistics
import sys
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import tyro
from _cli import Common, run
from _folders import picture_files
from _painted import Candidate, Pair, painted_pair
from tqdm import tqdm

import jaxnst
from jaxnst import Network, images, metrics, presets
from jaxnst._files import atomic_write
from jaxnst.builtin import BUILTINS

RANDOM = "random"
Table = dict[str, dict[Pair, metrics.Scores]]


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    contents: Path
    """Folder of photographs."""
    styles: Path
    """Folder of paintings."""
    networks: tuple[str, ...] = ("vgg19-lite", RANDOM)
    """Names or weights files; "random" is the first one's shape with random weights.
    All are measured against the second."""
    judge: Path
    """Weights of GoogLeNet, or of a VGG that is none of them."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for pictures, contact sheets and scores.csv."""
    preset: str = "default"
    """Named settings."""
    size: int = 384
    """Long side in pixels."""
    other_beta: float = 12.0
    """The first network paints with this --beta, too: what style costs in content."""


def load(name: str, first: Network | None) -> tuple[str, Network]:
    """A label and the network."""
    if name == RANDOM:
        if first is None:
            raise ValueError('"random" has the shape of the first network; name one')
        image, last = jnp.zeros((64, 64, 3)), first.layers[-1:]
        params = first.module.init(jax.random.key(0), image, last)["params"]
        return RANDOM, replace(first, params=params, source=RANDOM, checksum=RANDOM)
    if name in BUILTINS or not Path(name).exists():
        return name, jaxnst.load_network(name)
    return Path(name).stem, jaxnst.network_from_weights(
        jaxnst.weights.read_weights(name)
    )


def candidates(arguments: Arguments) -> list[Candidate]:
    """Every network at the preset's beta, then the first at the other one."""
    if len(set(arguments.networks)) < 2:
        raise ValueError("name two networks or more to compare")
    settings = presets.get(arguments.preset)
    settings = replace(
        settings, geometry=replace(settings.geometry, size=arguments.size)
    )
    if arguments.other_beta == settings.terms.beta:
        raise ValueError(
            f"--other-beta is {settings.terms.beta:g} as in the preset; give another, "
            "to see what style costs in content"
        )
    found: list[Candidate] = []
    for name in arguments.networks:
        label, network = load(name, found[0].network if found else None)
        found.append(Candidate(label, network, settings))
    terms = replace(settings.terms, beta=arguments.other_beta)
    label = f"{found[0].label}, beta {arguments.other_beta:g}"
    return [*found, Candidate(label, found[0].network, replace(settings, terms=terms))]


def score(everyone: list[Candidate], pairs: list[Pair], arguments: Arguments) -> Table:
    """Every picture painted and judged, and a contact sheet for every photograph."""
    judge = jaxnst.network_from_weights(jaxnst.weights.read_weights(arguments.judge))
    table: Table = {candidate.label: {} for candidate in everyone}
    rows: dict[Path, list[list[Any]]] = {}
    bar = tqdm(total=len(pairs) * len(everyone), unit="picture", disable=None)
    for pair in pairs:
        content, style = (images.load_image(path) for path in pair)
        row = [style]
        for candidate in everyone:
            painted = painted_pair(candidate, pair, arguments.output)
            table[candidate.label][pair] = metrics.judge(judge, painted, content, style)
            row.append(painted)
            bar.update()
        rows.setdefault(pair[0], []).append(row[:-1])
    bar.close()
    styles = [pair[1].stem for pair in pairs if pair[0] == pairs[0][0]]
    labels = ["painting", *(candidate.label for candidate in everyone[:-1])]
    for content_path, painted_rows in rows.items():
        sheet = images.contact_sheet(
            painted_rows, row_labels=styles, column_labels=labels, cell=300
        )
        name = f"sheet_{content_path.stem}.png"
        images.save_image(arguments.output / name, sheet)
    return table


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


def report(table: Table) -> None:
    """Print means, and each network's style over the second's at equal content."""
    (first, *_, other), reference = table, list(table)[1]
    (style, content, _), (style2, content2, _) = mean(table[first]), mean(table[other])
    # By how much the style distance falls for a rise of the content distance.
    rate = (style2 - style) / (content2 - content)
    print(f"one more of content buys {-rate:.3f} less of style")
    print("| network | style | content | Q | style at equal content |")
    print("| --- | --- | --- | --- | --- |")
    for label, scores in table.items():
        ratios = []
        for pair, (own_style, own_content, _) in scores.items():
            wanted = table[reference][pair]
            level = own_style + rate * (wanted.content - own_content)
            ratios.append(float(level / wanted.style))
        numbers = " | ".join(f"{value:.3f}" for value in mean(scores))
        print(f"| {label} | {numbers} | {statistics.median(ratios):.3f} |")
    print(f"(median over {len(table[first])} pairs, relative to {reference})")


def main(arguments: Arguments) -> None:
    everyone = candidates(arguments)
    photographs = picture_files([arguments.contents])
    pairs = list(product(photographs, picture_files([arguments.styles])))
    arguments.output.mkdir(parents=True, exist_ok=True)
    table = score(everyone, pairs, arguments)
    write_scores(arguments.output / "scores.csv", table)
    report(table)


if __name__ == "__main__":
    sys.exit(run(Arguments, main))
