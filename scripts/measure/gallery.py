"""Make the pictures of the README's gallery, time them and have them judged.

    python scripts/measure/gallery.py photo1.jpg painting1.jpg photo2.jpg ...

Times are whole: reading, compiling, optimising and writing.
"""

import platform
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import jax
from _compare import (
    format_cells,
    judge_image,
    judges_for,
    pairs_in_turn,
    print_head,
    with_size,
)

import jaxnst
from jaxnst import images
from jaxnst.cli._app import Common, run_module
from jaxnst.cli._parser import option
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import load_pictures, open_network


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    pictures: tuple[Path, ...] = option(positional=True, metavar="PICTURE")
    """Photographs and paintings in turn."""
    output: Path = option(Path("scripts/gallery"), flags=["-o"])
    """Folder for the pictures."""
    preset: str = "default"
    """Named settings."""
    network: str | None = None
    """Feature network; the preset's if not given."""
    weights: str | None = None
    """Weights of the network: a file, or the name of a source."""
    size: int = 512
    """Long side in pixels."""
    judge: tuple[str, ...] = ()
    """GoogLeNet, VGG-16 or a VGG other than the network, each by its name or weights
    file: print the distances of each picture."""


def main(arguments: Arguments) -> None:
    pairs = pairs_in_turn(arguments.pictures)
    settings = with_size(presets.get(arguments.preset), arguments.size)
    settings = replace(
        settings,
        network=arguments.network or settings.network,
        weights=arguments.weights,
    )
    settings, network, notice = open_network(settings)
    arguments.note(notice)
    arguments.output.mkdir(parents=True, exist_ok=True)
    judges = judges_for(arguments.judge, [network])
    print(f"{jax.local_devices()[0].device_kind}, {platform.machine()}")
    print_head(["picture", "steps", "seconds"], judges)
    for content, style in pairs:
        began = time.perf_counter()
        pictures = load_pictures(settings, network, content, [style])
        result = jaxnst.render(settings, network, *pictures)
        out = arguments.output / f"{content.stem}_{style.stem}.jpg"
        images.save_image(out, result.image, quality=88)
        seconds = time.perf_counter() - began
        cells = [out.stem, str(result.steps), f"{seconds:.0f}"]
        for scores in judge_image(judges, result.image, (content, style)).values():
            cells.append(format_cells(scores))
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
