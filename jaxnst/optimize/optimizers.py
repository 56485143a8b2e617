"""Named optimisers whose numbers can change without compiling anew.

Anything that `jaxnst.stylize` does is done with an optax transformation. The ones made
here are `jax.tree_util.Partial`s that build it: name and shape are static, numbers such
as the learning rate are leaves, so that a compiled loop takes them as arguments and
`jax.vmap` can run several side by side.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.tree_util import Partial

from jaxnst import _checks

Optimizer: TypeAlias = (
    optax.GradientTransformation | Callable[[], optax.GradientTransformation]
)

OptimizerName = Literal["adam", "rmsprop", "lbfgs", "lbfgs-linesearch", "gradient"]
NAMES = get_args(OptimizerName)

DEFAULT_RATES: dict[str, float] = {
    "adam": 0.02,
    "rmsprop": 0.002,
    "lbfgs": 1.0,
    "lbfgs-linesearch": 1.0,
    "gradient": 0.02,
}


def adam(
    learning_rate: float = 0.02,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    lr_decay: tuple[float, float] | None = None,
) -> Optimizer:
    """Adam (Kingma and Ba 2015), PyTorch's constants. Rates are in units of [0, 1]:
    Adam with rate 10 on a picture in 0..255 is rate 10 / 255 here.

    Args:
        lr_decay: steps from which and to which the rate falls, as half a cosine to 0
            (Loshchilov and Hutter, "SGDR", ICLR 2017, eq. 5). A constant rate ends in
            a noise of its own size.
    """
    return Partial(_adam, learning_rate, b1, b2, *(lr_decay or ()))


def _adam(rate: Any, b1: Any, b2: Any, *decay: Any) -> optax.GradientTransformation:
    return optax.adam(_falling(rate, *decay), b1=b1, b2=b2)


def _falling(rate: Any, first: Any = None, last: Any = None) -> Any:
    """A rate that falls as half a cosine from one step to another, or that stays."""
    if first is None:
        return rate

    def of_step(count: Any) -> Any:
        way = jnp.clip((count - first) / (last - first), 0, 1)
        return rate * (0.5 + 0.5 * jnp.cos(jnp.pi * way))

    return of_step


def rmsprop(
    learning_rate: float = 0.002,
    *,
    b2: float = 0.99,
    lr_decay: tuple[float, float] | None = None,
) -> Optimizer:
    """RMSprop, PyTorch's constants: each pixel's gradient over the root of the decaying
    mean of its squares (Tieleman and Hinton 2012).

    Args:
        lr_decay: as of `adam`.
    """
    return Partial(_rmsprop, learning_rate, b2, *(lr_decay or ()))


def _rmsprop(rate: Any, b2: Any, *decay: Any) -> optax.GradientTransformation:
    rate = _falling(rate, *decay)
    return optax.rmsprop(rate, decay=b2, eps=1e-8, eps_in_sqrt=False)


def lbfgs(learning_rate: float = 1.0, *, history: int = 100) -> Optimizer:
    """L-BFGS without line search, as Gatys et al. ran it: one evaluation a step.

    The first step is -rate min(1, 1 / |g|_1) g, PyTorch's rule; it sets the scale of
    all that follows. Fast on smooth objectives, but nothing bounds a step: where the
    loss rises, lower the rate or take Adam. The state holds 2 `history` pictures.
    """
    return Partial(_Lbfgs(history), learning_rate)


@dataclass(frozen=True)
class _Lbfgs:
    history: int

    def __call__(self, rate: Any) -> optax.GradientTransformation:
        return optax.chain(
            _bounded_first_step(optax.scale_by_lbfgs(memory_size=self.history)),
            optax.scale_by_learning_rate(rate),
        )


class _FirstStepState(NamedTuple):
    done: Array
    inner: Any


def _bounded_first_step(
    inner: optax.GradientTransformation,
) -> optax.GradientTransformation:
    """`inner`, its first update replaced by g min(1, 1 / |g|_1)."""

    def init(params: Any) -> _FirstStepState:
        return _FirstStepState(jnp.zeros((), jnp.int32), inner.init(params))

    def update(grads: Any, state: _FirstStepState, params: Any = None) -> Any:
        updates, inner_state = inner.update(grads, state.inner, params)
        norm = sum(jnp.sum(jnp.abs(g)) for g in jax.tree.leaves(grads))
        scale = jnp.minimum(1.0, 1.0 / norm)
        first = state.done == 0
        updates = jax.tree.map(
            lambda u, g: jnp.where(first, g * scale, u), updates, grads
        )
        return updates, _FirstStepState(state.done + 1, inner_state)

    return optax.GradientTransformation(init, update)


def lbfgs_linesearch(learning_rate: float = 1.0, *, history: int = 10) -> Optimizer:
    """L-BFGS with optax's zoom line search (strong Wolfe conditions).

    Never rises, at several evaluations a step. Under `jax.vmap` every item waits for
    the slowest line search: take `lbfgs` or `adam` there.
    """
    return Partial(_LbfgsLinesearch(history), learning_rate)


@dataclass(frozen=True)
class _LbfgsLinesearch:
    history: int

    def __call__(self, rate: Any) -> optax.GradientTransformation:
        return optax.lbfgs(rate, memory_size=self.history)


def gradient(learning_rate: float = 0.02) -> Optimizer:
    """Gradient descent with steps of a set length: x' = x - rate g / (rms(g) √t).

    The scale of published losses differs by many orders of magnitude between networks
    and sizes; dividing by the root mean square makes the rate the typical change of a
    pixel at the first step in all of them. Without the root of the step's number t
    the steps would not grow shorter, and the loss would rise again.
    """
    return Partial(_gradient, learning_rate)


def _gradient(rate: Any) -> optax.GradientTransformation:
    def normalize(updates: Any, state: Any, params: Any = None) -> Any:
        leaves = jax.tree.leaves(updates)
        squares = sum(jnp.sum(jnp.square(leaf)) for leaf in leaves)
        rms = jnp.sqrt(squares / sum(leaf.size for leaf in leaves))
        rms = jnp.where(rms > 0, rms, 1.0)
        return jax.tree.map(lambda leaf: leaf / rms, updates), state

    return optax.chain(
        optax.GradientTransformation(lambda _: optax.EmptyState(), normalize),
        optax.scale_by_learning_rate(lambda count: rate / jnp.sqrt(count + 1.0)),
    )


def get(
    name: str,
    learning_rate: float | None = None,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    history: int | None = None,
    lr_decay: tuple[float, float] | None = None,
) -> Optimizer:
    """An optimiser by name, with its own default rate where none is given.

    Args:
        name: "adam", "rmsprop", "lbfgs", "lbfgs-linesearch" or "gradient".
        learning_rate: above 0; None for `DEFAULT_RATES[name]`.
        b1, b2, lr_decay: Adam's decay rates, and from where to where its rate falls;
            RMSprop has the last two.
        history: pairs of differences that L-BFGS keeps; None, its default.

    Raises:
        ValueError: an unknown name or a number out of its range.
    """
    _checks.check_choice(name, "optimizer", NAMES)
    rate = DEFAULT_RATES[name] if learning_rate is None else learning_rate
    _checks.check_number(rate, "learning_rate", minimum=1e-12)
    if name == "adam":
        for decay, label in ((b1, "b1"), (b2, "b2")):
            if not 0 <= decay < 1:
                raise ValueError(f"{label} must be at least 0 and below 1, got {decay}")
        return adam(rate, b1=b1, b2=b2, lr_decay=lr_decay)
    if name == "rmsprop":
        return rmsprop(rate, b2=b2, lr_decay=lr_decay)
    if lr_decay is not None:
        raise ValueError(
            f"lr_decay is for adam and rmsprop, got {name}; leave it, or take adam"
        )
    if name == "gradient":
        return gradient(rate)
    if history is not None and history < 1:
        raise ValueError(f"history must be at least 1, got {history}")
    make = lbfgs if name == "lbfgs" else lbfgs_linesearch
    return make(rate) if history is None else make(rate, history=history)


@dataclass(frozen=True)
class _Given:
    """A transformation made elsewhere: static as a whole, equal only to itself."""

    transformation: optax.GradientTransformation

    def __call__(self) -> optax.GradientTransformation:
        return self.transformation


def state_images(optimizer: Optimizer) -> int:
    """How many pictures an optimiser remembers, arrays of the picture's size: Adam 2,
    L-BFGS more than twice its history."""
    image = jax.ShapeDtypeStruct((8, 8, 3), jnp.float32)
    state = jax.eval_shape(lambda image: as_factory(optimizer)().init(image), image)
    numbers = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state))
    return numbers // math.prod(image.shape)


def as_factory(optimizer: Any) -> Partial:
    """An optimiser as a pytree that compiled code takes as an argument.

    Raises:
        TypeError: neither an optax transformation nor one of this module's.
    """
    if isinstance(optimizer, Partial):
        return optimizer
    if isinstance(optimizer, optax.GradientTransformation):
        return Partial(_Given(optimizer))
    raise TypeError(
        "optimizer must be an optax.GradientTransformation or come from "
        f"jaxnst.optimizers, got {type(optimizer).__name__}"
    )
