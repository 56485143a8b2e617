"""Training images: random crops with augmentation, and dead leaves.

Every batch is a function of the seed and its number alone, so that training can be
interrupted anywhere and go on as if it had not been.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxnst import images

Pixels = np.ndarray  # (H, W, 3), RGB in [0, 1], float32

_SHRINK = 2**0.5  # between two levels of an image pyramid


def read_pyramid(path: Path, min_side: int) -> list[np.ndarray]:
    """An image, 8 bits, at its own size and ever smaller ones down to `min_side`."""
    image = images.read_picture(path).image
    height, width = image.shape[:2]
    if min(height, width) < min_side:
        raise ValueError(
            f"{path} is {width} x {height} pixels, crops need {min_side} on each side; "
            "remove it, or choose a smaller crop"
        )
    levels = []
    while min(height, width) >= min_side:
        resized = images.resize_pixels(image, (round(height), round(width)))
        levels.append(np.round(resized * 255).astype(np.uint8))
        height, width = height / _SHRINK, width / _SHRINK
    return levels


class Crops:
    """Batches of training images.

    Args:
        paths: of image files.
        side: of a crop in pixels.
        count: crops in a batch, of which `leaves` are dead leaves.
        seed: of everything random.
        augmentation: how often crops are augmented, 0 never, 1 as usual.
        mix_and_noise: whether augmentation includes mixing two crops, and noise.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        side: int,
        count: int,
        leaves: int,
        seed: int,
        augmentation: float = 1.0,
        mix_and_noise: bool = True,
    ) -> None:
        self.pyramids = [read_pyramid(path, side) for path in paths]
        self.side, self.count, self.leaves, self.seed = side, count, leaves, seed
        self.augmentation, self.mix_and_noise = augmentation, mix_and_noise

    def batch(self, number: int) -> Pixels:
        """Batch `number`: (count, side, side, 3)."""
        rng = np.random.default_rng([self.seed, number])
        batch = [self.dead_leaves(rng) for _ in range(self.leaves)]
        batch += [self.augmented_crop(rng) for _ in range(self.count - self.leaves)]
        return np.stack(batch)

    def crop(self, rng: np.random.Generator) -> Pixels:
        """A random square of a random level of a random image, mirrored or not."""
        pyramid = self.pyramids[rng.integers(len(self.pyramids))]
        image = pyramid[rng.integers(len(pyramid))]
        top, left = (rng.integers(n - self.side + 1) for n in image.shape[:2])
        square = image[top : top + self.side, left : left + self.side]
        return square[:, :: rng.choice([-1, 1])].astype(np.float32) / 255

    def augmented_crop(self, rng: np.random.Generator) -> Pixels:
        """A crop with other colours and contrast, sometimes mixed or noisy.

        Optimised images lie between content and style images and begin noisy; the
        features of a network that never saw such would misguide the optimisation.
        """
        square = self.crop(rng)
        if self.mix_and_noise and rng.random() < 0.2 * self.augmentation:
            share = np.float32(rng.random())
            square = share * square + (1 - share) * self.crop(rng)
        square = jitter_colors(square, rng, self.augmentation)
        if self.mix_and_noise and rng.random() < 0.3 * self.augmentation:
            square = square + sample_noise(square.shape, rng)
        return np.clip(square, 0, 1)

    def dead_leaves(self, rng: np.random.Generator, leaves: int = 300) -> Pixels:
        """Overlapping discs with the colours of a crop and areas as of natural images.

        Radii with density r^-3 make an image whose statistics do not change with its
        scale (Lee, Mumford and Huang, IJCV 2001). Drawn twice as large, for smooth
        edges.
        """
        size = 2 * self.side
        colours = jitter_colors(self.crop(rng), rng).reshape(-1, 3)
        smallest, largest = 2.0, size / 2
        share = rng.random(leaves)
        radii = smallest / np.sqrt(1 - share * (1 - (smallest / largest) ** 2))
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
            shaded = colours[rng.integers(len(colours))] * shade[..., None]
            canvas[top:bottom, left:right][leaf] = shaded[leaf]
        halves = canvas.reshape(self.side, 2, self.side, 2, 3).mean((1, 3))
        return np.clip(halves, 0, 1).astype(np.float32)


def jitter_colors(
    square: Pixels, rng: np.random.Generator, augmentation: float = 1.0
) -> Pixels:
    """Random gamma, contrast, brightness and colour balance, or permuted channels."""
    if rng.random() < 1 - 0.5 * augmentation:
        return square
    if rng.random() < 0.3:
        square = square[..., rng.permutation(3)]
    square = np.clip(square, 0, 1) ** np.float32(np.exp(rng.normal() * 0.25))
    mix = np.eye(3) + rng.normal(size=(3, 3)) * 0.12
    middle = square.mean((0, 1))
    shifted = (square - middle) @ mix * np.exp(rng.normal() * 0.3)
    shifted = shifted + middle + rng.normal() * 0.05
    return np.clip(shifted, 0, 1).astype(np.float32)


def sample_noise(shape: tuple[int, ...], rng: np.random.Generator) -> Pixels:
    """White noise, or noise in blocks of 2 x 2."""
    strength = rng.random() * 0.15
    if rng.random() < 0.5:
        return (rng.normal(size=shape) * strength).astype(np.float32)
    height, width = shape[:2]
    coarse = rng.normal(size=((height + 1) // 2, (width + 1) // 2, 3)) * strength
    return coarse.repeat(2, 0).repeat(2, 1)[:height, :width].astype(np.float32)
