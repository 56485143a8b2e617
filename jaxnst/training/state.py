"""The state of a training, which can be saved and restored at any step."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import serialization

from jaxnst._checksum import read_checksummed, write_checksummed
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
        write_checksummed(path, data)

    def restore(self, path: Path) -> None:
        """Go on from a saved state.

        Raises:
            OSError: it cannot be read.
            ValueError: the file is damaged, or of a training with another description.
        """
        mend = f"remove it to begin anew: rm {path}"
        try:
            stored = serialization.msgpack_restore(read_checksummed(path))
            description = json.loads(stored.pop("description"))
            changed = differences(description, self.description)
            state = None if changed else self._checked(stored)
        except OSError:
            raise
        except Exception as error:  # of msgpack's own kinds, too
            what = str(error) or type(error).__name__
            raise ValueError(f"{path} is damaged ({what}); {mend}") from None
        if state is None:
            raise ValueError(
                f"{path} is of a training with other {', '.join(changed)}; give the "
                f"same options, or {mend}"
            )
        self.state = state

    def _checked(self, stored: dict[str, Any]) -> dict[str, Any]:
        """The state out of a file, in the shapes of this training's."""
        step, trace = stored["step"], stored.pop("trace")
        if type(step) is not int or step < 0:
            raise ValueError(f"its step is {step!r}")
        if not all(
            np.shape(values) == (step,) and values.dtype == np.float32
            for values in trace.values()
        ):
            raise ValueError(f"its losses are not of {step} steps")
        template = {key: value for key, value in self.state.items() if key != "trace"}
        if set(stored) != set(template):
            raise ValueError("it is of another version of jaxnst")
        state = serialization.from_state_dict(template, stored)
        for expected, leaf in zip(
            jax.tree.leaves(template), jax.tree.leaves(state), strict=True
        ):
            kinds = [(np.shape(x), jnp.result_type(x)) for x in (expected, leaf)]
            if kinds[0] != kinds[1]:
                raise ValueError("its parameters are of another network")
            if not np.isfinite(np.asarray(leaf)).all():
                raise ValueError("its parameters are not finite")
        return jax.tree.map(jnp.asarray, state) | {"step": step, "trace": trace}
