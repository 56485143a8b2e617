"""The workloads of bench.py: what is timed, and what it takes."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import jax
import jax.numpy as jnp

from jaxnst import Config, Network, Weights, load_network, make_targets
from jaxnst.networks.random_weights import random_vgg
from jaxnst.optimize import optimizers
from jaxnst.optimize.loop import init_state, run_steps
from jaxnst.optimize.memory import compiled_bytes

Call = Callable[[], float]


@dataclass(frozen=True)
class Workload:
    """So many square pictures in a network, in a precision."""

    network: str
    size: int
    batch: int
    precision: str


def steps_per_call(work: Workload) -> int:
    """Steps of a call: more where a step is short, so that the overhead is small."""
    if jax.default_backend() != "cpu":
        return 20
    return 4 if work.batch == 1 else 1


def named_network(name: str) -> Network:
    """vgg19-lite, or a full VGG-19 with random weights, which take the same time."""
    return random_vgg(jax.random.key(0)) if name == "vgg19" else load_network(name)


def pictures(work: Workload) -> tuple[jax.Array, jax.Array]:
    """Random photographs and paintings, (N, H, W, 3) each."""
    keys = jax.random.split(jax.random.key(work.size))
    shape = work.batch, work.size, work.size, 3
    contents, styles = (jax.random.uniform(key, shape) for key in keys)
    return contents, styles


def jaxnst_call(work: Workload, network: Network, steps: int) -> tuple[Call, int]:
    """A call of so many steps that returns the loss a picture; the bytes it takes."""
    config = Config(precision=work.precision)  # type: ignore[arg-type]
    factory = optimizers.as_factory(optimizers.adam())
    network = network.prepared(config.layers, work.precision)
    targets = jax.vmap(lambda c, s: make_targets(network, c, s, config))(
        *pictures(work)
    )
    numbers = jax.tree.map(
        lambda x: jnp.full(work.batch, x, jnp.float32), (Weights(), factory, 0.0)
    )
    state = jax.vmap(init_state)(pictures(work)[0], numbers[1])
    arguments = (network, targets, numbers[0], numbers[1], config, numbers[2])
    compiled = run_steps.lower(
        state, *arguments, steps, target_axis="per_item"
    ).compile()

    def call() -> float:
        nonlocal state
        state, trace = compiled(state, *arguments, steps)
        return float(trace["loss"][steps - 1].mean())

    return call, compiled_bytes(compiled)


def torch_calls(
    work: Workload, network: Network, steps: int, *, compiled: bool
) -> dict[str, Call]:
    """The same in PyTorch in each of its layouts; none where it is not installed.

    Args:
        compiled: whether by `torch.compile`, in place of eagerly.
    """
    if find_spec("torch") is None:
        return {}
    from _peer import LAYOUTS, Peer

    calls: dict[str, Call] = {}
    for layout in LAYOUTS:
        peer = Peer(
            network,
            *pictures(work),
            layout=layout,
            precision=work.precision,
            compiled=compiled,
        )
        name = f"{layout}, compiled" if compiled else layout
        calls[name] = partial(peer.run, steps)
    return calls


def time_interleaved(
    calls: dict[str, Call], repeats: int
) -> dict[str, tuple[float, float]]:
    """{name: (median seconds, loss in the end)}, after one round to warm up.

    In turn, so that a drift of the machine meets all alike.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    losses: dict[str, float] = {}
    for _ in range(repeats + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            losses[name] = call()
            seconds[name].append(time.perf_counter() - began)
    return {
        name: (statistics.median(times[1:]), losses[name])
        for name, times in seconds.items()
    }


def count_operations(network: Network, size: int) -> float:
    """Operations of the convolutions in a step for one picture, there and back."""
    total = 0.0
    for name, part in network.params.items():
        height, width, channels, features = part["kernel"].shape
        side = size >> (int(name[4]) - 1)
        total += 2.0 * height * width * channels * features * side * side
    return 2 * total


def matrix_rate(precision: str, side: int | None = None) -> float:
    """Operations a second of a matrix product: what the machine could do.

    Args:
        side: of the matrices; by default 2048, on an accelerator 8192, where a smaller
            product is over before the call is.
    """
    if side is None:
        side = 2048 if jax.default_backend() == "cpu" else 8192
    keys = jax.random.split(jax.random.key(0))
    left, right = (jax.random.normal(key, (side, side), precision) for key in keys)
    product = jax.jit(jnp.matmul)
    calls: dict[str, Call] = {"product": lambda: float(product(left, right)[0, 0])}
    return 2.0 * side**3 / time_interleaved(calls, 5)["product"][0]


def time_commands(pictures: Sequence[Path], options: Sequence[str]) -> dict[str, float]:
    """Seconds of whole commands, each a process of its own.

    The second run finds the code that the first compiled, if that was new.
    """
    out = pictures[0].with_name("bench.png")
    paint = ["-m", "jaxnst", *map(str, pictures), "--network", "vgg19-lite"]
    paint += [*options, "-o", str(out)]
    seconds = {}
    for name, words in {
        "import jaxnst": ["-c", "import jaxnst"],
        "jaxnst --help": ["-m", "jaxnst", "stylize", "--help"],
        "a picture, first run": paint,
        "a picture, second run": paint,
    }.items():
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        seconds[name] = time.perf_counter() - began
    return seconds
