"""What a process may still get where a container or a shell limits it.

A cgroup's limit ends the process without a word (Docker, Kubernetes, SLURM), one on the
address space (`ulimit -v`) makes allocations fail in places that cannot be caught: both
are looked at beforehand. What cannot be read limits nothing.
"""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import psutil

if sys.platform != "win32":
    import resource

_CGROUPS = Path("/sys/fs/cgroup")
_COMPILER_BYTES = 2**29
_MEMBERSHIP = Path("/proc/self/cgroup")


def limited_bytes() -> int | None:
    """Bytes that the limits of this process leave it; None without limits."""
    # The compiler aborts the process where the address space does not suffice.
    address_space = [left - _COMPILER_BYTES for left in resource_bytes()]
    left = [*_cgroup_bytes(), *address_space]
    return max(0, min(left)) if left else None


def _cgroup_bytes() -> Iterator[int]:
    """Of every group with a limit that this process is in, what is left."""
    for folder in _groups():
        for limit, usage, stat, cache in (
            ("memory.max", "memory.current", "memory.stat", "inactive_file"),
            (  # of the first version of cgroups
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "memory.stat",
                "total_inactive_file",
            ),
        ):
            most, used = _number(folder / limit), _number(folder / usage)
            # Without a limit the first version says the largest number there is.
            if most is not None and used is not None and most < 2**60:
                # Files that were read lie in memory until it is needed.
                yield most - used + _field(folder / stat, cache)


def _groups() -> Iterator[Path]:
    """Folders of the memory groups of this process, and of those around them."""
    try:
        lines = _MEMBERSHIP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = _CGROUPS / "memory" if controllers else _CGROUPS
        inner = PurePosixPath(path.lstrip("/"))
        # In a container the path may be that outside; its own group is then the root.
        yield from (root / each for each in (inner, *inner.parents))


def _number(path: Path) -> int | None:
    """The whole number in a file; None where there is none, "max" perhaps."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _field(path: Path, name: str) -> int:
    """A number of a file with a name and a number in every line; 0 without it."""
    try:
        fields = dict(line.split() for line in path.read_text().splitlines())
        return int(fields[name])
    except (OSError, ValueError, KeyError):
        return 0


def resource_bytes() -> Iterator[int]:
    """What the limits on address space and data leave this process."""
    if sys.platform == "win32":
        return
    used = psutil.Process().memory_info()
    for limit, taken in (
        (resource.RLIMIT_AS, used.vms),
        (resource.RLIMIT_DATA, getattr(used, "data", 0)),
    ):
        soft = resource.getrlimit(limit)[0]
        if soft != resource.RLIM_INFINITY:
            yield soft - taken


def return_freed_memory() -> None:
    """Give the system back what this process has freed, where the C library keeps it.

    glibc keeps most of what the compiler has used, some hundred megabytes a program.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
        if trim is not None:
            trim(0)
