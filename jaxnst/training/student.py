"""Training of a narrow VGG by distillation from a wide one: options and state."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxnst._files import sha256_of
from jaxnst.networks.network import Network
from jaxnst.networks.random_weights import random_vgg
from jaxnst.pretrained.format import NetworkWeights
from jaxnst.pretrained.loading import network_from_weights
from jaxnst.training import dead_channels, distillation
from jaxnst.training import teacher as teaching
from jaxnst.training.ahead import Ahead
from jaxnst.training.crops import Crops, Pixels
from jaxnst.training.state import Resumable

_TEST_BATCHES = 16  # after the last of the training, for scales and the test loss


@dataclass(frozen=True, kw_only=True)
class StudentOptions:
    """Options of the distillation."""

    widths: tuple[int, ...] = (16, 32, 64, 128, 128)
    """Channels of each block of the student."""
    steps: int = 9000
    """Steps of Adam."""
    learning_rate: float = 3e-3
    """Highest step size; it rises over the first 200 steps and falls as a cosine."""
    crop: int = 128
    """Side of a training image in pixels."""
    batch: int = 6
    """Training images in a step."""
    leaves: int = 1
    """How many of them are drawn dead leaves."""
    changes: float = 1.0
    """How often colours are changed, noise is added and crops are mixed, relative to
    the first training."""
    geometry: tuple[str, ...] = ()
    """Layers that are trained on the teacher's distances between features, too, not
    only on what a linear map can compute."""
    revive: int = 0
    """Reinitialize dead channels after every so many steps of the first 60 %; 0 for
    never."""
    seed: int = 0
    """Seed of everything random."""

    def __post_init__(self) -> None:
        for name in ("steps", "crop", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be at least 1, got {getattr(self, name)}"
                )
        least = 2 << len(self.widths)
        if self.crop < least:
            raise ValueError(
                f"crop must be at least {least} for {len(self.widths)} blocks, "
                f"got {self.crop}"
            )
        layers = teaching.layers_of(self.widths)
        unknown = set(self.geometry) - set(layers)
        if unknown:
            raise ValueError(
                f"geometry can be learned at {', '.join(layers)}, "
                f"not at {', '.join(sorted(unknown))}"
            )
        if not 0 <= self.changes <= 1:
            raise ValueError(f"changes must be from 0 to 1, got {self.changes}")
        if not 0 <= self.leaves <= self.batch:
            raise ValueError(f"leaves must be from 0 to batch, got {self.leaves}")


class StudentTraining(Resumable):
    """A distillation: student, projections, optimiser state."""

    def __init__(
        self,
        options: StudentOptions,
        files: Sequence[Path],
        teacher: NetworkWeights,
        start: NetworkWeights | None = None,
    ) -> None:
        self.options = options
        self.teacher = network_from_weights(teacher)
        layers = self.teacher.check_layers(teaching.layers_of(options.widths))
        self.description = dataclasses.asdict(options) | {
            "teacher": teacher.checksum,
            "pictures": sha256_of(files),
        }
        if start is not None:
            earlier = json.loads(start.notes.get("training", "null"))
            self.description["start"] = {"sha256": start.checksum, "training": earlier}
        self.crops = Crops(
            files,
            side=options.crop,
            count=options.batch,
            leaves=options.leaves,
            seed=options.seed,
            augmentation=options.changes,
        )
        self.ahead: Ahead[Pixels] = Ahead(self.crops.batch)
        keys = jax.random.split(jax.random.key(options.seed))
        student = random_vgg(keys[0], options.widths, padding="reflect")
        self.is_wider = False
        if start is not None:
            initial = network_from_weights(start)
            self.is_wider = student.module != initial.module
            student = _with_params_of(student, initial)
        self.template = replace(student, params={})
        warmup = min(200, options.steps // 2)
        self.optimizer = optax.adam(
            optax.warmup_cosine_decay_schedule(
                0.0, options.learning_rate, warmup, options.steps
            )
        )
        self.scales = teaching.channel_scales(self.teacher, layers, self.test_batches())
        if start is None:
            projections = teaching.init_projections(
                keys[1], student, self.teacher, layers
            )
        else:  # fitted, or the first steps would undo much of the earlier training
            batches = self.batches(0)
            projections = teaching.fit_projections(
                student, self.teacher, self.scales, batches
            )
        trainable = student.params, projections
        self.state: dict[str, Any] = {
            "step": 0,
            "learned": trainable,
            "memory": self.optimizer.init(trainable),
            "trace": {},
        }

    def batches(self, first: int, count: int = _TEST_BATCHES) -> list[jax.Array]:
        """Batches from number `first` on; by default enough to estimate means."""
        return [jnp.asarray(self.crops.batch(first + n)) for n in range(count)]

    def test_batches(self) -> list[jax.Array]:
        """Batches that are not trained on."""
        return self.batches(self.options.steps)

    @property
    def student(self) -> Network:
        return replace(self.template, params=self.state["learned"][0])

    def advance(self, steps: int) -> dict[str, float]:
        """Run so many steps; the means of their losses."""
        first, parts = self.state["step"], []
        for number in range(first, first + steps):
            self.reinitialize_dead(number)
            images = jnp.asarray(self.ahead(number))
            trainable, opt_state, part = distillation.distill_step(
                self.state["learned"],
                self.state["memory"],
                self.template,
                self.teacher,
                self.scales,
                images,
                self.optimizer,
                self.options.geometry,
            )
            self.state |= {
                "learned": trainable,
                "memory": opt_state,
                "step": number + 1,
            }
            parts.append(part)
        return self.record(parts)

    def reinitialize_dead(self, number: int) -> None:
        """Before step `number`: reinitialize dead channels, if it is due."""
        options = self.options
        due = (
            options.revive
            and not number % options.revive
            and number <= 0.6 * options.steps
        )
        if not (due or self.is_wider and number == 0):
            return
        batches = self.batches(number, _TEST_BATCHES // 2)
        dead = dead_channels.find_dead_channels(self.student, batches)
        key = jax.random.fold_in(jax.random.key(options.seed), number)
        self.state["learned"] = dead_channels.reinitialize(
            key, self.state["learned"], dead
        )

    def unexplained(self) -> dict[str, float]:
        """{layer: unexplained share of the teacher's mean square}, on test batches."""
        given = self.state["learned"], self.template, self.teacher, self.scales
        results = [
            distillation.unexplained(*given, images) for images in self.test_batches()
        ]
        return {
            layer: float(np.mean([parts[layer] for parts in results]))
            for layer in results[0]
        }


def _with_params_of(student: Network, start: Network) -> Network:
    """The student with the parameters of `start`, padded if it is narrower."""
    try:
        if start.module != student.module.clone(widths=start.module.widths):
            raise ValueError
        params = dead_channels.pad_params(start.params, student.params)
    except (AttributeError, ValueError):  # not a VGG, another padding, wider, deeper
        raise ValueError(
            f"cannot start from widths {start.module.widths} and padding "
            f"{start.module.padding!r}; the student has {student.module.widths} and "
            f"{student.module.padding!r}"
        ) from None
    return replace(student, params=params)
