"""Limits of containers and shells are read, whatever the version of cgroups."""

import ctypes
import platform
import resource
from types import SimpleNamespace

import psutil
import pytest
from networks import narrow_network

from jaxnst import Config
from jaxnst import _memory_limits as memory_limits
from jaxnst.optimize import memory

MIB = 2**20


@pytest.fixture
def groups(monkeypatch, tmp_path):
    """Puts this process into groups: their files, and the lines that name them."""

    def put(membership, **files):
        (tmp_path / "membership").write_text(membership)
        for name, text in files.items():
            path = tmp_path.joinpath(*name.split("__"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(path.name.replace("-", ".")).write_text(f"{text}\n")

    monkeypatch.setattr(memory_limits, "_CGROUPS", tmp_path)
    monkeypatch.setattr(memory_limits, "_MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    return put


def test_no_limit(groups):
    assert memory_limits.limited_bytes() is None  # no such files at all
    groups(
        "4:memory:/a\n1:cpu:/\n0::/\n",
        **{
            "memory__memory-limit_in_bytes": 9223372036854771712,
            "memory__memory-usage_in_bytes": 5,
            "memory-max": "max",
            "memory-current": 5,
        },
    )
    assert memory_limits.limited_bytes() is None


def test_of_the_second_version_the_narrowest_group_around_counts(groups):
    groups(
        "0::/slice/job\n",
        **{
            "slice__job__memory-max": "max",
            "slice__job__memory-current": 100 * MIB,
            "slice__memory-max": 1000 * MIB,
            "slice__memory-current": 700 * MIB,
            "slice__memory-stat": f"anon 7\ninactive_file {50 * MIB}",
        },
    )
    assert memory_limits.limited_bytes() == 350 * MIB


def test_of_the_first_version_within_a_container(groups):
    groups(  # the path is that outside, the files are those of the root inside
        "9:name=systemd:/x\n4:memory:/docker/0123\n",
        **{
            "memory__memory-limit_in_bytes": 512 * MIB,
            "memory__memory-usage_in_bytes": 600 * MIB,
            "memory__memory-stat": f"total_inactive_file {8 * MIB}",
        },
    )
    assert memory_limits.limited_bytes() == 0
    groups("", **{"memory__memory-usage_in_bytes": 112 * MIB})
    assert memory_limits.limited_bytes() is None  # in no group


def test_limits_of_the_shell(groups, monkeypatch):
    limits = {resource.RLIMIT_AS: 4096 * MIB, resource.RLIMIT_DATA: 4096 * MIB}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits[kind], 2**62))
    used = SimpleNamespace(vms=1024 * MIB, data=500 * MIB)
    process = SimpleNamespace(memory_info=lambda: used)
    monkeypatch.setattr(psutil, "Process", lambda: process)
    # Less what the compiler takes.
    assert memory_limits.limited_bytes() == (3072 - 512) * MIB
    limits[resource.RLIMIT_DATA] = 1500 * MIB
    assert memory_limits.limited_bytes() == (1000 - 512) * MIB
    limits[resource.RLIMIT_DATA] = 600 * MIB
    assert memory_limits.limited_bytes() == 0


def test_what_is_free_is_within_the_limits_and_the_error_says_so(monkeypatch):
    free = SimpleNamespace(available=1000 * MIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    monkeypatch.setattr(memory, "limited_bytes", lambda: 10 * MIB)
    assert memory.available_bytes() == 10 * MIB
    config = Config(content_layers=("relu1_1",), style_layers=("relu1_1",))
    network = narrow_network(depth=1)
    with pytest.raises(MemoryError, match="limited to 8.0 MiB more, by its container"):
        memory.with_tiles_if_needed(network, config, (9999, 9999))
    monkeypatch.setattr(memory, "limited_bytes", lambda: 2000 * MIB)
    assert memory.available_bytes() == 1000 * MIB
    with pytest.raises(MemoryError, match="and 0.8 GiB are free"):
        memory.with_tiles_if_needed(network, config, (9999, 9999))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps it")
def test_what_is_freed_is_given_back():
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.free.argtypes = [ctypes.c_void_p]
    blocks = [library.malloc(20_000) for _ in range(5_000)]
    for block in blocks:
        ctypes.memset(ctypes.c_void_p(block), 1, 20_000)
    for block in blocks[:-1]:  # the last one holds the others' place
        library.free(block)
    process = psutil.Process()
    before = process.memory_info().rss
    memory_limits.return_freed_memory()
    library.free(blocks[-1])
    assert process.memory_info().rss < before - 50 * MIB
