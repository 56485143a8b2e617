"""Where the tiles of a picture lie, and which positions are their own.

Tiles begin at multiples of the network's stride and overlap by as much as its features
see beyond their own pixels. One at a border of the picture ends there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from jaxnst.losses.config import Config
from jaxnst.networks.network import Network


@dataclass(frozen=True)
class Spans:
    """Tiles along one axis, all of one length, in pixels.

    Attributes:
        length: of every tile.
        starts: where each begins, multiples of the network's stride.
        edges: tile i owns edges[i] to edges[i + 1].
    """

    length: int
    starts: tuple[int, ...]
    edges: tuple[int, ...]

    def extents(self) -> Iterator[tuple[int, int, int]]:
        """Every tile's start and the two ends of what it owns."""
        yield from zip(self.starts, self.edges, self.edges[1:], strict=False)

    def owned(self, stride: int) -> np.ndarray:
        """(tiles, length // stride): 1 at the positions of a layer that are a tile's
        own, 0 elsewhere."""
        place = np.arange(self.length // stride)
        rows = []
        for start, first, end in self.extents():
            at = place + start // stride
            rows.append((first // stride <= at) & (at < end // stride))
        return np.stack(rows).astype(np.float32)


def spans(length: int, tile: int, reach: int, stride: int) -> Spans:
    """Tiles of about `tile` pixels over an axis.

    Args:
        reach: pixels that a feature sees on each side of its own.
        stride: pixels between features of the deepest layer.

    Raises:
        ValueError: the tile is too small for what the features see.
    """
    margin = -(-reach // stride) * stride
    # Features of tiles lie where those of the picture do, and the last tile ends with
    # the picture, if what the stride leaves over is the same.
    tile = tile // stride * stride + length % stride
    if length <= tile:
        return Spans(length, (0,), (0, length))
    step = (tile - 2 * margin) // stride * stride
    if step < stride:
        raise ValueError(
            f"a tile of {tile} pixels is too small: the deepest layer sees {margin} "
            f"pixels on every side; choose at least {2 * margin + 2 * stride}"
        )
    last = length - tile
    starts = (*range(0, last, step), last)
    edges = (0, *(start + margin for start in starts[1:]), length)
    return Spans(tile, starts, edges)


@dataclass(frozen=True)
class Tiling:
    """The tiles of a picture of one size for the layers of a network."""

    rows: Spans
    columns: Spans
    layers: tuple[tuple[str, int], ...]

    @property
    def strides(self) -> dict[str, int]:
        """Pixels from one feature of a layer to the next."""
        return dict(self.layers)

    @classmethod
    def of(cls, network: Network, config: Config, size: tuple[int, int]) -> "Tiling":
        """Tiles of `config.tile` pixels; raises ValueError as `spans`."""
        assert config.tile is not None
        reach, strides = network.reach(config.layers)
        stride = max(strides.values())
        rows, columns = (spans(side, config.tile, reach, stride) for side in size)
        return cls(rows, columns, tuple(strides.items()))

    def __len__(self) -> int:
        return len(self.rows.starts) * len(self.columns.starts)

    @property
    def corners(self) -> np.ndarray:
        """(tiles, 2): row and column at which each begins."""
        return np.array(list(product(self.rows.starts, self.columns.starts)))

    def masks(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """{layer: own rows (tiles, h, 1), own columns (tiles, 1, w)} of every tile."""
        found = {}
        for layer, stride in self.strides.items():
            rows, columns = self.rows.owned(stride), self.columns.owned(stride)
            down = np.repeat(rows, len(columns), axis=0)
            across = np.tile(columns, (len(rows), 1))
            found[layer] = down[:, :, None], across[:, None, :]
        return found
