"""jaxnst video: clips on the command line."""

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from clips import Inverter, contents, write_clip
from networks import picture
from PIL import Image

from jaxnst import save_image
from jaxnst.cli import _app
from jaxnst.cli import video as command
from jaxnst.images import read_metadata
from jaxnst.video import (
    OnePassPainter,
    OptimisedPainter,
    Writer,
    kept_folder,
    open_clip,
    packages,
)
from scripts import driver

pytestmark = pytest.mark.usefixtures("compiled_quickly")

SMALL = ("--size", "48", "--margin", "0", "--network", "vgg19-lite")
FAST = (*SMALL, "--fast")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image("s.png", picture(40, 32, 2))
    return tmp_path


@pytest.fixture
def drive(here, monkeypatch, capsys):
    return driver(command, monkeypatch, capsys)


def test_without_pyav_one_line(drive, here, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(packages, "import_module", missing)
    Path("in.mp4").write_bytes(b"anything")
    code, out, error = drive("in.mp4", "s.png", "-o", "out.mp4")
    assert (code, out) == (1, "") and error.count("\n") == 1
    assert "pip install 'jaxnst[video]'" in error


def test_defaults_are_the_painters_own():
    own = {
        name: part.default
        for painter in (OnePassPainter, OptimisedPainter)
        for name, part in inspect.signature(painter).parameters.items()
    }
    given = command.defaults([])
    assert given.temporal == own["temporal"] and given.long_term == own["long_term"]
    assert given.frame_steps == own["steps"] and given.smooth == own["smooth"]


def test_a_video_is_no_picture(here):
    from jaxnst import load_image

    Path("a.MOV").write_bytes(b"anything at all, but no picture")
    with pytest.raises(ValueError, match="it is a video, not a picture; jaxnst video"):
        load_image("a.MOV")


@pytest.mark.parametrize(
    "line, text",
    [
        (["in.mp4"], "give a clip and a painting"),
        ([], "give a clip and a painting"),
        (["in.mp4", "s.png", "-o", "out.mp4", "--smooth", "1"], "--smooth must be"),
        (["in.mp4", "s.png", "-o", "out.mp4", "--temporal", "-1"], "--temporal must"),
        (["in.mp4", "s.png", "-o", "out.mp4", "--frame-steps", "0"], "--frame-steps"),
        (["in.mp4", "s.png", "-o", "out.mp4", "--init", "s.png"], "--init must be one"),
        (["-", "s.png", "-o", "out.mp4"], "a pipe cannot be"),
    ],
)
def test_lines_that_do_not_fit(drive, line, text):
    Path("in.mp4").write_bytes(b"anything")
    code, _, error = drive(*line)
    assert code == 2 and text in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "line, text",
    [
        (["in.mp4", "s.png", "-o", "in.mp4"], "in.mp4 is read, and would be overwr"),
        (["in.mp4", "s.mp4", "-o", "s.mp4"], "s.mp4 is read"),
        (["in.mp4", "s.png", "-o", "out.avi"], "unknown suffix"),
        (["in.mp4", "s.png", "-o", "absent/out.mp4"], "absent does not exist"),
        (["in.mp4", "s.png", "-o", "out.gif", "--quality", "3"], "takes no quality"),
        (["in.mp4", "s.png", "-o", "full"], "it is there already and not empty"),
        (["full", "s.png", "-o", "full"], "full is read"),
        (["full", "s.png", "-o", "full/a.gif"], "would be one more picture of the"),
    ],
)
def test_outputs_are_refused_at_the_start(drive, line, text):
    Path("in.mp4").write_bytes(b"anything")
    Path("full").mkdir()
    Path("full", "1.png").write_bytes(b"anything")
    code, _, error = drive(*line)
    assert code == 1 and text in error and error.count("\n") == 1


# From here on PyAV is needed.


@pytest.fixture
def av():
    return pytest.importorskip("av", reason="needs PyAV: pip install 'jaxnst[video]'")


@pytest.fixture
def clip(here, av):
    return write_clip(here / "in.mp4", sound=True)


