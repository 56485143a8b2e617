"""Frames, with their times and a clip's sound, to a video file."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from jaxnst.video.audio import Sound, cannot_hold
from jaxnst.video.clip import Clip, Frame
from jaxnst.video.formats import QUALITY, Format
from jaxnst.video.packages import import_av, reason
from jaxnst.video.source import Size

# Matrix, primaries and transfer function that are written and said: BT.709's, in
# FFmpeg's numbers; limited range.
_BT709, _LIMITED, _FULL = 1, 1, 2


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """FFmpeg's errors in words; the system's as they are, of the file."""
    av = import_av()
    try:
        yield
    except av.error.FFmpegError as error:
        if isinstance(error, OSError) and error.errno and error.errno > 0:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise ValueError(f"the clip cannot be written so: {reason(error)}") from None


class Writer:
    """Writes one clip, frame by frame.

    Attributes:
        remarks: what of the clip the file could not take, in words.
    """

    def __init__(
        self,
        path: Path,
        form: Format,
        size: Size,
        clip: Clip,
        *,
        quality: int | None = None,
        audio: bool = True,
        comment: str = "",
    ) -> None:
        """
        Args:
            path: the file to write, where it may be half-written.
            size: (height, width) of the frames, as `fitted_size` gives it.
            clip: whose times the frames have, and whose sound is copied.
            comment: goes into the file's metadata, where its format has such.

        Raises:
            OSError, ValueError: it cannot be written so.
        """
        av = import_av()
        self.path, self.form, self.size, self.clip = path, form, size, clip
        self.time_base = form.time_base or clip.time_base
        self.remarks: list[str] = []
        self._held: Any = None
        self._first_dts: int | None = None
        self._end = self._last = 0
        self._durations: dict[int, int] = {}
        self.palette = None
        with _explained(path):
            self._open(quality or QUALITY, audio, comment)
            try:
                self.container.start_encoding()
            except av.error.FFmpegError:
                if not self.sound.copied:
                    raise
                # Some containers find out only now that a codec is not for them.
                self.abandon()
                self._open(quality or QUALITY, False, comment)
                self.remarks += [cannot_hold(form.name, codec) for codec in clip.audio]
                self.container.start_encoding()
            self.remarks += self.sound.remarks
            if form.pixels == "pal8":
                self.palette = _Palette(size, self.time_base)

    def _open(self, quality: int, audio: bool, comment: str) -> None:
        av = import_av()
        options = dict(self.form.container)
        self.container = av.open(f"file:{self.path}", "w", options=options)
        if comment:
            self.container.metadata["comment"] = comment
        self.stream = self._add_stream(quality)
        self.sound = Sound(self.clip, self.container, self.form.name, wanted=audio)

    def _add_stream(self, quality: int) -> Any:
        form = self.form
        stream = self.container.add_stream(form.codec, options=form.options(quality))
        stream.height, stream.width = self.size
        stream.pix_fmt = form.pixels
        context = stream.codec_context
        context.time_base = self.time_base
        if self.clip.rate:
            context.framerate = self.clip.rate.limit_denominator(1001)
        if form.pixels == "yuv420p":
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = _LIMITED
        return stream

    def write(self, frame: Frame) -> None:
        """The next frame, at its time, as often as it is to be repeated.

        Raises:
            OSError, ValueError: it could not be written.
        """
        with _explained(self.path):
            picture = self._picture(frame.pixels)
            step = frame.duration / frame.repeats
            for number in range(frame.repeats):
                first = frame.pts + round(number * step)
                last = frame.pts + round((number + 1) * step)
                self._write_at(picture, first, last)

    def _write_at(self, picture: Any, first: int, last: int) -> None:
        """One picture, shown between two times of the clip."""
        ratio = self.clip.time_base / self.time_base
        pts, end = round(first * ratio), round(last * ratio)
        if self._durations and pts < self._last + self.form.shortest:
            self._end = max(self._end, end)
            if self.form.shortest > 1:  # what is that short has no place in it
                self._note_dropped()
                return
            pts = self._last + 1
        end = max(end, pts + self.form.shortest)
        self._durations[pts], self._last, self._end = end - pts, pts, end
        self.sound.until(first * self.clip.time_base)
        picture.pts, picture.time_base = pts, self.time_base
        if self.palette is not None:
            picture = self.palette(picture)
        for packet in self.stream.encode(picture):
            self._mux(packet)

    def _note_dropped(self) -> None:
        text = (
            f"{self.form.name} shows no frame for less than "
            f"{float(self.form.shortest * self.time_base):g} s: some are left out; "
            "choose a lower fps"
        )
        if text not in self.remarks:
            self.remarks.append(text)

    def _picture(self, pixels: np.ndarray) -> Any:
        av = import_av()
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
        if self.form.pixels == "pal8":
            return picture
        how: dict[str, Any] = {"threads": 1, "interpolation": "BICUBIC"}
        if self.form.pixels == "yuv420p":
            how |= {"dst_colorspace": "ITU709", "src_color_range": _FULL,
                    "dst_color_range": _LIMITED}  # fmt: skip
        return picture.reformat(format=self.form.pixels, **how)

    def _mux(self, packet: Any) -> None:
        """Hand on the packet before, for of the last one the end is not yet known."""
        before, self._held = self._held, packet
        if packet.pts in self._durations:
            packet.duration = self._durations[packet.pts]
        if self._first_dts is None:
            self._first_dts = packet.dts
        if before is not None:
            self.container.mux_one(before)

    def close(self, *, whole: bool = True) -> None:
        """Finish the file, with all of the sound of a whole clip, and of another as
        much as there are frames.

        Raises:
            OSError, ValueError: it could not be finished.
        """
        with _explained(self.path):
            for packet in self.stream.encode(None):
                self._mux(packet)
            last = self._held
            if last is not None:
                if self.form.in_decoding_order and self._first_dts is not None:
                    # MPEG-4 adds up durations in the order of decoding.
                    left = self._end - min(self._durations)
                    left -= last.dts - self._first_dts
                    last.duration = max(last.duration or 1, left)
                self.container.mux_one(last)
            self.sound.until(None if whole else self._end * self.time_base)
            self.container.close()
            self.remarks += [r for r in self.sound.remarks if r not in self.remarks]
        self.sound.close()
        if self.form.codec == "libwebp_anim":
            _set_last_duration(self.path, self._durations[self._last])

    def abandon(self) -> None:
        """Leave the file as it is; what is there is worth nothing."""
        av = import_av()
        self.sound.close()
        try:
            self.container.close()
        except (av.error.FFmpegError, OSError, ValueError):
            pass


class _Palette:
    """Frames in 256 colours of their own, with ordered dithering: it stands still where
    the picture does."""

    def __init__(self, size: Size, time_base: Fraction) -> None:
        av = import_av()
        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=size[1], height=size[0], format="rgb24", time_base=time_base
        )
        split = graph.add("split")
        make = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
        use = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=3")
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(make, 1, 0)
        make.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        self.graph = graph

    def __call__(self, picture: Any) -> Any:
        self.graph.push(picture)
        return self.graph.pull()


def _set_last_duration(path: Path, milliseconds: int) -> None:
    """Write into an animated WebP for how long its last frame is shown, which libwebp
    is not told."""
    with open(path, "r+b") as file:
        position, last = 12, None
        while True:
            file.seek(position)
            head = file.read(8)
            if len(head) < 8:
                break
            name, length = struct.unpack("<4sI", head)
            if name == b"ANMF":
                last = position
            position += 8 + length + length % 2
        if last is not None:
            file.seek(last + 8 + 12)  # after place and size of the frame
            file.write(milliseconds.to_bytes(3, "little"))
