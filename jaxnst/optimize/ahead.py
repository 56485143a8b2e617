"""The next level of a run made ready while the present one runs.

Compiling takes about as long as a short run, and XLA holds no lock of Python's while it
compiles. So the loop of a level is compiled beside its targets, and while a level's
steps run, another thread computes the next level's targets and compiles its loop. It
calls the same functions with the same arguments, and compiled code is shared by all
threads: results are the same to the last bit, and nothing is compiled twice.
"""

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import Partial

from jaxnst._phases import phase
from jaxnst.images import resize
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.targets import Targets, compute_targets
from jaxnst.networks.network import Network
from jaxnst.optimize import optimizers
from jaxnst.optimize.loop import init_state, run_steps_of_one
from jaxnst.optimize.memory import with_tiles_if_needed
from jaxnst.optimize.schedule import Schedule, size_at

T = TypeVar("T")

# Settings of JAX that belong to a thread, and to what is compiled.
_SETTINGS = (
    "jax_default_device",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_enable_x64",
    "jax_disable_jit",
    "jax_debug_nans",
    "jax_debug_infs",
    "jax_numpy_dtype_promotion",
    "jax_numpy_rank_promotion",
)


# What `compute_targets` is told that is the same at all levels. With anything else the
# levels are made in turn.
_OF_THE_RUN = {"style_mix", "with_content_style"}


@dataclass(frozen=True)
class _Ready:
    """A level that another thread has looked at.

    Attributes:
        config: with which; the level may find another, if memory has become scarce.
        targets: of the level.
        loop: done when the loop is compiled.
    """

    config: Config
    targets: Targets
    loop: Future[None]


class Ahead:
    """Makes the targets of each level of a run, those of the next one in advance.

    Args:
        network: as the levels use it.
        content, styles: at the final size.
        weights, factory: of the run, the optimizer's from `optimizers.as_factory`.
        averaging: whether there is a moving average of iterates.
    """

    def __init__(
        self,
        network: Network,
        schedule: Schedule,
        content: Array,
        styles: Sequence[Array],
        config: Config,
        weights: Weights | None,
        factory: Partial,
        *,
        averaging: bool,
    ) -> None:
        self.network, self.schedule, self.config = network, schedule, config
        self.content, self.styles = content, list(styles)
        given = Weights() if weights is None else weights
        self.numbers = jax.tree.map(  # as `stylize` has them
            lambda number: jnp.asarray(number, jnp.float32), (given, factory)
        )
        self.averaging = averaging
        self.settings = _settings()
        self._next: Future[_Ready | None] | None = None

    def targets(self, following: float | None) -> Callable[..., Targets]:
        """`compute_targets` for the level that comes now.

        Args:
            following: the level after it; None, there is none.
        """
        return partial(self._targets, following)

    def _targets(
        self,
        following: float | None,
        network: Network,
        content: Array,
        styles: list[Array],
        config: Config,
        **keywords: Any,
    ) -> Targets:
        if not set(keywords) <= _OF_THE_RUN:
            return compute_targets(network, content, styles, config, **keywords)
        before, self._next = self._next, None
        ready = None if before is None else _result_of(before)
        if ready is not None and ready.config == config:
            targets, loop = ready.targets, ready.loop
        else:
            make = partial(compute_targets, network, content, styles, config)
            shapes = jax.eval_shape(partial(make, **keywords))
            loop = _start(self._compile_loop, content.shape, shapes, config)
            targets = make(**keywords)
        _result_of(loop)
        if following is not None:  # not before: what is waited for has both cores
            self._next = _start(self._look_ahead, following, keywords)
        return targets

    def _look_ahead(self, level: float, keywords: dict[str, Any]) -> _Ready | None:
        """Targets and loop of a level; None where they might not be those that the
        level itself comes to."""
        if _settings() != self.settings:
            return None
        content = self.schedule.at_level(self.content, level)
        styles = [resize(style, size_at(style, level)) for style in self.styles]
        largest = max([content, *styles], key=lambda image: image.size)
        remembered = optimizers.state_images(self.numbers[1])
        config = with_tiles_if_needed(
            self.network, self.config, largest.shape, state_images=remembered
        )
        if config != self.config:  # memory is scarce: one thing at a time
            return None
        make = partial(
            compute_targets, self.network, content, styles, config, **keywords
        )
        loop = _start(self._compile_loop, content.shape, jax.eval_shape(make), config)
        return _Ready(config, make(), loop)

    def _compile_loop(
        self, shape: tuple[int, ...], targets: Targets, config: Config
    ) -> None:
        """Compile `run_steps_of_one` as `stylize` calls it for an image of a shape."""
        if _settings() != self.settings:
            return
        weights, factory = self.numbers
        image = jax.ShapeDtypeStruct(shape, jnp.float32)
        state = jax.eval_shape(
            partial(
                init_state,
                optimizer=factory,
                averaging=self.averaging,
                guided=bool(config.guide),
            ),
            image,
        )
        decay = jax.ShapeDtypeStruct((), jnp.float32)
        arguments = (self.network, targets, weights, factory, config, decay)
        run_steps_of_one.lower(state, *arguments, 1, target_axis=None).compile()


def is_worthwhile(*images: Array) -> bool:
    """Whether levels should be made ready ahead for a run on these images.

    On CPUs alone: a GPU's compiler tries kernels out, which running steps would
    disturb. And not with a single core, where nothing can be done beside.
    """
    if jax.local_devices()[0].platform != "cpu" or _cores() < 2:
        return False
    if getattr(jax.config, "jax_disable_jit"):  # noqa: B009
        return False
    # What is bound to a device is compiled for it.
    return not any(image.committed for image in images)


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _settings() -> tuple[Any, ...]:
    """What this thread has set of JAX."""
    return tuple(getattr(jax.config, name, None) for name in _SETTINGS)


@phase("compiling")
def _result_of(future: Future[T | None]) -> T | None:
    """What another thread makes; None where it failed: who needs it will see why."""
    return future.result()


_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def _start(function: Callable[..., T], *arguments: Any) -> Future[T | None]:
    """Call a function in another thread; None comes of it where that fails."""
    future: Future[T | None] = Future()

    def run() -> None:
        try:
            future.set_result(function(*arguments))
        except Exception:  # out of memory, say
            future.set_result(None)

    thread = threading.Thread(target=run, name="ahead", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # there can be no more threads
        future.set_result(None)
    else:
        _threads.add(thread)
    return future


@atexit.register
def _wait_at_exit() -> None:
    """XLA must not be taken down while it compiles."""
    while alive := [thread for thread in tuple(_threads) if thread.is_alive()]:
        alive[0].join()  # which may have started another one
