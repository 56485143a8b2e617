"""Training of a narrow VGG on wider networks: its options, its state."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxnst.networks.network import Network
from jaxnst.networks.random_weights import random_vgg
from jaxnst.pretrained.format import NetworkWeights
from jaxnst.pretrained.loading import network_from_weights
from jaxnst.training import dead_channels, distillation, teachers
from jaxnst.training.crops import Crops
from jaxnst.training.state import Resumable
from jaxnst.training.teachers import DEEP, SHALLOW, taught

_TESTS = 16  # batches after the last of the training: for scales and the last word


@dataclass(frozen=True, kw_only=True)
class StudentOptions:
    """What makes a training what it is."""

    widths: tuple[int, ...] = (16, 32, 64, 128, 128)
    """Channels of each block of the student."""
    steps: int = 9000
    """Steps of Adam."""
    learning_rate: float = 3e-3
    """Highest step size; it rises over the first 200 steps and falls as a cosine."""
    crop: int = 128
    """Side of a training picture in pixels."""
    batch: int = 6
    """Training pictures in a step."""
    leaves: int = 1
    """How many of them are drawn dead leaves."""
    changes: float = 1.0
    """How often colours are changed, noise is added and crops are mixed, relative to
    the first training."""
    geometry: tuple[str, ...] = ()
    """Layers that learn distances between features from the teacher, too, not only
    what a linear map can read."""
    revive: int = 0
    """Draw channels that are always 0 anew after every so many steps of the first 60 %;
    0 for never."""
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
        strange = set(self.geometry) - {*SHALLOW, *DEEP}
        if strange:
            raise ValueError(
                f"geometry can be learned at {', '.join((*SHALLOW, *DEEP))}, "
                f"not at {', '.join(sorted(strange))}"
            )
        if not 0 <= self.changes <= 1:
            raise ValueError(f"changes must be from 0 to 1, got {self.changes}")
        if not 0 <= self.leaves <= self.batch:
            raise ValueError(f"leaves must be from 0 to batch, got {self.leaves}")


class StudentTraining(Resumable):
    """A training under way: what is learned, and how to go on."""

    def __init__(
        self,
        how: StudentOptions,
        files: Sequence[Path],
        shallow: NetworkWeights,
        deep: NetworkWeights,
        other: NetworkWeights | None = None,
        start: NetworkWeights | None = None,
    ) -> None:
        self.how = how
        given = [shallow, deep] + ([] if other is None else [other])
        self.teachers = taught([network_from_weights(w) for w in given], how.widths)
        digest = hashlib.sha256()
        for path in files:
            digest.update(path.read_bytes())
        self.description = dataclasses.asdict(how) | {
            "teachers": [network.checksum for network, _ in self.teachers],
            "pictures": digest.hexdigest(),
        }
        if start is not None:
            before = json.loads(start.notes.get("training", "null"))
            self.description["start"] = {"sha256": start.checksum, "training": before}
        self.crops = Crops(
            files,
            side=how.crop,
            count=how.batch,
            leaves=how.leaves,
            seed=how.seed,
            changes=how.changes,
        )
        keys = jax.random.split(jax.random.key(how.seed))
        student = random_vgg(keys[0], how.widths, padding="reflect")
        self.grown = False
        if start is not None:
            begun = network_from_weights(start)
            self.grown = student.module != begun.module
            student = _as_started(student, begun)
        self.hollow = replace(student, params={})
        warm = min(200, how.steps // 2)
        self.optimizer = optax.adam(
            optax.warmup_cosine_decay_schedule(0.0, how.learning_rate, warm, how.steps)
        )
        self.scales = teachers.channel_scales(self.teachers, self.tests())
        if start is None:
            maps = teachers.new_maps(keys[1], student, self.teachers)
        else:  # such that fit, or the first steps would undo much
            seen = self.batches(0)
            maps = teachers.fitted_maps(student, self.teachers, self.scales, seen)
        learned = student.params, maps
        self.state: dict[str, Any] = {
            "step": 0,
            "learned": learned,
            "memory": self.optimizer.init(learned),
            "trace": {},
        }

    def batches(self, first: int) -> list[jax.Array]:
        """As many as it takes to know means."""
        return [jnp.asarray(self.crops.batch(first + n)) for n in range(_TESTS)]

    def tests(self) -> list[jax.Array]:
        """Batches that no step learns from."""
        return self.batches(self.how.steps)

    @property
    def student(self) -> Network:
        return replace(self.hollow, params=self.state["learned"][0])

    def advance(self, steps: int) -> dict[str, float]:
        """So many steps; the means of their losses."""
        first, parts = self.state["step"], []
        for number in range(first, first + steps):
            self.revive(number)
            images = jnp.asarray(self.crops.batch(number))
            learned, memory, part = distillation.distill_step(
                self.state["learned"],
                self.state["memory"],
                self.hollow,
                tuple(network for network, _ in self.teachers),
                tuple(tuple(layers.items()) for _, layers in self.teachers),
                self.scales,
                images,
                self.optimizer,
                self.how.geometry,
            )
            self.state |= {"learned": learned, "memory": memory, "step": number + 1}
            parts.append(part)
        return self.noted(parts)

    def revive(self, number: int) -> None:
        """Before step `number`: draw silent channels anew, if it is time."""
        how = self.how
        again = how.revive and not number % how.revive and number <= 0.6 * how.steps
        if not (again or self.grown and number == 0):
            return
        seen = [jnp.asarray(self.crops.batch(number + n)) for n in range(_TESTS // 2)]
        silent = dead_channels.silent_channels(self.student, seen)
        key = jax.random.fold_in(jax.random.key(how.seed), number)
        learners = teachers.learners_of(self.teachers)
        self.state["learned"] = dead_channels.revive(
            key, self.state["learned"], learners, silent
        )

    def unexplained(self) -> dict[str, float]:
        """{layer: share of the teacher that the student misses}, on unseen batches."""
        maps, total = self.state["learned"][1], []
        learners = teachers.learners_of(self.teachers)
        for images in self.tests():
            lessons = teachers.teach(self.teachers, images, self.scales)
            total.append(
                distillation.distillation_loss(
                    self.student.params, maps, self.hollow, lessons, learners, images
                )
            )
        return {
            layer: float(np.mean([parts[layer] for _, parts in total]))
            for layer in total[0][1]
        }


def _as_started(student: Network, start: Network) -> Network:
    """The student with the parameters of `start`, which may be narrower."""
    try:
        if start.module != student.module.clone(widths=start.module.widths):
            raise ValueError
        params = dead_channels.widened(start.params, student.params)
    except (AttributeError, ValueError):  # not a VGG, another padding, wider, deeper
        raise ValueError(
            f"cannot start from widths {start.module.widths} and padding "
            f"{start.module.padding!r}; the student has {student.module.widths} and "
            f"{student.module.padding!r}"
        ) from None
    return replace(student, params=params)
