"""Parts that were painted over on the page: as masks, in drafts, grids and pictures."""

import re
import shlex
from dataclasses import replace

import numpy as np
import pytest
from networks import narrow_network, picture
from PIL import Image

from jaxnst import load_image, save_image
from jaxnst.app import drafts, grids, markup, painting
from jaxnst.app.clips import clip_settings, with_mask
from jaxnst.app.controls import Controls, settings_of
from jaxnst.app.painting import Order
from jaxnst.app.parts import (
    BRUSHES,
    OPACITY,
    brush_radius,
    canvas,
    drawing_of,
    names_of,
    with_parts,
    without_files,
)
from jaxnst.app.runs import Run
from jaxnst.cli import _app, stylize
from jaxnst.images import read_metadata
from jaxnst.pipeline import inputs
from jaxnst.pipeline.settings import Masks

SIZE = 24, 32
ALPHA = round(255 * OPACITY)


def drawn(*columns, alpha=ALPHA):
    """An image editor's value: columns of equal width, of the brush of a number from 0
    on; None, none."""
    layer = np.zeros((*SIZE, 4), np.uint8)
    edges = np.linspace(0, SIZE[1], len(columns) + 1).astype(int)
    for number, a, b in zip(columns, edges, edges[1:], strict=False):
        if number is not None:
            color = BRUSHES[number]
            rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
            layer[:, a:b] = *rgb, alpha
    background = Image.new("RGBA", SIZE[::-1], "white")
    return {"background": background, "layers": [Image.fromarray(layer)]}


@pytest.fixture
def files(tmp_path):
    """A photograph and three paintings."""
    content = tmp_path / "photo.png"
    styles = [tmp_path / f"{name}.png" for name in "abc"]
    save_image(content, picture(*SIZE, 1))
    for number, path in enumerate(styles):
        save_image(path, picture(20, 20, number + 2))
    return content, styles


def chosen(files, value, how="paint", count=1, **settings):
    content, styles = files
    found = replace(settings_of(Controls()), **settings)
    folder = content.parent / "masks"
    return with_parts(found, styles[:count], value, how, content, folder)


def levels(path):
    """The columns of a mask."""
    with Image.open(path) as mask:
        return np.asarray(mask.convert("L"))[12, [2, 12, 20, 29]].tolist()


def test_who_paints_nothing_changes_nothing(files):
    nothing = drawn(None)
    for value in (None, {}, nothing, {"background": None, "layers": []}):
        found = chosen(files, value, count=3)
        assert found.settings == settings_of(Controls())
        assert list(found.styles) == files[1]
    without = {"background": None, "layers": drawn(0)["layers"]}
    assert drawing_of(without) is None  # the photograph is gone
    assert drawing_of(drawn(0, alpha=9)) is None


def test_a_part_takes_the_style_is_kept_or_stays_recognisable(files):
    value = drawn(0, 0, None, None)
    for how, field, wanted in (
        ("paint", "content_mask", [255, 255, 0, 0]),
        ("keep", "content_mask", [0, 0, 255, 255]),
        ("protect", "protect", [255, 255, 0, 0]),
    ):
        masks = chosen(files, value, how).settings.masks
        assert levels(getattr(masks, field)) == wanted
        assert names_of(masks) == ["photo-mask.png"]
        assert without_files(masks) == Masks()
    with pytest.raises(ValueError, match="parts must be one of paint, keep, protect"):
        chosen(files, value, "other")


def test_each_painting_has_the_part_of_its_brush(files):
    found = chosen(files, drawn(0, 1, None, 2), count=3)
    assert levels(found.settings.masks.content_mask) == [85, 170, 0, 255]
    assert list(found.styles) == files[1]
    # What the same brushes mean to who reads the file.
    regions, _ = inputs.load_masks(
        replace(found.settings, masks=replace(found.settings.masks, feather=0.0)),
        picture(*SIZE, 1),
        [picture(20, 20)] * 3,
    )[1:]
    places = np.asarray(regions.content[12, [2, 12, 20, 29]])
    np.testing.assert_array_equal(places, [[1, 0, 0], [0, 1, 0], [0] * 3, [0, 0, 1]])


def test_paintings_without_a_part_are_left_out(files):
    mix = (3.0, 2.0, 1.0)
    found = chosen(files, drawn(0, None, 2, 2), count=3, style_mix=mix)
    assert levels(found.settings.masks.content_mask) == [128, 0, 255, 255]
    assert list(found.styles) == [files[1][0], files[1][2]]
    assert found.settings.style_mix == (3, 1)
    one = chosen(files, drawn(1, None, None, None), count=3, style_mix=mix)
    assert levels(one.settings.masks.content_mask) == [255, 0, 0, 0]
    assert list(one.styles) == [files[1][1]] and one.settings.style_mix is None
    kept = chosen(files, drawn(1, None, None, None), "keep", count=3, style_mix=mix)
    assert list(kept.styles) == files[1] and kept.settings.style_mix == mix
    with pytest.raises(ValueError, match="the brush is not of a painting; there are 2"):
        chosen(files, drawn(5), count=2)
    few = drawn(0, None)
    layer = np.array(few["layers"][0])
    layer[0, 30] = layer[0, 31] = *(37, 99, 235), ALPHA
    few["layers"] = [Image.fromarray(layer)]
    with pytest.raises(ValueError, match="part of painting 2 is too small to have a"):
        chosen(files, few, count=2)


