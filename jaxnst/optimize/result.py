"""What a run gives and, on its way, what a callback is told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jax import Array

from jaxnst import images
from jaxnst.optimize.loop import State

_COLUMNS = 6  # of a contact sheet of images that are no grid


@dataclass(frozen=True, repr=False)
class Result:
    """What a run gives; of many at once, every array has their axes in front.

    Shows itself in a notebook: one image as it is, many as a contact sheet.

    Attributes:
        image: (H, W, 3) in [0, 1]: the last iterate, or the average of the iterates.
        trace: {term: (steps,)}, every term of the objective at every step, before
            the step; names as in `objective`.
        steps: steps done; fewer than asked for if a callback ended the run.
        finite: False (of many, an array of such) if a loss or an image was not
            finite on the way; `image` is then the last one before that.
        seconds: wall time, compilation included.
        state: the final state, from which a run can go on; None of many.
    """

    image: Any
    trace: dict[str, np.ndarray]
    steps: int
    finite: bool | np.ndarray
    seconds: float
    state: State | None

    def __repr__(self) -> str:
        shape = tuple(self.image.shape)
        lines = [f"image {shape}, {self.steps} steps in {self.seconds:.1f} s"]
        if not np.all(self.finite):
            bad = int(np.size(self.finite) - np.count_nonzero(self.finite))
            lines.append(f"not finite: {bad} of {np.size(self.finite)}")
        ends = {
            name: np.asarray(values)[..., -1]
            for name, values in self.trace.items()
            if "/" not in name and np.size(values)
        }
        if ends:
            terms = ", ".join(f"{name} {_span(end)}" for name, end in ends.items())
            lines.append(f"last {terms}")
        return f"Result({'; '.join(lines)})"

    def _repr_png_(self) -> bytes:
        """The image, or a contact sheet, as a notebook shows it."""
        array = np.clip(np.nan_to_num(np.asarray(self.image)), 0.0, 1.0)
        if array.ndim == 3:
            return images.encode(array, ".png")
        flat = array.reshape(-1, *array.shape[-3:])
        columns = array.shape[-4] if array.ndim > 4 else min(len(flat), _COLUMNS)
        rows = [
            list(flat[first : first + columns])
            for first in range(0, len(flat), columns)
        ]
        return images.encode(images.contact_sheet(rows), ".png")


def _span(values: np.ndarray) -> str:
    """A number, or the lowest and the highest of several."""
    if values.ndim == 0:
        return f"{float(values):.4g}"
    finite = values[np.isfinite(values)]
    return f"{finite.min():.4g} to {finite.max():.4g}" if finite.size else "nan"


@dataclass(frozen=True)
class Progress:
    """What a callback is told between compiled calls.

    Attributes:
        step: steps done so far, of `steps`.
        steps: steps in all.
        terms: every term of the objective at the last step done, as floats.
        seconds: since the run began, compilation included.
        picture: gives a copy of the image as it would be returned now; to be called
            within the callback, for the next call is given its memory.
        result: gives a copy of what would be returned if the run ended now, from which
            it can go on; to be called within the callback, too.
    """

    step: int
    steps: int
    terms: dict[str, float]
    seconds: float
    picture: Callable[[], Array]
    result: Callable[[], Result]


Callback = Callable[[Progress], bool | None]
"""Called between compiled calls; True ends the run."""
