"""`jax.jit` that compiles sooner, for programs whose steps take less than compiling.

For every matrix product that it compiles for a GPU, XLA tries dozens of kernels of
Triton's. Where one picture is made, whose steps take a fraction of a second altogether,
that is most of the time. Without them the products are cuBLAS's, and compiling takes a
third. Many pictures, whose steps take longer, are left to `jax.jit`.

For a CPU what takes longest is LLVM's optimisation, and writing fused operations as
MLIR. Code without either takes a sixth longer in a network, whose convolutions are
Eigen's: worth it where a program runs once a level, not for the loop over steps.
"""

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, Generic, ParamSpec, TypeVar

import jax
import jax.numpy as jnp

from jaxnst._checks import is_traced

OPTIONS: dict[str, dict[str, Any]] = {
    "gpu": {"xla_gpu_enable_triton_gemm": False},
    "cpu": {
        "xla_backend_optimization_level": 0,
        "xla_cpu_use_fusion_emitters": False,
    },
}
"""By the platform that is compiled for."""

P = ParamSpec("P")
R = TypeVar("R")


class QuickJit(Generic[P, R]):
    """A function compiled by `jax.jit` with `options`.

    Attributes:
        plain: of `jax.jit`: what is called on other devices, and within programs.
        quick: what is called otherwise.

    Args:
        platforms: where it is compiled with them.
        arguments: of `jax.jit`, with which `plain` was made.
    """

    def __init__(
        self,
        plain: Callable[P, R],
        platforms: tuple[str, ...] = tuple(OPTIONS),
        **arguments: Any,
    ) -> None:
        self.plain, self._arguments = plain, arguments
        self._platforms = platforms

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._chosen(args, kwargs)(*args, **kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """As that of `jax.jit`."""
        chosen: Any = self._chosen(args, kwargs)
        return chosen.lower(*args, **kwargs)

    def _chosen(self, *given: Any) -> Callable[P, R]:
        platform = _platform()
        # Options are of whole programs: JAX refuses them for a part of another.
        quickly = platform in self._platforms and not is_traced(given)
        return self.quick if quickly and options(platform) else self.plain

    @cached_property
    def quick(self) -> Callable[P, R]:
        function = getattr(self.plain, "__wrapped__")  # noqa: B009
        found = options(_platform())
        return jax.jit(function, compiler_options=found, **self._arguments)


def quick_jit(**arguments: Any) -> Callable[[Callable[P, R]], QuickJit[P, R]]:
    """A decorator in the place of `partial(jax.jit, **arguments)`."""
    return lambda function: QuickJit(jax.jit(function, **arguments), **arguments)


@cache
def options(platform: str) -> dict[str, Any]:
    """Those of a platform's `OPTIONS` that this XLA knows: it compiles with no other,
    and some are gone from newer ones."""
    return {name: v for name, v in OPTIONS[platform].items() if _known({name: v})}


def _known(option: dict[str, Any]) -> bool:
    try:
        jax.jit(jnp.negative, compiler_options=option).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def _platform() -> str:
    return jax.local_devices()[0].platform
