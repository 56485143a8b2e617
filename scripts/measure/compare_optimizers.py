"""Compare optimisers by the time in which they reach a quality.

    python scripts/measure/compare_optimizers.py photo.jpg painting.jpg --size 512 \\
        --judge googlenet.h5 vgg16.h5

The mark is the loss at full size that L-BFGS without line search reaches from the
photograph, as Gatys et al. ran it. Every other way is then timed until its picture,
enlarged to full size where it works from coarse to fine, has that loss; all have the
default settings' objective. Compilation is not counted: a run of a step a level comes
first.
"""

import dataclasses
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
from _compare import format_cells, judge_image, judges_for, print_head
from _measure import MeasureArguments, device_name, in_new_process
from jax import Array

import jaxnst
from jaxnst import Network, Settings
from jaxnst._files import atomic_write, check_writable_folder
from jaxnst.cli._app import keep_compiled, run_module
from jaxnst.images import resize
from jaxnst.optimize.result import Progress
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import load_pictures
from jaxnst.pipeline.substitute import adapted

MARK = "L-BFGS"


@dataclass(frozen=True, kw_only=True)
class Arguments(MeasureArguments):
    size: int = 512
    """Long side of the picture in pixels."""
    evaluations: int = 500
    """Steps of L-BFGS, each one evaluation, that set the mark."""
    every: int = 10
    """Steps between two looks at the picture."""
    only: tuple[str, ...] = ()
    """Ways to compare with the mark; all if none is named."""
    judge: tuple[str, ...] = ()
    """GoogLeNet, VGG-16 or a VGG other than the network, each by its name or weights
    file: judge the pictures, too."""
    numbers: Path | None = None
    """Write the numbers here, too."""


@dataclass(frozen=True)
class Row:
    """A way to optimise: losses of its pictures at full size at so many seconds, all
    steps, and style distance, content distance and Q of the last one by each judge."""

    seconds: list[float]
    losses: list[float]
    steps: int
    scores: dict[str, list[float]]

    def reached(self, mark: float) -> float | None:
        """Seconds after which a picture had this loss."""
        pairs = zip(self.seconds, self.losses, strict=True)
        return next((seconds for seconds, loss in pairs if loss <= mark), None)


def named_settings(size: int, evaluations: int) -> dict[str, Settings]:
    """Settings by what is special about them, the mark's first."""
    preset = presets.default
    default = replace(preset, geometry=replace(preset.geometry, size=size))
    levels = len(default.geometry.levels())
    total = sum(default.optimization.steps_at(levels))

    def other(**changes: Any) -> Settings:
        return replace(default, optimization=replace(default.optimization, **changes))

    def flat(**changes: Any) -> Settings:
        """At full size alone, nothing averaged but what is asked for."""
        changes = {"ema": None, "steps": (total,)} | changes
        return replace(
            other(**changes), geometry=replace(default.geometry, min_size=None)
        )

    lbfgs: dict[str, Any] = {"learning_rate": None, "lr_decay": 0.0, "ema": None}
    mark = flat(optimizer="lbfgs", history=None, steps=(evaluations,), **lbfgs)
    return {
        MARK: mark,
        "default": default,
        "default, no average": other(ema=None),
        "default, average 0.99": other(ema=0.99),
        "default, rate not falling": other(lr_decay=0.0),
        "default, nor memory carried": other(lr_decay=0.0, keep_optimizer_state=False),
        "default, b2 0.999": other(b2=0.999),
        "default, rate 0.03": other(learning_rate=0.03),
        "default, rate 0.12": other(learning_rate=0.12),
        "Adam, one size": flat(),
        "Adam, one size, rate 0.12": flat(learning_rate=0.12),
        "Adam, one size, falling rate": flat(
            learning_rate=0.1, b2=0.9, lr_decay=0.9, steps=(220,)
        ),
        "L-BFGS, coarse to fine": other(optimizer="lbfgs", **lbfgs),
        "L-BFGS, line search": flat(
            optimizer="lbfgs-linesearch", steps=(total // 4,), **lbfgs
        ),
    }


def loss_at_full_size(
    settings: Settings, network: Network, content: Array, style: Array
) -> Callable[[Array], float]:
    """The objective that all ways share, of pictures of any size."""
    config, weights = settings.objective, settings.terms
    targets = jaxnst.make_targets(network, content, style, config)

    @jax.jit
    def loss(image: Array) -> Array:
        return jaxnst.objective(image, network, targets, weights, config)[0]

    return lambda image: float(loss(resize(image, content.shape[:2])))


def measure(arguments: Arguments, name: str) -> Row:
    keep_compiled()
    network = arguments.load_network()
    judges = judges_for(arguments.judge, [network])
    settings = named_settings(arguments.size, arguments.evaluations)[name]
    settings = adapted(settings, network)[0]
    content, (style,) = load_pictures(
        settings, network, arguments.content, [arguments.style]
    )
    pictures: list[tuple[float, Array]] = []

    def callback(progress: Progress) -> None:
        pictures.append((progress.seconds, progress.picture()))

    short = (1,) * len(settings.geometry.levels())
    warmup = replace(settings, optimization=replace(settings.optimization, steps=short))
    pair = network, content, [style]
    jaxnst.render(warmup, *pair, callback=callback)
    pictures.clear()
    result = jaxnst.render(settings, *pair, callback=callback, every=arguments.every)
    loss = loss_at_full_size(settings, network, content, style)
    losses = [loss(picture) for _, picture in pictures]
    judged = judge_image(judges, result.image, (arguments.content, arguments.style))
    scores = {judge: [float(n) for n in numbers] for judge, numbers in judged.items()}
    return Row([seconds for seconds, _ in pictures], losses, result.steps, scores)


def format_row(name: str, row: Row, mark: Row) -> str:
    reached = row.reached(mark.losses[-1])
    cells = [
        name,
        str(row.steps),
        f"{row.seconds[-1]:.1f}",
        f"{row.losses[-1]:.4f}",
        "–" if reached is None else f"{reached:.1f}",
        "–" if reached is None else f"{reached / mark.seconds[-1]:.2f}",
        *map(format_cells, row.scores.values()),
    ]
    return f"| {' | '.join(cells)} |"


def main(arguments: Arguments) -> None:
    methods = named_settings(arguments.size, arguments.evaluations)
    unknown = set(arguments.only) - set(methods)
    if unknown:
        raise ValueError(
            f"--only knows {', '.join(map(repr, methods))}; got {min(unknown)!r}"
        )
    if arguments.numbers is not None:
        check_writable_folder(arguments.numbers)
    chosen = [
        n for n in methods if n == MARK or not arguments.only or n in arguments.only
    ]
    machine = f"{in_new_process(device_name)}, jax {jax.__version__}"
    print(f"{machine}; {arguments.network}, {arguments.size} pixels\n")
    columns = ["way", "steps", "s", "loss", "s to the mark", "of the mark's"]
    print_head(columns, [Path(name).stem for name in arguments.judge])
    rows: dict[str, Row] = {}
    for name in chosen:
        rows[name] = in_new_process(measure, arguments, name)
        print(format_row(name, rows[name], rows[MARK]), flush=True)
    if arguments.numbers is not None:
        numbers = {name: dataclasses.asdict(row) for name, row in rows.items()}
        text = json.dumps({"machine": machine, "size": arguments.size, "ways": numbers})
        with atomic_write(arguments.numbers) as temporary:
            temporary.write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
