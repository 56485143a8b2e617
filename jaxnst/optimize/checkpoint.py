"""A run on its way as a file, from which it goes on as if it had not been interrupted.

A line with a checksum, then MessagePack with every array in it; nothing in such a file
is executed. Those of earlier versions lack the line.
"""

import json
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import serialization

from jaxnst._checksum import read_checksummed, write_checksummed
from jaxnst._fingerprint import differences
from jaxnst.optimize import optimizers
from jaxnst.optimize.loop import State, init_state
from jaxnst.optimize.result import Result
from jaxnst.optimize.resumption import check_finite

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
        "steps": int(result.steps),
        "seconds": result.seconds,
        "finite": bool(result.finite),
        "image": np.asarray(result.image),
        "trace": dict(result.trace),
        "state": list(map(np.asarray, jax.tree.leaves(result.state))),
    }
    write_checksummed(path, serialization.msgpack_serialize(held))


def load_checkpoint(
    path: str | os.PathLike[str],
    description: dict[str, Any],
    optimizer: optimizers.Optimizer,
    *,
    averaging: bool,
    guided: bool = False,
    upgrade: Callable[[Any], Any] | None = None,
) -> Result:
    """The result that `save_checkpoint` wrote, for `resume`.

    Args:
        description, optimizer, averaging: of the run that is to go on.
        guided: whether its `Config.guide` is above 0.
        upgrade: makes of a description by an earlier version one of this version.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, something else, or of a run with another
            description; the message names what differs.
    """
    try:
        held = serialization.msgpack_restore(read_checksummed(path))
        if held["format"] != _FORMAT:
            raise ValueError(f"its format is {held['format']!r}")
        before = json.loads(held["description"])
        if not isinstance(before, dict):
            raise ValueError("its description is not one")
        parts = {"averaging": averaging, "guided": guided}
        result = _result(held, optimizers.as_factory(optimizer), parts)
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


def _result(held: Any, factory: Any, parts: dict[str, bool]) -> Result:
    leaves = list(held["state"])
    shape = np.shape(leaves[0])
    if len(shape) != 3 or shape[-1] != 3:
        raise ValueError(f"its picture has shape {shape}")
    image = jax.ShapeDtypeStruct(shape, jnp.float32)
    kind: Any = jax.eval_shape(lambda image: init_state(image, factory, **parts), image)
    wanted, structure = jax.tree.flatten(kind)
    shapes = [(leaf.shape, leaf.dtype) for leaf in wanted]
    if [(np.shape(leaf), leaf.dtype) for leaf in leaves] != shapes:
        raise ValueError("its optimizer, ema or guide differs")
    state: State = jax.tree.unflatten(structure, list(map(jnp.asarray, leaves)))
    steps, trace = held["steps"], dict(held["trace"])
    if type(steps) is not int or steps < 1:
        raise ValueError(f"it has {steps!r} steps")
    for name, values in trace.items():
        if type(name) is not str or np.shape(values) != (steps,):
            raise ValueError(f"its traces are not of {steps} steps")
        if values.dtype.kind != "f":
            raise ValueError(f"its traces are of {values.dtype}")
    if held["image"].dtype != np.float32 or np.ndim(held["image"]) != 3:
        raise ValueError("its picture is not one")
    picture, seconds = jnp.asarray(held["image"]), float(held["seconds"])
    result = Result(picture, trace, steps, bool(held["finite"]), seconds, state)
    check_finite(result)
    return result
