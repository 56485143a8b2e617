"""A whole clip: decoded ahead, painted, encoded behind, frame after frame."""

import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from jaxnst._files import atomic_write, check_not_read
from jaxnst.images.listing import picture_suffixes
from jaxnst.video.audio import cannot_hold
from jaxnst.video.clip import Clip, Frame
from jaxnst.video.encode import Writer
from jaxnst.video.formats import FOLDER, check_clip_output, fitted_size, format_of
from jaxnst.video.kept import KeptFrames, frame_name, kept_folder
from jaxnst.video.masks import ClipMasks, FrameMask
from jaxnst.video.painter import Painter
from jaxnst.video.source import Size
from jaxnst.video.threads import Ahead, Behind


class FrameProgress(NamedTuple):
    """How far a clip is.

    Attributes:
        done: frames that are painted, by this run and by one before.
        total: how many there are, as far as the file tells.
        painted: those of this run.
    """

    done: int
    total: int
    painted: int


Callback = Callable[[FrameProgress], bool | None]
"""Told of every frame that is done; True ends the run in good order."""


@dataclass(frozen=True)
class PaintedClip:
    """What became of a clip.

    Attributes:
        path: the file, or the folder.
        size: (height, width) of its frames.
        frames: how many are in it, `kept` of them from an earlier run.
        duration: seconds that it lasts.
        seconds: that it took.
        audio: streams of sound in it.
        interrupted: whether it ended early because the callback said so.
        remarks: what else there is to say: damage, what could not be taken over.
    """

    path: Path
    size: Size
    frames: int
    kept: int
    duration: Fraction
    seconds: float
    audio: int
    interrupted: bool
    remarks: tuple[str, ...]


class _Output(Protocol):
    """What takes painted frames, in order."""

    remarks: list[str]

    def write(self, frame: Frame) -> None: ...

    def close(self, *, whole: bool) -> None: ...


class _Job(NamedTuple):
    """A frame on its way.

    Attributes:
        seen: the last input frames, for `Painter.motion`.
        motion: of them, if it was wanted.
        masks: theirs, if the clip has masks.
    """

    frame: Frame
    seen: tuple[np.ndarray, ...]
    known: bool
    motion: Any
    masks: tuple[FrameMask, ...]


def paint_clip(
    clip: Clip,
    painter: Painter,
    output: str | PathLike[str],
    *,
    size: Size | None = None,
    quality: int | None = None,
    audio: bool = True,
    comment: str = "",
    description: Mapping[str, Any] | None = None,
    resume: bool = False,
    callback: Callback | None = None,
    masks: ClipMasks | None = None,
) -> PaintedClip:
    """Paint a clip, and write it with its times and its sound.

    Frames stream: a few are held at a time, however long the clip is. While one is
    painted the next are decoded and the last ones encoded by other threads. Painted
    frames are kept beside the output (`kept_folder`) until that is whole, and then
    removed.

    Args:
        clip: from `open_clip`.
        painter: what paints a frame.
        output: .mp4, .m4v, .mov or .mkv (H.264), .webm (VP9), .gif, .webp; without
            suffix a folder of numbered PNG. It appears whole or not at all.
        size: (height, width) of the frames; the clip's own if not given. The nearest
            that the format can have is taken: H.264 has even sides.
        quality: 1 to 100, 80 if not given; of GIF and PNG there is none.
        audio: whether the clip's sound goes into the output.
        comment: goes into the file's metadata, where its format has such.
        description: what decides the painter's frames, of JSON's types: `resume` goes
            on under the same one alone.
        resume: go on with the frames that an earlier run has kept, if there are any;
            the result is that of a run without interruption.
        callback: told of every frame.
        masks: from `open_masks`, those of the painter, at the size that is painted.

    Raises:
        ValueError: arguments that do not fit, frames kept of another description, a
            clip without a frame between its start and its end.
        OSError: a file cannot be read or written; frames of another run are kept there.
    """
    began = time.perf_counter()
    output = Path(output)
    if resume and description is None:
        raise ValueError(
            "resume needs a description of what decides the painter's frames: without "
            "it frames of other settings would be mixed"
        )
    size = fitted_size(output, size or clip.size)
    check_apart(clip.path, output)
    check_clip_output(output, quality, again=resume)
    about = {**(description or {}), "size": list(size), **_clip_facts(clip)}
    kept = KeptFrames(output, about, size, resume=resume)
    run = _Run(clip, painter, kept, size, callback, masks)
    try:
        make = partial(
            Writer, size=size, clip=clip, quality=quality, audio=audio, comment=comment
        )
        sounds = clip.audio if audio else ()
        silent = [cannot_hold(FOLDER.name, codec) for codec in sounds]
        with _output(output, make, kept, silent) as writer:
            run.through(writer)
            if not run.count:
                raise ValueError(f"{clip.path} has no frame there")
            writer.close(whole=not run.interrupted)
    except BaseException:
        kept.leave()
        raise
    if run.interrupted:
        kept.leave()
    else:
        kept.remove()
    sound = writer.sound.copied if isinstance(writer, Writer) else 0
    remarks = dict.fromkeys((*clip.remarks, *writer.remarks))
    return PaintedClip(
        output,
        size,
        run.count,
        run.count - run.painted,
        run.duration,
        time.perf_counter() - began,
        sound,
        run.interrupted,
        tuple(remarks),
    )


