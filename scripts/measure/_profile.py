"""Where the time of a call goes, by the compiled code's operations."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import jax

# What they take is that of the operations within.
_OUTER = ("while", "call", "conditional")


def profile_call(call: Callable[[], object], folder: Path) -> dict[str, float]:
    """{kind of operation: its share of the time}, the longest first.

    `folder` keeps the trace, for Perfetto or TensorBoard. Operations that differ in a
    number at the end of their names alone are of a kind. On a CPU those that run side
    by side count each.
    """
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0
    before = set(folder.rglob("*.trace.json.gz"))
    with jax.profiler.trace(str(folder), profiler_options=options):
        call()
    new = set(folder.rglob("*.trace.json.gz")) - before
    durations: Counter[str] = Counter()
    for path in new:
        with gzip.open(path) as file:
            events = json.load(file)["traceEvents"]
        for event in events:
            operation = event.get("args", {}).get("hlo_op")
            if operation is None or operation.startswith(_OUTER):
                continue
            durations[re.sub(r"[.\d]+$", "", operation)] += event["dur"]
    whole = sum(durations.values())
    return {kind: time / whole for kind, time in durations.most_common()}
