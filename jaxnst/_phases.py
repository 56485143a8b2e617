"""Parts of a run by name, for who wants to know how long each takes.

Where nobody listens, a named part costs one comparison.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Phase:
    """A part of a run that is over.

    Attributes:
        name: what was done, such as "weights" or "steps".
        began, ended: by `time.perf_counter`.
        about: what the part tells of itself, such as the size of its image.
    """

    name: str
    began: float
    ended: float
    about: Any = None


Listener = Callable[[Phase], None]

_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within the block `listener` is told of every part that ends, in its thread."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def phase(
    name: str, about: Callable[[Any], Any] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a function a named part of a run.

    Args:
        about: gives, of what the function returns, what listeners are told of it.
    """

    def named(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **keywords: P.kwargs) -> R:
            if not _listeners:
                return function(*args, **keywords)
            began = time.perf_counter()
            result = function(*args, **keywords)
            told = None if about is None else about(result)
            ended = Phase(name, began, time.perf_counter(), told)
            for listener in tuple(_listeners):
                listener(ended)
            return result

        return call

    return named
