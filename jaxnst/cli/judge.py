"""Judge a picture: its distance from the painting and from the photograph.

    jaxnst judge out.png photo.jpg painting.jpg --judge googlenet vgg16

Style is 1 for the photograph and 0 for the painting, content 0 for the photograph;
q = style + content / 2; lower is better. Judge in networks that the picture was not
optimised in; numbers of one say nothing about those of another.
"""

from dataclasses import dataclass
from pathlib import Path

from jaxnst import metrics
from jaxnst.cli._app import Common
from jaxnst.cli._parser import option
from jaxnst.cli._streams import from_stdin
from jaxnst.metrics import Scores
from jaxnst.pipeline.inputs import load_for_judge, load_judges

USAGE = "PICTURE PHOTO PAINTING --judge NETWORK [NETWORK ...]"
HELP = {"judge": ("judge",), "output": ("json", "quiet")}


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    result: Path = option(positional=True, metavar="PICTURE")
    """The picture to judge; - for standard input."""
    content: Path = option(positional=True, metavar="PHOTO")
    """The photograph that it was made from."""
    style: Path = option(positional=True, metavar="PAINTING")
    """The painting."""
    judge: tuple[str, ...] = option(flags=["--weights"], metavar="NETWORK")
    """GoogLeNet, VGG-16 or another VGG, each by its name (fetched once) or weights
    file."""


def main(arguments: Arguments) -> int:
    judges = load_judges(arguments.judge)
    pictures = (arguments.result, arguments.content, arguments.style)
    with from_stdin(pictures) as files:
        images = load_for_judge(*files)
    width = max(map(len, ["judge", *judges]))
    arguments.say(
        "  ".join(["judge".ljust(width), *map("{:>7}".format, Scores._fields)])
    )
    answers = {}
    for name, network in judges.items():
        scores = [float(score) for score in metrics.judge(network, *images)]
        numbers = dict(zip(Scores._fields, scores, strict=True))
        arguments.say("  ".join([name.ljust(width), *map("{:7.3f}".format, scores)]))
        answers[name] = {"source": network.source, **numbers}
    arguments.answer(picture=arguments.result, judges=answers)
    return 0
