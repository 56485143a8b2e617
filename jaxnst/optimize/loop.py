"""One step of the optimisation, and the compiled loop that repeats it."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax
from jax.tree_util import Partial

from jaxnst._quick_jit import LOOP, QuickJit, quick_jit
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.objectives import objective, with_neighbours
from jaxnst.losses.regions import RegionTarget, composite
from jaxnst.losses.samples import grid_positions
from jaxnst.losses.targets import Targets
from jaxnst.networks.network import Network
from jaxnst.optimize.strength import next_log_beta, weights_for_strength

TargetAxis = Literal["shared", "per_item"]
"""Of many items: whether all have the same targets, or each its own."""

# Steps that one compiled call can hold: the length of its trace.
CAPACITY = 128


@partial(
    jax.tree_util.register_dataclass,
    data_fields=(
        *("image", "opt_state", "ema", "count", "finite", "log_beta", "neighbours"),
    ),
    meta_fields=(),
)
@dataclass(frozen=True)
class State:
    """Everything that a step changes; a pytree.

    Attributes:
        image: (H, W, 3), float32.
        opt_state: of the optax transformation.
        ema: (H, W, 3), decaying sum of the iterates, or None.
        count: steps done, int32.
        finite: False once a loss or an image was not finite; the image then stays the
            last finite one.
        log_beta: what `strength.next_log_beta` adds to the logarithm of beta; 0 where
            there is no strength to reach.
        neighbours: `Targets.neighbours` of the image before the first step, or None.
    """

    image: Array
    opt_state: Any
    ema: Array | None
    count: Array
    finite: Array
    log_beta: Array
    neighbours: Array | None = None


def init_state(
    image: Array, optimizer: Partial, *, averaging: bool = False, guided: bool = False
) -> State:
    """The state before the first step.

    Args:
        averaging: whether there is a moving average of iterates.
        guided: whether `Config.guide` is above 0; the loop then finds the neighbours.
    """
    image = jnp.asarray(image, jnp.float32)
    positions = grid_positions((image.shape[0], image.shape[1]))
    state = State(
        image,
        optimizer().init(image),
        jnp.zeros_like(image) if averaging else None,
        jnp.zeros((), jnp.int32),
        jnp.ones((), bool),
        jnp.zeros(()),
        jnp.zeros(len(positions), jnp.int32) if guided else None,
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
        decay: of the exponential moving average, a' = decay a + (1 - decay) x.

    Returns:
        The next state, and the terms of the objective at the image before the step;
        where there is a strength to reach, "beta" among them.
    """
    given = weights
    if given.strength is not None:
        weights = weights_for_strength(given, state.log_beta)

    if config.random:
        targets = replace(targets, draw=state.count)
    if config.guide:
        targets = replace(targets, neighbours=state.neighbours)

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
    if given.strength is not None:
        # At 0 nothing but rounding is left of the gradient, of which Adam, whatever its
        # size, would make whole steps away from the content image.
        updates = jnp.where(given.strength > 0, updates, 0.0)
    image = state.image + updates
    if config.clip:
        image = jnp.clip(image, 0.0, 1.0)
    finite = state.finite & jnp.isfinite(loss) & jnp.all(jnp.isfinite(image))
    image = jnp.where(finite, image, state.image)
    ema = state.ema
    if ema is not None:
        ema = jnp.where(finite, decay * ema + (1.0 - decay) * image, ema)
    # Frozen items do not count on: the average's correction depends on the count.
    count = state.count + finite.astype(jnp.int32)
    log_beta = state.log_beta
    if given.strength is not None:
        terms["beta"] = jnp.asarray(weights.beta, jnp.float32)
        adjusted = next_log_beta(log_beta, terms["style"], targets, given)
        log_beta = jnp.where(finite, adjusted, log_beta)
    changed = replace(
        state, image=image, opt_state=opt_state, ema=ema, count=count, finite=finite
    )
    return replace(changed, log_beta=log_beta), terms


_JIT: dict[str, Any] = {
    "donate_argnames": "state",
    "static_argnames": ("capacity", "target_axis"),
}


@partial(jax.jit, **_JIT)
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
    target_axis: TargetAxis | None = None,
) -> tuple[State, dict[str, Array]]:
    """`steps` steps (at most `capacity`) in one compiled loop; the state is donated.

    The number of steps is an argument like any other, so one compilation serves
    every length of run and of call.

    Args:
        target_axis: None, one image. "per_item", many side by side: every array of the
            state, the targets, the weights, the optimizer and the decay has an axis of
            items in front; the network is shared. "shared": the targets are, too.

    Returns:
        The state, and {term: (capacity,)}, with items (capacity, N), of which the first
        `steps` are filled.
    """
    arguments = (targets, weights, optimizer, decay)
    if config.guide:
        state = _with_neighbours(state, network, targets, config, target_axis)

    def next_state(state: State, *per_item: Any) -> tuple[State, dict[str, Array]]:
        targets, weights, optimizer, decay = per_item
        return step(state, network, targets, weights, optimizer, config, decay)

    if target_axis is not None:
        axes = (0, None if target_axis == "shared" else 0, 0, 0, 0)
        next_state = jax.vmap(next_state, axes)
    shapes = jax.eval_shape(next_state, state, *arguments)[1]
    trace = {
        name: jnp.zeros((capacity, *term.shape), term.dtype)
        for name, term in shapes.items()
    }

    def body(index: Array, carry: Any) -> Any:
        state, trace = carry
        state, terms = next_state(state, *arguments)
        trace = {name: trace[name].at[index].set(terms[name]) for name in trace}
        return state, trace

    looped: tuple[State, dict[str, Array]] = lax.fori_loop(
        0, jnp.minimum(steps, capacity), body, (state, trace)
    )
    return looped


def _with_neighbours(
    state: State,
    network: Network,
    targets: Targets,
    config: Config,
    target_axis: TargetAxis | None,
) -> State:
    """The state with the neighbours found, if no step is done; arguments as of
    `run_steps`."""

    def found(image: Array, targets: Targets) -> Any:
        return with_neighbours(image, network, targets, config).neighbours

    if target_axis is not None:
        found = jax.vmap(found, (0, None if target_axis == "shared" else 0))
    return lax.cond(
        jnp.all(state.count == 0),
        lambda state: replace(state, neighbours=found(state.image, targets)),
        lambda state: state,
        state,
    )


# For one image, and not for many, whose steps take longer than compiling them.
run_steps_of_one = QuickJit(run_steps, LOOP, **_JIT)


@quick_jit()
def current_image(
    state: State, decay: Array | float, regions: RegionTarget | None = None
) -> Array:
    """A copy of the state's image in [0, 1]: its moving average without bias, if there
    is one.

    a / (1 - decay^n) after n steps (the correction of Kingma and Ba 2015).

    Args:
        regions: of the targets; where they paint nothing the content image is seen.
    """
    image = state.image
    if state.ema is not None:
        stepped = state.count > 0
        share = jnp.where(stepped, 1.0 - decay**state.count, 1.0)
        image = jnp.where(stepped, state.ema / share, image)
    return composite(jnp.clip(image, 0.0, 1.0), regions)
