"""Ctrl-C at any moment: not swallowed, no traceback, one line and exit code 130.

Python raises KeyboardInterrupt wherever the main thread is. Within an import it may
come out as another error; within a callback of the garbage collector, of which JAX has
one, it is printed and forgotten.
"""

import atexit
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_AGAIN = 0.05  # seconds after which an interrupt that was swallowed comes again


def _in_main_thread() -> bool:
    """Signals are handled, and their handlers set, there alone."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """Within the block the first Ctrl-C is noted, the second raises KeyboardInterrupt.

    Yields:
        Says whether it was pressed.
    """
    pressed: list[int] = []

    def note(number: int, frame: Any) -> None:
        pressed.append(number)
        if len(pressed) > 1:
            raise KeyboardInterrupt

    if not _in_main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def never_swallowed() -> Iterator[None]:
    """Within the block a KeyboardInterrupt that Python could not raise comes again."""
    before = sys.unraisablehook

    def hook(failed: Any) -> None:
        if issubclass(failed.exc_type, KeyboardInterrupt):
            timer = threading.Timer(_AGAIN, _interrupt)
            timer.daemon = True
            timer.start()
        else:
            before(failed)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt() -> None:
    """Ctrl-C, from another thread."""
    if hasattr(signal, "pthread_kill"):
        main = threading.main_thread().ident
        if main is not None:
            signal.pthread_kill(main, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


def ignore_at_exit() -> None:
    """From the interpreter's exit on Ctrl-C does nothing: all is done and told."""
    # The last that is registered runs first.
    atexit.unregister(_ignore)
    atexit.register(_ignore)


def _ignore() -> None:
    if _in_main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
