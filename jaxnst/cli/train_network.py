"""Train vgg19-lite: a narrow VGG-19 that learns from a wide one.

    jaxnst train-network PICTURES --teacher vgg19 -o lite.h5 --plot lite.png

From random weights, or from those of --start, and the same from the same options.
Stopped at any moment, the same command goes on where the last state was written (OUT
with .state at its end); on Ctrl-C it is written at once.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxnst.cli._folders import pictures_in
from jaxnst.cli._parser import option
from jaxnst.cli._train import Trained, finish, train
from jaxnst.pretrained.format import NetworkWeights, read_weights, write_weights
from jaxnst.pretrained.loading import load_weights
from jaxnst.training.student import StudentOptions, StudentTraining

USAGE = "FOLDER [FOLDER ...] --teacher NETWORK -o OUT.h5"
HELP = {
    "run": ("teacher", "start", "widths", "steps", "learning_rate", "batch", "crop"),
    "output": ("output", "plot", "losses", "json", "quiet"),
}


@dataclass(frozen=True, kw_only=True)
class Arguments(Trained):
    folders: tuple[Path, ...] = option(positional=True, metavar="FOLDER")
    """Folders of photographs and paintings to train on."""
    teacher: str = option(metavar="NETWORK")
    """The VGG-19 that is learned from, by its name or weights file."""
    start: Path | None = None
    """Weights to begin from, made by an earlier training; random ones if not given."""
    training: StudentOptions = field(default_factory=StudentOptions)


def main(arguments: Arguments) -> int:
    arguments.check()
    teacher = load_weights(arguments.teacher)
    start = None if arguments.start is None else read_weights(arguments.start)
    files = pictures_in(arguments.folders)
    arguments.check_read([*files, arguments.teacher, arguments.start])
    training = StudentTraining(arguments.training, files, teacher, start)
    code = train(training, training.options.steps, arguments)
    if code:
        return code
    return write(training, teacher.license, arguments)


def write(training: StudentTraining, terms: str, arguments: Arguments) -> int:
    """The weights file, with all that it takes to make it again; the exit code."""
    student = training.student
    weights = NetworkWeights(
        architecture="vgg19",
        mean=np.asarray(student.mean),
        std=np.asarray(student.std),
        padding=student.module.padding,
        source="vgg19-lite of jaxnst, distilled from VGG-19",
        license=f"Apache-2.0; learned from a network under {terms}",
        tensors=jax.device_get(student.params),
        notes={"training": json.dumps(training.description)},
    )

    def measure() -> dict[str, Any]:
        shares = training.unexplained()
        for layer, share in shares.items():
            arguments.say(f"{layer}: {share:.3f} unexplained")
        return {"unexplained": shares}

    return finish(
        arguments, lambda path: write_weights(path, weights, dtype="float16"), measure
    )
