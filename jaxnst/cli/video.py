"""Paint a clip in the style of a painting, without flicker.

    jaxnst video clip.mp4 painting.jpg -o out.mp4

The clip's frames are painted one after another; its times, its sound and its aspect
stay. Ctrl-C ends it and keeps the frames painted so far as a clip; the same command
with --resume goes on.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxnst import images, video
from jaxnst._files import check_space, sha256_of
from jaxnst._version import __version__
from jaxnst.cli._app import EXPECTED, describe_error, fail, warn
from jaxnst.cli._options import adapted, given, preset_settings, setting_words
from jaxnst.cli._parser import Misuse
from jaxnst.cli._progress import Bar
from jaxnst.cli._streams import check_read_again, from_stdin
from jaxnst.cli._video_arguments import Arguments, check, check_clip, output_of
from jaxnst.feedforward.model import FeedForward
from jaxnst.feedforward.weights_file import load_feedforward
from jaxnst.optimize.result import Result
from jaxnst.pipeline.inputs import Inputs, load_inputs
from jaxnst.pipeline.provenance import describe, digests_of, read_settings
from jaxnst.pipeline.region_masks import mask_files
from jaxnst.pipeline.settings import Masks
from jaxnst.video.paint import FrameProgress
from jaxnst.video.source import numbered_pictures

USAGE = "CLIP PAINTING [PAINTING ...] [-o OUT.mp4] [options]"
WORDS = setting_words()
HELP = {
    "picture": ("size", "style_scale", "color", "style_mix"),
    "clip": ("start", "end", "fps", "audio"),
    "look": ("preset", "beta", "strength", "again"),
    "motion": ("temporal", "long_term", "frame_steps", "smooth"),
    "run": ("network", "steps", "fast", "resume"),
    "output": ("output", "quality", "json", "quiet"),
}

_BYTES = 1.2  # a pixel, of a painted frame that is kept


def defaults(line: Sequence[str]) -> Arguments:
    """Options as the preset, or the picture, that the command line names has them."""
    again = given(line, "from")
    if again is None:
        return Arguments(settings=preset_settings(line))
    check_read_again(Path(again))
    settings, _ = read_settings(Path(again))
    if given(line, "preset") not in (None, settings.preset):
        raise Misuse("--preset and --from exclude each other; give one of them")
    return Arguments(settings=adapted(settings, line))


class FrameBar(Bar):
    """Frames of a clip: seconds a frame, time left."""

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        super().__init__(total, quiet=quiet, unit="frame")
        self._earlier = -1

    def __call__(self, progress: FrameProgress) -> bool:
        done, total, painted = progress
        if self._earlier != done - painted:  # those of an earlier run take no time
            self._earlier = done - painted
            self._first, self._began = painted, time.perf_counter()
            self.bar.initial = self._earlier
            if self._log is not None:
                self._log.restart(self._earlier)
        shown = {}
        if painted > self._first:  # which compiles, and does not count
            seconds = time.perf_counter() - self._began
            shown["at"] = f"{seconds / (painted - self._first):.2f} s a frame"
        self.advance(done, total, **shown)
        return self.interrupted


@dataclass(frozen=True)
class Job:
    """A clip that is to be painted: what was asked for, and what was read.

    Attributes:
        size: (height, width) of the painted frames.
        first: the first one, before it is painted.
        decoder: of one pass, which also begins what an optimised frame shows for the
            first time.
        digests: {painting, or mask: SHA-256}.
        masks: of the frames, where the settings name any.
    """

    arguments: Arguments
    output: Path
    clip: video.Clip
    size: tuple[int, int]
    first: np.ndarray
    inputs: Inputs
    decoder: FeedForward
    digests: dict[str, str]
    masks: video.ClipMasks | None = None

    @property
    def steadied(self) -> dict[str, float]:
        """What of the arguments is the painter's."""
        given = self.arguments
        if self.inputs.settings.optimization.one_pass:
            return {"smooth": given.smooth}
        return {
            "temporal": given.temporal,
            "long_term": given.long_term,
            "steps": given.frame_steps,
        }

    def painter(self) -> video.Painter:
        """What paints its frames.

        Raises:
            ValueError: OpenCV is not installed, and needed.
        """
        inputs, settings = self.inputs, self.inputs.settings
        how: dict[str, Any] = {"reference": self.first, "masks": self.masks}
        how |= self.steadied
        try:
            if not settings.optimization.one_pass:
                how |= {"size": self.size, "decoder": self.decoder}
                return video.OptimisedPainter(
                    inputs.network, inputs.styles, settings, **how
                )
            how |= {"strength": settings.terms.strength, "color": settings.color}
            how |= {"style_mix": settings.style_mix}
            how |= {"photorealism": settings.photorealism}
            return video.OnePassPainter(self.decoder, inputs.styles, **how)
        except ImportError as error:
            raise ValueError(str(error)) from None

    def metadata(self) -> dict[str, Any]:
        """What the file keeps of the run."""
        found = describe(
            self.inputs.settings,
            self.inputs.network,
            Result(None, {}, 0, True, 0.0, None),
            pictures=self.arguments.pictures,
            digests=self.digests,
            decoder=self.decoder,
        )
        kept = {k: v for k, v in found.items() if k not in ("steps", "final")}
        return {**kept, "motion": self.steadied}

    def description(self) -> dict[str, Any]:
        """What decides the frames, so that others are not taken for them."""
        settings = self.inputs.settings
        return {
            "clip": sha256_of(self.clip.source.files),
            "paintings": [self.digests[str(p)] for p in self.arguments.pictures[1:]],
            "masks": [self.digests[str(p)] for p in mask_files(settings.masks)],
            "settings": settings.to_json(),
            "motion": self.steadied,
            "weights": self.inputs.network.checksum,
            "decoder": self.decoder.checksum,
            "jaxnst": __version__,
        }

    def check_space(self) -> None:
        """Warn if the painted frames will not fit on the disk."""
        pixels = self.size[0] * self.size[1] * len(self.clip.times)
        try:
            check_space(self.output, int(pixels * _BYTES))
        except OSError as error:
            warn(describe_error(error))

    def run(self) -> video.PaintedClip:
        """All of it; where it fails on the way a line says what is kept."""
        kept = video.kept_folder(self.output)
        before = len(list(kept.glob("*.png")))
        try:
            return self._run()
        except EXPECTED:
            if len(list(kept.glob("*.png"))) > before:
                self.arguments.note(
                    f"painted frames are kept in {kept}; the same command with "
                    "--resume goes on"
                )
            raise

    def _run(self) -> video.PaintedClip:
        arguments, total = self.arguments, len(self.clip.times)
        with FrameBar(total, quiet=arguments.quiet) as bar:
            return video.paint_clip(
                self.clip,
                self.painter(),
                self.output,
                size=self.size,
                quality=arguments.quality,
                audio=arguments.audio,
                comment=json.dumps(self.metadata()),
                description=self.description(),
                resume=arguments.resume,
                callback=bar,
                masks=self.masks,
            )

    def report(self, painted: video.PaintedClip) -> None:
        """What became of it, for people or for programs."""
        height, width = painted.size
        now = painted.frames - painted.kept
        frames = "1 frame" if painted.frames == 1 else f"{painted.frames} frames"
        text = f"{painted.path}: {width} x {height} pixels, {frames}"
        text += f" of {float(painted.duration):.1f} s"
        text += f", {now} of them painted now" if painted.kept else ""
        text += f", in {painted.seconds:.0f} s"
        if now:
            text += f" ({painted.seconds / now:.2f} s a frame)"
        self.arguments.say(text)
        for remark in painted.remarks:
            warn(remark)
        rate = self.clip.rate
        self.arguments.answer(
            output=painted.path,
            clip=self.arguments.pictures[0],
            styles=self.arguments.pictures[1:],
            width=width,
            height=height,
            frames=painted.frames,
            painted=now,
            duration=round(float(painted.duration), 6),
            fps=None if rate is None else round(float(rate), 6),
            sound=painted.audio > 0,
            network=self.inputs.settings.network,
            seconds=round(painted.seconds, 3),
            interrupted=painted.interrupted,
            remarks=painted.remarks,
        )


