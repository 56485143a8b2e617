"""Whole clips: what is written, and runs that end early, however they do."""

import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import UNEVEN, Inverter, contents, frames, write_clip
from PIL import Image

from jaxnst.video import (
    check_clip_output,
    fitted_size,
    kept_folder,
    open_clip,
    paint_clip,
)
from jaxnst.video import paint as painting
from jaxnst.video.threads import Ahead

av = pytest.importorskip("av", reason="needs PyAV: pip install 'jaxnst[video]'")

MILLISECONDS = np.array(UNEVEN) / 1000


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def clip(here):
    return open_clip(write_clip(here / "in.mp4", sound=True))


@pytest.fixture
def square(here):
    """A clip whose every encoding has the same bytes: those of less than 64 pixels
    depend on memory that x264 has not set."""
    pictures = frames(len(UNEVEN), 64, 64)
    return open_clip(write_clip(here / "in.mp4", sound=True, pictures=pictures))


def inverse_of(clip):
    """What `Inverter` makes of a clip, but for its first pixels."""
    return [255 - frame.pixels for frame in clip]


def left(folder="."):
    return sorted(name for name in os.listdir(folder) if name != "in.mp4")


# What is written


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_videos_keep_times_and_sound(here, suffix):
    source = write_clip(here / ("in.webm" if suffix in (".mkv", ".webm") else "in.mp4"),
                        sound=True)  # fmt: skip
    clip = open_clip(source)
    done = paint_clip(clip, Inverter(), f"out{suffix}", comment="made so")
    found, given = contents(f"out{suffix}"), contents(source)
    np.testing.assert_allclose(found.times, MILLISECONDS, atol=1e-9)
    assert found.sound == given.sound and len(found.sound) > 1000
    np.testing.assert_allclose(found.heard, given.heard, atol=1e-9)
    assert found.metadata["comment"] == "made so"
    assert (found.pixels, found.matrix, found.range) == ("yuv420p", 1, 1)
    assert found.codec == ("vp9" if suffix == ".webm" else "h264") or suffix == ".webm"
    assert (done.frames, done.kept, done.size) == (6, 0, (32, 48))
    assert (done.audio, done.remarks, done.interrupted) == (1, (), False)
    assert done.duration == Fraction(4, 10)
    again = open_clip(f"out{suffix}")
    last = list(again)[-1]
    assert (last.pts + last.duration) * again.time_base == Fraction(4, 10)
    for pixels, wanted in zip(found.pictures, inverse_of(clip), strict=True):
        assert np.abs(pixels.astype(int) - wanted).mean() < 5
    assert not kept_folder(f"out{suffix}").exists()


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_keep_times(clip, suffix):
    done = paint_clip(clip, Inverter(), f"out{suffix}")
    assert "cannot hold the clip's sound (aac), which is left out" in done.remarks[0]
    with Image.open(f"out{suffix}") as picture:
        assert picture.n_frames == 6 and picture.info["loop"] == 0
        shown = []
        for number in range(6):
            picture.seek(number)
            picture.load()
            shown.append(picture.info["duration"])
    assert shown == [40, 40, 120, 40, 80, 80]
    for frame, wanted in zip(open_clip(f"out{suffix}"), inverse_of(clip), strict=True):
        assert np.abs(frame.pixels.astype(int) - wanted).mean() < 9


def test_a_folder_of_pictures_is_exact(clip):
    done = paint_clip(clip, Inverter(), "out")
    assert "folder of PNG cannot hold" in done.remarks[0]
    assert sorted(os.listdir("out")) == [f"{n:06d}.png" for n in range(1, 7)]
    for number, wanted in enumerate(inverse_of(clip), 1):
        with Image.open(f"out/{number:06d}.png") as picture:
            pixels = np.asarray(picture)
        np.testing.assert_array_equal(pixels[1:], wanted[1:])
    assert left() == ["out"]
    with pytest.raises(FileExistsError, match="out: it is there already and not empty"):
        paint_clip(clip, Inverter(), "out")
    whole = open_clip("out", fps=5)
    assert len(list(whole)) == 6


def test_a_rate_that_is_asked_for(here):
    clip = open_clip(write_clip(here / "in.mp4"), fps=50)
    paint_clip(clip, Inverter(), "out.mp4")
    paint_clip(clip, painter := Inverter(), "out")
    found = contents("out.mp4")
    np.testing.assert_allclose(found.times, np.arange(20) / 50, atol=1e-9)
    assert painter.painted == 6 and len(os.listdir("out")) == 20


