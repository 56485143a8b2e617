"""One step of the optimisation, and the compiled loop that repeats it."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax
from jax.tree_util import Partial

from jaxnst.config import Config, Weights
from jaxnst.networks.network import Network
from jaxnst.objective import Targets, objective

# Steps that one compiled call can hold: the length of its trace.
CAPACITY = 128


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("image", "opt_state", "average", "count", "finite"),
    meta_fields=(),
)
@dataclass(frozen=True)
class State:
    """Everything that a step changes; a pytree.

    Attributes:
        image: (H, W, 3), float32.
        opt_state: of the optax transformation.
        average: (H, W, 3), decaying sum of the iterates, or None.
        count: steps done, int32.
        finite: False once a loss or a picture was not finite; the picture then stays
            the last finite one.
    """

    image: Array
    opt_state: Any
    average: Array | None
    count: Array
    finite: Array


def init_state(image: Array, optimizer: Partial, *, averaging: bool = False) -> State:
    """The state before the first step."""
    image = jnp.asarray(image, jnp.float32)
    state = State(
        image,
        optimizer().init(image),
        jnp.zeros_like(image) if averaging else None,
        jnp.zeros((), jnp.int32),
        jnp.ones((), bool),
    )
    # The loop is given the state's memory: nothing in it may be the caller's, nor
    # stand in it twice.
    return jax.tree.map(jnp.copy, state)


def step(
    state: State,
    network: Network,
    targets: Targets,
    weights: Weights,
    optimizer: Partial,
    config: Config,
    decay: Array | float = 0.0,
) -> tuple[State, dict[str, Array]]:
    """One step of the optimisation: pure, and the body of the compiled loop.

    Args:
        optimizer: from `optimizers.as_factory`.
        decay: of the average of iterates, a' = decay a + (1 - decay) x.

    Returns:
        The next state, and the terms of the objective at the picture before the step.
    """

    def loss_of(image: Array) -> tuple[Array, dict[str, Array]]:
        return objective(image, network, targets, weights, config)

    (loss, terms), gradient = jax.value_and_grad(loss_of, has_aux=True)(state.image)
    transformation = optax.with_extra_args_support(optimizer())
    updates, opt_state = transformation.update(
        gradient,
        state.opt_state,
        state.image,
        value=loss,
        grad=gradient,
        value_fn=lambda image: loss_of(image)[0],
    )
    image = state.image + updates
    if config.clip:
        image = jnp.clip(image, 0.0, 1.0)
    finite = state.finite & jnp.isfinite(loss) & jnp.all(jnp.isfinite(image))
    image = jnp.where(finite, image, state.image)
    average = state.average
    if average is not None:
        mixed = decay * average + (1.0 - decay) * image
        average = jnp.where(finite, mixed, average)
    # Frozen items do not count on: the average's correction depends on the count.
    count = state.count + finite.astype(jnp.int32)
    return State(image, opt_state, average, count, finite), terms


@partial(jax.jit, donate_argnames="state", static_argnames="capacity")
def run_steps(
    state: State,
    network: Network,
    targets: Targets,
    weights: Weights,
    optimizer: Partial,
    config: Config,
    decay: Array | float,
    steps: Array | int,
    capacity: int = CAPACITY,
) -> tuple[State, dict[str, Array]]:
    """`steps` steps (at most `capacity`) in one compiled loop; the state is donated.

    The number of steps is an argument like any other, so one compilation serves
    every length of run and of call.

    Returns:
        The state, and {term: (capacity,)} of which the first `steps` are filled.
    """
    arguments = (network, targets, weights, optimizer, config, decay)
    shapes = jax.eval_shape(lambda s: step(s, *arguments)[1], state)
    trace = {name: jnp.zeros((capacity,), term.dtype) for name, term in shapes.items()}

    def body(index: Array, carry: Any) -> Any:
        state, trace = carry
        state, terms = step(state, *arguments)
        trace = {name: trace[name].at[index].set(terms[name]) for name in trace}
        return state, trace

    looped: tuple[State, dict[str, Array]] = lax.fori_loop(
        0, jnp.minimum(steps, capacity), body, (state, trace)
    )
    return looped


def picture_of(state: State, decay: float) -> Array:
    """A copy of the state's picture in [0, 1]: the average without its bias, if kept.

    a / (1 - decay^n) after n steps (the correction of Kingma and Ba 2015).
    """
    if state.average is None or int(state.count) == 0:
        return jnp.clip(state.image, 0.0, 1.0)
    return jnp.clip(state.average / (1.0 - decay ** int(state.count)), 0.0, 1.0)