@pytest.fixture
def simple(monkeypatch):
    """The painter that shows what it was given, in the place of the real ones; those
    that were made."""
    made = []

    def painter(job):
        made.append(Inverter(1))
        return made[-1]

    monkeypatch.setattr(command.Job, "painter", painter)
    return made


def test_a_clip_with_all_that_is_told_of_it(clip, drive, simple):
    code, out, error = drive("in.mp4", "s.png", "-o", "out.mp4", *FAST)
    assert (code, error) == (0, "")
    assert out.startswith("out.mp4: 48 x 32 pixels, 6 frames of 0.4 s, in ")
    found = contents("out.mp4")
    assert found.sound == contents("in.mp4").sound
    about = json.loads(found.metadata["comment"])
    assert about["settings"]["preset"] == "encoder-transformer"
    assert about["content"] == "in.mp4" and about["styles"] == ["s.png"]
    assert about["motion"] == {"smooth": 0.6} and "steps" not in about
    code, out, error = drive("in.mp4", "s.png", *FAST, "--json", "--end", "0.2")
    facts = json.loads(out)
    assert facts["output"] == "in__s.mp4" and facts["frames"] == 3
    assert facts["sound"] is True and facts["duration"] == 0.2
    assert (facts["width"], facts["height"], facts["interrupted"]) == (48, 32, False)
    assert "in__s.mp4" in error
    code, out, error = drive("in.mp4", "s.png", *FAST, "--quiet", "--no-audio")
    assert (code, out, error) == (0, "", "")
    assert contents("in__s-2.mp4").sound == b""


def test_options_of_the_clip(clip, drive, simple):
    line = ("in.mp4", "s.png", "-o", "out.mp4", *FAST, "--start", "0.04", "--fps", "25")
    assert drive(*line)[0] == 0
    np.testing.assert_allclose(contents("out.mp4").times, np.arange(9) / 25, atol=1e-9)
    line = ("in.mp4", "s.png", "-o", "out", "--size", "original", "--fast")
    code, _, error = drive(*line)
    assert code == 0 and "folder of PNG cannot hold the clip's sound" in error
    assert len(os.listdir("out")) == 6
    code, out, _ = drive("out", "s.png", "-o", "small.gif", "--size", "25", *FAST[2:])
    assert code == 0 and "small.gif: 25 x 17 pixels" in out
    code, out, _ = drive("--size", "25", *FAST[2:], "in.mp4", "s.png", "-o", "b.mp4")
    assert code == 0 and "b.mp4: 24 x 16 pixels" in out


@pytest.mark.slow
def test_settings_of_a_picture(clip, drive, simple, monkeypatch):
    from jaxnst.cli import stylize

    monkeypatch.setattr(_app, "keep_compiled", lambda: None)
    save_image("c.png", picture(32, 48, 1))
    how = (*FAST, "--strength", "0.5", "-o", "still.png")
    assert _app.run_module(stylize, ["c.png", "s.png", *how]) == 0
    assert drive("in.mp4", "--from", "still.png", "-o", "out.mp4")[0] == 0
    about = json.loads(contents("out.mp4").metadata["comment"])
    assert about["settings"] == read_metadata("still.png")["settings"]
    assert about["styles"] == ["s.png"]


