"""Where one shot of a film ends and the next begins."""

import numpy as np

_SIDE = 32  # of the thumbnails that are compared, in pixels

_BINS = 16  # of each colour channel

# A cut is where the colours of two frames are further apart than this, and all the more
# so the more their light lies in the same places. Within shots distances stay below
# 0.05, and reach 0.11 where a car drives close past the camera; between shots they were
# from 0.18 on. What looks alike though it is another shot, the flow gives away: nothing
# of it is seen in the frame before.
_DISTANCE = 0.14

_ALIKE = 0.3  # what is added for thumbnails that are the same


def is_cut(earlier: np.ndarray, later: np.ndarray) -> bool:
    """Whether two frames, uint8 (H, W, 3), are of different shots.

    Compares histograms, which no motion of the camera changes much, and thumbnails,
    which a flash or a fade changes little in structure.
    """
    thumbnails = [thumbnail(frame) for frame in (earlier, later)]
    apart = histogram_distance(*thumbnails)
    alike = max(0.0, correlation(*thumbnails))
    return bool(apart > _DISTANCE + _ALIKE * alike)


def thumbnail(frame: np.ndarray) -> np.ndarray:
    """A frame's means over 32 x 32 areas, float64 in [0, 1]; over its pixels, where
    it has fewer."""
    small = frame.astype(np.float64) / 255.0
    for axis in (0, 1):
        side = small.shape[axis]
        edges = np.linspace(0, side, min(_SIDE, side) + 1).astype(int)
        sums = np.add.reduceat(small, edges[:-1], axis=axis)
        counts = np.diff(edges).reshape([-1 if a == axis else 1 for a in range(3)])
        small = sums / counts
    return small


def histogram_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Hellinger distance of the colours of two thumbnails, from 0 to 1, the mean over
    the channels. Values count for both bins that they lie between."""
    distances = []
    for channel in range(3):
        one, other = (_histogram(x[..., channel].ravel()) for x in (first, second))
        overlap = np.sum(np.sqrt(one * other))
        distances.append(np.sqrt(max(0.0, 1.0 - overlap)))
    return float(np.mean(distances))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of the luma of two thumbnails of one size, from -1 to 1; 1 for two even ones."""
    one, other = (x.mean(-1) - x.mean() for x in (first, second))
    norms = np.sqrt(np.sum(one**2) * np.sum(other**2))
    if norms < 1e-6:
        return 1.0
    return float(np.sum(one * other) / norms)


def _histogram(values: np.ndarray) -> np.ndarray:
    places = values * (_BINS - 1)
    lower = np.minimum(places.astype(int), _BINS - 2)
    share = places - lower
    counts = np.bincount(lower, 1.0 - share, _BINS)
    counts += np.bincount(lower + 1, share, _BINS)
    return counts / len(values)
