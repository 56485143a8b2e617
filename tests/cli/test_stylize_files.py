"""jaxnst stylize: no picture lost, nothing overwritten, every refusal at the start."""

import errno
import os
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from networks import picture
from PIL import Image

import jaxnst
from jaxnst import Result, images, load_image, save_image
from jaxnst.images import read_metadata, write
from jaxnst.optimize.result import Progress
from scripts import driver, imported, write_network

INPUTS = ("c.png", "s.png")
LINE = (*INPUTS, "--weights", "net.h5", "--size", "48", "--preset", "gram")
LINE += ("--steps", "4", "-o", "out.png")


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    write_network(folder / "net.h5", depth=13)
    pixels = np.full((64, 96, 4), 255, np.uint8)
    pixels[..., :3] = picture(64, 96, 1) * 255
    pixels[:, :40, 3] = 90
    Image.fromarray(pixels).save(folder / "c.png")
    save_image(folder / "s.png", picture(40, 30, 2))
    save_image(folder / "t.png", picture(30, 40, 3))
    return folder


@pytest.fixture
def here(originals, tmp_path, monkeypatch) -> Path:
    shutil.copytree(originals, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path / "work"


@pytest.fixture
def drive(here, monkeypatch, capsys):
    return driver(imported(monkeypatch, "stylize"), monkeypatch, capsys)


@pytest.fixture
def during(monkeypatch):
    """What happens in the middle of the run, in which nothing is optimised."""
    events = []

    def render(settings, network, content, styles, **options):
        trace = {name: np.ones(4) for name in ("loss", "content", "style")}
        callback = options.get("callback")
        steps = 4
        for event in events:
            event()
        for step in (2, 4) if callback else ():
            ends = dict.fromkeys(trace, 1.0)
            told = Progress(step, 4, ends, 0.1, lambda: content, lambda: None)
            if callback(told):
                steps = step
                break
        kept = {name: values[:steps] for name, values in trace.items()}
        return Result(content, kept, steps, True, 0.1, None)

    monkeypatch.setattr(jaxnst, "render", render)
    return events


def never(monkeypatch):
    def render(*_, **__):
        pytest.fail("it was begun")

    monkeypatch.setattr(jaxnst, "render", render)


@pytest.mark.parametrize(
    "options",
    [
        ("-o", "link.png"),
        ("-o", "hard.png"),
        ("-o", "through/c.png"),
        ("--animation", "link.gif"),
        ("--checkpoint", "c.png", "--resume"),
        ("--checkpoint", "net.h5", "--resume"),
        ("--checkpoint", "out.png"),
        ("-o", "new.png", "--plot", "new.png"),
        ("-o", "new.png", "--plot", "./new.png"),
        ("--every", "2", "-o", "walk.png"),
        ("--every", "2", "-o", "x.png", "--plot", "x_00004.png"),
        ("--from", "made.png", "-o", "made.png"),
        ("--continue", "made.png", "-o", "made.png"),
        ("--init", "t.png", "-o", "t.png"),
    ],
)
def test_inputs_and_other_outputs_are_not_overwritten(
    options, drive, here, monkeypatch
):
    never(monkeypatch)
    os.symlink("c.png", "link.png")
    os.symlink("s.png", "link.gif")
    os.link("c.png", "hard.png")
    os.symlink(".", "through")
    shutil.copy("s.png", "walk_00002.png")
    settings = jaxnst.presets.get("gram").to_json()
    stored = {"settings": settings, "content": "c.png", "styles": ["s.png"]}
    save_image("made.png", picture(48, 48), metadata=stored)
    before = {path: path.read_bytes() for path in here.iterdir() if path.is_file()}
    pair = ("walk_00002.png", "s.png") if "walk.png" in options else INPUTS
    taken = () if {"--from", "--continue"} & set(options) else LINE[-6:-2]
    code, out, error = drive(*pair, *LINE[2:6], *taken, *LINE[-2:], *options)
    assert (code, out) == (1, "") and error.count("\n") == 1
    assert "would be overwritten" in error or "would be one file" in error
    assert before == {p: p.read_bytes() for p in here.iterdir() if p.is_file()}


def test_the_pictures_may_go_while_the_run_goes_on(drive, here, during):
    assert drive(*LINE)[0] == 0
    whole = Path("out.png").read_bytes()

    def gone():
        Path("c.png").unlink()
        shutil.copy("t.png", "s.png")  # another picture under its name

    during.append(gone)
    code, _, error = drive(*LINE, "--every", "2")
    assert (code, error) == (0, "")
    assert Path("out.png").read_bytes() == whole
    with Image.open("out.png") as out, Image.open("out_00002.png") as way:
        assert out.mode == way.mode == "RGBA"
        assert out.getchannel("A").getextrema() == (87, 255)  # resized with lobes


def test_ctrl_c_keeps_the_picture_though_all_files_are_gone(drive, here, during):
    def interrupt():
        signal.raise_signal(signal.SIGINT)
        for name in ("c.png", "s.png", "net.h5"):
            Path(name).unlink()

    during.append(interrupt)
    code, out, error = drive(*LINE)
    assert code == 130 and out.startswith("out.png: 48 x 32")
    assert "interrupted after 2 of 4 steps; kept in out.png" in error
    assert set(read_metadata("out.png")["sha256"]) == set(INPUTS)
    assert load_image("out.png").shape == (32, 48, 3)


def test_ctrl_c_while_the_picture_is_written_waits(drive, here, during, monkeypatch):
    own = images.save_image

    def save(path, *arguments, **options):
        signal.raise_signal(signal.SIGINT)
        own(path, *arguments, **options)

    monkeypatch.setattr(images, "save_image", save)
    code, out, _ = drive(*LINE)
    assert code == 0 and out.startswith("out.png") and Path("out.png").exists()


def test_a_disk_that_is_full_at_the_end_costs_no_picture(
    drive, here, during, monkeypatch
):
    own = images.save_image

    def save(path, *arguments, **options):
        if path.parent == Path("full"):
            raise OSError(errno.ENOSPC, "No space left on device")
        own(path, *arguments, **options)

    Path("full").mkdir()
    monkeypatch.setattr(images, "save_image", save)
    code, out, error = drive(*LINE, "-o", "full/o.png", "--every", "2")
    assert code == 1 and f"saved as {here / 'o.png'}" in error
    assert out.startswith(f"{here / 'o.png'}: 48 x 32")
    assert error.count("No space left") == 2  # of the first on the way, and the last
    assert read_metadata("o.png")["content"] == "c.png"


def test_a_folder_that_is_gone_at_the_end_costs_no_picture(drive, here, during):
    Path("stick").mkdir()
    save_image("o.png", picture(8, 8))  # somebody's: it stays
    during.append(lambda: shutil.rmtree("stick"))
    code, out, error = drive(
        *LINE, "-o", "stick/o.png", "--losses", "stick/l.csv", "--json"
    )
    assert code == 1 and '"output": ' in out and "o-2.png" in out
    assert "o-2.png" in error and "l.csv" in error
    assert load_image("o-2.png").shape == (32, 48, 3) and Path("l.csv").exists()
    assert load_image("o.png").shape == (8, 8, 3)


def test_one_output_that_fails_does_not_cost_the_others(
    drive, here, during, monkeypatch
):
    def fail(*_, **__):
        raise ValueError("nothing to draw")

    monkeypatch.setattr("jaxnst.reports.plots.plot_losses", fail)
    code, out, error = drive(*LINE, "--plot", "p.png", "--animation", "a.gif")
    assert code == 1 and error == "error: nothing to draw\n"
    assert out.startswith("out.png: ") and Path("a.gif").exists()


def test_what_cannot_be_carried_over_does_not_cost_the_picture(
    drive, here, during, monkeypatch
):
    def fail(*_):
        raise ValueError("EXIF data is too long")

    monkeypatch.setattr(write, "_to_profile", fail)
    code, _, error = drive(*LINE)
    assert code == 0 and "EXIF data is too long" in error
    assert error.startswith("warning: out.png is without settings and without")
    assert load_image("out.png").shape == (32, 48, 3)


def test_metadata_that_a_format_does_not_hold_is_shortened(
    drive, here, during, monkeypatch
):
    line = ("c.png", "s.png", "t.png", *LINE[2:], "-o", "o.jpg", "--quiet")
    assert drive(*line)[2] == ""
    whole = read_metadata("o.jpg")
    length = len(images.metadata.to_json(whole))
    limits = {"JPEG": length + 4000 - 100}
    monkeypatch.setattr(write, "_LONGEST_TEXT", limits)
    code, _, error = drive(*line)
    assert code == 0 and error.count("\n") == 1 and error.startswith("warning: o.jpg")
    assert "without the checksums of its 2 paintings; write PNG" in error
    assert read_metadata("o.jpg") == whole  # at the end there was room for all

    limits["JPEG"] = length - 160
    code, _, error = drive(*line)
    assert code == 0 and "the names and checksums of its 2 paintings" in error
    stored = read_metadata("o.jpg")
    assert stored["settings"] == whole["settings"] and set(stored["sha256"]) == {
        "c.png"
    }
    assert stored["styles"] == []
    code, _, error = drive("--from", "o.jpg")
    assert code == 2 and "does not name its paintings; give" in error
    assert drive(*INPUTS, "--from", "o.jpg", "-o", "again.png")[0] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-o", "x" * 252 + ".png"), "too long; choose a shorter one"),
        (("-o", "x" * 248 + ".png", "--every", "2"), "too long; choose a shorter one"),
        (("-o", "o.webp"), "48 x 32 pixels; WEBP holds 40 a side; write PNG"),
        (("--animation", "o.gif"), "GIF holds 40 a side"),
        (("-o", "/dev/null"), "a device or a pipe"),
        (("--losses", "/dev/null"), "a device or a pipe"),
    ],
)
def test_what_refuses_the_output_does_so_before_the_work(
    options, said, drive, here, monkeypatch
):
    never(monkeypatch)
    monkeypatch.setattr(write, "_LONGEST_SIDE", {"WEBP": 40, "GIF": 40})
    before = sorted(here.iterdir())
    code, out, error = drive(*LINE, *options)
    assert (code, out) == (1, "") and said in error and error.count("\n") == 1
    assert sorted(here.iterdir()) == before


