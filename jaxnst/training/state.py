"""A training that can be stopped anywhere and goes on as if it had not been."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import serialization

from jaxnst._files import atomic_write
from jaxnst._fingerprint import differences


class Resumable:
    """What a training has learned after `state["step"]` steps, and its losses so far.

    Attributes:
        description: all that the result depends on, as JSON's types.
        state: "step"; "trace", every loss at every step; and what is learned.
    """

    description: dict[str, Any]
    state: dict[str, Any]

    def advance(self, steps: int) -> dict[str, float]:
        """So many steps; the means of their losses."""
        raise NotImplementedError

    def noted(self, parts: Sequence[dict[str, jax.Array]]) -> dict[str, float]:
        """The losses of some steps added to the trace; their means."""
        trace = self.state["trace"]
        fetched = jax.device_get(list(parts))
        for name in sorted(fetched[0], key="loss".__ne__):  # the loss first
            values = np.array([part[name] for part in fetched], np.float32)
            trace[name] = np.concatenate([trace.get(name, values[:0]), values])
        return {
            name: float(values[-len(parts) :].mean()) for name, values in trace.items()
        }

    def save(self, path: Path) -> None:
        data = serialization.to_bytes(
            self.state | {"description": json.dumps(self.description)}
        )
        with atomic_write(path) as temporary:
            temporary.write_bytes(data)

    def restore(self, path: Path) -> None:
        """Go on with a state that the same command wrote."""
        mend = f"remove it to begin anew: rm {path}"
        try:
            held = serialization.msgpack_restore(path.read_bytes())
            before, trace = json.loads(held.pop("description")), held.pop("trace")
        except Exception as error:  # of msgpack's own kinds, too
            raise ValueError(f"{path} is damaged ({error}); {mend}") from None
        changed = differences(before, self.description)
        if changed:
            raise ValueError(
                f"{path} is of a training with other {', '.join(changed)}; give the "
                f"same options, or {mend}"
            )
        now = {key: value for key, value in self.state.items() if key != "trace"}
        state = serialization.from_state_dict(now, held)
        self.state = jax.tree.map(jnp.asarray, state) | {
            "step": int(state["step"]),
            "trace": trace,
        }
