"""Where the tiles of a segment's features lie, and which positions of each are counted.

A segment of the network is a block: some 3 x 3 convolutions, and a pooling over 2 x 2.
Its tiles overlap by as much as the receptive fields of its convolutions alone extend; a
tile at a border ends there. Every position is counted in exactly one tile.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from jaxnst.networks.network import Network
from jaxnst.networks.vgg import Segment

# A tile of a deeper segment may take this many times the memory of one of the image:
# its receptive fields extend over more of it, and what they overlap is computed twice.
_DEEPER = 1


@dataclass(frozen=True)
class Spans:
    """Tiles along one axis, all of one length.

    Attributes:
        size: positions along the axis.
        length: of every tile, with what is not counted.
        core: positions of which every one is counted in one tile or another: of tile i
            those from i times this, even, number; in the last fewer.
        starts: where each tile begins, even numbers.
    """

    size: int
    length: int
    core: int
    starts: tuple[int, ...]

    def counted(self, stride: int) -> list[tuple[int, int]]:
        """The first and last edge of what is counted in every tile, in positions of a
        layer with stride 1 or 2."""
        size, core = self.size // stride, self.core // stride
        numbers = range(len(self.starts))
        return [(number * core, min((number + 1) * core, size)) for number in numbers]

    def masks(self, stride: int) -> np.ndarray:
        """(tiles, length // stride): 1 at the positions of a layer that are counted in
        a tile, 0 elsewhere."""
        starts = [start // stride for start in self.starts]
        return self._masks(starts, self.length // stride, stride)

    def core_masks(self, stride: int) -> np.ndarray:
        """(tiles, core_size): the same of what every tile has to join the whole."""
        return self._masks(self.core_starts(stride), self.core_size(stride), stride)

    def _masks(self, starts: Sequence[int], length: int, stride: int) -> np.ndarray:
        positions = np.array(starts)[:, None] + np.arange(length)
        first, end = np.array(self.counted(stride)).T[..., None]
        return ((first <= positions) & (positions < end)).astype(np.float32)

    def core_size(self, stride: int) -> int:
        """Positions of a layer that every tile has whole: at least all it counts."""
        return min(self.core, self.size) // stride

    def core_starts(self, stride: int) -> list[int]:
        """Where these positions begin, of every tile: the last one's end with the
        layer."""
        last = self.size // stride - self.core_size(stride)
        return [min(first, last) for first, _ in self.counted(stride)]


def spans(size: int, tile: int, radius: int) -> Spans:
    """Tiles over an axis of `size` positions, of which each counts about `tile`.

    Args:
        radius: positions by which a receptive field extends on each side.
    """
    count = max(1, -(-size // max(tile, 2)))
    core = 2 * -(-size // (2 * count))
    # Windows of pooling lie in tiles as in the whole where tiles begin at even numbers;
    # the last one ends with the axis if both lengths are odd, or neither.
    margin = radius + radius % 2
    length = core + 2 * margin + size % 2
    if length >= size:
        return Spans(size, size, size + size % 2, (0,))
    count = -(-size // core)
    starts = [min(max(n * core - margin, 0), size - length) for n in range(count)]
    return Spans(size, length, core, tuple(starts))


@dataclass(frozen=True)
class Tiling:
    """The tiles in which a segment is computed.

    Attributes:
        segment: of the network.
        rows, columns: the tiles along each axis of what it takes.
    """

    segment: Segment
    rows: Spans
    columns: Spans

    def __len__(self) -> int:
        return len(self.rows.starts) * len(self.columns.starts)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a tile of what the segment takes."""
        return self.rows.length, self.columns.length

    @property
    def corners(self) -> np.ndarray:
        """(tiles, 2): row and column at which each begins."""
        return np.array(list(product(self.rows.starts, self.columns.starts)))

    def masks(self, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """Rows (tiles, h, 1) and columns (tiles, 1, w) of a layer: 1 where counted."""
        by = stride(layer)
        return _of_tiles(self.rows.masks(by), self.columns.masks(by))

    def map_size(self, layer: str) -> tuple[int, int]:
        """(height, width) of a layer as a whole."""
        return self.rows.size // stride(layer), self.columns.size // stride(layer)

    def core_size(self, layer: str) -> tuple[int, int]:
        """(height, width) of what every tile has of a layer to join the whole from."""
        by = stride(layer)
        return self.rows.core_size(by), self.columns.core_size(by)

    def core_corners(self, layer: str) -> np.ndarray:
        """(tiles, 2): where that begins."""
        axes = (spans.core_starts(stride(layer)) for spans in (self.rows, self.columns))
        return np.array(list(product(*axes)))

    def core_masks(self, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """Rows (tiles, h, 1) and columns (tiles, 1, w) of it: 1 where counted."""
        by = stride(layer)
        return _of_tiles(self.rows.core_masks(by), self.columns.core_masks(by))


def _of_tiles(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows, h) and (columns, w) for every pair: (tiles, h, 1) and (tiles, 1, w)."""
    by_row = np.repeat(rows, len(columns), axis=0)
    return by_row[:, :, None], np.tile(columns, (len(rows), 1))[:, None, :]


def stride(layer: str) -> int:
    """Positions of what a segment takes for one of a layer of it."""
    return 2 if layer.startswith("pool") else 1


def tilings(
    network: Network, layers: tuple[str, ...], size: tuple[int, int], tile: int
) -> list[Tiling]:
    """The tiles of every segment for an image of (height, width).

    Args:
        tile: side in pixels of what is counted in a tile of the image. Those of deeper
            segments are as large as memory for the image's tiles allows.
    """
    segments = network.segments(layers)
    found: list[Tiling] = []
    for segment in segments:
        side = tile
        if segment.start is not None:
            ratio = _DEEPER * working_width(segments[0]) / working_width(segment)
            side = int(tile * math.sqrt(ratio))
        radius = len(segment.channels) - 1
        rows, columns = (spans(length, side, radius) for length in size)
        found.append(Tiling(segment, rows, columns))
        size = size[0] // 2, size[1] // 2
    return found


def working_width(segment: Segment) -> int:
    """Channels of the two adjoining feature maps of a segment that are widest."""
    return max(sum(pair) for pair in pairwise(segment.channels))
