"""Train one pass: the decoder behind `jaxnst --fast`.

    jaxnst train-decoder --contents PHOTOS --styles PAINTINGS \\
        -o weights/feedforward.h5 --samples samples.png

For one painting alone, in a few minutes, from the decoder that comes with jaxnst:

    jaxnst train-decoder --contents PHOTOS --style painting.jpg \\
        --steps 600 --learning-rate 5e-4 -o mine.h5

The same from the same options. Stopped at any moment, the same command goes on where
the last state was written (OUT with .state at its end), on Ctrl-C at once.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import jax

from jaxnst import images
from jaxnst.cli._folders import pictures_in
from jaxnst.cli._parser import Misuse, option
from jaxnst.cli._train import Trained, finish, train
from jaxnst.feedforward.weights_file import ARCHITECTURE, write_feedforward
from jaxnst.pretrained.loading import load_network
from jaxnst.pretrained.registry import builtin_weights
from jaxnst.training.decoder import DecoderOptions, DecoderTraining
from jaxnst.training.decoder_start import start_from

USAGE = "--contents FOLDER --styles FOLDER -o OUT.h5 [options]"
HELP = {
    "pictures": ("contents", "styles", "style"),
    "run": (
        "network",
        "encoder",
        "start",
        "steps",
        "learning_rate",
        "beta",
        "batch",
        "crop",
    ),
    "output": ("output", "samples", "plot", "losses", "json", "quiet"),
}


@dataclass(frozen=True, kw_only=True)
class Arguments(Trained):
    contents: Path = option(metavar="FOLDER")
    """Folder of photographs to train on."""
    styles: Path | None = option(None, metavar="FOLDER")
    """Folder of paintings to train on."""
    style: Path | None = None
    """One painting, instead, whose style alone is learned."""
    network: str = option("vgg19-lite", metavar="NETWORK")
    """The network in which pictures are compared, by its name or weights file."""
    encoder: str = option("vgg19-lite", metavar="NETWORK")
    """The network whose features are decoded, by its name or weights file."""
    start: Path | None = None
    """Weights to begin from, made by an earlier training, of a narrower encoder, too;
    random ones if not given, or those that come with jaxnst for one --style."""
    samples: Path | None = None
    """Write photographs, paintings and what is made of them beside the state."""
    training: DecoderOptions = field(default_factory=DecoderOptions)

    @property
    def written(self) -> list[Path]:
        """Every file that the training writes."""
        samples = [] if self.samples is None else [self.samples]
        return super().written + samples


def check(arguments: Arguments) -> None:
    """Raise now what would otherwise only fail in the end."""
    if (arguments.styles is None) == (arguments.style is None):
        raise Misuse("give a folder of paintings (--styles DIR), or one (--style FILE)")
    arguments.check()
    if arguments.samples is not None:
        images.check_output(arguments.samples)


def begin(arguments: Arguments) -> DecoderTraining:
    """The training that the command line describes."""
    network, encoder = map(load_network, (arguments.network, arguments.encoder))
    start = None
    if arguments.start is not None or arguments.style is not None:
        key = jax.random.key(arguments.training.seed)
        given = arguments.start or builtin_weights(ARCHITECTURE)
        start = start_from(given, encoder, key)
    if arguments.style is not None:
        paintings = [arguments.style]
    else:
        assert arguments.styles is not None  # see `check`
        paintings = pictures_in([arguments.styles])
    photographs = pictures_in([arguments.contents])
    read = arguments.network, arguments.encoder, arguments.start
    arguments.check_read([*photographs, *paintings, *read])
    how = arguments.training
    return DecoderTraining(how, photographs, paintings, encoder, network, start)


def main(arguments: Arguments) -> int:
    check(arguments)
    training = begin(arguments)

    def look(done: int) -> None:
        if arguments.samples is not None:
            labels = ["photograph", "painting", f"one pass, step {done}"]
            sheet = images.contact_sheet(training.samples(), column_labels=labels)
            images.save_image(arguments.samples, sheet)

    code = train(training, training.options.steps, arguments, look)
    if code:
        return code
    return write(training, arguments)


def write(training: DecoderTraining, arguments: Arguments) -> int:
    """The weights file, with all that it takes to make it again; the exit code."""
    source = "one pass of jaxnst"
    if arguments.style is not None:
        source += f" for {arguments.style.name}"
    model = replace(training.trained_model, source=source)
    notes = {"training": json.dumps(training.description)}
    return finish(
        arguments,
        lambda path: write_feedforward(path, model, notes),
        lambda: {"steps": training.options.steps},
    )
