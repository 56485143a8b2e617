"""Time the parts of a step one by one: each layer there and back, pooling, statistics.

    python scripts/measure/measure_layers.py --networks vgg19 vgg19-lite --size 256

Every part is compiled and run alone, on random features of its shape; the whole step
is that of `bench.py`, and all are timed in turn. A convolution's limit is the time that
its multiplications alone would take at the rate of a large matrix product, Winograd's
where that algorithm computes it: a quarter of the definition's. The full VGG-19's
weights are random, which does not change the time.
"""

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from _bench import (
    Call,
    Workload,
    jaxnst_call,
    matrix_rate,
    named_network,
    steps_per_call,
    time_interleaved,
)
from _measure import device_name
from jax import Array

from jaxnst import Config, Network, gram_matrix, style_loss
from jaxnst.cli._app import Common, run_module
from jaxnst.networks import conv, packed_conv, pooling, winograd
from jaxnst.networks.vgg import layer_table

_SHORTEST = 0.05  # seconds of a timed call, so that starting it does not count
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    networks: tuple[Literal["vgg19", "vgg19-lite"], ...] = ("vgg19", "vgg19-lite")
    """The full VGG-19, and the one that comes with jaxnst."""
    size: int = 256
    """Side of the square picture in pixels."""
    repeats: int = 5
    """Timed calls, of which the median counts."""


@dataclass(frozen=True)
class Part:
    """Of a step.

    Attributes:
        calls: compiled; of a convolution "forward" and "gradient", to the features that
            it takes, of others "both".
        operations: of one call; None for all but convolutions.
        algorithm: that computes it.
    """

    name: str
    shape: tuple[int, ...]
    calls: dict[str, Callable[[], Any]]
    operations: float | None = None
    algorithm: str = ""


def keep_freed_memory() -> None:
    """Have the C library keep what is freed, where it can (glibc).

    Within a step parts take their memory from one block. Alone each would have it from
    the system, whose zeroing takes as long as a convolution.
    """
    if sys.platform == "win32":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
            mallopt(option, 2**31 - 1)


def compiled_call(function: Callable[..., Any], *arguments: Array) -> Callable[[], Any]:
    compiled = jax.jit(function).lower(*arguments).compile()
    return lambda: jax.block_until_ready(compiled(*arguments))


