"""Training of the one-pass decoder: its loss, its options, its state."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from jaxnst._files import sha256_of
from jaxnst.feedforward.model import (
    FeedForward,
    apply_style,
    new_feedforward,
    style_of,
    stylize,
)
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.objectives import make_targets, objective
from jaxnst.networks.network import Network
from jaxnst.pipeline import presets
from jaxnst.training.crops import Crops
from jaxnst.training.state import Resumable

# How much a pixel outside [0, 1] costs, where the objective, which sees it clipped, has
# no gradient.
_OUTSIDE = 10.0


def picture_loss(
    params: Any,
    model: FeedForward,
    content: Array,
    style: Array,
    network: Network,
    weights: Weights,
    config: Config,
) -> tuple[Array, dict[str, Array]]:
    """The objective at what one pass makes of a pair, and a penalty: the mean square by
    which it leaves [0, 1].

    Args:
        params: of the decoder, instead of those in `model`.
        content, style: (H, W, 3).
        network: in which the objective compares; need not be the encoder.

    Returns:
        (loss, terms): scalars; terms as `objective` has them.
    """
    seen = jax.lax.stop_gradient(style_of(model, style))
    picture = apply_style(replace(model, params=params), content, seen)
    shown = jnp.clip(picture, 0.0, 1.0)
    targets = jax.lax.stop_gradient(make_targets(network, content, style, config))
    loss, terms = objective(shown, network, targets, weights, config)
    outside = jnp.mean(jnp.square(picture - shown))
    return loss + _OUTSIDE * outside, terms


@partial(jax.jit, static_argnames=("config", "optimizer"), donate_argnums=(0, 1))
def training_step(
    params: Any,
    memory: Any,
    model: FeedForward,
    contents: Array,
    styles: Array,
    network: Network,
    weights: Weights,
    *,
    config: Config,
    optimizer: optax.GradientTransformation,
) -> tuple[Any, Any, dict[str, Array]]:
    """One step over a batch of pairs, (N, H, W, 3) each.

    Args:
        params, memory: of the decoder and of the optimiser; their memory is reused.

    Returns:
        New params and memory, and the means of the terms before the step.
    """

    def loss(params: Any) -> tuple[Array, dict[str, Array]]:
        over = (None, None, 0, 0, None, None, None)
        one = jax.vmap(partial(picture_loss, config=config), over[:-1])
        losses, terms = one(params, model, contents, styles, network, weights)
        return jnp.mean(losses), jax.tree.map(jnp.mean, terms)

    slopes, terms = jax.grad(loss, has_aux=True)(params)
    updates, memory = optimizer.update(slopes, memory, params)
    return optax.apply_updates(params, updates), memory, terms


_TESTS = 2  # batches after the last of the training, for the samples


@dataclass(frozen=True, kw_only=True)
class DecoderOptions:
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


class DecoderTraining(Resumable):
    """A training under way."""

    def __init__(
        self,
        how: DecoderOptions,
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
            "photographs": sha256_of(photographs),
            "paintings": sha256_of(paintings),
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
