"""The training of one pass: its options, its state, and its steps."""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from _crops import Crops
from _resumable import Resumable

from jaxnst import Network, presets
from jaxnst.feedforward import FeedForward, new_feedforward, stylize
from jaxnst.feedforward_training import training_step

_TESTS = 2  # batches after the last of the training, for the samples


@dataclass(frozen=True, kw_only=True)
class Training:
    """What makes a training what it is."""

    matching: Literal["transport", "adain"] = "transport"
    """How features are given the painting's statistics: means and covariances, or
    means and deviations."""
    steps: int = 9000
    """Steps of Adam."""
    learning_rate: float = 2e-3
    """Highest step size; it rises over the first 200 steps and falls as a cosine."""
    crop: int = 128
    """Side of a training picture in pixels."""
    batch: int = 4
    """Pairs of training pictures in a step."""
    leaves: int = 0
    """How many of the photographs are drawn dead leaves."""
    changes: float = 0.4
    """How often colours are changed, relative to the training of vgg19-lite."""
    beta: float = 9.0
    """Weight of the style, beside the preset's other weights."""
    preset: Literal["default", "gram"] = "default"
    """Whose objective is learned."""
    seed: int = 0
    """Seed of everything random."""

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch", 1), ("crop", 32), ("leaves", 0)):
            if getattr(self, name) < least:
                raise ValueError(
                    f"{name} must be at least {least}, got {getattr(self, name)}"
                )
        if self.leaves > self.batch:
            raise ValueError(f"leaves must be from 0 to batch, got {self.leaves}")
        if not 0 <= self.changes <= 1:
            raise ValueError(f"changes must be from 0 to 1, got {self.changes}")


def digest(files: Sequence[Path]) -> str:
    """SHA-256 over files."""
    found = hashlib.sha256()
    for path in files:
        found.update(path.read_bytes())
    return found.hexdigest()


class Run(Resumable):
    """A training under way."""

    def __init__(
        self,
        how: Training,
        photographs: Sequence[Path],
        paintings: Sequence[Path],
        encoder: Network,
        network: Network,
        start: FeedForward | None = None,
    ) -> None:
        self.how, self.network = how, network
        key = jax.random.key(how.seed)
        self.model = start or new_feedforward(key, encoder, matching=how.matching)
        self.model = replace(self.model, matching=how.matching)
        self.description = dataclasses.asdict(how) | {
            "encoder": encoder.checksum,
            "network": network.checksum,
            "photographs": digest(photographs),
            "paintings": digest(paintings),
            "start": start.checksum if start else "",
        }
        shape: dict[str, Any] = {"side": how.crop, "count": how.batch}
        shape |= {"changes": how.changes, "spoil": False}
        self.contents = Crops(photographs, leaves=how.leaves, seed=how.seed, **shape)
        self.styles = Crops(paintings, leaves=0, seed=how.seed + 1, **shape)
        given = presets.get(how.preset)
        self.config = given.objective
        self.weights = jax.tree.map(
            jnp.float32, replace(given.terms, beta=how.beta, strength=None)
        )
        warm = min(200, how.steps // 2)
        rate = optax.warmup_cosine_decay_schedule(
            0.0, how.learning_rate, warm, how.steps
        )
        self.optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
        # The first step takes over the memory of what it is given.
        params = jax.tree.map(jnp.copy, self.model.params)
        self.state: dict[str, Any] = {
            "step": 0,
            "params": params,
            "memory": self.optimizer.init(params),
            "trace": {},
        }

    @property
    def learned(self) -> FeedForward:
        return replace(self.model, params=self.state["params"])

    def pairs(self, number: int) -> tuple[jax.Array, jax.Array]:
        """Batch `number`: photographs and paintings, (N, H, W, 3) each."""
        contents, styles = (c.batch(number) for c in (self.contents, self.styles))
        return jnp.asarray(contents), jnp.asarray(styles)

    def advance(self, steps: int) -> dict[str, float]:
        """So many steps; the means of their losses."""
        first, parts = self.state["step"], []
        for number in range(first, first + steps):
            params, memory, part = training_step(
                self.state["params"],
                self.state["memory"],
                self.model,
                *self.pairs(number),
                self.network,
                self.weights,
                config=self.config,
                optimizer=self.optimizer,
            )
            self.state |= {"params": params, "memory": memory, "step": number + 1}
            parts.append(part)
        return self.noted(parts)

    def samples(self) -> list[list[np.ndarray]]:
        """Rows of photograph, painting and one pass, of pairs that no step sees."""
        one = jax.jit(jax.vmap(stylize, (None, 0, 0)))
        rows: list[list[np.ndarray]] = []
        for number in range(self.how.steps, self.how.steps + _TESTS):
            pairs = self.pairs(number)
            made = (*pairs, one(self.learned, *pairs))
            rows += [list(row) for row in zip(*map(np.asarray, made), strict=True)]
        return rows
