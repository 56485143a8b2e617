"""Strict for every test: two CPU devices, no silent rank promotion, no warnings; no
package index, and no weights that the user's cache holds."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile

os.environ["PIP_NO_INDEX"] = "1"
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="jaxnst-tests-")
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
).strip()

from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from jaxtyping import install_import_hook
from paths import SHARED

# Shapes and types that these modules annotate are checked at every call in the tests.
# It must be said before jaxnst is imported.
TYPE_CHECKED = (
    "jaxnst.feedforward.decoder",
    "jaxnst.feedforward.transforms",
    "jaxnst.gaussian",
    "jaxnst.linalg",
    "jaxnst.losses.functional",
    "jaxnst.losses.hypercolumns",
    "jaxnst.losses.masks",
    "jaxnst.losses.moments",
    "jaxnst.losses.nearest",
    "jaxnst.losses.regions",
    "jaxnst.losses.objectives",
    "jaxnst.losses.octaves",
    "jaxnst.losses.samples",
    "jaxnst.losses.sliced",
    "jaxnst.losses.statistics",
    "jaxnst.losses.style_statistics",
    "jaxnst.losses.targets",
    "jaxnst.losses.temporal",
    "jaxnst.losses.tiles",
    "jaxnst.losses.wasserstein",
    "jaxnst.metrics",
    "jaxnst.networks.conv",
    "jaxnst.networks.googlenet",
    "jaxnst.networks.packed_conv",
    "jaxnst.networks.packed_masks",
    "jaxnst.networks.pooling",
    "jaxnst.networks.vgg",
    "jaxnst.networks.winograd",
    "jaxnst.optimize.laplacian_pyramid",
    "jaxnst.pipeline.photorealism",
    "jaxnst.sorting",
    "jaxnst.video.temporal",
)
_UNOPTIMISED = "--xla_backend_optimization_level=0"
_UNFUSED = "--xla_cpu_use_fusion_emitters=false"

atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)
install_import_hook(TYPE_CHECKED, "beartype.beartype")

jax.config.update("jax_numpy_rank_promotion", "raise")
# Scripts that run in this process must not write what they compile to the user's
# folder.
jax.config.update("jax_enable_compilation_cache", False)


@pytest.fixture(autouse=True, scope="module")
def drop_compiled_code() -> Iterator[None]:
    """Much compiled code goes when a file's tests are done.

    It lies in memory maps of its own, of which Linux gives a process 65,530; with all
    the tests' in one process XLA crashed at getting another.
    """
    yield
    maps = Path("/proc/self/maps")
    if not maps.exists() or len(maps.read_bytes().splitlines()) > 20_000:
        jax.clear_caches()


@pytest.fixture(scope="module")
def compiled_quickly() -> Iterator[None]:
    """LLVM optimises nothing in this file, neither here nor in programs it starts: for
    slow tests that compile for longer than they compute."""
    if _UNOPTIMISED in os.environ["XLA_FLAGS"]:  # it is so anyway
        yield
        return
    jax.config.update("jax_disable_most_optimizations", True)
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    yield
    del os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"]
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()


@pytest.fixture
def shared() -> Path:
    """The folder of real weights and pictures beside the checkout, if there is one."""
    if not (SHARED / "weights").is_dir():
        pytest.skip(f"needs real weights and pictures in {SHARED}, which is absent")
    return SHARED


@pytest.fixture
def torch():
    """PyTorch where it is installed, on one thread: its pool and XLA's do not mix."""
    module = pytest.importorskip("torch")
    module.set_num_threads(1)
    return module


@pytest.fixture
def torch_path(tmp_path):
    """Writes a state dict as PyTorch would, without PyTorch, in either format."""
    import foreign

    def of(state, form="old"):
        path = tmp_path / "net.pth"
        path.write_bytes(foreign.torch_file(state, form))
        return path

    return of


def pytest_configure(config: pytest.Config) -> None:
    """The quick tests spend their time compiling: theirs is not optimised by LLVM, and
    fused operations are not written as MLIR.

    The slow ones are compiled as for a user, but in files that take `compiled_quickly`.
    """
    if config.option.markexpr == "not slow" and _UNOPTIMISED not in _flags():
        os.environ["XLA_FLAGS"] += f" {_UNOPTIMISED}"
        if _known(_UNFUSED):
            os.environ["XLA_FLAGS"] += f" {_UNFUSED}"


def _flags() -> list[str]:
    """Of XLA, which a worker has from the process that began it."""
    return os.environ["XLA_FLAGS"].split()


def _known(flag: str) -> bool:
    """Whether this XLA knows a flag: with another it ends the process."""
    code = "import jax; jax.devices()"
    environment = os.environ | {"XLA_FLAGS": flag}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True
    )
    return answer.returncode == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "torch" in getattr(item, "fixturenames", ()):
            item.add_marker("parity")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20161)
