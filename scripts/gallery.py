"""Make the pictures of the README's gallery, time them and have them judged.

    python scripts/gallery.py photo1.jpg painting1.jpg photo2.jpg painting2.jpg ...

Times are whole: reading, compiling, optimising and writing.
"""

import platform
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import jax
import tyro
from _cli import Common, run
from _compared import InTurn, pairs_in_turn
from _network import obtain

import jaxnst
from jaxnst import images, metrics, presets


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    pictures: InTurn
    """Photographs and paintings in turn."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("scripts/gallery")
    """Folder for the pictures."""
    preset: str = "default"
    """Named settings."""
    network: str | None = None
    """Feature network; the preset's if not given."""
    weights: str | None = None
    """Weights of the network: a file, or the name of a source."""
    size: int = 512
    """Long side in pixels."""
    judge: str | None = None
    """Weights of GoogLeNet: print style and content distance of each picture."""


def main(arguments: Arguments) -> None:
    pairs = pairs_in_turn(arguments.pictures)
    settings = presets.get(arguments.preset)
    settings = replace(
        settings,
        geometry=replace(settings.geometry, size=arguments.size),
        network=arguments.network or settings.network,
        weights=arguments.weights,
    )
    settings, network = obtain(settings)
    arguments.output.mkdir(parents=True, exist_ok=True)
    judge = None
    if arguments.judge is not None:
        judge = jaxnst.load_network("googlenet", weights=arguments.judge)
    print(f"{jax.local_devices()[0].device_kind}, {platform.machine()}")
    print("| picture | steps | seconds | style | content | Q |")
    print("| --- | --- | --- | --- | --- | --- |")
    for content, style in pairs:
        began = time.perf_counter()
        pictures = images.load_image(content), images.load_image(style)
        result = jaxnst.render(settings, network, pictures[0], [pictures[1]])
        out = arguments.output / f"{content.stem}_{style.stem}.jpg"
        images.save_image(out, result.image, quality=88)
        spent = time.perf_counter() - began
        shown = " | "
        if judge is not None:
            scores = metrics.judge(judge, result.image, *pictures)
            shown = " | ".join(f"{float(score):.3f}" for score in scores)
        print(f"| {out.stem} | {result.steps} | {spent:.0f} | {shown} |", flush=True)


if __name__ == "__main__":
    sys.exit(run(Arguments, main))