@pytest.mark.parametrize(
    "data, text",
    [
        (b"just words, line by line\n" * 99, "it is no video"),
        (b"", "the file is empty"),
        (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2mp41" + bytes(200), "no video"),
    ],
)
def test_other_files_end_in_one_line(av, drive, data, text):
    Path("in.mp4").write_bytes(data)
    code, out, error = drive("in.mp4", "s.png", "-o", "out.mp4", *FAST)
    assert (code, out) == (1, "") and text in error and error.count("\n") == 1
    assert not Path("out.mp4").exists() and not kept_folder("out.mp4").exists()


def test_frames_that_would_be_too_many_pixels(clip, drive):
    code, _, error = drive("in.mp4", "s.png", "-o", "o.mkv", "--size", "17000")
    assert code == 1 and "choose a smaller --size" in error


def test_without_opencv_one_line(clip, drive, monkeypatch):
    def missing():
        raise ImportError("optical flow needs OpenCV: pip install 'jaxnst[video]'")

    monkeypatch.setattr("jaxnst.video.flow.check_available", missing)
    code, _, error = drive("in.mp4", "s.png", "-o", "out.mp4", *FAST)
    assert code == 1 and error.count("\n") == 1 and "'jaxnst[video]'" in error


def press_after(count, patch):
    """Ctrl-C when so many frames are painted."""
    paint = Inverter.paint

    def pressed(self, *given, **more):
        found = paint(self, *given, **more)
        if self.painted == count:
            signal.raise_signal(signal.SIGINT)
        return found

    patch.setattr(Inverter, "paint", pressed)


def test_ctrl_c_keeps_a_clip_and_resume_goes_on(clip, drive, simple, monkeypatch):
    line = ("in.mp4", "s.png", *FAST, "--json")
    assert drive(*line, "-o", "whole.mp4")[0] == 0
    with monkeypatch.context() as patch:
        press_after(3, patch)
        code, out, error = drive(*line)
    assert code == 130 and "interrupted after 3 of 6 frames" in error
    assert "--resume goes on" in error and json.loads(out)["interrupted"]
    assert len(contents("in__s.mp4").times) == 3
    code, out, error = drive(*line, "-o", "in__s.mp4")
    assert code == 1 and "--resume goes on with them, or remove" in error
    code, out, error = drive(*line, "--resume", "--strength", "0.5")
    assert code == 1 and "settings.terms.strength" in error
    code, out, error = drive(*line, "--resume")
    facts = json.loads(out)
    assert (code, facts["frames"], facts["painted"]) == (0, 6, 3)
    assert facts["output"] == "in__s.mp4"
    assert not kept_folder("in__s.mp4").exists()
    found, wanted = contents("in__s.mp4"), contents("whole.mp4")
    assert found.sound == wanted.sound and found.times == wanted.times
    np.testing.assert_array_equal(found.pictures, wanted.pictures)


def test_a_second_ctrl_c_ends_at_once(clip, drive, simple, monkeypatch):
    paint = Inverter.paint

    def pressed(self, *given):
        found = paint(self, *given)
        if self.painted == 3:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return found

    monkeypatch.setattr(Inverter, "paint", pressed)
    code, _, error = drive("in.mp4", "s.png", "-o", "out.mp4", *FAST)
    assert code == 130 and error.endswith("error: interrupted\n")
    assert not Path("out.mp4").exists() and not list(Path().glob(".jaxnst*"))
    assert len(list(kept_folder("out.mp4").glob("*.png"))) == 2


def test_a_disk_that_is_full_costs_no_painted_frame(clip, drive, simple, monkeypatch):
    line = ("in.mp4", "s.png", "-o", "out.mp4", *FAST)
    write = Writer.write

    def full(self, frame):
        if frame.pts >= 80:
            raise OSError(28, "No space left on device", str(self.path))
        write(self, frame)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "write", full)
        code, _, error = drive(*line)
    assert code == 1 and "--resume goes on\nerror: cannot write out.mp4: No sp" in error
    assert not Path("out.mp4").exists() and not list(Path().glob(".jaxnst*"))
    assert drive(*line, "--resume")[0] == 0
    assert simple[-1].painted < 6 and len(contents("out.mp4").times) == 6


