"""Masks on the command line: stylize, grid and batch, and back from a picture."""

import shutil

import numpy as np
import pytest
from networks import picture
from PIL import Image

from jaxnst import load_image, save_image
from jaxnst.images import read_metadata
from jaxnst.pipeline import color_transfer
from scripts import driver, imported, write_network

pytestmark = pytest.mark.usefixtures("compiled_quickly")

WITH = ("--weights", "net.h5", "--size", "48", "--preset", "gram", "--steps", "2")


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    write_network(folder / "net.h5", depth=13)
    save_image(folder / "c.png", picture(32, 48, 1))
    save_image(folder / "s.png", picture(40, 30, 2))
    save_image(folder / "t.png", picture(30, 40, 3))
    half = np.zeros((32, 48), np.uint8)
    half[:, 24:] = 255
    Image.fromarray(half).save(folder / "m.png")
    return folder


@pytest.fixture
def here(originals, tmp_path, monkeypatch):
    shutil.copytree(originals, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(name, monkeypatch, capsys):
    return driver(imported(monkeypatch, name), monkeypatch, capsys)


def left_and_right(path):
    """How far a picture is from the photograph, left and right of the border."""
    change = np.abs(np.asarray(load_image(path)) - np.asarray(load_image("c.png")))
    return change[:, :23].max(), change[:, 25:].mean()


def test_a_picture_painted_in_part_and_made_again(here, monkeypatch, capsys):
    drive = command("stylize", monkeypatch, capsys)
    code, _, said = drive(
        "c.png", "s.png", *WITH, "--content-mask", "m.png", "-o", "a.png"
    )
    assert code == 0, said
    left, right = left_and_right("a.png")
    assert left == 0 and right > 0.01
    stored = read_metadata("a.png")
    assert stored["settings"]["masks"]["content_mask"] == "m.png"
    assert set(stored["sha256"]) == {"c.png", "s.png", "m.png"}
    code, _, said = drive("--from", "a.png", "-o", "b.png")
    assert code == 0 and "not the picture" not in said, said
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()
    Image.new("L", (48, 32), 255).save("m.png")
    code, _, said = drive("--from", "a.png", "-o", "d.png")
    assert code == 0 and "m.png is not the picture it was" in said
    assert left_and_right("d.png")[0] > 0


@pytest.mark.slow
def test_a_painting_for_each_level(here, monkeypatch, capsys):
    drive = command("stylize", monkeypatch, capsys)
    masks = "--content-mask", "m.png"
    code, _, said = drive("c.png", "s.png", "t.png", *WITH, *masks, "-o", "a.png")
    assert code == 0, said
    code, _, _ = drive("c.png", "t.png", "s.png", *WITH, *masks, "-o", "b.png")
    assert code == 0
    first, second = (np.asarray(load_image(name)) for name in ("a.png", "b.png"))
    assert np.abs(first - second).mean() > 0.001


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("s.png", "--content-mask", "gone.png"), "gone.png"),
        (("s.png", "--content-mask", "m.png", "-o", "m.png"), "m.png"),
        (("s.png", "--style-mask", "m.png", "m.png"), "got 2 style_mask for 1"),
        (("s.png", "--content-mask", "s.png"), "has colours"),
        (("s.png", "--feather", "2"), "feather"),
    ],
)
def test_masks_that_cannot_be_used(here, monkeypatch, capsys, line, words):
    drive = command("stylize", monkeypatch, capsys)
    before = (here / "m.png").read_bytes()
    code, _, said = drive("c.png", *line, *WITH)
    assert code in (1, 2) and words in said and len(said.strip().splitlines()) <= 3
    assert (here / "m.png").read_bytes() == before


def test_a_grid_has_regions(here, monkeypatch, capsys):
    drive = command("grid", monkeypatch, capsys)
    code, _, said = drive(
        "c.png", "s.png", *WITH, "--content-mask", "m.png",
        "--alpha", "1", "--beta", "2", "8", "-o", "grid",
    )  # fmt: skip
    assert code == 0, said
    pictures = sorted((here / "grid").glob("alpha*.png"))
    assert len(pictures) == 2
    for path in pictures:
        left, right = left_and_right(path)
        assert left == 0 and right > 0


