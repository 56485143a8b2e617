"""The sound of a clip, copied packet for packet, without being decoded."""

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import Any

from jaxnst.video.clip import Clip
from jaxnst.video.decode import opened
from jaxnst.video.packages import import_av


class Sound:
    """The packets of a clip's sound, handed to another container as time goes on.

    Attributes:
        remarks: what could not be copied, in words.
        copied: how many streams are.
    """

    def __init__(
        self, clip: Clip, container: Any, name: str, *, wanted: bool = True
    ) -> None:
        """Add a stream to `container`, called `name` for people, for each of the
        clip's that it can hold; none where no sound is wanted."""
        self.remarks: list[str] = []
        self.copied, self._held = 0, None
        self._packets: Iterator[Any] = iter(())
        self._files = ExitStack()
        self._output = container
        if not clip.audio or not wanted:
            return
        self.start = clip.facts.origin + clip.start
        self.end = None if clip.end is None else clip.facts.origin + clip.end
        source = self._files.enter_context(opened(clip.path))
        known = container.supported_codecs
        self._streams: dict[int, Any] = {}
        for stream, codec in zip(source.streams.audio, clip.audio, strict=False):
            try:
                if codec not in known:
                    raise ValueError("its container cannot hold it")
                copy = container.add_stream_from_template(stream)
            except ValueError:
                self.remarks.append(cannot_hold(name, codec))
                continue
            if stream.language:
                copy.metadata["language"] = stream.language
            self._streams[stream.index] = copy
        self.copied = len(self._streams)
        if self._streams:
            chosen = [source.streams[index] for index in self._streams]
            self._packets = self._relevant(source, chosen, clip.start > 0)
            self._held = next(self._packets, None)

    def _relevant(
        self, source: Any, streams: list[Any], trimmed: bool
    ) -> Iterator[Any]:
        """Packets that begin within the clip, with times from its start on; of a clip
        whose beginning is not cut off those before its first moment, too: encoders
        begin with a packet of silence."""
        av, going_on = import_av(), set(self._streams)
        try:
            if trimmed and self.start > 2:
                source.seek(int((self.start - 1) * 10**6), backward=True)
            for packet in source.demux(streams):
                if not packet.size or packet.is_corrupt:
                    continue
                base = packet.time_base
                moment = packet.pts if packet.pts is not None else packet.dts
                if moment is None or (trimmed and moment * base < self.start):
                    continue
                if self.end is not None and moment * base >= self.end:
                    going_on.discard(packet.stream_index)
                    if not going_on:
                        return
                    continue
                shift = round(self.start / base)
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.dts = None if packet.dts is None else packet.dts - shift
                packet.stream = self._streams[packet.stream_index]
                yield packet
        except av.error.FFmpegError:
            self.remarks.append("the clip's sound breaks off; what there is is copied")

    def until(self, seconds: Fraction | None) -> None:
        """Hand on what begins up to that time of the output; None, all of it."""
        while self._held is not None:
            packet = self._held
            moment = packet.pts if packet.pts is not None else packet.dts
            if seconds is not None and moment * packet.time_base > seconds:
                return
            self._held = next(self._packets, None)
            self._copy(packet)

    def _copy(self, packet: Any) -> None:
        """Hand on one packet; what a damaged file has of them may fit nowhere."""
        av = import_av()
        try:
            self._output.mux_one(packet)
        except av.error.InvalidDataError:
            self._note_damage()
        except av.error.ArgumentError:
            self._note_damage()

    def _note_damage(self) -> None:
        text = "some of the clip's sound is damaged and left out"
        if text not in self.remarks:
            self.remarks.append(text)

    def close(self) -> None:
        """Leave the clip's file."""
        self._files.close()


def cannot_hold(name: str, codec: str) -> str:
    """In words, that a container cannot hold a codec."""
    more = "" if codec == "unknown" else "; .mkv holds most kinds"
    return f"{name} cannot hold the clip's sound ({codec}), which is left out{more}"
