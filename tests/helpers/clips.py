"""Tiny clips, written by PyAV itself, and what is in one."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np

CODECS = {
    ".mp4": ("libx264", "yuv420p", "aac"),
    ".mov": ("libx264", "yuv420p", "aac"),
    ".mkv": ("libx264", "yuv420p", "libopus"),
    ".webm": ("libvpx-vp9", "yuv420p", "libopus"),
    ".gif": ("gif", "rgb8", None),
}

UNEVEN = (0, 40, 80, 200, 240, 320)
"""Times in milliseconds, which are not equally far apart."""


def frames(count, height=32, width=48):
    """Frames (height, width, 3) uint8: a ramp of grey, and a coloured square whose
    place tells a frame from the others and the four corners apart."""
    ramp = np.linspace(40, 200, width, dtype=np.uint8)
    found = []
    for number in range(count):
        pixels = np.repeat(np.tile(ramp, (height, 1))[..., None], 3, 2)
        pixels[: height // 4, : width // 4] = 220, 30, 30
        left = (4 * number) % (width - 8)
        pixels[height // 2 : height // 2 + 8, left : left + 8] = 30, 60, 220
        found.append(pixels)
    return found


def write_clip(
    path,
    times=UNEVEN,
    *,
    unit=Fraction(1, 1000),
    last=80,
    pictures=None,
    sound=False,
    rotation=None,
    ratio=None,
    options=None,
    codec=None,
    color=None,
):
    """Write a clip of `pictures` (frames of 32 x 48 if None) that are shown at `times`
    in units of `unit` seconds, the last one for `last` of them.

    Args:
        sound: whether it has some.
        rotation: degrees, as PyAV's `set_display_rotation` takes them.
        ratio: of a pixel's width to its height.
        options: of the container.
        codec: another than the suffix has, and its pixels' format.
        color: (matrix, range) that are written and said, in FFmpeg's numbers; the
            matrix in swscale's.
    """
    import av

    pictures = frames(len(times)) if pictures is None else pictures
    video, form, audio = CODECS[path.suffix]
    video, form = codec or (video, form)
    ends = [*times[1:], times[-1] + last]
    lasting = {a: b - a for a, b in zip(times, ends, strict=True)}
    with av.open(str(path), "w", options=options or {}) as container:
        # Without frames out of order: then files hold the last one's duration.
        stream = container.add_stream(
            video, options={"bf": "0"} if video != "gif" else {}
        )
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = form
        stream.codec_context.time_base = unit
        if ratio is not None:
            stream.codec_context.sample_aspect_ratio = ratio
        if rotation is not None:
            stream.set_display_rotation(rotation)
        how = {}
        if color is not None:
            stream.codec_context.colorspace, stream.codec_context.color_range = color
            matrix = {1: 1, 5: 5, 2: 5}[color[0]]
            how = {"dst_colorspace": matrix, "src_color_range": 2,
                   "dst_color_range": color[1] or 1}  # fmt: skip
        if sound:
            _add_sound(container, audio, Fraction(ends[-1]) * unit)

        def mux(packets):
            for packet in packets:
                packet.duration = lasting.get(packet.pts, packet.duration)
                container.mux(packet)

        for pixels, pts in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
                format=form, **how
            )
            frame.pts, frame.time_base = pts, unit
            mux(stream.encode(frame))
        mux(stream.encode(None))
    return path


def _add_sound(container, codec, seconds):
    import av

    stream = container.add_stream(codec, rate=48000)
    stream.layout = "mono"
    rng = np.random.default_rng(0)
    form = "fltp" if codec == "aac" else "flt"
    for start in range(0, int(seconds * 48000), 960):
        noise = np.float32(0.1 * rng.normal(size=(1, 960)))
        frame = av.AudioFrame.from_ndarray(noise, format=form, layout="mono")
        frame.sample_rate, frame.pts = 48000, start
        frame.time_base = Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def contents(path):
    """What is in a file, read by PyAV alone: `times` of frames in seconds, `pictures`,
    `sound` (bytes of all packets), `heard` (their times), `metadata`, `size`."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoded = list(container.decode(stream))
        found = SimpleNamespace(
            times=[float(frame.time) for frame in decoded],
            pictures=[frame.to_ndarray(format="rgb24") for frame in decoded],
            size=(stream.height, stream.width),
            rotation=decoded[0].rotation,
            metadata={k.lower(): v for k, v in container.metadata.items()},
            pixels=stream.pix_fmt,
            codec=stream.codec_context.name,
            matrix=stream.codec_context.colorspace,
            range=stream.codec_context.color_range,
            seconds=(container.duration or 0) / 1e6,
        )
    with av.open(str(path)) as container:
        packets = []
        if container.streams.audio:
            packets = [p for p in container.demux(audio=0) if p.size]
        found.sound = b"".join(bytes(packet) for packet in packets)
        found.heard = [float(p.pts * p.time_base) for p in packets]
    return found


class Inverter:
    """A painter whose frames show what it was given: the inverse of a frame, with the
    means of the earlier painted ones, and of the motion, in its first pixels."""

    def __init__(self, span=0):
        self.span = span
        self.painted = 0

    def motion(self, frames):
        assert 1 <= len(frames) <= self.span + 1
        return sum(int(frame.mean()) for frame in frames)

    def paint(self, frame, motion, painted, masks=()):
        assert len(painted) <= self.span and len(masks) <= self.span + 1
        self.painted += 1
        pixels = 255 - frame
        pixels[0, 0] = motion % 256
        for number, earlier in enumerate(painted, 1):
            pixels[0, number] = int(earlier.mean() * 37) % 256
        return pixels
