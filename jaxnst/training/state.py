"""The state of a training, which can be saved and restored at any step."""

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
    """A training that can be interrupted at any step and resumed with the same result.

    Attributes:
        description: everything that the result depends on, as JSON's types.
        state: "step"; "trace", every loss at every step; parameters, optimiser state.
    """

    description: dict[str, Any]
    state: dict[str, Any]

    def advance(self, steps: int) -> dict[str, float]:
        """Run so many steps; the means of their losses."""
        raise NotImplementedError

    def record(self, parts: Sequence[dict[str, jax.Array]]) -> dict[str, float]:
        """Append the losses of some steps to the trace; their means."""
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
        """Go on from a saved state.

        Raises:
            ValueError: the file is damaged, or of a training with another description.
        """
        mend = f"remove it to begin anew: rm {path}"
        try:
            stored = serialization.msgpack_restore(path.read_bytes())
            description, trace = (
                json.loads(stored.pop("description")),
                stored.pop("trace"),
            )
        except Exception as error:  # of msgpack's own kinds, too
            raise ValueError(f"{path} is damaged ({error}); {mend}") from None
        changed = differences(description, self.description)
        if changed:
            raise ValueError(
                f"{path} is of a training with other {', '.join(changed)}; give the "
                f"same options, or {mend}"
            )
        template = {key: value for key, value in self.state.items() if key != "trace"}
        state = serialization.from_state_dict(template, stored)
        self.state = jax.tree.map(jnp.asarray, state) | {
            "step": int(state["step"]),
            "trace": trace,
        }
