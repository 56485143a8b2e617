"""Clips in: frames, times, rotation, aspect, colours, and files that are no clips."""

import os
import struct
from fractions import Fraction

import numpy as np
import pytest
from clips import UNEVEN, frames, write_clip
from PIL import Image

from jaxnst.video import open_clip, packages

SECONDS = [Fraction(ms, 1000) for ms in UNEVEN]


def test_without_pyav_one_line_says_what_to_install(tmp_path, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(packages, "import_module", missing)
    (tmp_path / "a.mp4").write_bytes(b"anything")
    with pytest.raises(
        ValueError, match=r"not installed.*pip install 'jaxnst\[video\]"
    ):
        open_clip(tmp_path / "a.mp4")


def test_one_that_cannot_be_loaded_is_not_called_missing(tmp_path, monkeypatch):
    def broken(name):
        raise ImportError("libsomething.so: cannot open")

    monkeypatch.setattr(packages, "import_module", broken)
    (tmp_path / "a.mp4").write_bytes(b"anything")
    with pytest.raises(ValueError, match="cannot be loaded .libsomething"):
        open_clip(tmp_path / "a.mp4")


# Folders need no package.


def folder_of(path, pictures, name="{}.png"):
    path.mkdir(exist_ok=True)
    for number, pixels in enumerate(pictures, 1):
        Image.fromarray(pixels).save(path / name.format(number))
    return path


def test_a_folder_of_numbered_pictures_in_their_order(tmp_path):
    pictures = frames(11)
    clip = open_clip(folder_of(tmp_path / "in", pictures))
    assert (clip.size, clip.rate, len(clip.times)) == ((32, 48), 25, 11)
    found = list(clip)
    assert [frame.pts * clip.time_base for frame in found] == list(clip.times)
    for frame, pixels in zip(found, pictures, strict=True):
        np.testing.assert_array_equal(frame.pixels, pixels)
    slow = open_clip(tmp_path / "in", fps=10)
    assert slow.rate == 10 and slow.times[3] == Fraction(3, 10)
    part = open_clip(tmp_path / "in", start=0.2, end=0.32)
    np.testing.assert_array_equal(next(iter(part)).pixels, pictures[5])
    assert len(list(part)) == len(part.times) == 3


def test_pictures_of_several_sizes_and_no_pictures(tmp_path):
    folder = folder_of(tmp_path / "in", frames(2))
    (folder / ".hidden.png").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    Image.new("RGB", (9, 9)).save(folder / "3.png")
    with pytest.raises(ValueError, match="3.png is 9 x 9 pixels, the first frame 48"):
        list(open_clip(folder))
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no pictures in"):
        open_clip(tmp_path / "empty")


def test_frames_are_resized_as_pictures_are(tmp_path):
    clip = open_clip(folder_of(tmp_path / "in", frames(1)))
    small = next(clip.frames((16, 24))).pixels
    from jaxnst import load_image

    wanted = load_image(tmp_path / "in" / "1.png", size=24)
    np.testing.assert_allclose(small / 255, wanted, atol=0.6 / 255)


def test_an_animated_webp_over_white(tmp_path):
    shown = [Image.new("RGBA", (6, 4), color) for color in ("red", "#0000", "blue")]
    durations = [40, 120, 200]
    shown[0].save(tmp_path / "a.webp", save_all=True, append_images=shown[1:],
                  duration=durations, lossless=True)  # fmt: skip
    clip = open_clip(tmp_path / "a.webp")
    found = list(clip)
    assert [frame.duration for frame in found] == durations
    assert list(clip.times) == [0, Fraction(4, 100), Fraction(16, 100)]
    assert [tuple(f.pixels[1, 1]) for f in found] == [
        (255, 0, 0), (255, 255, 255), (0, 0, 255)
    ]  # fmt: skip


def test_numbers_that_cannot_be(tmp_path):
    folder = folder_of(tmp_path / "in", frames(3))
    for wrong, text in (
        ({"start": -1}, "start must be 0 or more"),
        ({"end": 0}, "end must be more than 0"),
        ({"start": 2, "end": 1}, "end must be after start"),
        ({"fps": 0}, "fps must be from"),
        ({"fps": float("nan")}, "fps must be from"),
        ({"start": 9}, "ends before 9 s"),
    ):
        with pytest.raises(ValueError, match=text):
            open_clip(folder, **wrong)


@pytest.mark.parametrize(
    "name, text",
    [
        ("absent.mp4", "there is no such file"),
        ("https://example.org/a.mp4", "an address on the web"),
    ],
)
def test_what_is_not_there(tmp_path, monkeypatch, name, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((OSError, ValueError), match=text):
        open_clip(name)


# From here on PyAV is needed.


@pytest.fixture
def av():
    return pytest.importorskip("av", reason="needs PyAV: pip install 'jaxnst[video]'")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".gif"])
