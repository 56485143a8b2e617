"""Train vgg19-lite: a narrow VGG-19 that learns from wider networks.

    python scripts/train_lite.py PICTURES --shallow vgg19-keras.h5 \\
        --deep vgg19-keras.h5 -o weights/vgg19-lite.h5 --plot lite.png

From random weights, or from those of --start, and the same from the same options.
Stopped at any moment, the same command goes on where the last state was written (OUT
with .state at its end); on Ctrl-C it is written at once.
"""

import json
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import tyro
from _cli import Common, fail, run
from _folders import picture_files
from _training import Run, Training
from tqdm import tqdm

from jaxnst import report
from jaxnst._files import check_writable_folder
from jaxnst.weights import NetworkWeights, read_weights, write_weights

_FETCH = 20  # steps between two looks at the device
_SMOOTH = 50  # steps to a point of the plot: every batch is another picture


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    folders: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER [...]")
    ]
    """Folders of photographs and paintings to train on."""
    shallow: Path
    """Weights of the VGG-19 that layers up to relu3_4 are learned from."""
    deep: Path
    """Weights of the VGG-19 that deeper layers are learned from; may be the same."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Weights file to write."""
    other: Path | None = None
    """Weights of GoogLeNet, a third teacher of another kind."""
    start: Path | None = None
    """Weights to begin from, made by an earlier training; random ones if not given."""
    losses: Path | None = None
    """Write the loss of every layer at every step as .csv."""
    plot: Path | None = None
    """Plot the losses as .png, .svg or .pdf (needs matplotlib)."""
    every: int = 250
    """Steps between two writings of the state."""
    training: Training = field(default_factory=Training)

    @property
    def state(self) -> Path:
        """Where an unfinished training is kept."""
        return self.output.with_name(self.output.name + ".state")


def check(arguments: Arguments) -> None:
    """Raise now what would otherwise only fail in the end."""
    check_writable_folder(arguments.output)
    if arguments.losses is not None:
        check_writable_folder(arguments.losses)
    if arguments.plot is not None:
        report.check_plot(arguments.plot)
    if arguments.every < 1:
        raise ValueError(f"--every must be at least 1, got {arguments.every}")


def train(training: Run, arguments: Arguments) -> bool:
    """All the steps, or as many as there are before Ctrl-C; whether it was all."""
    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        bar.write("stopping after these steps", sys.stderr)

    total, every = training.how.steps, arguments.every
    done = training.state["step"]
    bar = tqdm(total=total, initial=done, unit="step", disable=None, dynamic_ncols=True)
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        while done < total and not interrupted:
            count = min(_FETCH, total - done, every - done % every)
            means = training.advance(count)
            done += count
            if not np.isfinite(means["loss"]):
                raise ValueError(
                    f"the loss is not finite after step {done}; try a lower "
                    "--learning-rate"
                )
            bar.set_postfix(loss=f"{means['loss']:.4f}", refresh=False)
            bar.update(count)
            if done % every == 0 or interrupted:
                training.save(arguments.state)
    finally:
        signal.signal(signal.SIGINT, before)
        bar.close()
    return not interrupted


def main(arguments: Arguments) -> int:
    check(arguments)
    shallow, deep = read_weights(arguments.shallow), read_weights(arguments.deep)
    other, start = (
        None if path is None else read_weights(path)
        for path in (arguments.other, arguments.start)
    )
    files = picture_files(arguments.folders)
    training = Run(arguments.training, files, shallow, deep, other, start)
    if arguments.state.exists():
        training.restore(arguments.state)
        print(f"going on from step {training.state['step']} of {arguments.state}")
    complete = train(training, arguments)
    trace = training.state["trace"]
    if arguments.losses is not None:
        report.write_losses(arguments.losses, trace)
    if arguments.plot is not None:
        report.plot_losses(
            arguments.plot, trace, title=arguments.output.name, smooth=_SMOOTH
        )
    if not complete:
        done = training.state["step"]
        return fail(f"interrupted after {done} steps; the same command goes on", 130)
    given = [shallow, deep] if other is None else [shallow, deep, other]
    terms = ", ".join(dict.fromkeys(weights.license for weights in given))
    write(training, terms, arguments.output)
    arguments.state.unlink(missing_ok=True)
    return 0


def write(training: Run, terms: str, output: Path) -> None:
    """The weights file, with all that it takes to make it again."""
    student = training.student
    weights = NetworkWeights(
        architecture="vgg19",
        mean=np.asarray(student.mean),
        std=np.asarray(student.std),
        padding=student.module.padding,
        source="vgg19-lite of jaxnst, distilled from VGG-19",
        license=f"Apache-2.0; learned from networks under {terms}",
        tensors=jax.device_get(student.params),
        notes={"training": json.dumps(training.description)},
    )
    write_weights(output, weights, dtype="float16")
    for layer, share in training.unexplained().items():
        print(f"{layer}: {share:.3f} unexplained")
    print(f"sha256 {read_weights(output).checksum}")
    print(f"{output.stat().st_size:,} bytes in {output}")


if __name__ == "__main__":
    sys.exit(run(Arguments, main))
