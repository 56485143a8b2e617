"""Batches made ahead by other threads, while the device computes."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """`make(number)`, of which the next numbers are made in advance.

    The results are those of `make` alone, which must depend on its number only.

    Args:
        make: what takes long, safe to run in several threads at once.
        workers: threads; None, as many as there are cores but one.
    """

    def __init__(self, make: Callable[[int], T], workers: int | None = None) -> None:
        self.make = make
        self.workers = workers or max(1, (os.cpu_count() or 2) - 1)
        self.pool = ThreadPoolExecutor(self.workers, "ahead")
        self.futures: dict[int, Future[T]] = {}

    def __call__(self, number: int) -> T:
        wanted = range(number, number + 2 * self.workers)
        for other in set(self.futures) - set(wanted):
            self.futures.pop(other).cancel()
        for each in wanted:
            if each not in self.futures:
                self.futures[each] = self.pool.submit(self.make, each)
        return self.futures.pop(number).result()