def test_every_frame_at_its_time(tmp_path, av, suffix):
    unit = Fraction(1, 100 if suffix == ".gif" else 1000)
    times = [int(second / unit) for second in SECONDS]
    path = write_clip(tmp_path / f"a{suffix}", times, unit=unit, last=int(0.08 / unit))
    clip = open_clip(path)
    assert (clip.size, clip.remarks) == ((32, 48), ())
    found = list(clip)
    assert [frame.pts * clip.time_base for frame in found] == SECONDS
    assert list(clip.times) == SECONDS
    ends = [(frame.pts + frame.duration) * clip.time_base for frame in found]
    assert ends == [*SECONDS[1:], Fraction(4, 10)]
    tolerance = 20 if suffix == ".gif" else 4
    for frame, pixels in zip(found, frames(6), strict=True):
        assert np.abs(frame.pixels.astype(int) - pixels).mean() < tolerance
    assert [len(list(clip)) for _ in range(2)] == [6, 6]  # each time from the start


def test_a_part(tmp_path, av):
    path = write_clip(tmp_path / "a.mp4", range(0, 2000, 20), last=20,
                      pictures=frames(100))  # fmt: skip
    clip = open_clip(path, start=1.01, end=1.1)
    found = list(clip)
    whole = list(open_clip(path))
    assert [frame.pts * clip.time_base * 1000 for frame in found] == [
        0, 10, 30, 50, 70
    ]  # fmt: skip
    assert list(clip.times) == [frame.pts * clip.time_base for frame in found]
    np.testing.assert_array_equal(found[0].pixels, whole[50].pixels)
    last = found[-1]
    assert (last.pts + last.duration) * clip.time_base == Fraction(9, 100)
    late = list(open_clip(path, start=1.98))
    np.testing.assert_array_equal(late[-1].pixels, whole[-1].pixels)


