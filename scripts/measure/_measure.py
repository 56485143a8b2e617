"""What the measure scripts share: options, new processes, peak memory."""

import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jax

import jaxnst
from jaxnst import Network
from jaxnst.cli._app import Common
from jaxnst.cli._parser import option
from jaxnst.networks.random_weights import random_vgg

RANDOM = "random"


@dataclass(frozen=True, kw_only=True)
class MeasureArguments(Common):
    """Options of every measurement."""

    content: Path = option(positional=True, metavar="PHOTO")
    """The photograph."""
    style: Path = option(positional=True, metavar="PAINTING")
    """The painting."""
    network: str = "vgg19-lite"
    """Feature network."""
    weights: str | None = None
    """Weights of the network: a file, the name of a source, or "random": a full VGG-19
    of random numbers, which takes as much time and memory."""

    def load_network(self) -> Network:
        if self.weights == RANDOM:
            if self.network != "vgg19":
                raise ValueError("--weights random is for --network vgg19")
            return random_vgg(jax.random.key(0))
        return jaxnst.load_network(self.network, weights=self.weights)


def peak_memory() -> float:
    """Peak memory of this process in GiB: of the device, or of the host on a CPU."""
    stats = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in stats:
        return float(stats["peak_bytes_in_use"]) / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def device_name() -> str:
    return str(jax.local_devices()[0].device_kind)


def in_new_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function in a new process, so that its peak memory is its own; this
    process uses no device and keeps no GPU memory from it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()
