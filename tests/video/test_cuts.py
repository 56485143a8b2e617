"""Cuts are found, and what is none is not taken for one."""

import numpy as np
import pytest
from networks import picture

from jaxnst.video import cuts

SCENE = np.uint8(255 * np.asarray(picture(120, 200)))
FRAME = SCENE[10:100, 20:180]


def brightened(frame, factor):
    return np.uint8(np.clip(frame * factor, 0, 255))


@pytest.mark.parametrize(
    "later",
    [
        FRAME,
        SCENE[14:104, 30:190],  # the camera swings
        SCENE[30:120, 0:160],
        FRAME[:, ::-1][:, ::-1],
        brightened(FRAME, 0.9),  # a fade
        np.uint8(np.clip(FRAME + np.random.default_rng(0).normal(0, 8, FRAME.shape),
                         0, 255)),
    ],
)  # fmt: skip
def test_within_a_shot(later):
    assert not cuts.is_cut(FRAME, later)


@pytest.mark.parametrize(
    "later",
    [
        np.uint8(255 * np.asarray(picture(90, 160, seed=7) ** 2)),
        brightened(255 - FRAME, 0.7),
        np.zeros_like(FRAME),
    ],
)
def test_between_shots(later):
    assert cuts.is_cut(FRAME, later)


def test_frames_without_anything_and_of_a_pixel():
    assert not cuts.is_cut(np.zeros_like(FRAME), np.zeros_like(FRAME))
    pixel = np.zeros((1, 1, 3), np.uint8)
    assert not cuts.is_cut(pixel, pixel) and cuts.is_cut(pixel, pixel + 255)


def test_thumbnails_hold_means():
    small = cuts.thumbnail(FRAME)
    assert small.shape == (32, 32, 3)
    np.testing.assert_allclose(small[0, 0], FRAME[:2, :5].mean((0, 1)) / 255)


def test_distances():
    one, other = (cuts.thumbnail(x) for x in (FRAME, 255 - FRAME))
    assert cuts.histogram_distance(one, one) < 1e-6
    assert cuts.correlation(one, one) == pytest.approx(1)
    assert cuts.correlation(one, other) == pytest.approx(-1)
    black, white = np.zeros((4, 4, 3)), np.ones((4, 4, 3))
    assert cuts.histogram_distance(black, white) == pytest.approx(1)
