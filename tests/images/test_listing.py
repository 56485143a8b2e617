"""Which files of a folder are pictures: by suffix, by content, and what is left out."""

import os
import shutil
from pathlib import Path

import pytest
from networks import picture
from PIL import Image

from jaxnst import load_image, save_image
from jaxnst.images import listing

SUFFIXES = {
    "JPEG": ("jpg", "jpeg", "jpe", "jfif", "JPG"),
    "PNG": ("png", "PNG"),
    "WEBP": ("webp",),
    "TIFF": ("tif", "tiff", "TIF"),
    "GIF": ("gif", "GIF"),
    "BMP": ("bmp",),
    "PPM": ("ppm", "pgm", "pbm", "pnm"),
    "AVIF": ("avif",),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c").mkdir()
    save_image("c/a.png", picture(8, 8))
    return Path("c")


def found(*places, **options):
    listed = listing.list_pictures(places or ["c"], **options)
    return [
        [str(path) for path in paths] for paths in (listed.pictures, listed.skipped)
    ]


def test_every_format_that_is_read_under_every_suffix(folder):
    Path("c/a.png").unlink()
    expected = []
    for form, suffixes in SUFFIXES.items():
        for number, suffix in enumerate((*suffixes, "", "dat", "png.download")):
            path = folder / f"{form}{number}.{suffix}".rstrip(".")
            Image.new("RGB", (8, 8)).save(path, format=form)
            assert load_image(path).shape == (8, 8, 3)
            expected.append(str(path))
    assert found() == [sorted(expected), []]


def test_a_damaged_picture_is_no_other_file(folder):
    Path("c/broken.GIF").write_bytes(b"no picture")
    assert found()[0] == ["c/a.png", "c/broken.GIF"]


def test_what_systems_leave_is_passed_over_and_the_rest_is_named(folder):
    litter = ("._a.png", "Thumbs.db", "desktop.ini", "Icon\r", ".hidden.jpg")
    for name in (*litter, "notes.txt", "P6 is not one.txt", "empty"):
        (folder / name).write_text(name if name != "empty" else "")
    for below in (".thumbnails", "__MACOSX", "@eaDir", ".git"):
        shutil.copytree(folder, Path("c", below), dirs_exist_ok=True)
        for one in list(Path("c", below).rglob(".*")):
            if one.is_dir():
                shutil.rmtree(one)
    pictures, skipped = found()
    assert pictures == ["c/a.png"]
    assert skipped == ["c/P6 is not one.txt", "c/empty", "c/notes.txt"]


def test_a_folder_that_is_hidden_itself_is_looked_into(folder):
    folder.rename(".c")
    assert found(".c") == [[".c/a.png"], []]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this system's files")
def test_pipes_and_links_that_lead_nowhere_are_no_pictures(folder):
    os.mkfifo("c/pipe.png")
    Path("c/gone.png").symlink_to("nowhere.png")
    Path("c/round").symlink_to(".")
    Path("c/linked.png").symlink_to("a.png")
    pictures, skipped = found()
    assert pictures == ["c/a.png", "c/linked.png"]
    assert skipped == ["c/gone.png", "c/pipe.png", "c/round"]
    with pytest.raises(FileNotFoundError, match="neither a folder nor a file"):
        found("c/pipe.png")


def test_folders_that_stay_closed_are_named(folder, monkeypatch):
    Path("c/shut").mkdir()
    own = os.scandir

    def scandir(path):
        if str(path) == "c/shut":
            raise PermissionError(13, "Permission denied", str(path))
        return own(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert found() == [["c/a.png"], ["c/shut"]]


def test_a_folder_left_out(folder):
    Path("c/out").mkdir()
    save_image("c/out/b.png", picture(8, 8))
    (Path("c/out") / "manifest.jsonl").write_text("{}")
    assert found(without="c/../c/out") == [["c/a.png"], []]


def test_single_pictures_are_taken_as_they_are(folder):
    Path("c/notes.txt").write_text("not a picture")
    assert found("c/notes.txt", "c/a.png") == [["c/a.png", "c/notes.txt"], []]


def test_no_pictures_at_all(folder):
    Path("c/a.png").rename("c/a.txt").write_text("no picture")
    with pytest.raises(FileNotFoundError, match="no pictures in c; other .*c/a.txt$"):
        found()
    with pytest.raises(FileNotFoundError, match="there is no d; give a folder"):
        found("d")


def test_many_that_are_skipped_are_counted():
    names = [Path(f"{n:02}.txt") for n in range(13)]
    text = listing.describe_skipped(names)
    assert text.endswith("09.txt and 3 more") and text.startswith("00.txt, 01")
