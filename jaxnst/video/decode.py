"""Video files to frames, through PyAV (FFmpeg)."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from jaxnst._files import printable
from jaxnst.images import MAX_PIXELS, over_white
from jaxnst.images.icc import to_8_bits
from jaxnst.video.packages import import_av, reason
from jaxnst.video.source import Decoded, Facts, Size

# What names other files or addresses, which opening one file is not to fetch.
_LISTS = ("hls", "dash", "concat", "concatf", "imf", "rtsp", "sdp", "mpjpeg")

_ENCRYPTED = ("encv", "drmi", "drms", "p608")  # tags of codecs, of MPEG-4 files

_HDR = (16, 18)  # transfer functions: PQ, HLG

_UNSPECIFIED = 2  # matrix, in FFmpeg's numbers
_BT709, _BT601 = 1, 5  # in swscale's

_HD = 720, 1280  # from these sides on, BT.709 where a file does not say


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """PyAV's container of a file, of which that file alone is read.

    Raises:
        OSError, ValueError: it cannot be opened.
    """
    av = import_av()
    options = {"protocol_whitelist": "file"}
    try:
        # With the protocol in front no name is taken for an address.
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    except av.error.MemoryError:
        raise MemoryError(f"opening {path} takes more memory than there is") from None
    except (av.error.FFmpegError, ValueError) as error:
        raise _unreadable(path, reason(error)) from None
    try:
        name = container.format.name
        if name.endswith("_pipe") or name == "image2":
            raise ValueError(
                f"cannot read {path}: it is a picture, not a clip; jaxnst stylize "
                "paints pictures"
            )
        if set(name.split(",")) & set(_LISTS):
            raise ValueError(
                f"cannot read {path}: it is a list of other files; give one of them"
            )
        yield container
    finally:
        container.close()


def _unreadable(path: Path, why: str) -> ValueError:
    return ValueError(
        f"cannot read {path}: it is no video, or its header is damaged or missing "
        f"({why}); copy it again, or play it in another program to see"
    )


def video_stream(container: Any, path: Path) -> Any:
    """The stream of moving pictures of a container.

    Raises:
        ValueError: there is none, it is encrypted, of an unknown codec or too large.
    """
    streams = [
        stream
        for stream in container.streams.video
        if "attached_pic" not in str(stream.disposition)  # a cover of music
    ]
    if not streams:
        there = {stream.type for stream in container.streams}
        held = f"; it holds {' and '.join(sorted(there))}" if there else ""
        raise ValueError(f"cannot read {path}: there are no moving pictures{held}")
    best = container.streams.best("video")
    stream = best if best in streams else streams[0]
    context = stream.codec_context
    if context is None:
        raise ValueError(f"cannot read {path}: its codec is unknown here")
    if context.codec_tag in _ENCRYPTED:
        raise _encrypted(path)
    height, width = context.height, context.width
    if height < 1 or width < 1:
        raise _unreadable(path, "its pictures have no size")
    if height * width > MAX_PIXELS:
        raise ValueError(
            f"cannot read {path}: its frames are {width} x {height} pixels, more than "
            f"{MAX_PIXELS:,} (jaxnst.images.MAX_PIXELS); make it smaller in another "
            "program"
        )
    return stream


def _encrypted(path: Path) -> ValueError:
    return ValueError(
        f"cannot read {path}: it is encrypted; give a copy without protection"
    )


class VideoFile:
    """The frames of a video file."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, ValueError: it holds not one frame that can be read."""
        self.path = path
        self.files: tuple[Path, ...] = (path,)
        self._times: list[int] | None = None
        with opened(path) as container:
            stream = video_stream(container, path)
            base = stream.time_base or Fraction(1, 90_000)
            self.step = _step(stream, base)
            self.origin = _origin(container, stream, base)
            ratio = stream.sample_aspect_ratio
            first = next(self._decoded(container, stream, _Damage()), None)
            if first is None:
                raise ValueError(
                    f"cannot read {path}: no frame of it can be decoded; copy it again"
                )
            self.facts = Facts(
                _display_size(first, ratio),
                base,
                stream.average_rate or stream.guessed_rate or None,
                rotation=_degrees(first.rotation),
                audio=tuple(_codecs(container.streams.audio)),
                origin=self.origin * base,
            )
            if int(first.color_trc) in _HDR:
                self.facts.remarks.append(
                    f"{path} is HDR, whose brightness is not converted: colours will "
                    "look pale; convert it to SDR first"
                )

    def times(self) -> list[int]:
        if self._times is None:
            self._times = self._scan()
        return self._times

    def _scan(self) -> list[int]:
        av = import_av()
        found: list[int | None] = []
        with opened(self.path) as container:
            stream = video_stream(container, self.path)
            try:
                for packet in container.demux(stream):
                    if packet.size and not packet.is_corrupt and not packet.is_discard:
                        found.append(packet.pts)
            except av.error.FFmpegError:
                pass  # it breaks off, which is said where frames are read
        known = sorted(pts for pts in found if pts is not None)
        if len(known) < len(found):
            return [number * (self.step or 1) for number in range(len(found))]
        return [pts - self.origin for pts in known]

    def frames(self, start: Fraction) -> Iterator[Decoded]:
        """The frames; those that are damaged are left out, with a remark at the end."""
        av = import_av()
        with opened(self.path) as container:
            stream = video_stream(container, self.path)
            base = self.facts.time_base
            if start > 2:  # from the last whole picture before
                try:
                    target = self.origin + int((start - 1) / base)
                    container.seek(target, stream=stream, backward=True)
                except av.error.FFmpegError:
                    pass
            yield from self._timed(container, stream)

    def _timed(self, container: Any, stream: Any) -> Iterator[Decoded]:
        """Frames with the times at which they are shown, ever later ones; of the last
        one it is known, too, for how long, or else taken from the one before."""
        base, damage = self.facts.time_base, _Damage()
        count, gap, held, lasts = 0, self.step or 1, None, 0
        for frame in self._decoded(container, stream, damage):
            pts = self._pts(frame, count)
            if held is not None:
                pts = max(pts, held.pts + 1)
                gap = pts - held.pts
                yield held
            held, lasts = Decoded(upright(frame), pts, None), frame.duration or 0
            count += 1
        if held is None:
            return
        said = _said_duration(container, stream, base) - held.pts * base
        there = max(gap, lasts) * base
        if said - there > max(2 * gap * base, 0 if stream.duration else 0.5):
            damage.broken = damage.broken or "its end is missing"
        if not damage.broken:
            lasts = round(said / base) if stream.duration else lasts
        yield held._replace(duration=gap if damage.broken or lasts < 1 else lasts)
        ends = (held.pts + gap) * base
        remarks = damage.remarks(self.path, ends, held.pts * base + said)
        self.facts.remarks += remarks

    def _pts(self, frame: Any, count: int) -> int:
        """When a frame is shown, of which so many are before, from the origin."""
        if frame.pts is not None:
            return int(frame.pts) - self.origin
        if self.step is None:
            raise ValueError(
                f"cannot read {self.path}: it says neither when its frames are shown "
                "nor how many a second; convert it in another program"
            )
        return count * self.step

    def _decoded(self, container: Any, stream: Any, damage: "_Damage") -> Iterator[Any]:
        """PyAV's frames, whole ones alone; others are counted."""
        av = import_av()
        path, packets = self.path, container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                if packet.has_sidedata("encryption_info"):
                    raise _encrypted(path)
                if packet.is_corrupt:
                    damage.broken = "its end is missing"
                    continue
                frames = stream.codec_context.decode(packet if packet.size else None)
            except EOFError:
                break
            except av.error.MemoryError:
                raise MemoryError(f"decoding {path} takes too much memory") from None
            except av.error.InvalidDataError:
                damage.frames += 1
                continue
            except av.error.FFmpegError as error:
                damage.broken = reason(error)
                break
            for frame in frames:
                if frame.is_corrupt:
                    damage.frames += 1
                else:
                    yield frame


