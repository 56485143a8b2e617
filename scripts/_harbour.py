"""The photograph-like sample: a harbour town, a lighthouse and a sailing boat."""

import numpy as np
from _drawing import (
    Array,
    blend,
    color,
    finished,
    gradient,
    inside,
    octaves,
    pixels,
    ramp,
)

HORIZON = 0.60
SHORE = HORIZON + 0.025  # where the water begins

# fmt: off
RIDGES = (  # seed, height, roughness, colour
    (11, 0.150, 2.2, "8fa3b8"), (12, 0.105, 3.0, "6c8796"), (13, 0.060, 4.0, "4f6f66"),
)
HOUSES = (  # left, width, height, wall, roof
    (0.035, 0.085, 0.12, "d9b48a", "8c3b2a"), (0.125, 0.07, 0.165, "b5534a", "5b3434"),
    (0.20, 0.095, 0.105, "e8dcc0", "a0522d"), (0.30, 0.065, 0.15, "5f87a0", "4a3b3b"),
    (0.37, 0.10, 0.115, "dfa54f", "8c3b2a"), (0.475, 0.07, 0.09, "c7cfc4", "6b4438"),
)
LANTERN = (  # half width, top, bottom, colour
    (0.027, 0.279, 0.287, "39302f"), (0.015, 0.245, 0.279, "ffe9a3"),
    (0.003, 0.245, 0.279, "39302f"), (0.019, 0.239, 0.245, "39302f"),
)
BIRDS = ((0.22, 0.20), (0.27, 0.17), (0.33, 0.22), (0.70, 0.13))
# fmt: on


def sky(y: Array, x: Array) -> Array:
    picture = gradient(y / HORIZON, "3f6fa8 7fa6cc c9d3d6 f6d9ae f9c588")
    sun = np.hypot(x - 0.93, (y - 0.50) * 1.1)
    picture = blend(picture, 0.75 * np.exp(-((sun / 0.22) ** 2)), color("fff1c9"))
    # Clouds flatten towards the horizon, as seen from below.
    far = 1 / (HORIZON + 0.12 - np.minimum(y, HORIZON))
    shape = octaves(3, far * 1.3, (x - 0.6) * far * 0.55 + 9, 6)
    below = octaves(3, far * 1.3 + 0.09, (x - 0.63) * far * 0.55 + 9, 6)
    cover = 0.9 * ramp(shape, 0.42, 0.66) * ramp(HORIZON - y, 0.02, 0.2)
    lit = gradient(ramp(below, 0.4, 0.75), "fff6e6 f4dfcf a9adc0")
    return blend(picture, cover, lit)


def hills(picture: Array, y: Array, x: Array) -> Array:
    for seed, height, rough, code in RIDGES:
        crest = HORIZON - height * (0.35 + octaves(seed, 0 * x + 5, x * rough))
        mist = (0.5 * np.clip((y - crest) / height, 0, 1))[..., None]
        grain = octaves(seed + 7, y * 60, x * 40, 4)[..., None] - 0.5
        paint = color(code) * (0.9 + 0.4 * grain)
        paint = paint + (color("c9c6bd") - paint) * mist
        picture = blend(picture, ramp(y - crest, 0, 0.004), paint)
    return picture


