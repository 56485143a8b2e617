"""Compare ways to a picture in the full VGG-19 that let a quicker network begin.

    python scripts/measure/compare_starts.py --contents PHOTOS --styles PAINTINGS \\
        --judge googlenet.h5 vgg16.h5 -o DIR

Every photograph is painted like every painting in VGG-19 throughout; with its coarse
levels, or all of them, in vgg19-lite first; from one pass; and in VGG-19 with fewer
steps, which is what a quicker way has to be better than. The first pair is painted
again, compiled, for the seconds. Pictures that DIR holds already, from the same
settings and weights, are not painted again.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from _compare import (
    Candidate,
    CompareArguments,
    Tables,
    all_pairs,
    format_cells,
    from_one_pass,
    judges_for,
    mean_scores,
    print_head,
    save_sheets,
    score,
    with_size,
    write_scores,
)

from jaxnst import Settings, load_feedforward, load_network
from jaxnst.cli._app import run_module
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import open_network

_RUNS = 1  # that counts, after one that compiles


@dataclass(frozen=True, kw_only=True)
class Arguments(CompareArguments):
    network: str = "vgg19"
    """Feature network of the end."""
    weights: str | None = None
    """Weights of the network: a file, or the name of a source."""
    size: int = 256
    """Long side in pixels."""
    last: int = 30
    """Steps at the full size that follow vgg19-lite's whole picture."""
    after: int = 40
    """Steps at the full size that follow one pass."""
    fewer: int = 28
    """Steps at each level of the run that is only shorter."""


def with_steps(settings: Settings, *steps: int) -> Settings:
    """Settings with other numbers of steps at their levels."""
    return replace(settings, optimization=replace(settings.optimization, steps=steps))


def finest(settings: Settings, steps: int) -> Settings:
    """The full size alone; the step size falls over twice the share of its steps, as it
    does at the last of two levels."""
    geometry = replace(settings.geometry, min_size=None)
    settings = with_steps(replace(settings, geometry=geometry), steps)
    decay = min(1.0, 2 * settings.optimization.lr_decay)
    return replace(
        settings, optimization=replace(settings.optimization, lr_decay=decay)
    )


def coarse(settings: Settings, size: int) -> Settings:
    """All levels but the finest, of this size; the step size does not fall."""
    settings = with_size(settings, round(size / settings.geometry.ratio))
    return replace(settings, optimization=replace(settings.optimization, lr_decay=0.0))


def make_candidates(arguments: Arguments) -> list[Candidate]:
    default = with_size(presets.default, arguments.size)
    default = replace(default, network=arguments.network, weights=arguments.weights)
    default, network, _ = open_network(default)
    lite = load_network("vgg19-lite")
    sketch = Candidate("coarse levels", lite, coarse(default, arguments.size))
    whole = Candidate("all levels", lite, default)
    last = finest(default, arguments.last)
    after = from_one_pass(default, arguments.after)
    fewer = with_steps(default, arguments.fewer)
    steps = default.optimization.steps[-1]
    return [
        Candidate(default.network, network, default),
        Candidate(
            "coarse in vgg19-lite", network, finest(default, steps), start=sketch
        ),
        Candidate(
            f"vgg19-lite, then {arguments.last} steps", network, last, start=whole
        ),
        Candidate(
            f"one pass, then {arguments.after} steps",
            network,
            after,
            load_feedforward(),
        ),
        Candidate(f"{arguments.fewer} steps a level", network, fewer),
    ]


def print_table(
    tables: Tables, candidates: Sequence[Candidate], seconds: Sequence[float]
) -> None:
    """Print each way's mean scores and its seconds."""
    print_head(["way"], tables, last=["seconds"])
    for candidate, time in zip(candidates, seconds, strict=True):
        label = candidate.label
        means = [n for table in tables.values() for n in mean_scores(table[label])]
        print(f"| {label} | {format_cells(means)} | {time:.1f} |")


def main(arguments: Arguments) -> None:
    candidates = make_candidates(arguments)
    pairs = all_pairs(arguments.contents, arguments.styles)
    networks = [c.network for c in candidates]
    networks += [c.start.network for c in candidates if c.start is not None]
    judges = judges_for(arguments.judge, networks)
    tables = score(candidates, pairs, judges, arguments.output)
    save_sheets(arguments.output, candidates, pairs)
    write_scores(arguments.output / "scores.csv", tables)
    seconds = [candidate.seconds(pairs[0], _RUNS) for candidate in candidates]
    print_table(tables, candidates, seconds)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
