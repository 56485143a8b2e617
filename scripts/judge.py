"""Judge a picture: its distance from the painting and from the photograph.

    python scripts/judge.py out.png photo.jpg painting.jpg --weights googlenet.h5

Style is 1 for the photograph and 0 for the painting, content 0 for the photograph;
q = style + content / 2; lower is better. Judge in a network that the picture was not
optimised in.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro
from _cli import Common, run

from jaxnst import load_image, metrics, network_from_weights
from jaxnst.sources import find_weights
from jaxnst.weights import read_weights


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    result: tyro.conf.Positional[Path]
    """The picture to judge."""
    content: tyro.conf.Positional[Path]
    """The photograph that it was made from."""
    style: tyro.conf.Positional[Path]
    """The painting."""
    weights: Path
    """Weights of GoogLeNet, or of a VGG, in jaxnst's format."""


def main(arguments: Arguments) -> None:
    weights = read_weights(find_weights(source=arguments.weights))
    pictures = (arguments.result, arguments.content, arguments.style)
    scores = metrics.judge(
        network_from_weights(weights),
        # Larger ones are shrunk by the judge anyway; here, in linear light.
        *(load_image(path, size=max(metrics.SCALES)) for path in pictures),
    )
    for name, score in zip(scores._fields, scores, strict=True):
        print(f"{name:8}{float(score):.3f}")


if __name__ == "__main__":
    sys.exit(run(Arguments, main))
