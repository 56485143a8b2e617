"""Work that other threads do ahead and behind, a few items at a time."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_DEPTH = 3  # items that wait: enough for uneven work, little memory
_LOOK = 0.1  # seconds between two looks at whether the other side still runs

_END = object()


class Ahead(Generic[T]):
    """An iterable, run in another thread a few items ahead.

    Its errors are raised where the item would have come; `close` ends it early.
    """

    def __init__(self, items: Iterable[T], depth: int = _DEPTH) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(depth)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, args=(items,), name="ahead", daemon=True
        )
        self._thread.start()

    def _run(self, items: Iterable[T]) -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                if not self._put(item):
                    break
        except BaseException as error:
            self._error = error
        finally:
            if hasattr(iterator, "close"):
                iterator.close()  # files are closed by the thread that read them
            self._put(_END)

    def _put(self, item: Any) -> bool:
        """Whether it was wanted."""
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_LOOK)
            except queue.Full:
                continue
            return True
        return False

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._stop.is_set():
            raise StopIteration
        item = self._queue.get()
        if item is _END:
            self._stop.set()
            if self._error is not None:
                raise self._error
            raise StopIteration
        found: T = item
        return found

    def close(self) -> None:
        """End it, and wait until its files are closed."""
        self._stop.set()
        self._thread.join()


class Behind(Generic[T]):
    """A function, called by another thread for one item after another."""

    def __init__(self, function: Callable[[T], None], depth: int = _DEPTH) -> None:
        self._function = function
        self._queue: queue.Queue[Any] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="behind", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (item := self._queue.get()) is not _END:
            if self._stopped.is_set():
                continue
            try:
                self._function(item)
            except BaseException as error:
                self._error = error
                self._stopped.set()

    def put(self, item: T) -> None:
        """Have it done; waits where much is waiting already.

        Raises:
            Exception: that of an earlier item.
        """
        if self._error is not None:
            raise self._error
        self._queue.put(item)

    def close(self) -> None:
        """Wait until all is done.

        Raises:
            Exception: that of an item.
        """
        self._queue.put(_END)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """As `close`, where what goes wrong is of no interest any more: something else
        has gone wrong already."""
        if self._thread.is_alive():
            self._queue.put(_END)
            self._thread.join()