def check_apart(clip: str | PathLike[str], output: str | PathLike[str]) -> None:
    """Check that a clip, a file or a folder of pictures, would not be written over, nor
    get what is written as one more picture.

    Raises:
        ValueError: it would.
    """
    clip, output = Path(clip), Path(output)
    check_not_read([output, kept_folder(output)], [clip])
    among = clip.is_dir() and output.parent.resolve() == clip.resolve()
    if among and output.suffix.lower() in picture_suffixes():
        raise ValueError(
            f"{output} would be one more picture of the clip {clip}; choose another "
            "folder for what is written"
        )


def _clip_facts(clip: Clip) -> dict[str, Any]:
    """What decides which frames there are, beside the file itself."""
    chosen = {"start": clip.start, "end": clip.end, "fps": clip.fps}
    return {name: None if x is None else str(x) for name, x in chosen.items()}


class _Run:
    """The frames' way from clip to output.

    Attributes:
        count, painted: frames that are done, and that were painted now.
        duration: seconds that they last.
    """

    def __init__(
        self,
        clip: Clip,
        painter: Painter,
        kept: KeptFrames,
        size: Size,
        callback: Callback | None,
        masks: ClipMasks | None,
    ) -> None:
        self.clip, self.painter, self.kept = clip, painter, kept
        self.size, self.callback, self.masks = size, callback, masks
        self.count = self.painted = 0
        self.duration = Fraction(0)
        self.interrupted = False

    def _jobs(self) -> Iterator[_Job]:
        """Decoded frames with what was found of the motion; for another thread."""
        span = self.painter.span
        seen: deque[np.ndarray] = deque(maxlen=span + 1)
        masks: deque[FrameMask] = deque(maxlen=span + 1)
        mask_at = None if self.masks is None else self.masks.frames()
        for number, frame in enumerate(self.clip.frames(self.size), 1):
            seen.append(frame.pixels)
            if mask_at is not None:
                masks.append(mask_at(frame.pts))
            frames = tuple(seen)
            known = not self.kept.has(number)
            motion = self.painter.motion(frames) if known else None
            yield _Job(frame, frames, known, motion, tuple(masks))

    def through(self, writer: _Output) -> None:
        """All the frames, until the callback ends it."""

        def finish(item: tuple[int, Frame, bool]) -> None:
            number, frame, fresh = item
            if fresh:
                self.kept.write(number, frame.pixels)
            writer.write(frame)

        total = len(self.clip.times)
        painted: deque[np.ndarray] = deque(maxlen=self.painter.span)
        ahead, behind = Ahead(self._jobs()), Behind(finish)
        try:
            for job in ahead:
                number = self.count + 1
                pixels = self.kept.read(number)
                fresh = pixels is None
                if pixels is None:
                    pixels = self._paint(job, painted)
                    self.painted += 1
                painted.append(pixels)
                behind.put((number, job.frame._replace(pixels=pixels), fresh))
                self.count = number
                self.duration = self.clip.time_base * (
                    job.frame.pts + job.frame.duration
                )
                progress = FrameProgress(number, max(total, number), self.painted)
                if self.callback is not None and self.callback(progress):
                    self.interrupted = next(ahead, None) is not None
                    break
            behind.close()
        finally:
            ahead.close()
            behind.finish()  # what is painted is kept, whatever happened

    def _paint(self, job: _Job, painted: "deque[np.ndarray]") -> np.ndarray:
        motion = job.motion if job.known else self.painter.motion(job.seen)
        # A painter of a clip without masks need not take any.
        more: dict[str, Any] = {"masks": job.masks} if job.masks else {}
        pixels = self.painter.paint(job.frame.pixels, motion, list(painted), **more)
        if pixels.dtype != np.uint8 or pixels.shape != (*self.size, 3):
            raise TypeError(
                f"a painter must give uint8 frames {(*self.size, 3)}, got "
                f"{pixels.dtype} {pixels.shape}"
            )
        return pixels


@contextmanager
def _output(
    output: Path, make: Callable[..., Writer], kept: KeptFrames, silent: list[str]
) -> Iterator[_Output]:
    """What takes the frames; at the block's end they are under the output's name.

    Args:
        silent: what a folder of pictures has to say of the clip's sound.
    """
    form = format_of(output)
    if form is FOLDER:
        pictures = _Pictures(kept, silent)
        yield pictures
        pictures.publish(output)
        return
    with atomic_write(output) as temporary:
        writer = make(temporary, form)
        try:
            yield writer
        except BaseException:
            writer.abandon()
            raise


class _Pictures:
    """A folder of numbered PNG: the kept frames themselves, under one more name each.

    Attributes:
        folder: where they are until all are there.
    """

    def __init__(self, kept: KeptFrames, remarks: list[str]) -> None:
        self.kept, self.remarks = kept, remarks
        self.folder = kept.folder / "output"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.frames = self.written = 0

    def write(self, frame: Frame) -> None:
        self.frames += 1
        for _ in range(frame.repeats):
            self.written += 1
            source = self.kept.path(self.frames)
            target = self.folder / frame_name(self.written)
            try:
                os.link(source, target)
            except OSError:  # a file system without links
                shutil.copyfile(source, target)

    def close(self, *, whole: bool) -> None: ...

    def publish(self, output: Path) -> None:
        """Put the folder in the place of the output, and of what an earlier, shorter
        run left there."""
        before = self.kept.folder / "before"
        shutil.rmtree(before, ignore_errors=True)
        if output.exists():
            os.rename(output, before)
        os.rename(self.folder, output)
        shutil.rmtree(before, ignore_errors=True)
