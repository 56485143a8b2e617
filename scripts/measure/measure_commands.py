"""Time whole commands to a picture: the default, a published preset, another program.

    python scripts/measure/measure_commands.py photo.jpg painting.jpg --weights vgg19.h5

Each is a process of its own, on the same VGG-19: starting, reading, compiling, steps
and writing. "first" is with an empty cache of compiled code, "again" with what is in it
by then.

The default is run as it is. The published methods run `--share` of their steps, and
twice as many; every step that is left out is taken to last as long as those between
the two, for their number is fixed and all steps of a size compute the same. The program
is `pastiche` (L-BFGS on Gram matrices, by PyTorch), which pip installs.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from _compare import format_cells, judge_image, judges_for, print_head, with_size
from _measure import device_name

from jaxnst import images, load_network
from jaxnst.cli._app import Common, run_module
from jaxnst.cli._parser import option
from jaxnst.pipeline import presets

_PASTICHE_STEPS = 1000  # its default


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    content: Path = option(positional=True, metavar="PHOTO")
    """The photograph."""
    style: Path = option(positional=True, metavar="PAINTING")
    """The painting."""
    sizes: tuple[int, ...] = (256, 512)
    """Long sides in pixels."""
    weights: str
    """Weights file of a VGG-19."""
    presets: tuple[str, ...] = ("crowson",)
    """Named settings to compare the default with, by name."""
    program: str | None = None
    """The command pastiche; not compared with if not given."""
    share: float = 0.02
    """Of the published numbers of steps, which are run; 1 runs them all."""
    judge: tuple[str, ...] = ()
    """GoogLeNet, VGG-16 or another VGG that judges the pictures whose steps are all
    run, each by its name or weights file."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"--share is above 0 and at most 1, not {self.share}")


@dataclass(frozen=True)
class Way:
    """A command that paints the picture.

    Attributes:
        line: of a file to write and a share of its steps, the command's words.
        steps: all of them.
        share: of the steps that are run.
    """

    label: str
    line: Callable[[Path, float], list[object]]
    steps: int
    share: float

    def seconds(self, out: Path, cache: Path) -> tuple[float, float]:
        """Of the whole command with an empty cache of compiled code, and again."""
        first, again = (run_timed(self.line(out, self.share), cache) for _ in range(2))
        if self.share == 1:
            return first, again
        further = run_timed(self.line(out, 2 * self.share), cache) - again
        left = (1 / self.share - 1) * further
        return first + left, again + left


def run_timed(line: Sequence[object], cache: Path) -> float:
    """Seconds of a command whose compiled code is kept in `cache`.

    Raises:
        ChildProcessError: it failed; the message has its last line.
    """
    words = [str(word) for word in line]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    began = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    seconds = time.perf_counter() - began
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise ChildProcessError(f"{words[0]} failed: {''.join(last)}")
    return seconds


def preset_way(arguments: Arguments, preset: str, size: int, share: float) -> Way:
    """The command `jaxnst` under a preset; its own numbers of steps if `share` is 1."""
    settings = with_size(presets.get(preset), size)
    levels = settings.geometry.levels()
    steps = settings.optimization.steps_at(len(levels))

    def line(out: Path, share: float) -> list[object]:
        words: list[object] = [sys.executable, "-m", "jaxnst", arguments.content]
        words += [arguments.style, "-o", out, "--preset", preset]
        words += ["--weights", arguments.weights, "--size", size, "--steps"]
        return words + [max(1, round(share * number)) for number in steps]

    return Way(preset, line, sum(steps), share)


def program_way(arguments: Arguments, size: int) -> Way:
    """The program on the same pictures, in its own settings."""

    def line(out: Path, share: float) -> list[object]:
        steps = max(1, round(share * _PASTICHE_STEPS))
        words: list[object] = [arguments.program, "--no-verbose", "--size", size]
        words += ["--style-size", size, "--num-steps", steps]
        return [*words, "-c", arguments.content, "-s", arguments.style, "-o", out]

    return Way("pastiche", line, _PASTICHE_STEPS, arguments.share)


def ways(arguments: Arguments, size: int) -> list[Way]:
    found = [preset_way(arguments, "default", size, 1)]
    found += [
        preset_way(arguments, name, size, arguments.share) for name in arguments.presets
    ]
    return found + ([program_way(arguments, size)] if arguments.program else [])


def main(arguments: Arguments) -> None:
    judges = judges_for(arguments.judge, [load_network(weights=arguments.weights)])
    print(device_name())
    print_head(["size", "way", "steps", "first", "again"], judges)
    for size in arguments.sizes:
        for way in ways(arguments, size):
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder, "out.png")
                first, again = way.seconds(out, Path(folder, "cache"))
                painted = images.load_image(out)
            cells = [str(size), way.label, f"{way.steps:,}"]
            cells += [f"{first:.0f} s", f"{again:.0f} s"]
            pair = arguments.content, arguments.style
            for scores in judge_image(judges, painted, pair).values():
                cells.append(format_cells(scores) if way.share == 1 else " | | ")
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