@dataclass
class _Damage:
    """What was wrong with a file: frames that could not be decoded, and why there are
    no more."""

    frames: int = 0
    broken: str = ""

    def remarks(self, path: Path, there: Fraction, said: Fraction) -> list[str]:
        """In words; `there` are seconds that can be read, of those that were said."""
        found = []
        if self.broken:
            found.append(
                f"{path} breaks off at {float(there):.2f} of {float(said):.2f} s "
                f"({self.broken}); what is before is used"
            )
        if self.frames:
            frames = "one frame is" if self.frames == 1 else f"{self.frames} frames are"
            found.append(f"{path}: {frames} damaged and left out")
        return [printable(text) for text in found]


def _said_duration(container: Any, stream: Any, base: Fraction) -> Fraction:
    """Seconds that the file says its pictures last, 0 if nothing."""
    if stream.duration:
        start = (stream.start_time or 0) - _origin(container, stream, base)
        return (start + stream.duration) * base
    return Fraction(container.duration or 0, 10**6)


def _step(stream: Any, base: Fraction) -> int | None:
    """Units of time from frame to frame, None where the file does not say."""
    rate = stream.guessed_rate or stream.average_rate
    return max(1, round(1 / (rate * base))) if rate else None


def _origin(container: Any, stream: Any, base: Fraction) -> int:
    """The file's first moment, in units of the stream's time."""
    micro, start = container.start_time, stream.start_time
    if micro is None:
        return start or 0
    if start is not None and abs(start * base - Fraction(micro, 10**6)) * 10**6 < 2:
        return int(start)
    return round(Fraction(micro, 10**6) / base)