def test_another_rate_leaves_out_and_repeats(tmp_path, av):
    path = write_clip(tmp_path / "a.mp4", last=80)
    fewer = open_clip(path, fps=10)
    found = list(fewer)
    assert [(f.pts, f.repeats) for f in found] == [(0, 1), (1, 1), (2, 1), (3, 1)]
    whole = list(open_clip(path))
    for frame, shown in zip(found, (0, 2, 3, 4), strict=True):
        np.testing.assert_array_equal(frame.pixels, whole[shown].pixels)
    more = list(open_clip(path, fps=50))
    assert [f.repeats for f in more] == [2, 2, 6, 2, 4, 4]
    assert sum(f.duration for f in more) == 20
    assert list(fewer.times) == [frame.pts * fewer.time_base for frame in found]


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_frames_come_upright(tmp_path, av, rotation):
    turned = write_clip(tmp_path / "a.mp4", rotation=rotation)
    plain = write_clip(tmp_path / "b.mp4")
    clip = open_clip(turned)
    assert clip.rotation == rotation
    wanted = np.rot90(next(iter(open_clip(plain))).pixels, rotation // 90)
    found = next(iter(clip)).pixels
    assert clip.size == found.shape[:2] == wanted.shape[:2]
    np.testing.assert_array_equal(found, wanted)


def test_mirrored_frames_come_as_they_are_shown(tmp_path, av):
    path = write_clip(tmp_path / "a.mp4")
    plain = next(iter(open_clip(path))).pixels
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    assert struct.unpack_from(">i", content, matrix)[0] == 1 << 16
    struct.pack_into(">i", content, matrix, -(1 << 16))
    path.write_bytes(content)
    np.testing.assert_array_equal(next(iter(open_clip(path))).pixels, plain[:, ::-1])


@pytest.mark.parametrize(
    "ratio, size", [(Fraction(4, 3), (32, 64)), (Fraction(1, 2), (64, 48))]
)
def test_pixels_become_square(tmp_path, av, ratio, size):
    clip = open_clip(write_clip(tmp_path / "a.mp4", ratio=ratio))
    assert clip.size == next(iter(clip)).pixels.shape[:2] == size


COLORS = np.uint8([[220, 30, 30], [30, 200, 40], [20, 40, 210], [128, 128, 128],
                   [16, 16, 16], [235, 235, 235]])  # fmt: skip


@pytest.mark.parametrize("matrix", [1, 5])
@pytest.mark.parametrize("span", [1, 2])
def test_matrix_and_range_are_heeded(tmp_path, av, matrix, span):
    patches = np.repeat(np.repeat(COLORS[None], 32, 0), 16, 1)
    path = write_clip(tmp_path / "a.mp4", [0], pictures=[patches], color=(matrix, span))
    found = next(iter(open_clip(path))).pixels[16, 8::16]
    np.testing.assert_allclose(found.astype(int), COLORS, atol=6)


def test_what_says_nothing_of_its_matrix_is_taken_as_players_do(tmp_path, av):
    for height, matrix in ((32, 5), (720, 1)):
        patches = np.repeat(np.repeat(COLORS[None], height, 0), 16, 1)
        path = write_clip(tmp_path / "a.mp4", [0], pictures=[patches],
                          color=(matrix, 1))  # fmt: skip
        silent = write_clip(tmp_path / "b.mp4", [0], pictures=[patches],
                            color=(2, 1))  # fmt: skip
        if matrix == 5:
            np.testing.assert_array_equal(
                next(iter(open_clip(silent))).pixels, next(iter(open_clip(path))).pixels
            )
        else:  # written as 601, and to be taken for 709
            found = next(iter(open_clip(silent))).pixels[16, 8].astype(int)
            assert np.abs(found - COLORS[0]).max() > 8


def test_what_is_transparent_lies_over_white(tmp_path, av):
    clear = [Image.new("P", (8, 8), 0) for _ in range(2)]
    for number, picture in enumerate(clear):
        picture.putpalette([255, 0, 0, 0, 0, 255])
        picture.putpixel((number, 0), 1)
    clear[0].save(tmp_path / "a.gif", save_all=True, append_images=clear[1:],
                  duration=50, transparency=0, disposal=2)  # fmt: skip
    for frame in open_clip(tmp_path / "a.gif"):
        assert tuple(frame.pixels[5, 5]) == (255, 255, 255)


# What is no clip, or is one no more


def refused(path):
    """The one line with which a file is refused."""
    with pytest.raises((ValueError, OSError)) as caught:
        open_clip(path)
    text = str(caught.value)
    assert "\n" not in text and path.name in text
    return text


def test_other_files(tmp_path, av):
    path = tmp_path / "a.mp4"
    path.write_text("this is no video at all\n" * 50)
    assert "it is no video" in refused(path)
    path.write_bytes(b"")
    assert "empty" in refused(path)
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.ts\n")
    assert "no video" in refused(path) or "list of other" in refused(path)
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")
    refused(path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "b.mp4")
        assert "pipe or a device" in refused(tmp_path / "b.mp4")


def test_pictures_are_no_clips(tmp_path, av):
    for suffix in (".jpg", ".png", ".webp"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"a{suffix}")
        assert "a picture, not a clip" in refused(tmp_path / f"a{suffix}")


def test_side_data_that_pyav_does_not_know(tmp_path, av):
    """The rotation is then what PyAV tells of it."""
    from jaxnst.video.decode import _turn

    class Unknown(dict):
        def get(self, name):
            raise ValueError("31 is not a valid Type")

    for rotation in (0, 90, 180, -90):
        path = write_clip(tmp_path / "a.mp4", rotation=rotation)
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
        known = _turn(frame)

        class Other:
            side_data, rotation = Unknown(), frame.rotation

        assert _turn(Other()) == known


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_last_frame_that_is_shown_long(tmp_path, av, suffix):
    clip = open_clip(write_clip(tmp_path / f"a{suffix}", last=2500))
    last = list(clip)[-1]
    assert last.duration * clip.time_base == Fraction(5, 2) and clip.remarks == ()


def test_sound_alone(tmp_path, av):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        from clips import _add_sound

        _add_sound(container, "aac", Fraction(1, 10))
    assert "no moving pictures; it holds audio" in refused(path)


def test_a_name_that_looks_like_an_address_of_ffmpegs(tmp_path, av, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "a.mp4").rename("concat:a.mp4")
    assert len(list(open_clip("concat:a.mp4"))) == 6


def test_encrypted(tmp_path, av):
    keys = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "00" * 16,
            "encryption_kid": "11" * 16}  # fmt: skip
    path = write_clip(tmp_path / "a.mp4", options=keys)
    assert "it is encrypted" in refused(path)


def test_without_its_head(tmp_path, av):
    path = write_clip(tmp_path / "a.mp4")
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])  # which stands at the end
    assert "header is damaged or missing" in refused(path)
    path.write_bytes(content[100:])
    refused(path)


def test_huge_dimensions(tmp_path, av):
    path = write_clip(tmp_path / "a.mov", codec=("rawvideo", "rgb24"))
    content = bytearray(path.read_bytes())
    place = content.index(struct.pack(">HH", 48, 32), content.index(b"stsd"))
    struct.pack_into(">HH", content, place, 65535, 65535)
    path.write_bytes(content)
    assert "damaged" in refused(path) or "more than" in refused(path)


def test_more_pixels_than_a_picture_may_have(tmp_path, av, monkeypatch):
    monkeypatch.setattr("jaxnst.video.decode.MAX_PIXELS", 1000)
    text = refused(write_clip(tmp_path / "a.mp4"))
    assert "48 x 32 pixels, more than 1,000" in text


