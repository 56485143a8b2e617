"""Out of memory, whoever says so and however, as one line with what to do."""

import ctypes
import errno
import os
import re
import sys

from jax.errors import JaxRuntimeError

from jaxnst._memory_limits import resource_bytes

MEND = "choose a smaller size, or close other programs"

# Address space that JAX takes for threads, and then for compiling.
_START_BYTES = 3 * 2**29

# What XLA, the libraries of NVIDIA and C++ say, with other words around it.
_WORDS = re.compile(
    "RESOURCE_EXHAUSTED|OUT_OF_MEMORY|ALLOC_FAILED|out of memory|bad_alloc",
    re.IGNORECASE,
)


def out_of_memory(error: BaseException) -> str | None:
    """An error that is for want of memory, in a line; None where it is another."""
    text = str(error)
    if isinstance(error, MemoryError):
        what = "out of memory" + (text and f"; {text}")
        return what if "choose" in text else f"{what}; {MEND}"
    exhausted = isinstance(error, JaxRuntimeError) and _WORDS.search(text)
    refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
    # What Python says where there is no memory for a thread's stack.
    if exhausted or refused or "can't start new thread" in text:
        return f"out of memory; {MEND}"
    return None


# Whom C++ asks where nobody catches an exception; kept, for C++ only has the address.
_HANDLER = ctypes.CFUNCTYPE(None)
_installed: list[object] = []


def check_address_space() -> None:
    """MemoryError where JAX could not even start: it would crash without a word."""
    left = min(resource_bytes(), default=_START_BYTES)
    if left < _START_BYTES:
        raise MemoryError(
            f"the limit on this process's memory leaves it {left / 2**30:.1f} GiB of "
            f"address space, {_START_BYTES / 2**30:.1f} are needed to start; choose a "
            "higher limit (ulimit -v)"
        )


def explain_bad_alloc() -> None:
    """Let a failed allocation in C++ end this process with a line and exit code 1.

    The compiler's threads throw `std::bad_alloc` where nobody catches it: the process
    would be aborted with C++'s own words. Of the GNU library of C++ alone; elsewhere
    nothing changes.
    """
    if _installed or sys.platform != "linux":
        return
    try:
        library = ctypes.CDLL("libstdc++.so.6")
        current, install = (
            library.__cxa_current_exception_type,
            library._ZSt13set_terminatePFvvE,  # std::set_terminate
        )
    except (OSError, AttributeError):
        return
    current.restype = install.restype = ctypes.c_void_p
    install.argtypes = [_HANDLER]

    def terminate() -> None:
        kind = current()
        # A std::type_info is a pointer to its methods and one to its name.
        name = ctypes.c_char_p.from_address(kind + 8).value if kind else None
        if name and b"bad_alloc" in name:
            os.write(2, f"error: out of memory; {MEND}\n".encode())
            os._exit(1)
        before()

    handler = _HANDLER(terminate)
    before = _HANDLER(install(handler))
    _installed.append(handler)