def house(
    picture: Array,
    y: Array,
    x: Array,
    box: tuple[float, float, float],
    codes: list[str],
) -> Array:
    left, width, height = box
    top = HORIZON - height
    grain = 1 + 0.12 * (octaves(31, y * 150, x * 90, 2)[..., None] - 0.5)
    shade = 1 - 0.18 * ramp(left + width * 0.72 - x, 0, 0.004)[..., None]
    body = inside(y, x, left, top, left + width, HORIZON + 0.012)
    picture = blend(picture, body, color(codes[0]) * grain * shade)
    slope = 1 - np.abs((x - left - width / 2) / (width / 2 + 0.008))
    gable = (y < top) & (y > top - 0.55 * width * slope)
    tiles = 1 + 0.18 * np.sin(y * 900)[..., None]
    picture = blend(picture, gable, color(codes[1]) * tiles * grain)
    columns, rows = max(2, round(width / 0.034)), max(2, round(height / 0.045))
    for k in range(columns * rows):
        a = left + width * (k % columns + 0.5) / columns - 0.006
        b = top + height * (k // columns + 0.45) / rows - 0.009
        frame = inside(y, x, a - 0.003, b - 0.003, a + 0.015, b + 0.021)
        picture = blend(picture, frame, color("f3ead8"))
        lamp = (k * 5 + round(left * 90)) % 4 == 0
        pane = inside(y, x, a, b, a + 0.012, b + 0.018)
        picture = blend(picture, pane, color("f7c86a" if lamp else "2d4459"))
    return picture


def town(picture: Array, y: Array, x: Array) -> Array:
    for left, width, height, *codes in HOUSES:
        picture = house(picture, y, x, (left, width, height), codes)
    stones = 0.8 + 0.4 * octaves(41, y * 90, x * 45, 3)[..., None]
    quay = inside(y, x, 0, HORIZON + 0.004, 0.60, SHORE + 0.005)
    return blend(picture, quay, color("77695c") * stones)


def lighthouse(picture: Array, y: Array, x: Array) -> Array:
    top, base, middle = 0.285, HORIZON - 0.032, 1.13
    mound = np.exp(-(((x - middle) / 0.10) ** 2))
    rock = SHORE + 0.005 - 0.07 * mound * (0.7 + 0.6 * octaves(51, 0 * x, x * 22, 4))
    stone = 0.55 + 0.9 * octaves(52, y * 40, x * 40, 4)[..., None]
    picture = blend(picture, y > rock, color("6a5f58") * stone)
    across = (x - middle) / (0.018 + 0.014 * (y - top) / (base - top))
    tower = (np.abs(across) < 1) & (y > top) & (y < base)
    band = np.floor((y - top) / (base - top) * 5) % 2 == 0
    paint = np.where(band[..., None], color("f4efe4"), color("b8322c"))
    shade = 1.0 - 0.45 * np.clip(across * 0.5 + 0.5, 0, 1) ** 1.5
    picture = blend(picture, tower, paint * shade[..., None])
    for half, a, b, code in LANTERN:
        part = inside(y, x, middle - half, a, middle + half, b)
        picture = blend(picture, part, color(code))
    cap = (np.abs(x - middle) < 0.7 * (y - 0.213)) & (y < 0.239)
    return blend(picture, cap, color("b8322c"))


def boat(picture: Array, y: Array, x: Array, strength: float = 1.0) -> Array:
    """A sailing boat, its waterline at y = 0.80."""
    u, v = (x - 0.80) / 0.13, (y - 0.80) / 0.13
    hull = np.abs(u + 0.1 * v) < 0.85 - 0.5 * v * (1 + v)
    for shape, code, depth in (
        ((np.abs(u - 0.005) < 0.022) & (v > -2.55) & (v < -0.3), "4a3527", 0.0),
        ((u > 0.05) & (v < -0.5) & (u < 0.05 + 0.36 * (v + 2.5)), "f6ecd6", 0.30),
        ((u < -0.04) & (v < -0.42) & (u > -0.04 - 0.42 * (v + 2.3)), "d8693a", 0.35),
        (hull & (v > -0.36) & (v < 0.02), "27466b", 0.25),
        (hull & (v > -0.36) & (v < -0.27), "f3e7cc", 0.0),
        (hull & (v > -0.05) & (v < 0.02), "9c3328", 0.0),
    ):
        shade = 1 - depth * ramp(-u + 0.25 * np.sin(v * 7), -0.6, 1.0)
        picture = blend(picture, strength * shape, color(code) * shade[..., None])
    return picture


def sea(scene: Array, y: Array, x: Array) -> Array:
    """The scene mirrored in moving water."""
    depth = np.maximum(y - SHORE, 0) / (1 - SHORE)
    near = 1 / (depth + 0.06)  # waves look flatter and finer far away
    wave = octaves(61, near * 7, x * near * 0.9 + 20, 4) - 0.5
    chop = octaves(71, near * 16, x * near * 2.4 + 20, 3) - 0.5
    mirrored = 2 * SHORE - y + wave * 0.16 * (0.15 + depth) + chop * 0.03
    shifted = x + chop * 0.02 * (0.3 + depth)
    row = np.clip(mirrored * len(y), 0, SHORE * len(y) - 1).astype(int)
    column = np.clip(shifted * len(y), 0, y.shape[1] - 1).astype(int)
    water = gradient(depth, "c3b49c 5f8796 2f5f7d 1d4363")
    picture = blend(scene[row, column], 0.30 + 0.45 * depth, water)
    picture = picture * (0.93 + 0.55 * (wave + 0.6 * chop))[..., None]
    glint = np.exp(-(((x - 0.93) / (0.03 + 0.10 * depth)) ** 2)) * ramp(chop, 0, 0.22)
    picture = blend(picture, 0.8 * glint * (1 - 0.6 * depth), color("ffe9b5"))
    return boat(picture, 1.60 - y - 0.04 * wave, x + 0.03 * wave + 0.02 * chop, 0.55)


def harbour() -> Array:
    """The photograph-like sample, (384, 512, 3)."""
    y, x = pixels()
    scene = lighthouse(town(hills(sky(y, x), y, x), y, x), y, x)
    picture = boat(np.where((y > SHORE)[..., None], sea(scene, y, x), scene), y, x)
    for left, top in BIRDS:
        u, v = (x - left) / 0.018, (y - top) / 0.018
        wing = np.exp(-(((v + 0.5 * np.sqrt(np.abs(u)) - 0.3 * u * u) / 0.10) ** 2))
        picture = blend(picture, wing * (np.abs(u) < 1), color("2b3440"))
    return finished(picture)
