"""Training of the feed-forward decoder: its loss, options and state."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

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
from jaxnst.feedforward.transforms import Matching
from jaxnst.losses.config import Config, Weights
from jaxnst.losses.objectives import objective
from jaxnst.losses.targets import make_targets
from jaxnst.networks.network import Network
from jaxnst.pipeline import presets
from jaxnst.pipeline.substitute import adapted
from jaxnst.training.ahead import Ahead
from jaxnst.training.crops import Crops, Pixels
from jaxnst.training.state import Resumable

# Weight of the penalty on pixels outside [0, 1], where the objective, which is given
# the clipped image, has no gradient.
_RANGE_PENALTY = 10.0

# A content is moved by up to the pixels of one of the deepest features: what keeps its
# place on their lattice does not move along.
_SHIFT = 8

# Largest deviation of the noise on the content that was moved.
_NOISE = 0.02


class Moved(NamedTuple):
    """A content image seen again after the camera has moved.

    Attributes:
        content: (H, W, 3), beginning `offset` pixels further down and to the right.
        offset: (2,) integers from 0 to `_SHIFT`.
    """

    content: Any
    offset: Any


Batch = tuple[Pixels, Pixels, Moved | None]


def moved_crops(larger: Pixels, rng: np.random.Generator) -> tuple[Pixels, Moved]:
    """Contents (N, H, W, 3) of larger ones (N, H + 8, W + 8, 3), and the same moved,
    with noise."""
    count, height, width = len(larger), *(n - _SHIFT for n in larger.shape[1:3])
    offsets = rng.integers(_SHIFT + 1, size=(count, 2), dtype=np.int32)
    moved = np.stack(
        [
            content[top : top + height, left : left + width]
            for content, (top, left) in zip(larger, offsets, strict=True)
        ]
    )
    noise = _NOISE * rng.random() * rng.normal(size=moved.shape)
    moved = np.clip(moved + noise, 0, 1).astype(np.float32)
    return larger[:, :height, :width], Moved(moved, offsets)


def stability_loss(image: Array, moved_image: Array, offset: Array) -> Array:
    """Mean square by which a stylized image does not move along with its content.

    Away from the borders, which are padded: the decoder sees as far as two of its
    deepest features beyond a pixel's own.

    Args:
        image, moved_image: (H, W, 3), of the content and of `Moved.content`.
        offset: as `Moved.offset`.
    """
    margin = min(2 * _SHIFT, (min(image.shape[:2]) - _SHIFT) // 2 - 1)
    size = [side - _SHIFT - 2 * margin for side in image.shape[:2]]

    def middle(of: Array, start: Array) -> Array:
        return jax.lax.dynamic_slice(of, [*(start + margin), 0], [*size, 3])

    here = middle(image, offset)
    return jnp.mean(jnp.square(here - middle(moved_image, jnp.zeros_like(offset))))


def decoder_loss(
    params: Any,
    model: FeedForward,
    content: Array,
    style: Array,
    network: Network,
    weights: Weights,
    config: Config,
    moved: Moved | None = None,
    stability: Array | float = 0.0,
) -> tuple[Array, dict[str, Array]]:
    """The objective of the stylized image, and two penalties: the mean square by which
    its pixels leave [0, 1], and `stability` times `stability_loss`.

    Args:
        params: of the decoder, instead of those in `model`.
        content, style: (H, W, 3).
        network: feature network of the objective; need not be the encoder.
        moved: the content again for the second penalty; None, without.

    Returns:
        (loss, terms): scalars; terms as `objective` has them, and "stability".
    """
    model = replace(model, params=params)
    statistics = jax.lax.stop_gradient(style_of(model, style))
    image = apply_style(model, content, statistics)
    clipped = jnp.clip(image, 0.0, 1.0)
    targets = jax.lax.stop_gradient(make_targets(network, content, style, config))
    loss, terms = objective(clipped, network, targets, weights, config)
    penalty = _RANGE_PENALTY * jnp.mean(jnp.square(image - clipped))
    if moved is not None:
        again = apply_style(model, moved.content, statistics)
        terms = terms | {"stability": stability_loss(image, again, moved.offset)}
        penalty += stability * terms["stability"]
    return loss + penalty, terms


@partial(jax.jit, static_argnames=("config", "optimizer"), donate_argnums=(0, 1))
def training_step(
    params: Any,
    opt_state: Any,
    model: FeedForward,
    contents: Array,
    styles: Array,
    moved: Moved | None,
    network: Network,
    weights: Weights,
    stability: Array,
    *,
    config: Config,
    optimizer: optax.GradientTransformation,
) -> tuple[Any, Any, dict[str, Array]]:
    """One step over a batch of pairs, (N, H, W, 3) each.

    Args:
        params, opt_state: of the decoder and of the optimiser; donated.
        moved, stability: of all pairs, as of `decoder_loss`.

    Returns:
        New params and memory, and the means of the terms before the step.
    """

    def loss(params: Any) -> tuple[Array, dict[str, Array]]:
        def of_pair(content: Array, style: Array, moved: Moved | None) -> Any:
            given = params, model, content, style, network, weights, config
            return decoder_loss(*given, moved, stability)

        losses, terms = jax.vmap(of_pair)(contents, styles, moved)
        return jnp.mean(losses), jax.tree.map(jnp.mean, terms)

    gradient, terms = jax.grad(loss, has_aux=True)(params)
    updates, opt_state = optimizer.update(gradient, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, terms


_TEST_BATCHES = 2  # after the last of the training, for the samples


@dataclass(frozen=True, kw_only=True)
class DecoderOptions:
    """Options of the training of a decoder."""

    matching: Matching = "transport"
    """How features are given the style's statistics: means and covariances, or means
    and deviations."""
    steps: int = 9000
    """Steps of Adam."""
    learning_rate: float = 2e-3
    """Highest step size; it rises over the first 200 steps and falls as a cosine."""
    crop: int = 128
    """Side of a training image in pixels."""
    batch: int = 4
    """Pairs of training images in a step."""
    leaves: int = 0
    """How many of the content images are drawn dead leaves."""
    changes: float = 0.4
    """How often colours are changed, relative to the training of vgg19-lite."""
    beta: float = 9.0
    """Weight of the style, beside the preset's other weights."""
    stability: float = 0.0
    """Weight of the penalty on what does not move along with the photograph, such as a
    lattice in smooth skies."""
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
    """A training of the decoder of a feed-forward model."""

    def __init__(
        self,
        options: DecoderOptions,
        content_files: Sequence[Path],
        style_files: Sequence[Path],
        encoder: Network,
        network: Network,
        start: FeedForward | None = None,
    ) -> None:
        self.options, self.network = options, network
        key = jax.random.key(options.seed)
        self.model = start or new_feedforward(key, encoder, matching=options.matching)
        self.model = replace(self.model, matching=options.matching)
        self.description = dataclasses.asdict(options) | {
            "encoder": encoder.checksum,
            "network": network.checksum,
            "photographs": sha256_of(content_files),
            "paintings": sha256_of(style_files),
            "start": start.checksum if start else "",
        }
        crops: dict[str, Any] = {"count": options.batch, "mix_and_noise": False}
        crops |= {"augmentation": options.changes}
        self.contents = Crops(
            content_files,
            side=options.crop + (_SHIFT if options.stability else 0),
            leaves=options.leaves,
            seed=options.seed,
            **crops,
        )
        self.styles = Crops(
            style_files, side=options.crop, leaves=0, seed=options.seed + 1, **crops
        )
        self.ahead: Ahead[Batch] = Ahead(self.batch)
        preset = adapted(presets.get(options.preset), network)[0]
        self.config = preset.objective
        self.weights = jax.tree.map(
            jnp.float32, replace(preset.terms, beta=options.beta, strength=None)
        )
        warmup = min(200, options.steps // 2)
        rate = optax.warmup_cosine_decay_schedule(
            0.0, options.learning_rate, warmup, options.steps
        )
        self.optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
        # A copy, for the first step donates its arguments.
        params = jax.tree.map(jnp.copy, self.model.params)
        self.state: dict[str, Any] = {
            "step": 0,
            "params": params,
            "memory": self.optimizer.init(params),
            "trace": {},
        }

    @property
    def trained_model(self) -> FeedForward:
        return replace(self.model, params=self.state["params"])

    def batch(self, number: int) -> Batch:
        """Batch `number`: content and style images, (N, H, W, 3) each, and the
        contents moved, with noise."""
        contents, styles = self.contents.batch(number), self.styles.batch(number)
        if not self.options.stability:
            return contents, styles, None
        rng = np.random.default_rng([self.options.seed, number, 1])
        contents, moved = moved_crops(contents, rng)
        return contents, styles, moved

    def advance(self, steps: int) -> dict[str, float]:
        """Run so many steps; the means of their losses."""
        first, parts = self.state["step"], []
        for number in range(first, first + steps):
            params, opt_state, part = training_step(
                self.state["params"],
                self.state["memory"],
                self.model,
                *jax.tree.map(jnp.asarray, self.ahead(number)),
                self.network,
                self.weights,
                jnp.float32(self.options.stability),
                config=self.config,
                optimizer=self.optimizer,
            )
            self.state |= {"params": params, "memory": opt_state, "step": number + 1}
            parts.append(part)
        return self.record(parts)

    def samples(self) -> list[list[np.ndarray]]:
        """Rows of content, style and stylized image, of test pairs."""
        stylize_batch = jax.jit(jax.vmap(stylize, (None, 0, 0)))
        rows: list[list[np.ndarray]] = []
        for number in range(self.options.steps, self.options.steps + _TEST_BATCHES):
            pairs = tuple(map(jnp.asarray, self.batch(number)[:2]))
            columns = (*pairs, stylize_batch(self.trained_model, *pairs))
            rows += [list(row) for row in zip(*map(np.asarray, columns), strict=True)]
        return rows
