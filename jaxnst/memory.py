"""Whether a picture of a given size can fit into memory at all."""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import psutil

from jaxnst.networks.network import Network


def least_bytes(
    network: Network,
    layers: Sequence[str],
    size: tuple[int, ...],
    precision: str = "float32",
) -> int:
    """Bytes that the features alone of one picture take, all layers kept.

    The gradient needs every layer's features up to the deepest: a lower bound, which
    a real run exceeds by a factor of about two to three.

    Args:
        size: (height, width) of the picture.
        precision: of the activations.
    """
    held = network.layers
    deepest = max(held.index(layer) for layer in network.check_layers(layers))
    # After the ReLU alone: it is computed in place of the convolution's output; and
    # of an inception its output alone, which is made of its branches'.
    kept = [n for n in held[: deepest + 1] if not (n.startswith("conv") or "/" in n)]
    image = jax.ShapeDtypeStruct((*size, 3), jnp.float32)
    features = jax.eval_shape(
        lambda x: network(x, kept or layers, precision=precision), image
    )
    return sum(f.dtype.itemsize * math.prod(f.shape) for f in features.values())


def available_bytes() -> int:
    """Bytes that this process could still get on the device that JAX uses."""
    device = jax.local_devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"]) - int(stats.get("bytes_in_use", 0))
    return int(psutil.virtual_memory().available)


def items_that_fit(
    bytes_of: Callable[[int], int],
    count: int,
    guess: int,
    *,
    multiple: int,
    budget: int,
) -> int:
    """The largest number of items whose computation stays within a budget, or nearly.

    Bytes grow linearly with items, or slower; two or three looks find it.

    Args:
        bytes_of: bytes that so many items take, as the compiler says; costly.
        count: items there are; more than these, rounded up, are never needed.
        guess: where to look first.
        multiple: the number is one of these (the devices).
        budget: in bytes.

    Raises:
        MemoryError: not even `multiple` items fit.
    """
    most = -(-count // multiple) * multiple

    def whole(items: float) -> int:
        return int(min(max(items // multiple, 1) * multiple, most))

    items = whole(guess)
    fits = 0
    while True:
        needed = bytes_of(items)
        if needed <= budget:
            fits = items
        elif items == multiple:
            raise MemoryError(
                f"{items} at once need {needed / 2**30:.1f} GiB of memory, the budget "
                f"is {budget / 2**30:.1f} GiB; choose a smaller size or a larger budget"
            )
        wanted = whole(items * budget / needed)
        # Up only where it is worth another compilation, down always.
        if fits and wanted < 1.5 * fits and not (wanted == most > fits):
            return fits
        if needed > budget:
            wanted = min(wanted, items - multiple)
        if fits and wanted <= fits:
            return fits
        items = wanted


def check_memory(
    network: Network,
    layers: Sequence[str],
    size: tuple[int, ...],
    precision: str = "float32",
) -> None:
    """Raise MemoryError if a picture of that (height, width) cannot fit.

    Without it the system would end the process, without a word, when memory runs out.
    """
    needed = least_bytes(network, layers, size, precision)
    free = available_bytes()
    if needed > free:
        raise MemoryError(
            f"{size[1]} x {size[0]} pixels need at least {needed / 2**30:.1f} GiB "
            f"of memory and {free / 2**30:.1f} GiB are free; choose a smaller size"
        )
