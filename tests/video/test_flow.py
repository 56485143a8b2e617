"""Optical flow of pictures that move by known vectors."""

import builtins

import numpy as np
import pytest
from networks import picture

from jaxnst.video.flow import check_available, optical_flow

cv2 = pytest.importorskip("cv2")

SCENE = np.uint8(255 * np.asarray(picture(128, 160)))


def test_known_motion_both_ways():
    """Within a quarter of a pixel nearly everywhere but at the borders."""
    first, second = SCENE[10:106, 10:138], SCENE[13:109, 8:136]  # by (+2, -3)
    flows = optical_flow(first, second)
    for flow, wanted in ((flows.forward, (2, -3)), (flows.backward, (-2, 3))):
        assert flow.shape == (96, 128, 2) and flow.dtype == np.float32
        error = np.hypot(*np.moveaxis(flow - np.float32(wanted), -1, 0))[8:-8, 8:-8]
        assert np.quantile(error, 0.95) < 0.25


def test_nothing_moves_where_nothing_changes():
    flows = optical_flow(SCENE, SCENE)
    assert max(np.abs(flow).max() for flow in flows) < 0.01


@pytest.mark.parametrize("size", [(1, 1), (3, 90), (40, 20)])
def test_small_frames(size):
    frame = SCENE[: size[0], : size[1]]
    assert all(flow.shape == (*size, 2) for flow in optical_flow(frame, frame))


def test_frames_of_two_sizes():
    with pytest.raises(ValueError, match="resize"):
        optical_flow(SCENE, SCENE[1:])


def test_without_opencv_one_line_says_what_to_install(monkeypatch):
    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "cv2":
            raise ImportError("No module named 'cv2'")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'jaxnst\[video\]'"):
        check_available()