def load(arguments: Arguments, files: Sequence[Path], output: Path) -> Job:
    """Everything that is read before the first frame is painted."""
    clip = video.open_clip(
        arguments.pictures[0],
        start=arguments.start,
        end=arguments.end,
        fps=arguments.fps,
    )
    geometry = arguments.settings.geometry
    wanted = geometry.of_photograph(*clip.size).content_size(*clip.size)
    if wanted[0] * wanted[1] > images.MAX_PIXELS:
        raise ValueError(
            f"frames would be {wanted[1]} x {wanted[0]} pixels, more than "
            f"{images.MAX_PIXELS:,}; choose a smaller --size"
        )
    size = video.fitted_size(output, wanted)
    first = next(clip.frames(size), None)
    if first is None:
        raise ValueError(f"{clip.path} has no frame there")
    inputs = load_inputs(
        arguments.settings,
        clip.path,
        files,
        typed=arguments.typed,
        frame=jnp.asarray(first.pixels, jnp.float32) / 255,
    )
    names = dict(zip(files, map(str, arguments.pictures[1:]), strict=True))
    decoder = inputs.decoder or load_feedforward()
    masks = video.open_masks(inputs.settings.masks, clip, size, inputs.styles)
    if masks is not None:
        inputs = replace(
            inputs, notice="; ".join(filter(None, (inputs.notice, masks.notice)))
        )
    digests = digests_of(names) | digests_of_masks(inputs.settings.masks)
    return Job(
        arguments, output, clip, size, first.pixels, inputs, decoder, digests, masks
    )


def digests_of_masks(masks: Masks) -> dict[str, str]:
    """{mask: SHA-256}, of a folder over all of its pictures."""
    found = {}
    for path in mask_files(masks):
        files = numbered_pictures(path) if path.is_dir() else (path,)
        found[str(path)] = sha256_of(files)
    return found


def main(arguments: Arguments) -> int:
    if len(arguments.pictures) == 1 and arguments.again is not None:
        paintings = read_settings(arguments.again)[1][1:]
        pictures = (*arguments.pictures, *paintings)
        arguments = replace(arguments, pictures=pictures)
    if arguments.pictures:
        check_clip(arguments.pictures[0])
    if len(arguments.pictures) < 2:
        raise Misuse(
            "give a clip and a painting: jaxnst video CLIP PAINTING -o OUT.mp4"
        )
    output = output_of(arguments)
    check(arguments, output)
    with from_stdin(arguments.pictures[1:]) as files:
        job = load(arguments, files, output)
        arguments.note(job.inputs.notice)
        job.check_space()
        painted = job.run()
    job.report(painted)
    if painted.interrupted:
        total = len(job.clip.times)
        return fail(
            f"interrupted after {painted.frames} of {total} frames; those are in "
            f"{painted.path}, and the same command with --resume goes on",
            130,
        )
    return 0