def test_a_gif_drops_what_no_viewer_shows(here):
    path = write_clip(here / "in.mp4", range(20), unit=Fraction(1, 100), last=1)
    done = paint_clip(open_clip(path), Inverter(), "out.gif")
    assert "shows no frame for less than 0.02 s" in done.remarks[0]
    assert len(list(open_clip("out.gif"))) == 10


def test_rotation_and_aspect_are_seen_as_in_the_clip(here):
    path = write_clip(here / "in.mp4", rotation=90, ratio=Fraction(4, 3))
    clip = open_clip(path)
    assert clip.size == (64, 32)
    paint_clip(clip, Inverter(), "out.mp4")
    found = contents("out.mp4")
    assert (found.size, found.rotation) == ((64, 32), 0)
    pixels = np.int16(found.pictures[0])  # the red corner was above left: now below
    assert pixels[60, 2, 0] < 60 and abs(pixels[60, 2] - [35, 225, 225]).max() < 30


def test_h264_has_even_sides(clip):
    assert fitted_size("a.mp4", (33, 47)) == (32, 48)
    assert fitted_size("a.webm", (33, 47)) == (33, 47)
    done = paint_clip(clip, Inverter(), "out.mp4", size=(15, 21))
    assert done.size == contents("out.mp4").size == (16, 20)
    paint_clip(clip, Inverter(), "out.webm", size=(15, 21))
    assert contents("out.webm").size == (15, 21)
    with pytest.raises(ValueError, match="20000 x 10 pixels; MP4 holds 16384"):
        fitted_size("a.mp4", (10, 20000))


def test_quality_makes_files_larger(clip):
    for suffix in (".mp4", ".webm", ".webp"):
        sizes = []
        for quality in (5, 95):
            paint_clip(clip, Inverter(), f"out{suffix}", quality=quality)
            sizes.append(Path(f"out{suffix}").stat().st_size)
        assert sizes[0] < sizes[1], suffix
    for quality, name in ((0, "a.mp4"), (101, "a.mp4"), (50, "a.gif"), (50, "a")):
        with pytest.raises(ValueError, match="quality"):
            check_clip_output(name, quality)


def test_sound_can_be_left_out_and_is_cut_with_the_clip(here):
    path = write_clip(here / "in.mp4", range(0, 1000, 40), last=40, sound=True)
    silent = paint_clip(open_clip(path), Inverter(), "silent.mp4", audio=False)
    assert silent.audio == 0 and contents("silent.mp4").sound == b""
    part = open_clip(path, start=0.4, end=0.8)
    paint_clip(part, Inverter(), "part.mp4")
    whole, found = contents(path), contents("part.mp4")
    assert found.sound in whole.sound and len(found.sound) > 500
    assert 0 <= found.heard[0] < 0.03 and 0.36 < found.heard[-1] < 0.4
    first = int(np.argmin(np.abs(np.array(whole.heard) - 0.4 - found.heard[0])))
    np.testing.assert_allclose(
        np.array(found.heard) + 0.4, whole.heard[first : first + len(found.heard)],
        atol=1e-3,
    )  # fmt: skip


def test_a_codec_that_a_container_refuses_late(here):
    clip = open_clip(write_clip(here / "in.webm", sound=True))
    done = paint_clip(clip, Inverter(), "out.mov")
    assert done.audio == 0 and "QuickTime cannot hold" in done.remarks[0]
    assert len(contents("out.mov").times) == 6


def test_the_clip_itself_is_not_written_over(clip):
    before = Path("in.mp4").read_bytes()
    os.symlink("in.mp4", "link.mp4")
    for name in ("in.mp4", "link.mp4"):
        with pytest.raises(ValueError, match="which is read|is read"):
            paint_clip(clip, Inverter(), name)
    assert Path("in.mp4").read_bytes() == before and left() == ["link.mp4"]


def test_a_suffix_that_is_none(clip):
    for name in ("out.avi", "out.png"):
        with pytest.raises(ValueError, match="unknown suffix.*choose one of: .mp4"):
            paint_clip(clip, Inverter(), name)
    assert left() == []


