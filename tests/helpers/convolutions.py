"""Convolutions as the formula has them, and numbers to try them on."""

import numpy as np


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def correlation(x: np.ndarray, kernel: np.ndarray, pad: int) -> np.ndarray:
    """y[n, i, j, o] = sum_{u, v, c} x[n, i + u, j + v, c] kernel[u, v, c, o]."""
    x = np.pad(x.astype(np.float64), ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    height, width = x.shape[1] - 2, x.shape[2] - 2
    return sum(
        x[:, u : u + height, v : v + width] @ kernel[u, v].astype(np.float64)
        for u in range(3)
        for v in range(3)
    )
