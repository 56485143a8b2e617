"""Pictures to train on: random crops, changed at random, and dead leaves.

Every batch is a function of the seed and its number alone, so that training can be
interrupted anywhere and go on as if it had not been.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxnst import images

Pixels = np.ndarray  # (H, W, 3), RGB in [0, 1], float32

_SHRINK = 2**0.5  # between the sizes at which a picture is kept


def read_sizes(path: Path, least: int) -> list[np.ndarray]:
    """A picture, 8 bits, at its own size and ever smaller ones down to `least`."""
    picture = images.read_picture(path).image
    height, width = picture.shape[:2]
    if min(height, width) < least:
        raise ValueError(
            f"{path} is {width} x {height} pixels, crops need {least} on each side; "
            "remove it, or choose a smaller crop"
        )
    sizes = []
    while min(height, width) >= least:
        shrunk = images.resize_pixels(picture, (round(height), round(width)))
        sizes.append(np.round(shrunk * 255).astype(np.uint8))
        height, width = height / _SHRINK, width / _SHRINK
    return sizes


class Crops:
    """Batches of training pictures.

    Args:
        paths: of pictures.
        side: of a crop in pixels.
        count: crops in a batch, of which `leaves` are dead leaves.
        seed: of everything random.
        changes: what share of the usual changes is made.
        spoil: whether crops are mixed and made noisy, too.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        side: int,
        count: int,
        leaves: int,
        seed: int,
        changes: float = 1.0,
        spoil: bool = True,
    ) -> None:
        self.pictures = [read_sizes(path, side) for path in paths]
        self.side, self.count, self.leaves, self.seed = side, count, leaves, seed
        self.changes, self.spoil = changes, spoil

    def batch(self, number: int) -> Pixels:
        """Batch `number`: (count, side, side, 3)."""
        rng = np.random.default_rng([self.seed, number])
        made = [self.dead_leaves(rng) for _ in range(self.leaves)]
        made += [self.changed(rng) for _ in range(self.count - self.leaves)]
        return np.stack(made)

    def crop(self, rng: np.random.Generator) -> Pixels:
        """A square out of any picture at any of its sizes, mirrored or not."""
        sizes = self.pictures[rng.integers(len(self.pictures))]
        picture = sizes[rng.integers(len(sizes))]
        top, left = (rng.integers(n - self.side + 1) for n in picture.shape[:2])
        square = picture[top : top + self.side, left : left + self.side]
        return square[:, :: rng.choice([-1, 1])].astype(np.float32) / 255

    def changed(self, rng: np.random.Generator) -> Pixels:
        """A crop with other colours and contrast, at times two in one, or noisy.

        Optimised pictures lie between photographs and paintings and begin noisy; a
        network that never saw such would lead them astray.
        """
        square = self.crop(rng)
        if self.spoil and rng.random() < 0.2 * self.changes:
            share = np.float32(rng.random())
            square = share * square + (1 - share) * self.crop(rng)
        square = recoloured(square, rng, self.changes)
        if self.spoil and rng.random() < 0.3 * self.changes:
            square = square + noise(square.shape, rng)
        return np.clip(square, 0, 1)

    def dead_leaves(self, rng: np.random.Generator, leaves: int = 300) -> Pixels:
        """Overlapping discs with the colours of a crop and areas as in nature.

        Radii with density r^-3 make a picture whose statistics do not change with its
        scale (Lee, Mumford and Huang, IJCV 2001). Drawn twice as large, for smooth
        edges.
        """
        size = 2 * self.side
        colours = recoloured(self.crop(rng), rng).reshape(-1, 3)
        lowest, highest = 2.0, size / 2
        share = rng.random(leaves)
        radii = lowest / np.sqrt(1 - share * (1 - (lowest / highest) ** 2))
        canvas = np.empty((size, size, 3), np.float32)
        canvas[:] = colours[rng.integers(len(colours))]
        for radius in radii:
            y, x = rng.random(2) * size
            top, left = (max(0, int(centre - radius)) for centre in (y, x))
            bottom, right = (min(size, int(c + radius) + 2) for c in (y, x))
            down = np.arange(top, bottom)[:, None] - y
            across = np.arange(left, right)[None] - x
            leaf = down**2 + across**2 < radius**2
            shade = 1 + (down * rng.normal() + across * rng.normal()) * 0.15 / radius
            paint = colours[rng.integers(len(colours))] * shade[..., None]
            canvas[top:bottom, left:right][leaf] = paint[leaf]
        halves = canvas.reshape(self.side, 2, self.side, 2, 3).mean((1, 3))
        return np.clip(halves, 0, 1).astype(np.float32)


def recoloured(
    square: Pixels, rng: np.random.Generator, changes: float = 1.0
) -> Pixels:
    """Another gamma, contrast, brightness and balance of colours, or other hues."""
    if rng.random() < 1 - 0.5 * changes:
        return square
    if rng.random() < 0.3:
        square = square[..., rng.permutation(3)]
    square = np.clip(square, 0, 1) ** np.float32(np.exp(rng.normal() * 0.25))
    mix = np.eye(3) + rng.normal(size=(3, 3)) * 0.12
    middle = square.mean((0, 1))
    moved = (square - middle) @ mix * np.exp(rng.normal() * 0.3)
    moved = moved + middle + rng.normal() * 0.05
    return np.clip(moved, 0, 1).astype(np.float32)


def noise(shape: tuple[int, ...], rng: np.random.Generator) -> Pixels:
    """White noise, or noise in blocks of 2 x 2."""
    strength = rng.random() * 0.15
    if rng.random() < 0.5:
        return (rng.normal(size=shape) * strength).astype(np.float32)
    height, width = shape[:2]
    coarse = rng.normal(size=((height + 1) // 2, (width + 1) // 2, 3)) * strength
    return coarse.repeat(2, 0).repeat(2, 1)[:height, :width].astype(np.float32)
