"""Where the tiles of an image lie, and which positions of each are counted.

Tiles begin at multiples of the network's stride and overlap by as much as its receptive
fields extend. A tile at a border of the image ends there. Every position of a layer is
counted in exactly one tile.
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
        edges: of tile i, pixels edges[i] to edges[i + 1] are counted.
    """

    length: int
    starts: tuple[int, ...]
    edges: tuple[int, ...]

    def extents(self) -> Iterator[tuple[int, int, int]]:
        """Every tile's start, and the first and last edge of what is counted in it."""
        yield from zip(self.starts, self.edges, self.edges[1:], strict=False)

    def masks(self, stride: int) -> np.ndarray:
        """(tiles, length // stride): 1 at the positions of a layer that are counted in
        a tile, 0 elsewhere."""
        offsets = np.arange(self.length // stride)
        masks = []
        for start, first, end in self.extents():
            positions = offsets + start // stride
            masks.append((first // stride <= positions) & (positions < end // stride))
        return np.stack(masks).astype(np.float32)


def spans(length: int, tile: int, reach: int, stride: int) -> Spans:
    """Tiles of about `tile` pixels over an axis of `length` pixels.

    Args:
        reach: pixels by which a receptive field extends on each side.
        stride: pixels between features of the deepest layer.

    Raises:
        ValueError: the tile is too small for the receptive fields.
    """
    margin = -(-reach // stride) * stride
    # Features of tiles lie where those of the image do, and the last tile ends with the
    # image, if the remainder by the stride is the same.
    given, tile = tile, tile // stride * stride + length % stride
    if length <= tile:
        return Spans(length, (0,), (0, length))
    step = (tile - 2 * margin) // stride * stride
    if step < stride:
        raise ValueError(
            f"a tile of {given} pixels is too small: the deepest layer sees {margin} "
            f"pixels on every side; choose at least {2 * margin + 2 * stride}"
        )
    last = length - tile
    starts = (*range(0, last, step), last)
    edges = (0, *(start + margin for start in starts[1:]), length)
    return Spans(tile, starts, edges)


@dataclass(frozen=True)
class Tiling:
    """The tiles of an image of one size for the layers of a network.

    Attributes:
        rows, columns: the tiles along each axis.
        layers: (name, stride) of each layer.
    """

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
        """{layer: (rows (tiles, h, 1), columns (tiles, 1, w))}: 1 where counted."""
        masks = {}
        for layer, stride in self.strides.items():
            rows, columns = self.rows.masks(stride), self.columns.masks(stride)
            rows_of_tiles = np.repeat(rows, len(columns), axis=0)
            columns_of_tiles = np.tile(columns, (len(rows), 1))
            masks[layer] = rows_of_tiles[:, :, None], columns_of_tiles[:, None, :]
        return masks