def test_remarks_of_a_clip_that_breaks_off(here):
    path = write_clip(here / "in.mp4", range(0, 1000, 20), last=20, sound=True,
                      options={"movflags": "+faststart"})  # fmt: skip
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.7)])
    done = paint_clip(open_clip(path), Inverter(), "out.mp4")
    assert 3 < done.frames < 50 and "breaks off at" in done.remarks[0]
    assert len(contents("out.mp4").times) == done.frames


def test_frames_stream(here, monkeypatch):
    """However long the clip, a few frames are decoded ahead."""
    path = write_clip(here / "in.mp4", range(0, 4000, 40), last=40)
    counts = {"decoded": 0, "most": 0}

    class Counting(Ahead):
        def __init__(self, items):
            def counted():
                for item in items:
                    counts["decoded"] += 1
                    yield item

            super().__init__(counted())

    def callback(progress):
        counts["most"] = max(counts["most"], counts["decoded"] - progress.done)

    monkeypatch.setattr(painting, "Ahead", Counting)
    paint_clip(open_clip(path), Inverter(), "out.mp4", callback=callback)
    assert counts["decoded"] == 100 and counts["most"] <= 5


# Runs that end early


ABOUT = {"settings": {"beta": 3}}


def stop_after(count):
    return lambda progress: progress.done == count


@pytest.mark.parametrize("span", [0, 2])
@pytest.mark.parametrize("output", ["out.mp4", "out"])
def test_an_interrupted_run_goes_on_bit_for_bit(square, span, output):
    whole, other = Inverter(span), Inverter(span)
    paint_clip(square, whole, f"whole/{output}" if not os.mkdir("whole") else "")
    early = paint_clip(square, other, output, description=ABOUT, callback=stop_after(4))
    assert early.interrupted and early.frames == 4
    assert len(list(open_clip(output))) == 4 and kept_folder(output).exists()
    other = Inverter(span)
    done = paint_clip(square, other, output, description=ABOUT, resume=True)
    assert (done.frames, done.kept, other.painted) == (6, 4, 2)
    assert not kept_folder(output).exists()
    if output == "out":
        names = sorted(os.listdir("out"))
        assert len(names) == 6
        pairs = [(Path("out", name), Path("whole/out", name)) for name in names]
    else:
        pairs = [(Path(output), Path("whole", output))]
    for found, wanted in pairs:
        assert found.read_bytes() == wanted.read_bytes()


def test_the_sound_of_a_part_ends_with_it(clip):
    paint_clip(clip, Inverter(), "out.mp4", callback=stop_after(2))
    found = contents("out.mp4")
    assert 0 < max(found.heard) <= 0.08 and len(found.times) == 2


def test_that_it_ends_after_the_last_frame_is_no_interruption(clip):
    done = paint_clip(clip, Inverter(), "out.mp4", callback=stop_after(6))
    assert not done.interrupted and left() == ["out.mp4"]


def test_a_kept_frame_that_is_damaged_is_painted_again(square):
    paint_clip(square, Inverter(1), "whole.mp4")
    paint_clip(
        square, Inverter(1), "out.mp4", description=ABOUT, callback=stop_after(5)
    )
    kept = kept_folder("out.mp4")
    content = (kept / "000002.png").read_bytes()
    (kept / "000002.png").write_bytes(content[:-30])
    (kept / "000004.png").write_bytes(b"")
    (kept / "000005.png.part").write_bytes(content[:9])
    painter = Inverter(1)
    done = paint_clip(square, painter, "out.mp4", description=ABOUT, resume=True)
    assert (done.kept, painter.painted) == (3, 3)
    assert Path("out.mp4").read_bytes() == Path("whole.mp4").read_bytes()
    assert not kept.exists()


def test_frames_of_another_run_are_not_mixed_up(clip):
    paint_clip(clip, Inverter(), "out.mp4", description=ABOUT, callback=stop_after(2))
    other = {"settings": {"beta": 4}}
    with pytest.raises(ValueError, match=r"something else \(settings.beta\)"):
        paint_clip(clip, Inverter(), "out.mp4", description=other, resume=True)
    with pytest.raises(ValueError, match=r"something else \(size\)"):
        paint_clip(clip, Inverter(), "out.mp4", size=(16, 24), description=ABOUT,
                   resume=True)  # fmt: skip
    with pytest.raises(FileExistsError, match="ask to resume"):
        paint_clip(clip, Inverter(), "out.mp4", description=ABOUT)
    with pytest.raises(ValueError, match="resume needs a description"):
        paint_clip(clip, Inverter(), "out.mp4", resume=True)
    assert len(contents("out.mp4").times) == 2


