"""The Pareto front of style and content distances, its knee, a finer grid there."""

import numpy as np


def front(content: np.ndarray, style: np.ndarray) -> np.ndarray:
    """The Pareto front: points that no other beats in both distances.

    Args:
        content, style: (N,), distances from photograph and painting; NaN where there
            is no picture.

    Returns:
        (n,) indices, from the lowest content distance to the highest.
    """
    order = np.lexsort((style, content))
    order = order[np.isfinite(content[order]) & np.isfinite(style[order])]
    indices, lowest = [], np.inf
    for index in order:
        if style[index] < lowest:
            indices.append(int(index))
            lowest = style[index]
    return np.array(indices, int)


def knee(content: np.ndarray, style: np.ndarray) -> int:
    """The point of the front after which style costs more than it is worth.

    Both distances are scaled to [0, 1] over the front; the knee is the point farthest
    below the chord between its ends, so where the curve bends most (Satopää et al.,
    "Finding a kneedle in a haystack", ICDCSW 2011). Without a bend, of the points on
    the front the one in the middle.

    Args:
        content, style: as of `front`.

    Returns:
        An index into them.

    Raises:
        ValueError: there is no point.
    """
    best = front(content, style)
    if not best.size:
        raise ValueError("no picture has finite distances, so none can be suggested")
    x, y = content[best].astype(np.float64), style[best].astype(np.float64)
    if best.size < 3:
        return int(best[best.size // 2])
    across = (x - x[0]) / (x[-1] - x[0])
    down = (y[0] - y) / (y[0] - y[-1])
    depth = down - across
    if depth.max() <= 1e-6:
        return int(best[best.size // 2])
    return int(best[np.argmax(depth)])


def finer(
    values: tuple[float, ...], chosen: float, count: int = 5
) -> tuple[float, ...]:
    """A finer axis around the value chosen from an axis.

    From half way, on a logarithmic scale, to the neighbour below, to half way to the
    one above; at an end of the axis as far beyond it. A single value stays; so does 0.

    Args:
        values: the axis.
        chosen: one of them.
        count: values of the finer axis.
    """
    axis = sorted({value for value in values if value > 0})
    if chosen not in axis or len(axis) < 2:
        return (chosen,)
    place = axis.index(chosen)
    below = axis[place - 1] / chosen if place else chosen / axis[1]
    above = axis[place + 1] / chosen if place + 1 < len(axis) else chosen / axis[-2]
    exponents = np.linspace(-1, 1, count)
    factors = [below ** (-e / 2) if e < 0 else above ** (e / 2) for e in exponents]
    return tuple(float(f"{chosen * factor:.3g}") for factor in factors)
