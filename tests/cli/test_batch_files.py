"""jaxnst batch: pictures that go while it goes on, and disks that are full."""

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from networks import picture
from PIL import Image

import jaxnst
from jaxnst import Result, images, load_image, save_image
from jaxnst._files import sha256
from jaxnst.cli._pairs import plan
from jaxnst.images import read_metadata, write
from scripts import driver, imported, write_network

WITH = ("--weights", "net.h5", "--size", "24", "--margin", "0", "--min-size", "none")
WITH += ("--content-layers", "relu2_1", "--style-layers", "relu1_1", "--batch", "2")


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    write_network(Path("net.h5"), depth=3)
    for folder in ("c", "s"):
        Path(folder).mkdir()
    pixels = np.full((32, 48, 4), 100, np.uint8)
    for name in "ab":
        Image.fromarray(pixels).save(f"c/{name}.png")
    save_image("s/x.png", picture(30, 40, 1))
    return tmp_path / "work"


@pytest.fixture
def drive(here, monkeypatch, capsys):
    run = driver(imported(monkeypatch, "batch"), monkeypatch, capsys)
    return lambda *options: run(
        "--contents", "c", "--styles", "s", *WITH, "-o", "out", *options
    )


@pytest.fixture
def during(monkeypatch):
    """What happens while pictures are painted; nothing is optimised."""
    events = []

    def render_batch(settings, network, contents, styles, **_):
        for event in events:
            event()
        trace = {"loss": np.ones(1)}
        return [Result(image, trace, 1, True, 0.1, None) for image in contents]

    monkeypatch.setattr(jaxnst, "render_batch", render_batch)
    return events


def records():
    lines = Path("out/manifest.jsonl").read_text().splitlines()
    return {one["output"]: one for one in map(json.loads, lines)}


def test_pictures_may_go_while_they_are_painted(drive, during):
    Path("c/b.png").unlink()  # whose turn might not have come yet
    digests = {name: sha256(Path(name)) for name in ("c/a.png", "s/x.png")}
    during.append(lambda: [shutil.rmtree(name) for name in "cs"])
    code, out, error = drive()
    assert (code, error) == (0, "") and "1 of 1" in out
    assert read_metadata("out/a__x.png")["sha256"] == digests
    with Image.open("out/a__x.png") as image:
        assert image.mode == "RGBA" and image.getchannel("A").getextrema() == (100, 100)


def test_a_picture_that_changes_before_its_turn_is_not_taken_for_what_it_was(
    drive, during, monkeypatch
):
    own = images.read_like

    def read_like(path, **options):
        save_image("c/b.png", picture(32, 48, 3))
        return own(path, **options)

    monkeypatch.setattr(images, "read_like", read_like)
    code, _, error = drive()
    assert code == 1 and "c/b.png has changed since the batch began" in error
    assert records()["b__x.png"]["status"] == "failed"
    assert drive()[0] == 0 and records()["b__x.png"]["status"] == "done"


def test_a_disk_that_is_full_costs_no_picture(drive, here, during, monkeypatch):
    own = images.save_image

    def save(path, *arguments, **options):
        if path == Path("out/a__x.png"):
            raise OSError(errno.ENOSPC, "No space left on device")
        own(path, *arguments, **options)

    monkeypatch.setattr(images, "save_image", save)
    code, out, error = drive()
    assert code == 1 and "1 of 2 pictures" in out
    assert f"saved as {here / 'a__x.png'}" in error
    assert load_image("a__x.png").shape == (16, 24, 3)


def test_a_kind_of_file_that_is_too_small_is_told_before_the_work(
    drive, during, monkeypatch
):
    monkeypatch.setattr(write, "_LONGEST_SIDE", {"WEBP": 20})
    during.append(lambda: pytest.fail("it was begun"))
    code, _, error = drive("--format", "webp")
    assert code == 1 and error.count("WEBP holds 20 a side") == 2


def test_temporary_files_of_others_stay(drive, during):
    Path("out").mkdir()
    for name in (".a.12345678.part.png", ".b.part.jpg"):
        Path("out", name).write_bytes(b"stranger")
    assert drive()[0] == 0
    assert (
        Path("out/.a.12345678.part.png").exists() and Path("out/.b.part.jpg").exists()
    )


def test_pictures_of_one_name_in_other_case_are_two_where_case_counts(
    here, monkeypatch
):
    shutil.copy("c/a.png", "c/A.png")
    given = "product", Path("c"), Path("s"), Path("out"), ".png"
    assert len(plan(*given)) == 3
    monkeypatch.setattr("jaxnst._files._ignores_case", lambda folder: True)
    with pytest.raises(ValueError, match="would be one file"):
        plan(*given)


def test_long_names_are_cut(here):
    for folder, letter in (("c", "p"), ("s", "q")):
        shutil.copy(f"{folder}/{os.listdir(folder)[0]}", f"{folder}/{letter * 200}.png")
    pairs = plan("product", Path("c"), Path("s"), Path("out"), ".png")
    assert len({pair.name for pair in pairs}) == 6
    assert max(len(pair.name) for pair in pairs) <= 255


def test_a_disk_that_will_not_hold_all_is_told_at_the_start(drive, during, monkeypatch):
    usage = type("Usage", (), {"free": 500})
    monkeypatch.setattr("jaxnst.images.write.check_space", lambda *_: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    code, _, error = drive()
    assert code == 0 and error.startswith("warning: cannot write out: it needs about")
    assert error.count("\n") == 1
