"""What anything that paints a clip's frames must have."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from jaxnst.video.masks import FrameMask


class Painter(Protocol):
    """What paints a clip's frames: NumPy uint8 (H, W, 3), RGB, all of one size.

    Attributes:
        span: how many earlier frames it looks at; 0, none.
    """

    span: int

    def motion(self, frames: Sequence[np.ndarray]) -> Any:
        """What `paint` needs to know of the motion. Pure, without JAX, so that it may
        run in another thread ahead of `paint`.

        Args:
            frames: up to `span` + 1 frames of the input, oldest first, the present one
                last.
        """
        ...

    def paint(
        self,
        frame: np.ndarray,
        motion: Any,
        painted: Sequence[np.ndarray],
        masks: Sequence[FrameMask] = (),
    ) -> np.ndarray:
        """The painted frame, uint8 (H, W, 3).

        Args:
            motion: of `motion`.
            painted: up to `span` earlier painted frames, oldest first.
            masks: of up to `span` earlier frames and of this one, oldest first, where
                the clip has masks.
        """
        ...
