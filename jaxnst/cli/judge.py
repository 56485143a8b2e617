"""Judge a picture: its distance from the painting and from the photograph.

    jaxnst judge out.png photo.jpg painting.jpg --judge googlenet.h5

Style is 1 for the photograph and 0 for the painting, content 0 for the photograph;
q = style + content / 2; lower is better. Judge in a network that the picture was not
optimised in.
"""

from dataclasses import dataclass
from pathlib import Path

from jaxnst import metrics
from jaxnst.cli._app import Common
from jaxnst.cli._parser import option
from jaxnst.cli._streams import from_stdin
from jaxnst.pipeline.inputs import load_for_judge
from jaxnst.pretrained.loading import load_network

USAGE = "PICTURE PHOTO PAINTING --judge NETWORK"
HELP = {"judge": ("judge",), "output": ("json", "quiet")}


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    result: Path = option(positional=True, metavar="PICTURE")
    """The picture to judge; - for standard input."""
    content: Path = option(positional=True, metavar="PHOTO")
    """The photograph that it was made from."""
    style: Path = option(positional=True, metavar="PAINTING")
    """The painting."""
    judge: str = option(flags=["--weights"], metavar="NETWORK")
    """GoogLeNet, or a VGG, by its name (fetched once) or weights file."""


def main(arguments: Arguments) -> int:
    network = load_network(arguments.judge)
    pictures = (arguments.result, arguments.content, arguments.style)
    with from_stdin(pictures) as files:
        images = load_for_judge(*files)
    scores = metrics.judge(network, *images)
    for name, score in zip(scores._fields, scores, strict=True):
        arguments.say(f"{name:8}{float(score):.3f}")
    arguments.answer(
        picture=arguments.result,
        judge=network.source,
        **{name: float(score) for name, score in scores._asdict().items()},
    )
    return 0
