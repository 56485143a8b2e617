"""Draw the two sample pictures, a photograph-like harbour and a painting of strokes.

python scripts/make_samples.py -o FOLDER
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from _cli import Common, run
from _harbour import harbour
from _strokes import strokes

from jaxnst.images import save_image

PICTURES = {"harbour": harbour, "strokes": strokes}


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = (
        Path(__file__).parent / "samples"
    )
    """Folder for harbour.jpg and strokes.jpg; made if it is not there."""


def main(arguments: Arguments) -> None:
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        path, picture = arguments.out / f"{name}.jpg", draw()
        save_image(path, picture, quality=88)
        height, width = picture.shape[:2]
        print(f"{path}: {width} x {height} pixels, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(run(Arguments, main))
