"""Time a step of the compiled loop against PyTorch, interleaved in one run.

    python scripts/bench.py --sizes 256 512

Both do the same work on the same weights: VGG-19 to relu5_1, the Gram objective, its
gradient to the picture and a step of Adam, float32. The full VGG-19's weights are
random, which does not change the time. Without torch its columns stay empty. Only
ratios within one run mean anything: machines differ, and shared ones drift.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
from _cli import Common, run

from jaxnst import Config, Network, Weights, load_network, make_targets, optimizers
from jaxnst.loop import init_state, run_steps
from jaxnst.networks.vgg import VGG, convolutions

_FULL = (64, 128, 256, 512, 512)
_CALL = 4  # steps in one timed call


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    sizes: tuple[int, ...] = (256, 512)
    """Sides of the square pictures in pixels."""
    repeats: int = 5
    """Timed calls, of which the median counts."""


def random_network(widths: tuple[int, ...]) -> Network:
    """VGG-19 through conv5_1 with He-scaled random kernels."""
    names = [n for n in convolutions("vgg19") if n <= "conv5_1"]
    channels = tuple(widths[int(name[4]) - 1] for name in names)
    module = VGG("vgg19", channels)
    keys = jax.random.key(0), jnp.zeros((16, 16, 3)), ("relu5_1",)
    params: Any = module.init(*keys)["params"]
    return Network(module, params, jnp.full(3, 0.45), jnp.full(3, 0.225))


def ours(network: Network, content: Any, style: Any) -> tuple[Callable[[], float], int]:
    """A call of `_CALL` steps that returns the loss, and the bytes that it takes."""
    config, factory = Config(), optimizers.as_factory(optimizers.adam())
    targets = make_targets(network, content, style, config)
    arguments = (network, targets, Weights(), factory, config, 0.0, _CALL)
    state = init_state(content, factory)
    compiled = run_steps.lower(state, *arguments).compile()
    analysis: Any = compiled.memory_analysis()

    def call() -> float:
        nonlocal state
        state, trace = compiled(state, *arguments)
        return float(trace["loss"][_CALL - 1])

    return call, analysis.temp_size_in_bytes + analysis.argument_size_in_bytes


def theirs(network: Network, content: Any, style: Any) -> Callable[[], float] | None:
    """The same in PyTorch, or None where it is not installed."""
    if find_spec("torch") is None:
        return None
    from _peer import Peer

    peer = Peer(network, content, style)
    return lambda: peer.run(_CALL)


def timed(call: Callable[[], float]) -> tuple[float, float]:
    began = time.perf_counter()
    loss = call()
    return (time.perf_counter() - began) / _CALL, loss


def networks() -> dict[str, Network]:
    return {"vgg19": random_network(_FULL), "vgg19-lite": load_network("vgg19-lite")}


def main(arguments: Arguments) -> None:
    print(f"{jax.local_devices()[0].device_kind}, jax {jax.__version__}\n")
    print("| network | size | step | PyTorch | ratio | losses after | memory per MP |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    ours_by_size: dict[int, list[float]] = {size: [] for size in arguments.sizes}
    for name, network in networks().items():
        for size in arguments.sizes:
            keys = jax.random.split(jax.random.key(size))
            content, style = (jax.random.uniform(k, (size, size, 3)) for k in keys)
            call, needed = ours(network, content, style)
            peer = theirs(network, content, style)
            calls = [c for c in (call, peer) if c is not None]
            # One round to warm up, then in turn, so that a drift meets both alike.
            rounds = [[timed(c) for c in calls] for _ in range(arguments.repeats + 1)]
            steps = [
                statistics.median(r[i][0] for r in rounds[1:])
                for i in range(len(calls))
            ]
            losses = ", ".join(f"{loss:.4g}" for _, loss in rounds[-1])
            peers = f"{steps[1]:.3f} s | {steps[1] / steps[0]:.2f}" if peer else " | "
            memory = needed / 2**30 / (size * size / 1e6)
            print(
                f"| {name} | {size} | {steps[0]:.3f} s | {peers} | {losses} "
                f"| {memory:.2f} GiB |",
                flush=True,
            )
            ours_by_size[size].append(steps[0])
    for size, (full, lite) in ours_by_size.items():
        print(f"\nat {size} a step of vgg19-lite is {full / lite:.1f} times faster")


if __name__ == "__main__":
    sys.exit(run(Arguments, main))
