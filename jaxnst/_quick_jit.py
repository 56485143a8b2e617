"""`jax.jit` that compiles sooner on a GPU, for programs of a single picture.

For every matrix product that it compiles for a GPU, XLA tries dozens of kernels of
Triton's. Where one picture is made, whose steps take a fraction of a second altogether,
that is most of the time. Without them the products are cuBLAS's, and compiling takes a
third. Many pictures, whose steps take longer, are left to `jax.jit`.
"""

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, Generic, ParamSpec, TypeVar

import jax
import jax.numpy as jnp

from jaxnst._checks import is_traced

OPTIONS: dict[str, Any] = {"xla_gpu_enable_triton_gemm": False}

P = ParamSpec("P")
R = TypeVar("R")


class QuickJit(Generic[P, R]):
    """A function compiled by `jax.jit`, on a GPU with `OPTIONS`.

    Attributes:
        plain: of `jax.jit`: what is called on other devices, and within programs.
        quick: what is called on a GPU.

    Args:
        arguments: of `jax.jit`, with which `plain` was made.
    """

    def __init__(self, plain: Callable[P, R], **arguments: Any) -> None:
        self.plain, self._arguments = plain, arguments

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._chosen(args, kwargs)(*args, **kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """As that of `jax.jit`."""
        chosen: Any = self._chosen(args, kwargs)
        return chosen.lower(*args, **kwargs)

    def _chosen(self, *given: Any) -> Callable[P, R]:
        # Options are of whole programs: JAX refuses them for a part of another.
        quickly = _on_gpu() and known() and not is_traced(given)
        return self.quick if quickly else self.plain

    @cached_property
    def quick(self) -> Callable[P, R]:
        function = getattr(self.plain, "__wrapped__")  # noqa: B009
        return jax.jit(function, compiler_options=OPTIONS, **self._arguments)


def quick_jit(**arguments: Any) -> Callable[[Callable[P, R]], QuickJit[P, R]]:
    """A decorator in the place of `partial(jax.jit, **arguments)`."""
    return lambda function: QuickJit(jax.jit(function, **arguments), **arguments)


@cache
def known() -> bool:
    """Whether this XLA knows `OPTIONS`: with others it would refuse to compile."""
    try:
        jax.jit(jnp.negative, compiler_options=OPTIONS).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def _on_gpu() -> bool:
    return jax.local_devices()[0].platform == "gpu"
