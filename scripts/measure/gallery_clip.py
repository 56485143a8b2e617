"""Make the clip of the pages: the sample photograph under a camera that swings, and
beside it what is painted of it.

    python scripts/measure/gallery_clip.py scripts/samples/strokes.jpg

There and back again, as an animated WebP.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _clips import camera_frames
from _compare import with_size
from measure_video import paint
from PIL import Image

from jaxnst import images, load_feedforward, load_network
from jaxnst.cli._app import Common, run_module
from jaxnst.cli._parser import option
from jaxnst.pipeline import presets
from jaxnst.pipeline.substitute import adapted
from jaxnst.video import OptimisedPainter

_MILLISECONDS = 80  # a frame


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    style: Path = option(positional=True, metavar="PAINTING")
    """The painting."""
    output: Path = option(Path("scripts/gallery/clip.webp"), flags=["-o"])
    """The file."""
    network: str = "vgg19-lite"
    """Feature network."""
    size: int = 256
    """Long side in pixels."""
    frames: int = 16
    """Of the way there."""
    quality: int = 80
    """Of the file."""


def main(arguments: Arguments) -> None:
    frames = camera_frames(arguments.frames, arguments.size)
    height, width = frames[0].shape[:2]
    network = load_network(arguments.network)
    painter = OptimisedPainter(
        network,
        [images.load_image(arguments.style, size=arguments.size)],
        adapted(with_size(presets.default, arguments.size), network)[0],
        size=(height, width),
        decoder=load_feedforward(),
    )
    painted = paint(painter, frames)
    pairs = zip(frames, painted.frames, strict=True)
    shown = [Image.fromarray(np.concatenate(pair, 1)) for pair in pairs]
    shown += shown[-2:0:-1]
    shown[0].save(
        arguments.output,
        save_all=True,
        append_images=shown[1:],
        duration=_MILLISECONDS,
        loop=0,
        quality=arguments.quality,
        method=6,
    )
    size = arguments.output.stat().st_size / 1e6
    print(f"{arguments.output}: {len(shown)} frames, {size:.2f} MB")


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