def test_not_one_frame(tmp_path, av):
    path = write_clip(tmp_path / "a.mp4", options={"movflags": "+faststart"})
    content = path.read_bytes()
    start = content.index(b"mdat") + 4
    path.write_bytes(content[:start] + bytes(len(content) - start))
    assert "no frame of it can be decoded" in refused(path)


def test_what_breaks_off_gives_its_whole_frames(tmp_path, av):
    first = {"movflags": "+faststart"}
    path = write_clip(tmp_path / "a.mp4", range(0, 1000, 20), last=20, options=first)
    whole = list(open_clip(path))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.8)])
    clip = open_clip(path)
    found = list(clip)
    assert 5 < len(found) < 50
    assert "breaks off at 0." in clip.remarks[0] and "of 1.00 s" in clip.remarks[0]
    assert found[-1].duration * clip.time_base <= Fraction(3, 50)
    part = open_clip(path, end=0.1)
    assert len(list(part)) == 5 and part.remarks == ()
    wanted = {frame.pts: frame.pixels for frame in whole}
    for frame in found:
        np.testing.assert_array_equal(frame.pixels, wanted[frame.pts])


@pytest.mark.parametrize("suffix", [".webm", ".mkv"])
def test_what_only_its_duration_tells(tmp_path, av, suffix):
    path = write_clip(tmp_path / f"a{suffix}", range(0, 4000, 40), last=40)
    assert open_clip(path).remarks == () and len(list(open_clip(path))) == 100
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    clip = open_clip(path)
    assert 10 < len(list(clip)) < 90 and "of 4.00 s" in clip.remarks[0]


def test_bytes_in_the_middle_cost_frames_not_the_clip(tmp_path, av):
    codec = ("mjpeg", "yuvj420p")  # every frame for itself
    path = write_clip(tmp_path / "a.mov", range(0, 400, 40), last=40, codec=codec)
    content = bytearray(path.read_bytes())
    starts = [n for n in range(len(content)) if content[n : n + 3] == b"\xff\xd8\xff"]
    content[starts[4] : starts[5]] = bytes(starts[5] - starts[4])
    path.write_bytes(content)
    clip = open_clip(path)
    found = list(clip)
    assert [frame.pts * clip.time_base * 25 for frame in found] == [
        0, 1, 2, 3, 5, 6, 7, 8, 9
    ]  # fmt: skip
    assert found[3].duration * clip.time_base == Fraction(2, 25)
    assert clip.remarks == (f"{path}: one frame is damaged and left out",)


def test_hdr_is_said_to_be_pale(tmp_path, av):
    path = write_clip(tmp_path / "a.mp4")
    content = path.read_bytes()
    with av.open(str(path)) as source, av.open(str(tmp_path / "b.mp4"), "w") as out:
        stream = out.add_stream(
            "libx264", options={"x264-params": "transfer=smpte2084"}
        )
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for frame in source.decode(video=0):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert content and "HDR" in open_clip(tmp_path / "b.mp4").remarks[0]


def test_without_a_rate(tmp_path, av):
    """Of a raw stream nothing but its frames is known."""
    path = write_clip(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        filtered = av.bitstream.BitStreamFilterContext(
            "h264_mp4toannexb", container.streams.video[0]
        )
        packets = [q for p in container.demux(video=0) for q in filtered.filter(p)]
        raw = b"".join(bytes(packet) for packet in packets)
    (tmp_path / "a.h264").write_bytes(raw)
    clip = open_clip(tmp_path / "a.h264")
    found = list(clip)
    assert len(found) == 6
    assert all(b.pts > a.pts for a, b in zip(found, found[1:], strict=False))


def test_changed_bytes_end_in_frames_or_in_one_line(tmp_path, av, rng):
    sources = [
        write_clip(tmp_path / "a.mp4", sound=True, options={"movflags": "+faststart"}),
        write_clip(tmp_path / "a.webm"),
        write_clip(tmp_path / "a.gif", range(6), unit=Fraction(1, 20), last=1),
    ]
    for number in range(45):
        source = sources[number % 3]
        content = bytearray(source.read_bytes())
        if number % 2:
            content = content[: rng.integers(len(content))]
        else:
            for place in rng.integers(0, len(content), 1 + number):
                content[place] = rng.integers(256)
        path = tmp_path / f"changed{source.suffix}"
        path.write_bytes(content)
        try:
            clip = open_clip(path)
            assert all(f.pixels.shape == (8, 8, 3) for f in clip.frames((8, 8)))
            assert len(clip.times) >= 0
        except (ValueError, OSError, MemoryError) as error:
            assert "\n" not in str(error)
