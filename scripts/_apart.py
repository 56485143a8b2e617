"""Measuring in a process of its own, and the memory that it took."""

import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import jax


def peak() -> float:
    """GiB that this process held at most: of the device, or of memory on a CPU."""
    stats = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in stats:
        return float(stats["peak_bytes_in_use"]) / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def device() -> str:
    return str(jax.local_devices()[0].device_kind)


def apart(function: Callable[..., Any], *given: Any) -> Any:
    """The function in a new process: what one held before is not in another's peak, nor
    does this one, which uses no device, keep a GPU's memory from it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *given).result()
