"""The optimisation of one picture from start to result: `stylize`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxnst import _checks
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.objectives import make_targets
from jaxnst.networks.network import Network
from jaxnst.optimize import optimizers
from jaxnst.optimize.initial import initial_image
from jaxnst.optimize.loop import (
    CAPACITY,
    Items,
    State,
    init_state,
    picture_of,
    run_steps,
)
from jaxnst.optimize.memory import fitted

# Time that a compiled call should take: long enough that starting it costs nothing,
# short enough for progress and cancellation.
_CALL_SECONDS = 0.5


@dataclass(frozen=True)
class Progress:
    """What a callback is told between compiled calls.

    Attributes:
        step: steps done so far, of `steps`.
        steps: steps in all.
        terms: every term of the objective at the last step done, as floats.
        seconds: since the run began, compilation included.
        picture: gives a copy of the picture as it would be returned now; to be called
            within the callback, for the next call is given its memory.
        result: gives a copy of what would be returned if the run ended now, from which
            it can go on; to be called within the callback, too.
    """

    step: int
    steps: int
    terms: dict[str, float]
    seconds: float
    picture: Callable[[], Array]
    result: Callable[[], "Result"]


Callback = Callable[[Progress], bool | None]


@dataclass(frozen=True)
class Result:
    """What a run gives; of many at once, every array has their axes in front.

    Attributes:
        image: (H, W, 3) in [0, 1]: the last iterate, or the average of the iterates.
        trace: {term: (steps,)}, every term of the objective at every step, before
            the step; names as in `objective`.
        steps: steps done; fewer than asked for if a callback ended the run.
        finite: False (of many, an array of such) if a loss or a picture was not
            finite on the way; `image` is then the last picture before that.
        seconds: wall time, compilation included.
        state: the final state, from which a run can go on; None of many.
    """

    image: Any
    trace: dict[str, np.ndarray]
    steps: int
    finite: bool | np.ndarray
    seconds: float
    state: State | None


def stylize(
    network: Network,
    content: Array,
    style: Array | Sequence[Array],
    *,
    config: Config | None = None,
    weights: Weights | None = None,
    optimizer: optimizers.Optimizer | None = None,
    steps: int = 300,
    init: str | Array = "content",
    key: Array | None = None,
    callback: Callback | None = None,
    every: int | None = None,
    ema: float | None = None,
    style_mix: Sequence[float] | None = None,
    state: State | None = None,
    before: int = 0,
) -> Result:
    """Optimise a picture whose features match a photograph and a painting.

    Compiled once for each size, network, config and kind of optimiser; numbers,
    steps and pictures may change freely. Where memory demands it the picture is seen
    in tiles, as `Config.tile` has it.

    Args:
        network: from `load_network`.
        content: the photograph, (H, W, 3) in [0, 1].
        style: the painting, (H', W', 3), or several.
        config: layers and conventions; None, `Config()`.
        weights: alpha, beta, tv and layer weights; None, `Weights()`.
        optimizer: any `optax.GradientTransformation`, or one of
            `jaxnst.optimizers`; None, Adam with rate 0.02.
        steps: number of steps, at least 1.
        init: "content", "noise", "style" or a picture of the content's size, such as
            `feedforward.stylize` gives.
        key: `jax.random.key(seed)` for noise.
        callback: called between compiled calls with a `Progress`; the run ends
            after the call for which it returns True.
        every: let calls end on each multiple of this many steps, too.
        ema: decay of an average of the iterates, such as 0.95, which is then
            the result; None, the last iterate is.
        style_mix: a weight for each of several paintings.
        state: go on from `Result.state`, instead of `init`.
        before: steps done before, which `every` and the callback's step count too.

    Raises:
        TypeError, ValueError: bad arguments, before anything is compiled.
    """
    config = Config() if config is None else config
    weights = Weights() if weights is None else weights
    weights.check(config)
    _checks.check_whole(steps, "steps")
    if every is not None:
        _checks.check_whole(every, "every")
    check_average(ema)
    factory = optimizers.as_factory(optimizer or optimizers.adam())
    min_side = network.min_side(config.layers)
    content = _checks.check_image(content, "content", min_side=min_side)
    pictures = [content, *_checks.check_images(style, "style", min_side=min_side)]
    largest = max(pictures, key=lambda picture: picture.size)
    config = fitted(network, config, largest.shape)
    apart = weights.strength is not None
    if len(content.devices()) == 1:  # over several the compiler divides it by rows
        network = network.prepared()
    targets = make_targets(
        network, content, style, config, style_mix=style_mix, apart=apart
    )
    if state is None:
        first = _checks.check_images(style, "style")[0]
        image = initial_image(init, content, first, key)
        state = init_state(image, factory, averaging=ema is not None)
    else:
        _check_state(state, content, factory, averaging=ema is not None)
        # The loop is given its state's memory; the caller keeps theirs.
        state = jax.tree.map(jnp.copy, state)
    decay = 0.0 if ema is None else ema
    # Whole numbers, Python's and NumPy's would each compile the loop anew.
    weights, factory, decay = jax.tree.map(
        lambda number: jnp.asarray(number, jnp.float32), (weights, factory, decay)
    )
    arguments = (network, targets, weights, factory, config, decay)
    return drive(state, arguments, steps, every, callback, before)


def check_average(ema: Any) -> None:
    """ValueError unless the decay, or each of an array of them, is one."""
    if ema is not None and not np.all((0 <= ema) & (ema < 1)):
        raise ValueError(f"ema must be at least 0 and below 1, got {ema}")


def _check_state(
    state: State, content: Array, factory: Any, *, averaging: bool
) -> None:
    """ValueError unless a run on `content` would have such a state."""
    wanted = jax.eval_shape(lambda: init_state(content, factory, averaging=averaging))
    kind = jax.tree.structure(state), [x.shape for x in jax.tree.leaves(state)]
    if kind != (jax.tree.structure(wanted), [x.shape for x in jax.tree.leaves(wanted)]):
        raise ValueError(
            f"state is of another run: its picture has shape {state.image.shape}, the "
            f"content {content.shape}, or its optimizer or ema differ; go on with "
            "the same, or give init=Result.image to start from a picture"
        )


def drive(
    state: State,
    arguments: tuple[Any, ...],
    steps: int,
    every: int | None,
    callback: Callback | None,
    before: int,
    items: Items | None = None,
) -> Result:
    """Call `run_steps` until `steps` are done, or the callback ends it.

    With `items` the result's pictures, traces and flags have an axis of them.
    """
    show = picture_of if items is None else jax.vmap(picture_of)
    decay, began = arguments[-1], time.perf_counter()
    traces: list[dict[str, np.ndarray]] = []
    done, length = 0, 1

    def result() -> Result:
        joined = {k: np.concatenate([t[k] for t in traces]).T for k in traces[0]}
        seconds = time.perf_counter() - began
        finite = bool(state.finite) if items is None else np.asarray(state.finite)
        return Result(show(state, decay), joined, done, finite, seconds, state)

    def copied() -> Result:
        # The next call is given this state's memory.
        return replace(result(), state=jax.tree.map(jnp.copy, state))

    while done < steps:
        length = min(length, steps - done, CAPACITY)
        if every:
            length = min(length, every - (before + done) % every)
        called = time.perf_counter()
        state, trace = run_steps(state, *arguments, length, items=items)
        traces.append({k: np.asarray(v)[:length] for k, v in trace.items()})
        now, done = time.perf_counter(), done + length
        if callback is not None:
            terms = {name: float(v[-1].mean()) for name, v in traces[-1].items()}
            picture = partial(show, state, decay)
            seen = before + done, before + steps
            if callback(Progress(*seen, terms, now - began, picture, copied)):
                break
        if not np.any(state.finite):
            break
        # The first call compiles as well, so its time says nothing.
        pace = (now - called) / length if done > length else None
        length = 1 if pace is None else max(1, int(_CALL_SECONDS / max(pace, 1e-4)))
    return result()
