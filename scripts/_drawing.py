"""What both sample pictures are drawn with.

Coordinates: x to the right in [0, 4/3], y downwards in [0, 1]; masks are (H, W),
pictures (H, W, 3). Both pictures are drawn at twice their size, for smooth edges.
"""

import numpy as np

from jaxnst.images import resize

HEIGHT, WIDTH = 384, 512
Array = np.ndarray


def pixels() -> Array:
    """y and x of the pixel centres, (2, H, W)."""
    return (np.mgrid[: 2 * HEIGHT, : 2 * WIDTH] + 0.5) / (2 * HEIGHT)


def octaves(seed: int, y: Array, x: Array, count: int = 5) -> Array:
    """Smooth noise in [0, 1], `count` layers, each twice as fine and fainter."""
    lattice = np.random.default_rng(seed).random((64, 64))
    total, weight = np.zeros(np.broadcast_shapes(y.shape, x.shape)), 1.0
    for k in range(count):
        row, column = np.floor(y * 2**k).astype(int), np.floor(x * 2**k).astype(int)
        v, u = ramp(y * 2**k - row), ramp(x * 2**k - column)
        row, column = row + 17 * k, column + 29 * k
        corners = [
            lattice[(row + down) % 64, (column + right) % 64]
            for down, right in ((0, 0), (0, 1), (1, 0), (1, 1))
        ]
        top = corners[0] * (1 - u) + corners[1] * u
        total += weight * (top * (1 - v) + (corners[2] * (1 - u) + corners[3] * u) * v)
        weight *= 0.55
    return total * 0.45 / (1 - weight)


def ramp(values: Array, low: float = 0.0, high: float = 1.0) -> Array:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def color(code: str) -> Array:
    """ "rrggbb" as (3,) in [0, 1]."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255


def gradient(t: Array, codes: str) -> Array:
    """Colours (..., 3) along evenly spaced stops, t in [0, 1]."""
    stops = np.stack([color(code) for code in codes.split()])
    places = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(t, places, stops[:, c]) for c in range(3)], -1)


def blend(picture: Array, cover: Array, paint: Array) -> Array:
    """`paint` over `picture` where `cover` is 1."""
    return picture + (paint - picture) * cover[..., None]


def inside(
    y: Array, x: Array, left: float, top: float, right: float, low: float
) -> Array:
    return (x >= left) & (x < right) & (y >= top) & (y < low)


def finished(picture: Array) -> Array:
    unit = np.clip(picture, 0, 1).astype(np.float32)
    return np.asarray(resize(unit, (HEIGHT, WIDTH)))
