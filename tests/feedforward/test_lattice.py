"""One pass leaves no lattice where the photograph is smooth."""

import jax
import numpy as np
import pytest
from paths import REPOSITORY

from jaxnst import load_feedforward, load_image
from jaxnst.feedforward.model import stylize

PERIOD = 8  # pixels of an image to one of the deepest features


def lattice_power(image: np.ndarray, period: int = PERIOD) -> float:
    """How far an image's (h, w, 3) spectrum stands out at the harmonics of a period.

    The largest power at k / period cycles a pixel, k = 1 ... period / 2 - 1, along rows
    or columns, over the median of the frequencies around it: about 1 without a lattice.
    """
    grey = np.float64(image).mean(-1)
    found = []
    for lines in (grey, grey.T):
        length = lines.shape[1] // (4 * period) * 4 * period
        lines = lines[:, :length] - lines[:, :length].mean(1, keepdims=True)
        spectrum = np.abs(np.fft.rfft(lines * np.hanning(length))) ** 2
        power, reach = spectrum.mean(0), length // period // 2
        for harmonic in range(1, period // 2):
            at = harmonic * length // period
            around = [*power[at - reach + 1 : at - 2], *power[at + 3 : at + reach]]
            found.append(power[at - 1 : at + 2].max() / np.median(around))
    return max(found)


def test_the_measure_tells_a_lattice_from_strokes(rng):
    strokes = np.repeat(rng.normal(size=(128, 128, 1)), 3, -1).cumsum(0).cumsum(1)
    plain = lattice_power(strokes)
    lines = np.where(np.arange(128) % PERIOD, 0, 1)[None, :, None]
    drawn = lattice_power(strokes + np.ptp(strokes) * lines)
    assert plain < 6 < 30 < drawn


@pytest.mark.slow
def test_a_smooth_sky_has_no_lattice():
    """Strokes, and the photograph they are for with a sky that only grows paler."""
    content = np.array(load_image(REPOSITORY / "scripts/samples/harbour.jpg", size=384))
    rows = np.linspace(0, 1, 128)[:, None, None]
    top, bottom = np.array([0.35, 0.55, 0.8]), np.array([0.75, 0.8, 0.82])
    content[:128] = top + rows * (bottom - top)
    style = load_image(REPOSITORY / "scripts/samples/strokes.jpg", size=384)
    painted = jax.jit(stylize)(load_feedforward(), content, style)
    assert lattice_power(np.asarray(painted)[:120]) < 6  # 28 with repetition
