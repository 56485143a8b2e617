"""Optical flow between two frames, both ways, by OpenCV."""

from typing import Any, NamedTuple

import numpy as np

# Frames with a shorter side are continued at their borders: DIS looks at patches of 8
# pixels on a pyramid of its own.
_LEAST = 64


class Flows(NamedTuple):
    """Where the parts of two frames lie in each other.

    Attributes:
        forward: (H, W, 2), float32, pixels: the part of the earlier frame at (x, y) is
            in the later one at (x, y) + forward[y, x], x to the right, y down.
        backward: the same from the later frame to the earlier.
    """

    forward: Any
    backward: Any


def check_available() -> None:
    """ImportError that says what to install, unless OpenCV is there."""
    _opencv()


def optical_flow(earlier: np.ndarray, later: np.ndarray) -> Flows:
    """Dense inverse search (Kroeger, Timofte, Dai and Van Gool, ECCV 2016) on the luma.

    Keeps nothing between calls, and may be called from several threads.

    Args:
        earlier, later: frames, uint8 (H, W, 3), RGB, of one size.

    Raises:
        ImportError: OpenCV is not installed.
        ValueError: frames of different sizes.
    """
    cv2 = _opencv()
    if earlier.shape != later.shape:
        raise ValueError(
            f"the earlier frame is {earlier.shape}, the later {later.shape}; resize "
            "one to the other's size"
        )
    height, width = earlier.shape[:2]
    pads = [(0, max(0, _LEAST - side)) for side in (height, width)]
    first, second = (
        np.pad(cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY), pads,
               mode="edge")
        for frame in (earlier, later)
    )  # fmt: skip
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = [search.calc(a, b, None) for a, b in ((first, second), (second, first))]
    return Flows(*(np.ascontiguousarray(flow[:height, :width]) for flow in found))


def _opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise ImportError(
            "steady clips need OpenCV for optical flow; install it with "
            "pip install 'jaxnst[video]'"
        ) from None
    return cv2