def convolution_part(name: str, shape: tuple[int, ...], tensors: Any) -> Part:
    """A convolution of features of a shape (H, W, I) with its bias."""
    kernel, bias = tensors["kernel"], tensors["bias"]
    prepared = conv.prepare_kernel(kernel)
    inputs, outputs = kernel.shape[2:]
    keys = jax.random.split(jax.random.key(0))
    x = jax.random.uniform(keys[0], shape)
    cotangent = jax.random.normal(keys[1], (*shape[:2], outputs))

    def convolve(x: Array) -> Array:
        return conv.conv2d(x, kernel, bias, padding="zeros", prepared=prepared)

    def gradient(x: Array, cotangent: Array) -> Array:
        return jax.vjp(convolve, x)[1](cotangent)[0]

    by_winograd = "convolution" not in jax.jit(convolve).lower(x).as_text()
    if by_winograd and isinstance(prepared, winograd.Kernels):
        tile = 6 if prepared.forward.shape[0] == 36 else 4
        step = tile - 2
        tiles = -(-shape[0] // step) * -(-shape[1] // step)
        algorithm = f"F({step} x {step})"
        operations = 2.0 * tile**2 * tiles * inputs * outputs
    else:
        packed = isinstance(prepared, packed_conv.Kernels)
        algorithm = "packed" if packed else "convolution"
        operations = 2.0 * 9 * shape[0] * shape[1] * inputs * outputs
    calls = {
        "forward": compiled_call(convolve, x),
        "gradient": compiled_call(gradient, x, cotangent),
    }
    return Part(name, shape, calls, operations, algorithm)


def pooling_part(name: str, shape: tuple[int, ...], kind: str) -> Part:
    """The ReLU before a pooling, the pooling, and the gradient of both."""
    x = jax.random.normal(jax.random.key(1), shape)
    cotangent = jnp.ones((shape[0] // 2, shape[1] // 2, shape[2]))

    def both(x: Array, cotangent: Array) -> tuple[Array, Array]:
        pooled, back = jax.vjp(lambda x: pooling.pool2d(jax.nn.relu(x), kind=kind), x)
        return pooled, back(cotangent)[0]

    return Part(f"ReLU and {name}", shape, {"both": compiled_call(both, x, cotangent)})


def statistic_part(layer: str, shape: tuple[int, ...]) -> Part:
    """A style layer's Gram matrix, its distance from another, and the gradient."""
    x = jax.random.uniform(jax.random.key(2), shape)
    target = gram_matrix(x[::-1] ** 2)

    def loss(x: Array) -> Array:
        return style_loss(gram_matrix(x), target)

    call = compiled_call(jax.value_and_grad(loss), x)
    return Part(f"Gram matrix of {layer}", shape, {"both": call})


def parts_of(network: Network, size: int) -> list[Part]:
    """What a step computes for a square picture, shallow to deep."""
    styles = Config().style_layers
    parts, shape = [], (size, size, 3)
    for name in layer_table(network.module.architecture):
        if name.startswith("pool"):
            if f"conv{int(name[4]) + 1}_1" not in network.params:
                break
            parts.append(pooling_part(name, shape, network.module.pooling))
            shape = (shape[0] // 2, shape[1] // 2, shape[2])
        elif name in network.params:
            tensors = network.params[name]
            parts.append(convolution_part(name, shape, tensors))
            shape = (*shape[:2], tensors["kernel"].shape[3])
            layer = name.replace("conv", "relu")
            if layer in styles:
                parts.append(statistic_part(layer, shape))
    return parts


def repeated(call: Callable[[], Any]) -> tuple[Call, int]:
    """The call so many times that it takes long enough to be timed, and how many."""
    first = time_interleaved({"one": _as_call(call, 1)}, 1)["one"][0]
    times = max(1, round(_SHORTEST / first))
    return _as_call(call, times), times


def _as_call(call: Callable[[], Any], times: int) -> Call:
    def run() -> float:
        for _ in range(times):
            call()
        return 0.0

    return run


def time_parts(
    parts: list[Part], step: Call, steps: int, repeats: int
) -> tuple[list[dict[str, float]], float]:
    """Seconds of the calls of each part, and of a step."""
    calls, times = {"step": step}, {"step": steps}
    for index, part in enumerate(parts):
        for kind, call in part.calls.items():
            key = f"{index} {kind}"
            calls[key], times[key] = repeated(call)
    timed = time_interleaved(calls, repeats)
    seconds = {key: timed[key][0] / times[key] for key in calls}
    of_parts = [
        {kind: seconds[f"{index} {kind}"] for kind in part.calls}
        for index, part in enumerate(parts)
    ]
    return of_parts, seconds["step"]


def format_row(part: Part, seconds: dict[str, float], step: float, rate: float) -> str:
    height, width, channels = part.shape
    cells = [part.name, f"{height} x {width} x {channels}", part.algorithm]
    if part.operations is None:
        cells += ["", "", "", "", ""]
    else:
        limit = part.operations / rate
        cells.append(f"{1e3 * limit:.2f}")
        for kind in ("forward", "gradient"):
            cells += [f"{1e3 * seconds[kind]:.2f}", f"{limit / seconds[kind]:.0%}"]
    spent = sum(seconds.values())
    return f"| {' | '.join(cells)} | {1e3 * spent:.2f} | {spent / step:.0%} |"


def measure(name: str, size: int, repeats: int) -> None:
    """Print the table of a network."""
    network = named_network(name)
    work = Workload(name, size, 1, "float32")
    steps = steps_per_call(work)
    call, _ = jaxnst_call(work, network, steps)
    parts = parts_of(network, size)
    rate = matrix_rate("float32")
    timed, step = time_parts(parts, call, steps, repeats)
    print(f"\n{name}, {size} pixels, a matrix product {rate / 1e9:.0f} GFLOP/s\n")
    print(
        "| part | features | by | limit, ms | forward | of it | gradient | of it "
        "| both, ms | of the step |"
    )
    print("|" + " --- |" * 10)
    for part, seconds in zip(parts, timed, strict=True):
        print(format_row(part, seconds, step, rate))
    rest = step - sum(sum(seconds.values()) for seconds in timed)
    limit = sum(2 * part.operations / rate for part in parts if part.operations)
    print(f"| the rest | | | | | | | | {1e3 * rest:.2f} | {rest / step:.0%} |")
    print(
        f"| a step | | | {1e3 * limit:.2f} | | | | | {1e3 * step:.2f} "
        f"| {limit / step:.0%} of the limit |"
    )


def main(arguments: Arguments) -> None:
    keep_freed_memory()
    print(f"{device_name()}, jax {jax.__version__}")
    for name in arguments.networks:
        measure(name, arguments.size, arguments.repeats)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
