"""A run on its way as a file, from which it goes on as if it had not been interrupted.

MessagePack with every array in it; nothing in such a file is executed.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import serialization

from jaxnst._files import atomic_write
from jaxnst._fingerprint import differences
from jaxnst.optimize import optimizers
from jaxnst.optimize.loop import State, init_state
from jaxnst.optimize.result import Result

_FORMAT = "jaxnst.checkpoint"


def save_checkpoint(
    path: str | os.PathLike[str], result: Result, description: dict[str, Any]
) -> None:
    """Write what a callback's `Progress.result` gave; whole or not at all.

    Args:
        result: of one picture, with its state.
        description: of everything that the run depends on, as JSON's types; a mapping
            of names to values that `load_checkpoint` compares.

    Raises:
        OSError: it cannot be written; what was there before is as it was.
    """
    held = {
        "format": _FORMAT,
        "description": json.dumps(description),
        "steps": result.steps,
        "seconds": result.seconds,
        "finite": bool(result.finite),
        "image": np.asarray(result.image),
        "trace": dict(result.trace),
        "state": list(map(np.asarray, jax.tree.leaves(result.state))),
    }
    data = serialization.msgpack_serialize(held)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def load_checkpoint(
    path: str | os.PathLike[str],
    description: dict[str, Any],
    optimizer: optimizers.Optimizer,
    *,
    averaging: bool,
    upgrade: Callable[[Any], Any] | None = None,
) -> Result:
    """The result that `save_checkpoint` wrote, for `resume`.

    Args:
        description, optimizer, averaging: of the run that is to go on.
        upgrade: makes of a description by an earlier version one of this version.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, something else, or of a run with another
            description; the message names what differs.
    """
    try:
        held = serialization.msgpack_restore(Path(path).read_bytes())
        if held["format"] != _FORMAT:
            raise ValueError(f"its format is {held['format']!r}")
        before = json.loads(held["description"])
        result = _result(held, optimizers.as_factory(optimizer), averaging)
    except OSError:
        raise
    except Exception as error:  # of msgpack's own kinds, too
        raise ValueError(
            f"{path} is not a checkpoint of such a run, or damaged ({error}); "
            "remove it to begin anew"
        ) from None
    changed = differences(before if upgrade is None else upgrade(before), description)
    if changed:
        raise ValueError(
            f"{path} is of a run with other {', '.join(changed)}; give the same, or "
            "remove it to begin anew"
        )
    return result


def _result(held: Any, factory: Any, averaging: bool) -> Result:
    leaves = list(held["state"])
    shape = np.shape(leaves[0])
    if len(shape) != 3 or shape[-1] != 3:
        raise ValueError(f"its picture has shape {shape}")
    image = jax.ShapeDtypeStruct(shape, jnp.float32)
    kind: Any = jax.eval_shape(
        lambda image: init_state(image, factory, averaging=averaging), image
    )
    wanted, structure = jax.tree.flatten(kind)
    shapes = [(leaf.shape, leaf.dtype) for leaf in wanted]
    if [(np.shape(leaf), leaf.dtype) for leaf in leaves] != shapes:
        raise ValueError("its optimizer or ema differs")
    state: State = jax.tree.unflatten(structure, list(map(jnp.asarray, leaves)))
    steps, trace = int(held["steps"]), dict(held["trace"])
    if any(np.shape(values) != (steps,) for values in trace.values()):
        raise ValueError(f"its traces are not of {steps} steps")
    picture = jnp.asarray(held["image"])
    seconds = float(held["seconds"])
    return Result(picture, trace, steps, bool(held["finite"]), seconds, state)
