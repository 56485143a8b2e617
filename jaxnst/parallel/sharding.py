"""One large picture on several devices, split by rows: `split_rows`."""

from collections.abc import Sequence
from dataclasses import replace

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxnst import _checks
from jaxnst.networks.network import Network, check_network


def split_rows(
    network: Network, content: Array, *, devices: Sequence[jax.Device] | None = None
) -> tuple[Network, Array]:
    """Network and photograph placed so that `stylize` runs on all devices at once.

        network, content = split_rows(network, content)
        result = stylize(network, content, style)

    Each device holds its rows of the picture and of every feature map, and the whole
    network. The compiler exchanges the rows that convolutions see beyond a device's own
    and sums statistics over devices; the result is that of one device but for rounding.

    Args:
        content: (H, W, 3); H a multiple of the number of devices.
        devices: None, all local ones.

    Raises:
        ValueError: rows that cannot be divided evenly.
    """
    _checks.check_not_traced("split_rows", network, content)
    network = check_network(network)
    content = _checks.check_image(content, "content")
    listed = list(jax.local_devices() if devices is None else devices)
    rows = content.shape[0]
    if rows % len(listed):
        fits = rows - rows % len(listed)
        raise ValueError(
            f"{rows} rows cannot be divided between {len(listed)} devices; resize the "
            f"content to {fits} rows, or give fewer devices"
        )
    mesh = Mesh(np.array(listed), ("rows",))
    everywhere = NamedSharding(mesh, PartitionSpec())
    placed = replace(
        network,
        kernels=None,  # Winograd's tiles do not follow rows
        **{
            name: jax.device_put(getattr(network, name), everywhere)
            for name in ("params", "mean", "std")
        },
    )
    return placed, jax.device_put(content, NamedSharding(mesh, PartitionSpec("rows")))
