"""Out of memory is one line with what to do, whoever runs out of it."""

import errno
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from jax.errors import JaxRuntimeError
from paths import REPOSITORY

from jaxnst.cli import _app, _memory


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("std::bad_alloc"),
        JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1234 bytes."),
        JaxRuntimeError("INTERNAL: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        JaxRuntimeError("INTERNAL: CUBLAS_STATUS_ALLOC_FAILED"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        RuntimeError("can't start new thread"),
    ],
)
def test_every_kind_is_told_with_the_way_out(error, monkeypatch, capsys):
    line = _app.describe_error(error)
    assert line.startswith("out of memory; ") and "choose a smaller size" in line

    def main(arguments):
        raise error

    monkeypatch.setattr(_app, "parse", lambda module, line: object())
    monkeypatch.setattr(_app, "keep_compiled", lambda: None)
    assert _app.run_module(SimpleNamespace(main=main), []) == 1
    assert capsys.readouterr().err == f"error: {line}\n"


def test_an_array_that_cannot_be_and_a_way_out_that_is_known():
    with pytest.raises(MemoryError) as caught:
        np.empty((2**25, 2**30))
    line = _app.describe_error(caught.value)
    assert "Unable to allocate" in line and line.endswith(_memory.MEND)
    line = _app.describe_error(MemoryError("1 GiB are free; choose a smaller size"))
    assert line == "out of memory; 1 GiB are free; choose a smaller size"


def test_other_errors_are_not_taken_for_it(monkeypatch):
    for error in (JaxRuntimeError("INTERNAL: no"), OSError(errno.ENOENT, "no")):
        assert "memory" not in _app.describe_error(error)

    def main(arguments):
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(_app, "parse", lambda module, line: object())
    monkeypatch.setattr(_app, "keep_compiled", lambda: None)
    with pytest.raises(RuntimeError, match="a fault of the program"):
        _app.run_module(SimpleNamespace(main=main), [])


def test_too_little_address_space_to_start(monkeypatch):
    monkeypatch.setattr(_memory, "resource_bytes", lambda: iter([2**40, 2**29]))
    with pytest.raises(MemoryError, match=r"0.5 GiB .* 1.5 are needed .* \(ulimit -v"):
        _memory.check_address_space()
    for left in ([], [2**31]):
        monkeypatch.setattr(_memory, "resource_bytes", lambda left=left: iter(left))
        _memory.check_address_space()


# What the compiler's threads do: an allocation that nobody catches; and another end.
ABORT = """
import ctypes, os
from jaxnst.cli._memory import explain_bad_alloc
explain_bad_alloc()
library = ctypes.CDLL("libstdc++.so.6")
child = os.fork()
if not child:
    os.close(2)
    library._ZSt9terminatev()
print(os.WTERMSIG(os.waitpid(child, 0)[1]), flush=True)
library._Znwm.argtypes = [ctypes.c_size_t]
library._Znwm(2**62)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of the GNU library of C++")
def test_an_allocation_that_fails_in_cpp():
    done = subprocess.run(
        [sys.executable, "-c", ABORT],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == f"error: out of memory; {_memory.MEND}\n"
    assert done.returncode == 1 and done.stdout == "6\n"  # SIGABRT, as ever
