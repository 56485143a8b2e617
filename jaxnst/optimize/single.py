"""The optimisation of one image from start to result: `stylize`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import Partial

from jaxnst import _checks
from jaxnst._memory_limits import return_freed_memory
from jaxnst._phases import phase
from jaxnst.losses import octaves
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.regions import Regions, check_regions
from jaxnst.losses.targets import Targets, compute_targets
from jaxnst.losses.tiles import uses_tiles
from jaxnst.networks.network import Network, check_network
from jaxnst.optimize import optimizers
from jaxnst.optimize.initial import initial_image, without_content
from jaxnst.optimize.loop import (
    CAPACITY,
    State,
    TargetAxis,
    current_image,
    init_state,
    run_steps,
    run_steps_of_one,
)
from jaxnst.optimize.memory import with_tiles_if_needed
from jaxnst.optimize.result import Callback, Progress, Result

# Time that a compiled call should take: long enough that starting it costs nothing,
# short enough for progress and cancellation.
_CALL_SECONDS = 0.5

MakeTargets = Callable[..., Targets]
"""As `compute_targets`: its arguments, its result."""


class StepArguments(NamedTuple):
    """What `run_steps` takes between the state and the number of steps."""

    network: Network
    targets: Targets
    weights: Weights
    optimizer: Partial
    config: Config
    decay: Any


def stylize(
    network: Network,
    content: Array | None,
    style: Array | Sequence[Array],
    *,
    size: tuple[int, int] | None = None,
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
    make_targets: MakeTargets | None = None,
    regions: Regions | None = None,
) -> Result:
    """Optimise an image whose features match a content and a style image.

    Compiled once for each size, network, config and kind of optimiser; numbers,
    steps and images may change freely. Where memory demands it the image is seen in
    tiles, as `Config.tile` has it.

    Args:
        network: from `load_network`.
        content: (H, W, 3) in [0, 1]; None for a texture, an image with the style's
            statistics alone.
        size: (height, width) of a texture.
        style: (H', W', 3), or several; of one with alpha, (H', W', 4), the opaque
            parts count.
        config: layers and conventions; None, `Config()`.
        weights: alpha, beta, tv and layer weights; None, `Weights()`.
        optimizer: any `optax.GradientTransformation`, or one of
            `jaxnst.optimizers`; None, Adam with rate 0.02.
        steps: number of steps, at least 1.
        init: "content", "noise", "style" or an image of the content's size, such as
            `feedforward.stylize` gives; "content" of a texture is grey.
        key: `jax.random.key(seed)` for noise.
        callback: called between compiled calls with a `Progress`; the run ends
            after the call for which it returns True.
        every: let calls end on each multiple of this many steps, too.
        ema: decay of an exponential moving average of the iterates, such as 0.95,
            which is then the result; None, the last iterate is.
        style_mix: a weight for each of several style images.
        state: go on from `Result.state`, instead of `init`.
        before: steps done before, which `every` and the callback's step count too.
        make_targets: called in place of `compute_targets`; for who has many runs and
            keeps what they share.
        regions: which parts of the image take the style of which parts of the style
            images; None, all of all.

    Raises:
        TypeError, ValueError: bad arguments, or called under jax.jit, vmap or grad;
            before anything is compiled.
    """
    _checks.check_not_traced(
        "stylize", network, content, style, weights, optimizer, init, ema, state
    )
    config = Config() if config is None else config
    content, config = without_content(content, size, config)
    weights = Weights() if weights is None else weights
    weights.check(config)
    _checks.check_whole(steps, "steps")
    if every is not None:
        _checks.check_whole(every, "every")
    check_ema(ema)
    factory = optimizers.as_factory(optimizer or optimizers.adam())
    min_side = octaves.min_side(check_network(network), config)
    content = _checks.check_image(content, "content", min_side=min_side)
    styles = _checks.check_images(style, "style", min_side=min_side, alpha=True)
    if regions is not None:
        regions = check_regions(regions, content, styles)
    largest = max([content, *styles], key=lambda image: prod(image.shape[:2]))
    remembered = optimizers.state_images(factory)
    config = with_tiles_if_needed(
        network, config, largest.shape, state_images=remembered
    )
    if len(content.devices()) == 1:  # over several the compiler divides it by rows
        network = network.prepared(config.layers, config.precision)
    targets = (make_targets or compute_targets)(
        network,
        content,
        styles,
        config,
        style_mix=style_mix,
        with_content_style=weights.strength is not None,
        **({} if regions is None else {"regions": regions}),
    )
    parts = {"averaging": ema is not None, "guided": bool(config.guide)}
    if state is None:
        image = initial_image(init, content, styles[0], key)
        state = init_state(image, factory, **parts)
    else:
        _check_state(state, content, factory, **parts)
        # The loop is given its state's memory; the caller keeps theirs.
        state = jax.tree.map(jnp.copy, state)
    decay = 0.0 if ema is None else ema
    # Whole numbers, Python's and NumPy's would each compile the loop anew.
    weights, factory, decay = jax.tree.map(
        lambda number: jnp.asarray(number, jnp.float32), (weights, factory, decay)
    )
    arguments = StepArguments(network, targets, weights, factory, config, decay)
    if uses_tiles(config, content.shape):
        # Memory is scarce: what compiling took is given back before the first step.
        run_steps_of_one.lower(state, *arguments, 1, target_axis=None).compile()
        return_freed_memory()
    return run_loop(
        state, arguments, steps, every=every, callback=callback, before=before
    )


def check_ema(ema: Any) -> None:
    """ValueError unless the decay, or each of an array of them, is one."""
    if ema is not None and not np.all((0 <= ema) & (ema < 1)):
        raise ValueError(f"ema must be at least 0 and below 1, got {ema}")


def _check_state(state: State, content: Array, factory: Any, **parts: bool) -> None:
    """ValueError unless a run on `content` would have such a state."""
    expected = jax.eval_shape(lambda: init_state(content, factory, **parts))

    def kind(state: State) -> Any:
        return jax.tree.structure(state), [x.shape for x in jax.tree.leaves(state)]

    if kind(state) != kind(expected):
        raise ValueError(
            f"state is of another run: its image is {_checks.in_pixels(state.image)}, "
            f"the content {_checks.in_pixels(content)}, or its optimizer, ema "
            "or guide differ; go on with the same, or give init=Result.image to start "
            "from an image"
        )


@phase("steps", lambda result: (result.image.shape[-3:-1], result.steps))
def run_loop(
    state: State,
    arguments: StepArguments,
    steps: int,
    *,
    every: int | None = None,
    callback: Callback | None = None,
    before: int = 0,
    target_axis: TargetAxis | None = None,
) -> Result:
    """Call `run_steps` until `steps` are done, or the callback ends it.

    With a `target_axis` the result's images, traces and flags have an axis of items.
    """
    single = target_axis is None
    regions = arguments.targets.regions
    run = run_steps_of_one if single else run_steps
    axes = (0, 0, 0 if target_axis == "per_item" else None)
    show = current_image if single else jax.vmap(current_image, axes)
    decay, began = arguments.decay, time.perf_counter()
    traces: list[dict[str, np.ndarray]] = []
    done, length = 0, 1

    def result() -> Result:
        joined = {k: np.concatenate([t[k] for t in traces]).T for k in traces[0]}
        seconds = time.perf_counter() - began
        finite = bool(state.finite) if single else np.asarray(state.finite)
        return Result(show(state, decay, regions), joined, done, finite, seconds, state)

    def copied() -> Result:
        # The next call is given this state's memory.
        return replace(result(), state=jax.tree.map(jnp.copy, state))

    while done < steps:
        length = min(length, steps - done, CAPACITY)
        if every:
            length = min(length, every - (before + done) % every)
        called = time.perf_counter()
        state, trace = run(state, *arguments, length, target_axis=target_axis)
        traces.append({k: np.asarray(v)[:length] for k, v in trace.items()})
        now, done = time.perf_counter(), done + length
        if callback is not None:
            terms = {name: float(v[-1].mean()) for name, v in traces[-1].items()}
            image = partial(show, state, decay, regions)
            counts = before + done, before + steps
            if callback(Progress(*counts, terms, now - began, image, copied)):
                break
        if not np.any(state.finite):
            break
        # The first call compiles as well, so its time says nothing.
        pace = (now - called) / length if done > length else None
        length = 1 if pace is None else max(1, int(_CALL_SECONDS / max(pace, 1e-4)))
    return result()
