"""Compare feature networks by the pictures that they paint.

    python scripts/measure/compare_networks.py --contents PHOTOS --styles PAINTINGS \\
        --networks vgg19-lite other.h5 random --judge googlenet.h5 vgg16.h5 -o DIR

Every photograph is painted like every painting in each network, with the same settings,
and the pictures are judged in networks that none of them was made in. Pictures that
DIR holds already, from the same settings and weights, are not painted again.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import jax
from _compare import (
    Candidate,
    CompareArguments,
    Tables,
    all_pairs,
    exchange_rate,
    format_cells,
    judges_for,
    mean_scores,
    print_head,
    quality_difference,
    save_sheets,
    score,
    style_at_equal_content,
    with_other_beta,
    with_size,
    write_scores,
)

from jaxnst import Network, load_network
from jaxnst.cli._app import run_module
from jaxnst.networks.random_weights import with_random_weights
from jaxnst.pipeline import presets

RANDOM = "random"


@dataclass(frozen=True, kw_only=True)
class Arguments(CompareArguments):
    networks: tuple[str, ...] = ("vgg19-lite", RANDOM)
    """Names or weights files; "random" is the first one's shape with random weights.
    All are measured against the second."""
    preset: str = "default"
    """Named settings."""
    size: int = 384
    """Long side in pixels."""
    other_beta: float = 4.0
    """The first network paints with this --beta, too: what style costs in content."""


def named_network(name: str, first: Network | None) -> tuple[str, Network]:
    """A label and the network."""
    if name == RANDOM:
        if first is None:
            raise ValueError('"random" has the shape of the first network; name one')
        return RANDOM, with_random_weights(first, jax.random.key(0))
    return Path(name).stem, load_network(name)


def make_candidates(arguments: Arguments) -> list[Candidate]:
    """Every network at the preset's beta, then the first at the other one."""
    if len(set(arguments.networks)) < 2:
        raise ValueError("name two networks or more to compare")
    settings = with_size(presets.get(arguments.preset), arguments.size)
    other = with_other_beta(settings, arguments.other_beta)
    candidates: list[Candidate] = []
    for name in arguments.networks:
        first = candidates[0].network if candidates else None
        candidates.append(Candidate(*named_network(name, first), settings))
    first_label, network = candidates[0].label, candidates[0].network
    label = f"{first_label}, beta {arguments.other_beta:g}"
    return [*candidates, Candidate(label, network, other)]


def print_table(tables: Tables) -> None:
    """Print means, each network's Q less the second's, and its style over the second's
    at equal content."""
    labels = list(next(iter(tables.values())))
    first, reference, *_, other = labels
    rates = {}
    for judge, table in tables.items():
        rates[judge] = exchange_rate(table[first], table[other])
        print(f"{judge}: one more of content buys {-rates[judge]:.3f} less of style")
    measures = "style", "content", "Q", "more Q", "median", "style at equal content"
    print_head(["network"], tables, measures)
    for label in labels:
        cells = [label]
        for judge, table in tables.items():
            scores, rate = table[label], rates[judge]
            ratio = style_at_equal_content(scores, table[reference], rate)
            more, error, median = quality_difference(scores, table[reference])
            q = f"{more:+.3f} ± {error:.3f} | {median:+.3f}"
            cells += [format_cells(mean_scores(scores)), q, f"{ratio:.3f}"]
        print(f"| {' | '.join(cells)} |")
    print(
        f"(over {len(table[first])} pairs, relative to {reference}: Q's mean and its "
        "standard error, its median, and the median ratio of style)"
    )


def main(arguments: Arguments) -> None:
    candidates = make_candidates(arguments)
    pairs = all_pairs(arguments.contents, arguments.styles)
    judges = judges_for(arguments.judge, [c.network for c in candidates])
    tables = score(candidates, pairs, judges, arguments.output)
    save_sheets(arguments.output, candidates[:-1], pairs)
    write_scores(arguments.output / "scores.csv", tables)
    print_table(tables)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
