"""Scripts in this process: weights files for them, and a way to run them."""

import importlib
import math
import warnings
from pathlib import Path

import numpy as np
from networks import MEAN, STD, narrow_network
from paths import REPOSITORY

from jaxnst.cli import _app, _progress
from jaxnst.pretrained.format import NetworkWeights, write_weights


def write_network(path: Path, source: str = "random numbers", **options) -> None:
    """A weights file of a narrow network with random weights."""
    network = narrow_network(**options)
    tensors = {
        layer: {part: np.asarray(array) for part, array in tensor.items()}
        for layer, tensor in network.params.items()
    }
    mean, std = np.float32(MEAN), np.float32(STD)
    module = network.module
    about = (module.padding, source, "none", tensors)
    write_weights(path, NetworkWeights(module.architecture, mean, std, *about))


def imported(patch, name: str):
    """The module of a command, or of scripts/measure/NAME.py; `patch` takes the folder
    from the path again."""
    try:
        return importlib.import_module(f"jaxnst.cli.{name}")
    except ModuleNotFoundError:
        patch.syspath_prepend(str(REPOSITORY / "scripts" / "measure"))
        return importlib.import_module(name)


def driver(script, monkeypatch, capsys):
    """A function of a command line's arguments: exit code, stdout, stderr."""
    monkeypatch.setattr(_app, "keep_compiled", lambda: None)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    # No line says how far a run is, however slow the machine.
    monkeypatch.setattr(_progress, "_PAUSES", (math.inf, math.inf))

    def drive(*arguments):
        code = _app.run_module(script, [str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return drive
