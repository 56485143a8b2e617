"""`jax.jit` that compiles sooner, for programs whose steps take less than compiling.

For every matrix product that it compiles for a GPU, XLA tries dozens of kernels of
Triton's. Where one picture is made, whose steps take a fraction of a second altogether,
that is most of the time. Without them the products are cuBLAS's, and compiling takes a
third. Many pictures, whose steps take longer, are left to `jax.jit`.

For a CPU what takes longest is LLVM's optimisation, and writing fused operations as
MLIR. Code without either takes a sixth longer in a network, whose convolutions are
Eigen's, and twice as long in all that a step does: worth it where a program runs once a
level. The loop over steps is optimised to LLVM's second level of three and fused
without MLIR, which is compiled in five eighths of the time, and runs as fast.

What `XLA_FLAGS` or `jax_disable_most_optimizations` say holds, whatever stands here.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Any, Generic, ParamSpec, TypeVar

import jax
import jax.numpy as jnp

from jaxnst._checks import is_traced

Options = dict[str, dict[str, Any]]
"""XLA's, by the platform that is compiled for."""


def _options(level: int) -> Options:
    return {
        "gpu": {"xla_gpu_enable_triton_gemm": False},
        "cpu": {
            "xla_backend_optimization_level": level,
            "xla_cpu_use_fusion_emitters": False,
        },
    }


RUN_ONCE = _options(level=0)
"""For what runs once a level."""

LOOP = _options(level=2)
"""For the loop over a picture's steps."""

P = ParamSpec("P")
R = TypeVar("R")


class QuickJit(Generic[P, R]):
    """A function compiled by `jax.jit` with `options`.

    Attributes:
        plain: of `jax.jit`: what is called on other devices, and within programs.
        quick: what is called otherwise.

    Args:
        options: by platform; elsewhere it is compiled without.
        arguments: of `jax.jit`, with which `plain` was made.
    """

    def __init__(
        self,
        plain: Callable[P, R],
        options: Options = RUN_ONCE,
        **arguments: Any,
    ) -> None:
        self.plain, self._arguments = plain, arguments
        self._options, self._compiled = options, dict[Any, Callable[P, R]]()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._chosen(args, kwargs)(*args, **kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """As that of `jax.jit`."""
        chosen: Any = self._chosen(args, kwargs)
        return chosen.lower(*args, **kwargs)

    def _chosen(self, *given: Any) -> Callable[P, R]:
        # Options are of whole programs: JAX refuses them for a part of another.
        return self.plain if is_traced(given) or not self._taken else self.quick

    @property
    def quick(self) -> Callable[P, R]:
        options = self._taken
        key = tuple(options.items())
        if key not in self._compiled:
            function = getattr(self.plain, "__wrapped__")  # noqa: B009
            self._compiled[key] = jax.jit(
                function, compiler_options=options, **self._arguments
            )
        return self._compiled[key]

    @property
    def _taken(self) -> dict[str, Any]:
        return taken(self._options.get(_platform(), {}))


def quick_jit(**arguments: Any) -> Callable[[Callable[P, R]], QuickJit[P, R]]:
    """A decorator in the place of `partial(jax.jit, **arguments)`."""
    return lambda function: QuickJit(jax.jit(function, **arguments), **arguments)


def taken(options: dict[str, Any]) -> dict[str, Any]:
    """Those of XLA's options that the user has not set, and that this XLA knows: it
    compiles with no other, and some are gone from newer ones."""
    if jax.config.read("jax_disable_most_optimizations"):
        return {}
    flags = os.environ.get("XLA_FLAGS", "")
    free = {name: value for name, value in options.items() if name not in flags}
    return {name: value for name, value in free.items() if _is_known(name, value)}


@cache
def _is_known(name: str, value: Any) -> bool:
    try:
        jax.jit(jnp.negative, compiler_options={name: value}).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def _platform() -> str:
    return jax.local_devices()[0].platform