def _codecs(streams: Any) -> Iterator[str]:
    for stream in streams:
        context = stream.codec_context
        yield "unknown" if context is None else context.codec.canonical_name


def _degrees(rotation: float) -> int:
    """Above -180, up to 180."""
    return 180 - (180 - round(rotation)) % 360


def _display_size(frame: Any, ratio: Fraction | None) -> Size:
    """(height, width) upright, with square pixels."""
    height, width = frame.height, frame.width
    if ratio and Fraction(1, 10) < ratio < 10:
        if ratio > 1:
            width = max(1, round(width * ratio))
        else:
            height = max(1, round(height / ratio))
    turned = _turn(frame)[0]
    return (width, height) if turned else (height, width)


def _turn(frame: Any) -> tuple[bool, bool, bool]:
    """How stored pixels become upright ones: whether rows and columns are exchanged,
    and then left and right, above and below."""
    try:
        data = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # there is side data of a kind that PyAV does not know yet
        quarters = round(frame.rotation / 90) % 4
        return quarters % 2 == 1, quarters in (2, 3), quarters in (1, 2)
    if data is None:
        return False, False, False
    a, b, _, c, d = struct.unpack_from("=5i", bytes(data))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0


def upright(frame: Any) -> np.ndarray:
    """PyAV's frame as (H, W, 3) uint8 sRGB, as it is to be seen but for its size."""
    matrix = None
    if int(frame.colorspace) == _UNSPECIFIED:
        large = frame.height >= _HD[0] or frame.width >= _HD[1]
        matrix = _BT709 if large else _BT601
    form = frame.format
    alpha = any(part.is_alpha for part in form.components) or form.has_palette
    converted = frame.reformat(
        format="rgba" if alpha else "rgb24",
        src_colorspace=matrix,
        dst_color_range="JPEG",
        interpolation="BICUBIC",
        threads=1,
    )
    pixels = converted.to_ndarray()
    if alpha:
        pixels = _opaque(pixels)
    transpose, across, down = _turn(frame)
    if transpose:
        pixels = pixels.transpose(1, 0, 2)
    if across:
        pixels = pixels[:, ::-1]
    if down:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _opaque(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 laid over white."""
    if (pixels[..., 3] == 255).all():
        return pixels[..., :3]
    levels = pixels.astype(np.float32) / 255
    return to_8_bits(over_white(levels[..., :3], levels[..., 3]))