def test_a_disk_without_space_is_seen_before_the_work(drive, here, monkeypatch):
    never(monkeypatch)
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    code, _, error = drive(*LINE)
    assert code == 1 and "are free; free some space or choose another" in error


def test_names_as_long_as_the_system_takes_are_written(drive, here, during):
    name = "x" * 251 + ".png"
    assert drive(*LINE, "-o", name)[0] == 0
    assert load_image(name).shape == (32, 48, 3)
    for old in INPUTS:
        shutil.copy(old, old[0] * 200 + ".png")
    code, out, _ = drive("c" * 200 + ".png", "s" * 200 + ".png", *LINE[2:-2])
    assert code == 0 and out.startswith("c" * 200)


def test_a_link_is_written_through(drive, here, during):
    Path("folder").mkdir()
    os.symlink("folder/real.png", "link.png")
    assert drive(*LINE, "-o", "link.png")[0] == 0
    assert Path("link.png").is_symlink()
    assert load_image("folder/real.png").shape == (32, 48, 3)


def test_dollars_and_strange_letters_in_names(drive, here, during):
    for name in ("$a$b{$.png", "caf\udce9 \u6f22.png"):
        shutil.copy("c.png", name)
        out = f"o{name}"
        code, _, error = drive(
            name, "s.png", *LINE[2:], "-o", out, "--plot", "p.svg", "--losses", "l.csv"
        )
        assert (code, error) == (0, "")
        stored = read_metadata(out)
        assert stored["content"] == name and set(stored["sha256"]) == {name, "s.png"}


def test_standard_output_that_is_closed_costs_no_picture(
    drive, here, during, monkeypatch
):
    class Closed:
        def write(self, data):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=Closed(), fileno=int))
    monkeypatch.setattr("jaxnst.cli._outputs.silence", lambda stream: None)
    code, _, error = drive(*LINE, "-o", "-")
    assert code == 1 and "(Broken pipe); it is saved as" in error
    assert error.endswith(f"{here / 'stdout.png'}\n")
    assert read_metadata("stdout.png")["content"] == "c.png"


def test_a_checkpoint_that_is_a_link_stays_one(drive, here, during):
    Path("folder").mkdir()
    os.symlink("folder/kept", "run.kept")
    assert drive(*LINE, "--checkpoint", "run.kept")[0] == 0
    assert Path("run.kept").is_symlink() and not os.listdir("folder")
