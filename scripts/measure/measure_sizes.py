"""Measure whether weights mean the same at every picture size.

    python scripts/measure/measure_sizes.py photo.jpg painting.jpg --sizes 256 512 1024

Two objectives, equal at the smallest size: the one whose terms are relative to their
targets, and that of Gatys et al. (2016, eq. 1 and 4) with the weights that make it
equal there. Both are then run at every size with those same numbers, and the pictures
compared by the relative content and style terms: a column that stays level is a
picture that looks alike.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
from _measure import MeasureArguments
from jax import Array

import jaxnst
from jaxnst import Config, Network, Weights, images
from jaxnst.cli._app import run_module
from jaxnst.cli._parser import option
from jaxnst.losses import functional
from jaxnst.optimize import optimizers
from jaxnst.pipeline.settings import Geometry


@dataclass(frozen=True, kw_only=True)
class Arguments(MeasureArguments):
    sizes: tuple[int, ...] = (256, 512, 1024)
    """Long sides of the picture in pixels, the smallest first."""
    steps: int = 100
    """Steps of Adam at each size."""
    beta: float = 100.0
    """Weight of the style; that of the content is 1."""
    output: Path | None = option(None, flags=["-o"])
    """Folder for the pictures."""


def gatys_equal_to(
    network: Network, content: Array, style: Array, beta: float
) -> tuple[Config, Weights]:
    """Gatys' terms, weighted to equal the relative ones on these pictures."""
    config = Config(
        content_reduction="half_sum", style_reduction="gatys", gram_normalize="none"
    )
    targets = jaxnst.make_targets(network, content, style, config)
    # What each term is for an empty picture, which is 1 in the relative objective.
    empty = [
        functional.content_loss(jnp.zeros_like(t), t, reduction="half_sum")
        for t in targets.content.values()
    ]
    features = network(style, config.style_layers)
    empty_style = [
        functional.style_loss(
            jnp.zeros_like(gram),
            gram,
            reduction="gatys",
            positions=features[layer].shape[0] * features[layer].shape[1],
        )
        for layer, gram in targets.style.items()
    ]
    return config, Weights(
        1.0,
        beta,
        0.05,
        content_weights=tuple(float(1 / term) for term in empty),
        style_weights=tuple(
            float(1 / (len(empty_style) * term)) for term in empty_style
        ),
    )


def load(arguments: Arguments, size: int) -> tuple[Array, Array]:
    """Photograph and painting at one size, as Gatys' style term wants them."""
    geometry = Geometry(size=size)
    shape = geometry.content_size(*images.picture_size(arguments.content))
    content = images.load_image(arguments.content, size=shape)
    return content, images.load_image(arguments.style, size=shape)


def main(arguments: Arguments) -> None:
    network = arguments.load_network()
    relative = Config(), Weights(1.0, arguments.beta, 0.05)
    smallest = load(arguments, arguments.sizes[0])
    gatys = gatys_equal_to(network, *smallest, arguments.beta)
    print("| size | objective | content | style |\n| --- | --- | --- | --- |")
    for size in arguments.sizes:
        content, style = load(arguments, size)
        targets = jaxnst.make_targets(network, content, style, relative[0])
        for name, (config, weights) in {"relative": relative, "Gatys": gatys}.items():
            result = jaxnst.stylize(
                network,
                content,
                style,
                config=config,
                weights=weights,
                optimizer=optimizers.adam(0.02),
                steps=arguments.steps,
            )
            config, weights = relative
            _, terms = jaxnst.objective(result.image, network, targets, weights, config)
            print(
                f"| {size} | {name} | {terms['content']:.3f} | {terms['style']:.5f} |",
                flush=True,
            )
            if arguments.output is not None:
                out = arguments.output / f"{name}_{size}.png"
                images.save_image(out, result.image)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