def test_a_folder_that_is_somebody_elses_is_left_alone(clip):
    kept = kept_folder("out.mp4")
    kept.mkdir()
    (kept / "holiday.txt").write_text("x")
    with pytest.raises(FileExistsError, match="holds something else"):
        paint_clip(clip, Inverter(), "out.mp4")
    assert left() == [kept.name] and os.listdir(kept) == ["holiday.txt"]


def test_two_runs_at_once(clip, monkeypatch):
    """From before the first frame is kept."""
    monkeypatch.setattr("jaxnst.video.kept.KeptFrames.write", lambda *given: None)

    def second(progress):
        with pytest.raises(OSError, match="another run is painting"):
            paint_clip(clip, Inverter(), "out.mp4", description=ABOUT, resume=True)
        return progress.done == 2

    paint_clip(clip, Inverter(), "out.mp4", description=ABOUT, callback=second)


class Failing(Inverter):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def paint(self, frame, motion, painted):
        if self.painted == 3:
            raise self.error
        return super().paint(frame, motion, painted)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
@pytest.mark.parametrize("output", ["out.mp4", "out.webp"])
def test_what_fails_leaves_the_old_output_and_the_frames(clip, error, output):
    Path(output).write_bytes(b"before")
    with pytest.raises(type(error)):
        paint_clip(clip, Failing(error), output, description=ABOUT)
    assert Path(output).read_bytes() == b"before"
    assert left() == sorted([output, kept_folder(output).name])
    painter = Inverter()
    done = paint_clip(clip, painter, output, description=ABOUT, resume=True)
    assert (done.frames, painter.painted) == (6, 3) and left() == [output]


def test_a_disk_that_is_full(clip, monkeypatch):
    def full(path, pixels):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jaxnst.video.kept.write_kept", full)
    with pytest.raises(OSError, match="No space left"):
        paint_clip(clip, Inverter(), "out.mp4")
    assert "out.mp4" not in left()
    assert not any(".part" in name for name in left())


def test_a_clip_that_is_gone_on_the_way(here):
    for number, pixels in enumerate(frames(9)):
        Path("in").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(f"in/{number}.png")
    clip = open_clip("in")
    with pytest.raises(FileNotFoundError, match="8.png"):
        paint_clip(clip, Inverter(), "out.mp4",
                   callback=lambda p: os.path.exists("in/8.png") and
                   os.unlink("in/8.png"))  # fmt: skip
    assert "out.mp4" not in left()


def test_a_painter_that_gives_something_else(clip):
    class Wrong(Inverter):
        def paint(self, frame, motion, painted):
            return frame[:-1] / 255

    with pytest.raises(TypeError, match=r"must give uint8 frames \(32, 48, 3\)"):
        paint_clip(clip, Wrong(), "out.mp4")


KILLED = """
import sys, time
sys.path[:] = {path!r}
from clips import Inverter
from jaxnst.video import open_clip, paint_clip

class Slow(Inverter):
    def paint(self, *given):
        time.sleep(0.05)
        return super().paint(*given)

about = {{"settings": {{"beta": 3}}}}
paint_clip(open_clip("in.mp4"), Slow(1), {output!r}, description=about, resume=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.parametrize("output", ["out.mp4", "out"])
def test_killed_nothing_half_written_stands_there(clip, output):
    write_clip(Path("in.mp4"), range(0, 1200, 40), last=40, pictures=frames(30, 64, 64))
    clip = open_clip("in.mp4")
    paint_clip(clip, Inverter(1), "whole.mp4")
    code = KILLED.format(path=sys.path, output=output)
    process = subprocess.Popen([sys.executable, "-c", code])
    kept, deadline = kept_folder(output), time.monotonic() + 60
    while len(list(kept.glob("*.png"))) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert 6 <= len(list(kept.glob("*.png"))) < 30 and not Path(output).exists()
    painter = Inverter(1)
    done = paint_clip(clip, painter, output, description=ABOUT, resume=True)
    assert done.frames == 30 and painter.painted <= 24
    assert left() == sorted([output, "whole.mp4"])
    if output == "out.mp4":
        assert Path(output).read_bytes() == Path("whole.mp4").read_bytes()
    shutil.rmtree("out", ignore_errors=True)
