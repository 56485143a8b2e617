"""Convert published network weights to jaxnst's own format.

Reads torchvision's .pth files of VGG and GoogLeNet (PyTorch is not needed), Keras's .h5
files and jaxnst's own. What was written is read again and compared with its source.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from _cli import Common, run

from jaxnst.convert import convert_file


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    file: tyro.conf.Positional[Path]
    """Weights in any known format."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The .h5 file to write."""
    architecture: Literal["vgg16", "vgg19", "googlenet"] | None = None
    """Needed only where the file's layers fit both."""


def main(arguments: Arguments) -> None:
    weights = convert_file(
        arguments.file, arguments.output, architecture=arguments.architecture
    )
    for layer, tensor in weights.tensors.items():
        print(f"{layer:24} {' x '.join(map(str, tensor['kernel'].shape))}")
    print(f"architecture {weights.architecture}, {len(weights.tensors)} layers")
    print(f"sha256 {weights.checksum}")
    print(f"{arguments.output.stat().st_size:,} bytes in {arguments.output}")


if __name__ == "__main__":
    sys.exit(run(Arguments, main))