@pytest.mark.slow
def test_a_batch_has_a_mask_for_each_pair(here, monkeypatch, capsys):
    drive = command("batch", monkeypatch, capsys)
    (here / "pairs.csv").write_text(
        "content,style,content_mask,output\n"
        "c.png,s.png,m.png,half\nc.png,s.png,,whole\nc.png,s.png,gone.png,none\n"
    )
    line = ("--pairs", "pairs.csv", *WITH, "-o", "out")
    code, _, said = drive(*line)
    assert code == 1 and "gone.png" in said
    assert left_and_right(here / "out/half.png")[0] == 0
    assert left_and_right(here / "out/whole.png")[0] > 0
    stored = read_metadata(here / "out/half.png")
    assert "m.png" in stored["sha256"]
    made = (here / "out/half.png").stat().st_mtime_ns
    assert drive(*line)[0] == 1
    assert (here / "out/half.png").stat().st_mtime_ns == made
    Image.new("L", (48, 32), 255).save("m.png")  # another mask, another picture
    drive(*line)
    assert left_and_right(here / "out/half.png")[0] > 0


@pytest.mark.slow
def test_one_pass_paints_in_part(here, monkeypatch, capsys):
    drive = command("stylize", monkeypatch, capsys)
    code, _, said = drive(
        "c.png", "s.png", "--fast", "--size", "48", "--content-mask", "m.png",
        "-o", "a.png",
    )  # fmt: skip
    assert code == 0, said
    left, right = left_and_right("a.png")
    assert left == 0 and right > 0.01


@pytest.mark.slow
def test_what_is_protected_stays_recognisable_in_the_paintings_colours(
    here, monkeypatch, capsys
):
    """The right half, where the mask is white; all of it at full strength."""
    drive = command("stylize", monkeypatch, capsys)
    line = ("c.png", "s.png", *WITH, "--protect", "m.png")
    assert drive(*line, "-o", "some.png")[0] == 0
    assert drive(*line, "--protect-strength", "1", "-o", "all.png")[0] == 0
    assert drive("c.png", "s.png", *WITH, "-o", "none.png")[0] == 0
    stored = read_metadata("some.png")
    assert stored["settings"]["masks"]["protect"] == "m.png"
    assert "m.png" in stored["sha256"]
    photo, painting = (np.asarray(load_image(name)) for name in ("c.png", "s.png"))
    moved = np.asarray(color_transfer.match_color(photo, painting))
    kept = np.asarray(load_image("all.png"))
    np.testing.assert_allclose(kept[:, 26:], moved[:, 26:], atol=0.01)
    none, some = (np.asarray(load_image(f"{name}.png")) for name in ("none", "some"))
    from_photo = [np.abs(image - moved)[:, 26:].mean() for image in (some, none)]
    assert from_photo[0] < 0.75 * from_photo[1]
    assert np.abs(kept[:, :22] - moved[:, :22]).mean() > 0.01


@pytest.mark.slow
def test_a_batch_protects_by_a_column(here, monkeypatch, capsys):
    drive = command("batch", monkeypatch, capsys)
    (here / "pairs.csv").write_text(
        "content,style,content_mask,protect,output\nc.png,s.png,m.png,m.png,a.png\n"
    )
    line = ("--pairs", "pairs.csv", *WITH, "--protect-strength", "1", "-o", "out")
    code, _, said = drive(*line)
    assert code == 0, said
    assert left_and_right(here / "out/a.png")[0] == 0
    assert set(read_metadata(here / "out/a.png")["sha256"]) >= {"c.png", "m.png"}
    alone = command("stylize", monkeypatch, capsys)
    masks = ("--content-mask", "m.png", "--protect", "m.png")
    line = ("c.png", "s.png", *WITH, *masks, "--protect-strength", "1", "-o", "b.png")
    assert alone(*line)[0] == 0
    first, second = (load_image(name) for name in ("out/a.png", "b.png"))
    np.testing.assert_allclose(first, second, atol=1 / 255)
