"""Paint a photograph in the style of a painting.

    jaxnst photo.jpg painting.jpg -o out.png

The picture carries its settings: `--from out.png` runs them again, and
`--continue out.png --more-style` goes on from it. Ctrl-C ends a run and keeps the
picture reached so far.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
from jax import Array

import jaxnst
from jaxnst import images
from jaxnst._phases import phase
from jaxnst.cli import _checkpoint
from jaxnst.cli._app import EXPECTED, describe_error, fail, warn
from jaxnst.cli._options import adapted, given, preset_settings, setting_words
from jaxnst.cli._outputs import free, picture_beside, save, to_stdout
from jaxnst.cli._parser import Misuse
from jaxnst.cli._progress import Bar, Session
from jaxnst.cli._streams import STREAM, check_read_again, from_stdin
from jaxnst.cli._stylize_arguments import (
    Arguments,
    check,
    check_recorded,
    style_factor,
)
from jaxnst.cli._timings import Timings, recorded, table
from jaxnst.cli._warnings import warn_if_astray, warn_if_other
from jaxnst.optimize.result import Result
from jaxnst.pipeline.continuation import continue_settings, scale_style
from jaxnst.pipeline.inputs import Inputs, further_files, load_inputs
from jaxnst.pipeline.provenance import (
    describe,
    digests_of,
    read_settings,
    shortened,
)
from jaxnst.reports import plots, tables

USAGE = "PHOTO PAINTING [PAINTING ...] [-o OUT.png] [options]"
WORDS = setting_words()
HELP = {
    "picture": ("size", "style_scale", "color", "style_mix"),
    "look": ("preset", "beta", "strength", "again", "finished", "more_style",
             "less_style"),
    "run": ("network", "steps", "init", "fast"),
    "output": ("output", "every", "animation", "json", "quiet"),
}  # fmt: skip

_FINAL = 4000  # characters of the final losses, which metadata gets at the end


def defaults(line: Sequence[str]) -> Arguments:
    """Options as the preset, or the picture, that the command line names has them."""
    again, finished = given(line, "from"), given(line, "continue")
    name, path = ("from", again) if finished is None else ("continue", finished)
    if path is None:
        return Arguments(settings=preset_settings(line))
    if again is not None and finished is not None:
        raise Misuse("--from and --continue exclude each other; give one of them")
    check_read_again(Path(path))
    read = read_settings if finished is None else continue_settings
    settings, pictures = read(Path(path))
    if given(line, "preset") not in (None, settings.preset):
        raise Misuse(f"--preset and --{name} exclude each other; give one of them")
    output = None
    if finished is not None:
        output = free(Path(path).with_stem(f"{Path(path).stem}-continued"))
    settings = adapted(settings, line)
    return Arguments(pictures=pictures, output=output, settings=settings)


@dataclass(frozen=True)
class Job:
    """A run of the command: what was asked for, and what was read of the files.

    Everything that the end needs of them is here: they may be gone by then.

    Attributes:
        named: the pictures as they are called.
        output: the file to write; `shown` is what it is called.
        digests: {what it is called: SHA-256} of every picture that is read.
        like: what the picture takes over from the photograph's file.
        timings: of the run, where they are asked for.
    """

    arguments: Arguments
    named: tuple[Path, ...]
    output: Path
    shown: Path
    inputs: Inputs
    digests: dict[str, str]
    like: images.Like
    timings: Timings | None = None

    def check(self) -> None:
        """What can only be checked when the pictures are read: sizes and metadata."""
        arguments, size = self.arguments, self.inputs.size
        images.check_output(self.output, arguments.quality, size=size)
        if arguments.animation is not None:
            images.check_animation(arguments.animation, size=size)
        before = Result(None, {}, 0, True, 0.0, None)
        left_out = self.metadata(before, spare=_FINAL)[1]
        if left_out:
            warn(
                f"{self.shown} cannot hold all that --from would use: without "
                f"{left_out}; write PNG, WebP or TIFF for them"
            )

    def metadata(self, result: Result, spare: int = 0) -> tuple[dict[str, Any], str]:
        """What the file keeps of the run, and what it cannot."""
        stored = describe(
            self.inputs.settings,
            self.inputs.network,
            result,
            pictures=self.named,
            digests=self.digests,
            decoder=self.inputs.decoder,
        )
        return shortened(
            stored, lambda kept: images.metadata_fits(self.output, kept, spare=spare)
        )

    @phase("write")
    def write(
        self, frames: Sequence[Array], result: Result
    ) -> tuple[Path | None, list[str]]:
        """The picture, and what else was asked for: each though another fails.

        Returns:
            Where the picture is, if not where it was to be; what went wrong, in words.
        """
        arguments, trouble = self.arguments, []
        place, error = save(self.output, partial(self.write_picture, result))
        moved = None if place == self.output else place
        trouble.append(error)

        def animation(path: Path) -> None:
            size = result.image.shape[:2]
            still = [images.resize(jnp.asarray(frame), size) for frame in frames]
            images.save_animation(path, [*still, result.image], alpha=self.like.alpha)

        trace, title = result.trace, self.shown.name
        for path, write in (
            (arguments.losses, lambda path: tables.write_losses(path, trace)),
            (arguments.plot, lambda path: plots.plot_losses(path, trace, title=title)),
            (arguments.animation, animation),
        ):
            try:
                trouble.append("" if path is None else save(path, write)[1])
            except EXPECTED as failed:
                trouble.append(describe_error(failed))
        return moved, [text for text in trouble if text]

    def write_picture(self, result: Result, path: Path) -> None:
        """The picture, at worst without what it would carry."""
        quality = self.arguments.quality
        try:
            images.save_image(
                path,
                result.image,
                like=self.like,
                metadata=self.metadata(result)[0],
                quality=quality,
            )
        except OSError:
            raise
        except EXPECTED as error:
            images.save_image(path, result.image, quality=quality)
            warn(
                f"{self.shown} is without settings and without what is the "
                f"photograph's: {describe_error(error)}"
            )

    def report(self, result: Result, moved: Path | None) -> None:
        """What became of it, for people or for programs."""
        height, width = result.image.shape[:2]
        shown = moved or self.shown
        text = f"{shown}: {width} x {height} pixels"
        if self.inputs.settings.optimization.one_pass:
            text += f", one pass in {result.seconds:.1f} s"
        else:
            steps = "1 step" if result.steps == 1 else f"{result.steps} steps"
            text += f", {steps} in {result.seconds:.0f} s"
            text += f", loss {result.trace['loss'][-1]:.4g}"
        self.arguments.say(text)
        facts: dict[str, Any] = {
            "output": shown,
            "content": self.named[0],
            "styles": self.named[1:],
            "width": width,
            "height": height,
            "network": self.inputs.settings.network,
            "steps": result.steps,
            "seconds": round(result.seconds, 3),
            "finite": bool(result.finite),
            "losses": {name: float(v[-1]) for name, v in result.trace.items()},
        }
        if self.timings is not None:
            facts["timings"] = self.timings.facts()
            if not self.arguments.json:
                self.arguments.note(table(facts["timings"]))
        self.arguments.answer(**facts)


def one_pass(job: Job) -> int:
    """One pass of a trained network; the exit code."""
    inputs = job.inputs
    result = jaxnst.render(
        inputs.settings,
        *inputs.arguments,
        decoder=inputs.decoder,
        regions=inputs.regions,
    )
    moved, trouble = job.write((), result)
    job.report(result, moved)
    for text in trouble:
        fail(text, 1)
    return 0 if result.finite and not trouble else 1


def optimise(job: Job) -> int:
    """The whole optimisation; the exit code."""
    arguments, inputs = job.arguments, job.inputs
    settings = inputs.settings
    total = sum(settings.optimization.steps_at(len(inputs.levels)))
    checkpoint = _checkpoint.Checkpoint(
        arguments.checkpoint,
        settings,
        inputs.network,
        tuple(job.digests.values()),
        len(inputs.levels),
    )
    kept = checkpoint.load() if arguments.resume else None
    bar = Bar(total, done=kept.steps if kept else 0, quiet=arguments.quiet)
    session = Session(
        bar,
        job.output,
        total,
        every=arguments.every,
        quality=arguments.quality,
        frames=arguments.animation is not None,
        like=job.like,
        save=None if arguments.checkpoint is None else checkpoint.save,
        save_every=arguments.checkpoint_every,
    )
    with bar:
        result = jaxnst.render(
            settings,
            *inputs.arguments,
            init=inputs.init,
            callback=session,
            every=session.every,
            resume=kept,
            decoder=inputs.decoder,
            regions=inputs.regions,
        )
        bar.close()
        warn_if_astray(result, settings.optimization)
        moved, trouble = job.write(session.frames, result)  # Ctrl-C waits for it
    job.report(result, moved)
    for text in trouble:
        fail(text, 1)
    if result.steps < total and bar.interrupted:
        after = f"interrupted after {result.steps} of {total} steps; kept in "
        after += str(moved or job.shown)
        return fail(after + _checkpoint.hint(arguments.checkpoint), 130)
    if moved is None:
        checkpoint.remove()
    return 0 if result.finite and not trouble else 1


def taken(
    arguments: Arguments, files: Sequence[Path], inputs: Inputs
) -> tuple[dict[str, str], images.Like]:
    """What the end needs of the files: checksums by name, and what is carried over from
    the photograph."""
    names = dict(zip(files, map(str, arguments.pictures), strict=True))
    further = {path: str(path) for path in further_files(arguments.settings)}
    digests = digests_of(names | further)
    keep = arguments.keep_metadata
    like = images.read_like(files[0], size=inputs.size, keep_metadata=keep)
    return digests, like


def main(arguments: Arguments) -> int:
    with recorded(arguments.timings) as timings:
        return paint(arguments, timings)


def paint(arguments: Arguments, timings: Timings | None) -> int:
    """Everything from the arguments to the picture; the exit code."""
    factor = style_factor(arguments)
    arguments = replace(arguments, settings=scale_style(arguments.settings, factor))
    pictures = arguments.pictures
    if len(pictures) < 2:
        before = arguments.again or arguments.finished
        raise Misuse(
            "give a photograph and a painting: jaxnst PHOTO PAINTING -o OUT.png"
            if before is None
            else f"{before} does not name its paintings; give the photograph and the "
            f"paintings, too: jaxnst PHOTO PAINTING --from {before}"
        )
    shown = arguments.output or picture_beside(pictures[0], pictures[1])
    check(arguments, shown)
    check_recorded(arguments)
    with from_stdin(pictures) as files, to_stdout(shown) as output:
        inputs = load_inputs(
            arguments.settings, files[0], files[1:], typed=arguments.typed
        )
        if shown == STREAM:  # the picture alone goes to standard output
            arguments = replace(arguments, quiet=True)
        arguments.note(inputs.notice)
        before = arguments.again or arguments.finished
        digests, like = taken(arguments, files, inputs)
        job = Job(arguments, pictures, output, shown, inputs, digests, like, timings)
        job.check()
        warn_if_other(before, digests, inputs)
        one = inputs.settings.optimization.one_pass
        return one_pass(job) if one else optimise(job)
