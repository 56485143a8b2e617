"""A computation in a thread of its own, looked at and stopped from elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np

from jaxnst.optimize.result import Callback, Progress

T = TypeVar("T")

_device = threading.Lock()


@contextmanager
def device(*, wait: float | None = None) -> Iterator[bool]:
    """The device for one computation alone; gives whether it was free.

    Args:
        wait: so many seconds until it is; None, as long as it takes.
    """
    held = _device.acquire(timeout=-1 if wait is None else wait)
    try:
        yield held
    finally:
        if held:
            _device.release()


@dataclass(frozen=True)
class Update:
    """How far a run is.

    Attributes:
        step, steps: done and in all; 0 of 0 before the first.
        terms: the objective's terms at the last step.
        seconds: since it began.
        left: seconds that are left, about; None where nobody knows yet.
        image: (H, W, 3) as it is now, of the last second; None before the first.
    """

    step: int = 0
    steps: int = 0
    terms: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    left: float | None = None
    image: np.ndarray | None = None


class Run(Generic[T]):
    """A computation that can be stopped at any time, also before it begins."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began = clock, clock()
        self._changed = threading.Condition()
        self._update, self._seen = Update(), Update()
        self._done = False
        self._error: BaseException | None = None
        self._result: T | None = None
        self._stop = threading.Event()

    def stopped(self) -> bool:
        """Whether it was told to stop; the result is what is there by then."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End it in good order after the compiled call that runs."""
        self._stop.set()

    @property
    def seconds(self) -> float:
        """Since the work began."""
        return self._clock() - self._began

    def report(self, **changes: Any) -> None:
        """Change what `updates` gives next."""
        with self._changed:
            self._update = replace(self._update, seconds=self.seconds, **changes)
            self._changed.notify_all()

    def start(self, work: Callable[["Run[T]"], T]) -> None:
        """Call `work` in another thread, when the device is free."""
        thread = threading.Thread(target=self._work, args=(work,), daemon=True)
        thread.start()

    def _work(self, work: Callable[["Run[T]"], T]) -> None:
        try:
            with device():
                self._began = self._clock()
                self._result = work(self)
        except BaseException as error:  # whoever waits for the result is given it
            self._error = error
        with self._changed:
            self._done = True
            self._changed.notify_all()

    def updates(self, every: float = 1.0) -> Iterator[Update]:
        """What is new, as it comes, and in any case after so many seconds, until it is
        done; a caller who leaves off ends the run."""
        try:
            while True:
                with self._changed:
                    if not self._done and self._update is self._seen:
                        self._changed.wait(every)
                    if self._done:
                        return
                    self._seen = self._update
                yield replace(self._seen, seconds=self.seconds)
        finally:
            if not self._done:
                self.stop()

    def result(self) -> T:
        """What the work gave, when it is done; raises what it raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._done)
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


def watch(
    run: Run[Any],
    levels: Sequence[float] = (1.0,),
    steps: Sequence[int] = (),
    *,
    every: float = 1.0,
    pictures: bool = True,
) -> Callback:
    """A callback of `render` that reports to a run, and ends when that is stopped.

    Args:
        levels, steps: the schedule, by which the time left is reckoned: a step costs
            as its level has pixels. Without, all cost the same.
        every: seconds between two pictures.
        pictures: whether there are any; those of a grid are many at once.
    """
    pace, shown = Pace(levels, steps), -np.inf

    def callback(progress: Progress) -> bool:
        nonlocal shown
        changes: dict[str, Any] = {}
        if pictures and progress.seconds - shown >= every:
            shown = progress.seconds
            changes["image"] = np.asarray(progress.picture())
        left = pace.left(progress.step, progress.steps, progress.seconds)
        run.report(
            step=progress.step,
            steps=progress.steps,
            terms=dict(progress.terms),
            left=left,
            **changes,
        )
        return run.stopped()

    return callback


class Pace:
    """How long a run will still take, from what its steps took so far."""

    def __init__(self, levels: Sequence[float], steps: Sequence[int]) -> None:
        self._costs = [level**2 for level in levels]
        self._ends = list(accumulate(steps))
        self._first: tuple[float, float] | None = None

    def work(self, step: int) -> float:
        """How much work so many steps are, in steps at the final size."""
        done, before = 0.0, 0
        for cost, end in zip(self._costs, self._ends, strict=False):
            done += cost * max(0, min(step, end) - before)
            before = end
        return done + max(0, step - before)

    def left(self, step: int, steps: int, seconds: float) -> float | None:
        """Seconds left; None at the first call, which has compiled as well."""
        done = self.work(step)
        if self._first is None:
            self._first = done, seconds
            return None
        spent, worked = seconds - self._first[1], done - self._first[0]
        if worked <= 0:
            return None
        return max(0.0, spent / worked * (self.work(steps) - done))
