"""Scripts in this process: weights files for them, and a way to run them."""

import importlib
import sys
import warnings
from pathlib import Path

import numpy as np
from conftest import REPOSITORY
from networks import MEAN, STD, narrow_network

from jaxnst.weights import NetworkWeights, write_weights


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
    """The module of scripts/NAME.py; `patch` takes the folder from the path again."""
    patch.syspath_prepend(str(REPOSITORY / "scripts"))
    return importlib.import_module(name)


def driver(script, monkeypatch, capsys):
    """A function of a command line's arguments: exit code, stdout, stderr."""
    monkeypatch.setattr("_cli.keep_compiled", lambda: None)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    defaults = [script.defaults] if hasattr(script, "defaults") else []

    def drive(*arguments):
        monkeypatch.setattr(sys, "argv", [script.__name__, *map(str, arguments)])
        try:
            code = script.run(script.Arguments, script.main, *defaults)
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return drive
