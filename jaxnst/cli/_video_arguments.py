"""What `jaxnst video` is told, and what is wrong with it before a frame is read."""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path

from jaxnst import video
from jaxnst._files import check_not_read, fitting_name
from jaxnst.cli._app import Common
from jaxnst.cli._outputs import existing
from jaxnst.cli._parser import Misuse, option
from jaxnst.cli._streams import STREAM, check_read_again, is_stream
from jaxnst.pipeline.inputs import STARTS
from jaxnst.pipeline.region_masks import check_count, mask_files
from jaxnst.pipeline.settings import Settings
from jaxnst.video.paint import check_apart


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    pictures: tuple[Path, ...] = option((), positional=True, metavar="CLIP")
    """The clip, a video or a folder of numbered pictures; then one painting or
    several."""
    output: Path | None = option(None, flags=["-o"])
    """Clip to write: .mp4, .mov, .mkv, .webm, .gif or .webp; a name without suffix for
    a folder of numbered PNG; a new .mp4 beside the clip if not given."""
    quality: int | None = None
    """1 to 100, of all but GIF and PNG; 80 if not given."""
    start: float | None = option(None, metavar="SECONDS")
    """Begin so many seconds into the clip."""
    end: float | None = option(None, metavar="SECONDS")
    """End so many seconds into it."""
    fps: float | None = option(None, metavar="FRAMES")
    """Frames a second: fewer are painted, or some are shown again. Of a folder of
    pictures, how many follow each other in a second (25)."""
    audio: bool = True
    """Whether the clip's sound goes along, as it is."""
    again: Path | None = option(None, name="from", metavar="PICTURE")
    """Use the settings of this picture, and its paintings if none are given."""
    resume: bool = False
    """Go on with the frames of the same command that were painted before it ended."""
    fast: bool = False
    """One pass of a trained network for each frame instead of an optimisation."""
    temporal: float = 100.0
    """How firmly what moves is held to how it was painted before; 0, every frame for
    itself."""
    long_term: int = 0
    """Frames back in which to look for what the frame before does not show."""
    frame_steps: int = option(10, metavar="STEPS")
    """Steps for every frame but the first of a shot."""
    smooth: float = 0.6
    """With --fast, share of the painted frame before, from 0 to below 1; 0, every frame
    for itself."""
    settings: Settings = field(default_factory=Settings)


def output_of(arguments: Arguments) -> Path:
    """The file to write: a new one each time, but to go on the one that was begun."""
    if arguments.output is not None:
        return arguments.output
    clip, painting = arguments.pictures[:2]
    painted = "picture" if is_stream(painting) else painting.stem
    if clip.name in ("", ".."):
        clip = Path(os.path.abspath(clip))
    name = clip.name if clip.is_dir() else clip.stem
    first = clip.with_name(fitting_name(f"{name}__{painted}", ".mp4"))
    number, path = 2, first
    while path.exists() or video.kept_folder(path).exists():
        if arguments.resume and video.kept_folder(path).exists():
            break
        path = first.with_stem(f"{first.stem}-{number}")
        number += 1
    return path


def read(arguments: Arguments) -> list[Path]:
    """Every file that the run reads: clip, pictures, masks, weights."""
    settings = arguments.settings
    named = settings.network, settings.weights, settings.decoder
    pictures = [*arguments.pictures, arguments.again, *mask_files(settings.masks)]
    return [p for p in pictures if p not in (None, STREAM)] + existing(*named)


def check(arguments: Arguments, output: Path) -> None:
    """Raise now what would otherwise only fail when much is painted."""
    init = arguments.settings.optimization.init
    if init not in STARTS:
        raise Misuse(f"--init must be one of {', '.join(STARTS)} for a clip")
    masks = arguments.settings.masks
    for path in mask_files(masks):
        check_read_again(path)
    check_count(masks, len(arguments.pictures) - 1)
    check_not_read([output, video.kept_folder(output)], read(arguments))
    for read_from in (arguments.pictures[0], *mask_files(masks)):
        check_apart(read_from, output)
    video.check_clip_output(output, arguments.quality, again=arguments.resume)
    if not 0 <= arguments.smooth < 1:
        raise Misuse(f"--smooth must be from 0 to below 1, got {arguments.smooth:g}")
    for name in ("temporal", "long_term"):
        value, spelled = getattr(arguments, name), name.replace("_", "-")
        if not 0 <= value < math.inf:
            raise Misuse(f"--{spelled} must be 0 or more, got {value:g}")
    if arguments.frame_steps < 1:
        raise Misuse(f"--frame-steps must be at least 1, got {arguments.frame_steps}")
    kept = video.kept_folder(output)
    if not arguments.resume and any(kept.glob("*.png")):
        raise FileExistsError(
            f"{kept} holds painted frames of a run that did not end; --resume goes on "
            "with them, or remove that folder to begin anew"
        )
    video.check_kept(output, arguments.resume)


def check_clip(path: Path) -> None:
    """Check that a clip is a file or a folder.

    Raises:
        Misuse: it is a stream.
    """
    if is_stream(path):
        raise Misuse(
            f"{path} is read more than once, which a pipe cannot be; save it to a file"
        )
