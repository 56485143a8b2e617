"""The painting-like sample: brush strokes along a swirling flow."""

import numpy as np
from _drawing import HEIGHT, WIDTH, Array, finished, gradient, octaves, pixels, ramp

# fmt: off
VORTICES = (  # y, x, strength, radius
    (0.30, 0.36, 1.0, 0.17), (0.24, 0.98, -0.8, 0.13), (0.58, 0.74, 0.7, 0.12),
)
PALETTE = "0d1b3f 163a7a 1f5fae 3d8fc4 7fbfcf d9cfa0 e8b23f f7e08a"
LAYERS = ((900, 120, 30), (2200, 84, 17), (3200, 60, 11), (2200, 40, 7))
# strokes, length and width in pixels; broad ones first
# fmt: on


def stream(y: Array, x: Array) -> Array:
    """The stream function: strokes run along its level lines."""
    flow = 0.40 * y + 0.04 * np.sin(5 * x + 2) + 0.16 * octaves(81, y * 3, x * 3, 2)
    for v, u, strength, radius in VORTICES:
        away = (y - v) ** 2 + (x - u) ** 2
        flow = flow + 0.18 * strength * np.exp(-away / radius**2)
    return flow


def heading(y: Array, x: Array, step: float = 1e-3) -> Array:
    """Angle of the flow, (d/dy, -d/dx) of the stream, from the x axis."""
    down = stream(y + step, x) - stream(y - step, x)
    return np.arctan2(stream(y, x - step) - stream(y, x + step), down)


def tone(y: Array, x: Array) -> Array:
    """What is to be painted, as a place on the palette in [0, 1]."""
    value = (
        0.22 + 0.20 * np.sin(38 * stream(y, x)) + 0.12 * octaves(91, y * 6, x * 6, 2)
    )
    for v, u, _, radius in VORTICES:
        away = np.hypot(y - v, x - u) / radius
        value = value + 0.95 * np.exp(-((away / 0.45) ** 2))
        value = value + 0.28 * np.exp(-(((away - 0.85) / 0.14) ** 2))
    land = ramp(y - 0.80 - 0.06 * np.sin(4 * x + 1) - 0.03 * np.sin(11 * x), 0, 0.02)
    field = 0.62 + 0.25 * np.sin(30 * y + 9 * x) * np.cos(7 * x)
    return np.clip(value * (1 - land) + field * land, 0, 1)


def stroke(canvas: Array, key: np.random.Generator, at: Array, paint: Array) -> None:
    """Lay one bristly stroke; `at`: y, x, angle, half curvature, length, width."""
    y, x, angle, bend, length, width = at.tolist()
    reach = int(length / 2 + width) + 1
    top, left = max(0, int(y) - reach), max(0, int(x) - reach)
    patch = canvas[top : int(y) + reach, left : int(x) + reach]
    v, u = (a + b for a, b in zip(np.ogrid[: len(patch), : patch.shape[1]],
                                  (top - y, left - x), strict=True))  # fmt: skip
    along = u * np.cos(angle) + v * np.sin(angle)
    across = v * np.cos(angle) - u * np.sin(angle) - bend * along**2
    place = np.clip(across / width + 0.5, 0, 1) * 11
    low, hairs = place.astype(int), key.normal(size=(2, 13))
    hair = hairs[:, low] + (hairs[:, low + 1] - hairs[:, low]) * (place - low)
    ends = length / 2 * (1 + 0.22 * hair[0]) - np.abs(along)
    cover = np.clip(np.minimum(ends / 5, (width / 2 - np.abs(across)) / 1.5), 0, 1)
    # Paint piles up at the lit edge and thins out along the stroke.
    relief = 0.055 * hair[1] - 0.12 * across / width + 0.04 * along / length
    laid = paint * (1 + 1.6 * relief[..., None]) + 0.35 * relief[..., None]
    patch += (laid - patch) * 0.93 * cover[..., None]


def strokes(layers: tuple[tuple[int, int, int], ...] = LAYERS) -> Array:
    """The painting-like sample, (384, 512, 3)."""
    key = np.random.default_rng(7)
    canvas = gradient(tone(*pixels()), PALETTE)  # underpainting
    for count, long, wide in layers:
        y, x = key.random((2, count)) * np.array([[1.0], [WIDTH / HEIGHT]])
        angle = heading(y, x)
        turn = heading(y + 0.03 * np.sin(angle), x + 0.03 * np.cos(angle)) - angle
        turn = np.clip((turn + np.pi) % (2 * np.pi) - np.pi, -0.6, 0.6)
        place = np.clip(tone(y, x) + key.normal(size=count) * 0.055, 0, 1)
        paints = gradient(place, PALETTE) * (1 + 0.08 * key.normal(size=(count, 3)))
        size = key.uniform(0.7, 1.2, count)
        angle = angle + key.normal(size=count) * 0.10
        scale, bend = 2 * HEIGHT, turn / (0.12 * HEIGHT)
        table = np.stack(
            [y * scale, x * scale, angle, bend / 2, long * size, wide * size]
        )
        for at, paint in zip(table.T, paints, strict=True):
            stroke(canvas, key, at, paint)
    return finished(canvas)
