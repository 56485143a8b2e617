"""Compare feature networks by the pictures that they paint.

    python scripts/measure/compare_networks.py --contents PHOTOS --styles PAINTINGS \\
        --networks vgg19-lite other.h5 random --judge googlenet.h5 -o DIR

Every photograph is painted like every painting in each network, with the same settings,
and the pictures are judged in a network that none of them was made in. Pictures that
DIR holds already, from the same settings and weights, are not painted again.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import jax
from _compared import (
    Table,
    all_pairs,
    at_equal_content,
    exchange,
    mean,
    quality_apart,
    score,
    write_scores,
)
from _painted import Candidate

from jaxnst import Network
from jaxnst.cli._app import Common, run_module
from jaxnst.cli._parser import option
from jaxnst.networks.random_weights import with_random_weights
from jaxnst.pipeline import presets
from jaxnst.pretrained import load_network

RANDOM = "random"


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    contents: Path
    """Folder of photographs."""
    styles: Path
    """Folder of paintings."""
    networks: tuple[str, ...] = ("vgg19-lite", RANDOM)
    """Names or weights files; "random" is the first one's shape with random weights.
    All are measured against the second."""
    judge: str
    """GoogLeNet, by name or weights file, or a VGG that is none of them."""
    output: Path = option(flags=["-o"])
    """Folder for pictures, contact sheets and scores.csv."""
    preset: str = "default"
    """Named settings."""
    size: int = 384
    """Long side in pixels."""
    other_beta: float = 9.0
    """The first network paints with this --beta, too: what style costs in content."""


def network_of(name: str, first: Network | None) -> tuple[str, Network]:
    """A label and the network."""
    if name == RANDOM:
        if first is None:
            raise ValueError('"random" has the shape of the first network; name one')
        return RANDOM, with_random_weights(first, jax.random.key(0))
    return Path(name).stem, load_network(name)


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
        label, network = network_of(name, found[0].network if found else None)
        found.append(Candidate(label, network, settings))
    terms = replace(settings.terms, beta=arguments.other_beta)
    label = f"{found[0].label}, beta {arguments.other_beta:g}"
    return [*found, Candidate(label, found[0].network, replace(settings, terms=terms))]


def report(table: Table) -> None:
    """Print means, each network's Q less the second's, and its style over the second's
    at equal content."""
    first, reference, *_, other = table
    rate = exchange(table[first], table[other])
    print(f"one more of content buys {-rate:.3f} less of style")
    print(
        "| network | style | content | Q | more Q | median | style at equal content |"
    )
    print("|" + " --- |" * 7)
    for label, scores in table.items():
        numbers = " | ".join(f"{value:.3f}" for value in mean(scores))
        ratio = at_equal_content(scores, table[reference], rate)
        more, error, median = quality_apart(scores, table[reference])
        q = f"{more:+.3f} ± {error:.3f} | {median:+.3f}"
        print(f"| {label} | {numbers} | {q} | {ratio:.3f} |")
    print(
        f"(over {len(table[first])} pairs, relative to {reference}: Q's mean and its "
        "standard error, its median, and the median ratio of style)"
    )


def main(arguments: Arguments) -> None:
    everyone = candidates(arguments)
    pairs = all_pairs(arguments.contents, arguments.styles)
    arguments.output.mkdir(parents=True, exist_ok=True)
    shown = [candidate.label for candidate in everyone[:-1]]
    table = score(everyone, pairs, arguments.judge, arguments.output, shown)
    write_scores(arguments.output / "scores.csv", table)
    report(table)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
