"""Measure whether weights mean the same at every picture size.

    python scripts/measure_sizes.py photo.jpg painting.jpg --sizes 256 512 1024

Two objectives, equal at the smallest size: the default one, whose terms are relative to
their targets, and plain sums of squares with the weights that make them equal there.
Both are then run at every size with those same numbers, and the pictures compared by
the relative content and style terms: a line that stays level means the same picture.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import jax.numpy as jnp
import tyro
from _cli import Common, run
from jax import Array

import jaxnst
from jaxnst import Config, Network, Weights, images, optimizers
from jaxnst.settings import Geometry


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    content: tyro.conf.Positional[Path]
    """The photograph."""
    style: tyro.conf.Positional[Path]
    """The painting."""
    weights: str | None = None
    """Weights of the network: a file, or the name of a source."""
    sizes: tuple[int, ...] = (256, 512, 1024)
    """Long sides of the picture in pixels, the smallest first."""
    steps: int = 150
    """Steps of Adam at each size."""
    beta: float = 100.0
    """Weight of the style; that of the content is 1."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder for the pictures."""


def sums_equal_to(
    network: Network, content: Array, style: Array, beta: float
) -> tuple[Config, Weights]:
    """Plain sums, weighted to equal the relative objective on these pictures."""
    config = Config(
        content_reduction="sum", style_reduction="sum", gram_normalize="none"
    )
    targets = jaxnst.make_targets(network, content, style, config)
    content_weights = [1 / jnp.sum(t**2) for t in targets.content.values()]
    style_weights = [
        1 / (len(targets.style) * jnp.sum(gram**2)) for gram in targets.style.values()
    ]
    numbers = map(float, content_weights), map(float, style_weights)
    return config, Weights(1.0, beta, 0.05, *map(tuple, numbers))


def main(arguments: Arguments) -> None:
    network = jaxnst.load_network("vgg19", weights=arguments.weights)
    relative = Config()
    measure = Weights(1.0, arguments.beta, 0.05)
    sums: tuple[Config, Weights] | None = None
    print("| size | objective | content | style |\n| --- | --- | --- | --- |")
    for size in arguments.sizes:
        geometry = Geometry(size=size)
        shape = geometry.content_size(*images.picture_size(arguments.content))
        painting = images.picture_size(arguments.style)
        content = images.load_image(arguments.content, size=shape)
        style = images.load_image(
            arguments.style, size=geometry.style_size(*painting, shape)
        )
        if sums is None:
            sums = sums_equal_to(network, content, style, arguments.beta)
        targets = jaxnst.make_targets(network, content, style, relative)
        for name, (config, weights) in {
            "relative": (relative, measure),
            "sums": sums,
        }.items():
            result = jaxnst.stylize(
                network,
                content,
                style,
                config=config,
                weights=weights,
                optimizer=optimizers.adam(0.02),
                steps=arguments.steps,
            )
            terms = jaxnst.objective(result.image, network, targets, measure, relative)
            print(
                f"| {size} | {name} | {terms[1]['content']:.3f} "
                f"| {terms[1]['style']:.5f} |",
                flush=True,
            )
            if arguments.output is not None:
                images.save_image(
                    arguments.output / f"{name}_{size}.png", result.image
                )


if __name__ == "__main__":
    sys.exit(run(Arguments, main))