def mask(path, *levels):
    """Columns of equal width, each of a grey level."""
    columns = np.repeat(np.uint8(levels), 48 // len(levels))
    Image.fromarray(np.tile(columns, (32, 1))).save(path)


def test_masks_of_a_clip(clip, drive, simple, monkeypatch):
    """A still one, and a folder of one for each frame; in what the file keeps, and
    among what a run is gone on with."""
    mask("m.png", 0, 255)
    line = ("in.mp4", "s.png", *FAST, "-o", "out.mp4")
    assert drive(*line, "--content-mask", "m.png")[0] == 0
    about = json.loads(contents("out.mp4").metadata["comment"])
    assert about["settings"]["masks"]["content_mask"] == "m.png"
    assert set(about["sha256"]) == {"s.png", "m.png"}
    Path("moving").mkdir()
    for number in range(6):
        mask(f"moving/{number}.png", 255, 0)
    line = (*line, "--protect", "moving")
    with monkeypatch.context() as patch:
        press_after(3, patch)
        assert drive(*line)[0] == 130
    mask("moving/4.png", 0, 255)
    code, _, error = drive(*line, "--resume")
    assert code == 1 and "painted from something else (masks)" in error
    mask("moving/4.png", 255, 0)
    assert drive(*line, "--resume")[0] == 0
    about = json.loads(contents("out.mp4").metadata["comment"])
    assert set(about["sha256"]) == {"s.png", "moving"}


@pytest.mark.parametrize(
    "line, text",
    [
        (["--content-mask", "gone.png"], "gone.png"),
        (["--content-mask", "two"], "two has 2 frames and the clip in.mp4 6; give"),
        (["--style-mask", "m.png", "m.png"], "got 2 style_mask for 1 paintings"),
        (["--protect", "m.png", "-o", "m.png"], "m.png is read"),
        (["--content-mask", "two", "-o", "two/3.gif"], "one more picture of"),
        (["--content-mask", "black.png"], "leaves nothing to paint"),
    ],
)
def test_masks_that_do_not_fit_a_clip(clip, drive, simple, line, text):
    Path("two").mkdir()
    mask("black.png", 0, 0)
    for name in ("m.png", "two/1.png", "two/2.png"):
        mask(name, 0, 255)
    code, _, error = drive("in.mp4", "s.png", "-o", "out.mp4", *FAST, *line)
    assert code in (1, 2) and text in error and error.count("\n") == 1
    assert not Path("out.mp4").exists()


# With the real painters


@pytest.mark.slow
@pytest.mark.parametrize("how", [("--fast",), ("--steps", "2", "--frame-steps", "2")])
def test_real_painters(clip, drive, monkeypatch, how):
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'jaxnst[video]'")
    line = ("in.mp4", "s.png", *SMALL, *how)
    assert drive(*line, "-o", "out")[0] == 0
    with Image.open("out/000003.png") as painted:
        pixels = np.asarray(painted)
    source = list(open_clip("in.mp4"))[2].pixels
    assert pixels.shape == (32, 48, 3) and pixels.std() > 5
    assert np.abs(pixels.astype(int) - source).mean() > 5
    with monkeypatch.context() as patch:
        patch.setattr(command.FrameBar, "__call__", lambda self, p: p.done == 3)
        assert drive(*line, "-o", "again")[0] == 130
    assert len(os.listdir("again")) == 3
    assert drive(*line, "-o", "again", "--resume")[0] == 0
    assert sorted(os.listdir("again")) == sorted(os.listdir("out"))
    for name in os.listdir("out"):
        assert Path("again", name).read_bytes() == Path("out", name).read_bytes()


@pytest.mark.slow
def test_a_real_run_that_is_interrupted(clip, here):
    """As a person would: the process, Ctrl-C, the same command with --resume."""
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'jaxnst[video]'")
    write_clip(clip, range(0, 2000, 40), last=40, sound=True)
    code = "import sys; sys.path[:] = {path!r}; from jaxnst.cli import main; "
    code = code.format(path=sys.path) + "sys.exit(main(sys.argv[1:]))"
    line = [sys.executable, "-c", code, "video", "in.mp4", "s.png", *FAST]
    line += ["-o", "out.mp4", "--quiet"]
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
    kept, deadline = kept_folder("out.mp4"), time.monotonic() + 120
    while len(list(kept.glob("*.png"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=120)[1]
    assert process.returncode == 130 and "interrupted after" in error
    early = contents("out.mp4")
    assert 5 <= len(early.times) < 50
    done = subprocess.run([*line, "--resume"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(contents("out.mp4").times) == 50 and not kept.exists()