def test_the_photograph_to_paint_on_is_small_and_upright(tmp_path):
    path = tmp_path / "tall.jpg"
    pixels = np.zeros((400, 1600, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(pixels).save(path, exif=exif)
    with Image.open(canvas(path, tmp_path / "made")) as copy:
        assert copy.size == (192, 768)
    assert brush_radius(path) == round(0.07 * 192)


# What is made of it


@pytest.fixture
def painted(files, tmp_path, monkeypatch):
    """A picture whose left half was painted over."""
    network = narrow_network(depth=3)
    monkeypatch.setattr(inputs, "load_network", lambda *name, **how: network)
    rest = (
        '{"objective": {"content_layers": ["relu2_1"], "style_layers": ["relu1_1"]}, '
        '"terms": {"style_weights": null}, "masks": {"feather": 0.0}}'
    )
    controls = Controls(size=32, steps="2", how="weight", feather=0.0, rest=rest)

    def paint(how="paint"):
        value = drawn(0, 0, None, None)
        folder = tmp_path / "masks"
        found = with_parts(
            settings_of(controls), files[1][:1], value, how, files[0], folder
        )
        order = Order(files[0], found.styles, found.settings)
        return painting.paint(order, tmp_path / "made", Run())

    paint.controls = controls
    return paint


@pytest.mark.slow
def test_a_picture_names_its_mask_and_the_command_that_paints_it_again(painted, files):
    done = painted()
    photo, image = (np.asarray(load_image(path)) for path in (files[0], done.path))
    np.testing.assert_allclose(image[:, 16:], photo[:, 16:], atol=1 / 255)
    assert np.abs(image[:, :16] - photo[:, :16]).mean() > 0.01
    stored = read_metadata(done.path)
    assert stored["settings"]["masks"]["content_mask"] == "photo-mask.png"
    assert set(stored["sha256"]) == {"photo.png", "a.png", "photo-mask.png"}
    assert [path.name for path in done.masks] == ["photo-mask.png"]
    words = shlex.split(done.command)
    assert words[:2] == ["jaxnst", "photo.png"] and words[-2:] == ["-o", "again.png"]
    assert words[3:7] == ["--from", done.path.name, "--content-mask", "photo-mask.png"]
    shown = markup.painted(done)
    assert f"<code>{done.command}</code>" in re.sub("</?span>", "", shown)
    order = painting.go_on(done, painting.MORE)
    assert order.settings.masks == done.order.settings.masks  # with its folder


def test_the_command_is_one_that_the_command_line_knows(painted, monkeypatch):
    done = painted("protect")
    monkeypatch.chdir(done.path.parent)
    given = _app.parse(stylize, shlex.split(done.command)[1:])
    assert given.settings.masks.protect == "photo-mask.png"
    before = np.asarray(load_image(done.before))  # in its own colours
    photo = np.asarray(load_image(done.order.content))
    assert np.abs(before - photo).mean() < 0.05


def test_a_grid_has_the_parts(painted, files, tmp_path):
    settings = painted().order.settings
    axes = grids.Axes("alpha", (1.0,), "style_scale", (0.7, 1.0))
    given = painted.controls, axes, files[0], files[1][:1], tmp_path / "grid", Run()
    photo = np.asarray(load_image(files[0]))
    for cell in grids.paint_grid(*given, settings.masks):
        change = np.abs(np.asarray(load_image(cell.path)) - photo)
        # JPEG files: of what is kept theirs alone.
        assert change[:, 20:].mean() < 0.05 and change[:, :12].mean() > 0.06


def test_a_draft_has_the_parts(files, monkeypatch):
    given = []

    def draft(settings, network, content, styles, **options):
        given.append((settings, options["regions"]))
        raise InterruptedError

    monkeypatch.setattr(drafts, "prepare", draft)
    small = replace(settings_of(Controls()).geometry, size=32)
    found = chosen(files, drawn(0, 0, None, None), geometry=small)
    with pytest.raises(InterruptedError):
        drafts.draft(found.settings, files[0], found.styles)
    settings, regions = given[0]
    assert settings.optimization.one_pass and settings.masks == found.settings.masks
    columns = np.asarray(regions.content[12, :, 0])
    assert columns[:14].min() == 1 and columns[18:].max() == 0


def test_a_clip_has_a_mask_of_its_own():
    settings = clip_settings(Controls(feather=0.05), optimised=False)
    assert with_mask(settings, None) == settings and settings.masks.feather == 0.05
    assert with_mask(settings, "m.mp4").masks.content_mask == "m.mp4"
