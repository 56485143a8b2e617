"""Compare one pass with the optimisation, and with what is optimised from it.

    python scripts/measure/compare_feedforward.py --contents PHOTOS \\
        --styles PAINTINGS --judge googlenet.h5 -o DIR

Every photograph is painted like every painting by each method, and judged in a network
that none of them uses; the first pair is painted again, compiled, for the seconds.
Pictures that DIR holds already, from the same settings and weights, are not painted
again.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from _compared import (
    Table,
    all_pairs,
    at_equal_content,
    exchange,
    mean,
    score,
    seconds,
    write_scores,
)
from _painted import Candidate

import jaxnst
from jaxnst import Settings
from jaxnst.cli._app import Common, run_module
from jaxnst.cli._parser import option
from jaxnst.feedforward.weights_file import load_feedforward
from jaxnst.pipeline import presets

_RUNS = 3  # of which the median counts


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    contents: Path
    """Folder of photographs."""
    styles: Path
    """Folder of paintings."""
    judge: str
    """GoogLeNet, by name or weights file, or a VGG other than vgg19-lite."""
    output: Path = option(flags=["-o"])
    """Folder for pictures, contact sheets and scores.csv."""
    decoder: Path | None = None
    """Weights for one pass; those that come with jaxnst if not given."""
    adain: Path | None = None
    """Weights for one pass by adaptive instance normalisation, to compare with."""
    steps: tuple[int, ...] = (20, 40)
    """Steps from one pass, each number a method of its own."""
    size: int = 256
    """Long side in pixels."""
    other_beta: float = 9.0
    """The optimisation paints with this --beta, too: what style costs in content."""


def sized(settings: Settings, size: int) -> Settings:
    return replace(settings, geometry=replace(settings.geometry, size=size))


def started(settings: Settings, steps: int) -> Settings:
    """The same objective from one pass, at the full size alone."""
    how = replace(settings.optimization, init="feedforward", steps=(steps,))
    geometry = replace(settings.geometry, min_size=None)
    return replace(settings, optimization=how, geometry=geometry)


def candidates(arguments: Arguments) -> list[Candidate]:
    """The optimisation, the one passes, what is optimised from one, and the
    optimisation at the other beta."""
    network = jaxnst.load_network("vgg19-lite")
    default = sized(presets.default, arguments.size)
    if arguments.other_beta == default.terms.beta:
        raise ValueError(
            f"--other-beta is {default.terms.beta:g} as in the preset; give another, "
            "to see what style costs in content"
        )
    decoder = load_feedforward(arguments.decoder)
    fast = sized(presets.encoder_transformer, arguments.size)
    found = [Candidate("optimised", network, default)]
    found.append(Candidate("one pass", network, fast, decoder))
    if arguments.adain is not None:
        other = load_feedforward(arguments.adain)
        found.append(Candidate("AdaIN", network, fast, other))
    for steps in arguments.steps:
        label = f"one pass, {steps} steps"
        found.append(Candidate(label, network, started(default, steps), decoder))
    more = replace(default, terms=replace(default.terms, beta=arguments.other_beta))
    label = f"optimised, beta {arguments.other_beta:g}"
    return [*found, Candidate(label, network, more)]


def report(table: Table, times: dict[str, float]) -> None:
    """Print means, each method's style over the optimisation's at equal content, and
    seconds."""
    first, *_, other = table
    rate = exchange(table[first], table[other])
    print(f"one more of content buys {-rate:.3f} less of style")
    print("| method | style | content | Q | style at equal content | seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for label, scores in table.items():
        numbers = " | ".join(f"{value:.3f}" for value in mean(scores))
        ratio = at_equal_content(scores, table[first], rate)
        print(f"| {label} | {numbers} | {ratio:.3f} | {times[label]:.2f} |")
    print(f"({len(table[first])} pairs; median of the ratios to {first})")


def main(arguments: Arguments) -> None:
    everyone = candidates(arguments)
    pairs = all_pairs(arguments.contents, arguments.styles)
    arguments.output.mkdir(parents=True, exist_ok=True)
    shown = [candidate.label for candidate in everyone[:-1]]
    table = score(everyone, pairs, arguments.judge, arguments.output, shown)
    write_scores(arguments.output / "scores.csv", table)
    report(table, {one.label: seconds(one, pairs[0], _RUNS) for one in everyone})


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
