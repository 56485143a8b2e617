"""Mask files: what their colours and grey levels mean."""

from pathlib import Path

import numpy as np
import pytest
from networks import picture
from PIL import Image

from jaxnst.pipeline.mask_pixels import between, feathered, read_mask
from jaxnst.pipeline.region_masks import (
    load_regions,
    mask_files,
)
from jaxnst.pipeline.settings import Masks

SIZE, STYLES = (24, 32), ((20, 28), (16, 16))
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def save(name, *columns, size=SIZE, **how):
    """A picture of columns of equal width, each of a colour or a grey level."""
    first = np.ravel(columns[0])
    array = np.zeros((*size, len(first)), np.uint8)
    edges = np.linspace(0, size[1], len(columns) + 1).astype(int)
    for color, a, b in zip(columns, edges, edges[1:], strict=False):
        array[:, a:b] = color
    Image.fromarray(array.squeeze()).save(name, **how)
    return name


def regions(content=None, *styles, count=1, feather=0.0, size=SIZE):
    masks = Masks(content, styles or None, feather)
    return load_regions(masks, size, [picture(*s, 1) for s in STYLES[:count]])


def columns(mask):
    """The weights in the middle row, region by region."""
    return np.asarray(mask[mask.shape[0] // 2]).T


def test_no_masks():
    assert regions() == (None, "")
    assert mask_files(Masks()) == ()


def test_white_is_painted_black_stays_and_grey_is_between():
    found, notice = regions(save("m.png", 0, 128, 255, 255))
    assert found.content.shape == (*SIZE, 1) and notice == ""
    expected = np.repeat([0, 128 / 255, 1, 1], 8)
    np.testing.assert_allclose(columns(found.content)[0], expected, atol=1e-6)
    np.testing.assert_array_equal(found.styles[0], np.ones((*STYLES[0], 1)))


def test_grey_levels_are_the_paintings_from_black_to_white():
    found, _ = regions(save("m.png", 255, 0), count=2)
    np.testing.assert_array_equal(columns(found.content)[0], np.repeat([0, 1], 16))
    np.testing.assert_array_equal(columns(found.content)[1], np.repeat([1, 0], 16))
    for own, mask in enumerate(found.styles):
        expected = np.zeros(2)
        expected[own] = 1
        np.testing.assert_array_equal(mask[0, 0], expected)


def test_one_level_more_keeps_the_photograph():
    found, _ = regions(save("m.png", 10, 100, 100, 240), count=2)
    expected = [np.repeat([0, 1, 1, 0], 8), np.repeat([0, 0, 0, 1], 8)]
    np.testing.assert_array_equal(columns(found.content), expected)


def test_a_mask_that_fades_goes_from_one_painting_to_the_next():
    ramp = np.linspace(0, 255, 256).round().astype(np.uint8)
    Image.fromarray(np.tile(ramp, (8, 1))).save("m.png")
    found, _ = regions("m.png", count=2, size=(8, 256))
    np.testing.assert_allclose(columns(found.content)[1], ramp / 255, atol=1e-6)
    np.testing.assert_allclose(found.content.sum(-1), 1, atol=1e-6)


def test_colours_take_the_style_of_the_same_colour():
    content = save("c.png", RED, GREEN, BLUE, GREEN)
    style = save("s.png", GREEN, RED, size=STYLES[0])
    found, notice = regions(content, style)
    # Green before red, by the sum of their channels and then red.
    expected = [np.repeat([0, 1, 0, 1], 8), np.repeat([1, 0, 0, 0], 8)]
    np.testing.assert_array_equal(columns(found.content), expected)
    expected = [np.repeat([1, 0], 14), np.repeat([0, 1], 14)]
    np.testing.assert_array_equal(columns(found.styles[0]), expected)
    assert "#0000ff of c.png is in no mask of a painting" in notice


def test_a_colour_that_two_paintings_have():
    content = save("c.png", RED, GREEN)
    first = save("a.png", RED, GREEN, size=STYLES[0])
    second = save("b.png", GREEN, GREEN, size=STYLES[1])
    found, _ = regions(content, first, second, count=2)
    green, red = (np.asarray(found.styles[1][..., r]) for r in range(2))
    assert green.min() == 1 and red.max() == 0


def test_jpeg_colours_are_those_that_were_meant():
    content = save("c.jpg", RED, GREEN, size=(96, 128), quality=75)
    style = save("s.png", RED, GREEN, size=STYLES[0])
    found, notice = regions(content, style, size=(96, 128))
    assert notice == "" and found.content.shape[-1] == 2
    left, right = columns(found.content)[:, [5, 120]].T
    np.testing.assert_allclose(left + right, 1)
    assert sorted(left) == [0, 1]
    # Each with the side of the painting's mask that has its colour.
    np.testing.assert_array_equal(found.styles[0][10, 3], left)
    np.testing.assert_array_equal(found.styles[0][10, 20], right)


def test_regions_of_the_same_style_are_one():
    """Two colours of the photograph's mask that stand for one of the painting's."""
    content = save("c.png", RED, (255, 36, 36), GREEN, GREEN)
    assert len(read_mask(Path(content)).colors) == 3
    style = save("s.png", (255, 18, 18), GREEN, size=STYLES[0])
    found, _ = regions(content, style)
    assert found.content.shape[-1] == 2
    np.testing.assert_allclose(found.content.sum(-1), 1)


def test_a_mask_of_the_painting_alone():
    found, _ = regions(None, save("s.png", 255, 0, size=STYLES[0]))
    np.testing.assert_array_equal(found.content, np.ones((*SIZE, 1)))
    np.testing.assert_array_equal(columns(found.styles[0])[0], np.repeat([1, 0], 14))


def test_the_alpha_of_one_colour_is_the_mask():
    array = np.zeros((*SIZE, 4), np.uint8)
    array[:, 16:, 3] = 255
    Image.fromarray(array).save("m.png")
    found, _ = regions("m.png")
    np.testing.assert_array_equal(columns(found.content)[0], np.repeat([0, 1], 16))


def test_masks_of_other_sizes_lie_as_the_photograph_is_seen():
    """EXIF orientation 6: stored on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    array = np.zeros((64, 48), np.uint8)
    array[:32] = 255  # turned clockwise the white half is on the right
    Image.fromarray(array).save("m.png", exif=exif)
    assert read_mask(Path("m.png")).grey.shape == (48, 64)
    found, _ = regions("m.png")
    np.testing.assert_allclose(columns(found.content)[0][[2, -3]], [0, 1], atol=1e-3)


def test_a_feathered_border_is_soft_and_farther_off_nothing_changes():
    hard, _ = regions(save("m.png", 0, 255))
    soft, _ = regions("m.png", feather=4 / 32)
    row, before = columns(soft.content)[0], columns(hard.content)[0]
    np.testing.assert_array_equal(row[:12], before[:12])
    np.testing.assert_array_equal(row[20:], before[20:])
    assert np.all(np.diff(row[11:21]) > 0)
    mask = np.random.default_rng(0).dirichlet([1, 1, 1], SIZE).astype(np.float32)
    np.testing.assert_allclose(feathered(mask, 3).sum(-1), 1, rtol=1e-5)


def test_between_levels():
    parts = between(np.array([[0, 64, 128, 255]]), np.array([0, 128, 255]))
    expected = [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(parts[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "styles", "count", "words"),
    [
        ((RED, GREEN), (), 1, "has colours, which stand for the same colours in masks"),
        ((0, 80, 160, 255), (), 2, "4 grey levels for 2 paintings; give 2, from black"),
        (
            (RED, GREEN),
            ((BLUE, BLUE),),
            1,
            "no colour in common: #00ff00, #ff0000",
        ),
        ((0, 0), (), 1, "leaves nothing to paint: black keeps the photograph"),
        (None, ((0, 0),), 1, "leaves nothing of its painting to be used"),
        ((RED, GREEN), ((RED,), (RED,)), 1, "got 2 style_mask for 1 paintings"),
    ],
)
def test_masks_that_do_not_say_what_is_meant(content, styles, count, words):
    first = content and save("c.png", *content)
    rest = [save(f"s{i}.png", *own, size=STYLES[0]) for i, own in enumerate(styles)]
    with pytest.raises(ValueError, match=words):
        regions(first, *rest, count=count)


def test_files_that_are_no_masks(tmp_path):
    (tmp_path / "m.png").write_text("no picture")
    with pytest.raises(ValueError, match="m.png: not a whole picture"):
        regions("m.png")
    with pytest.raises(FileNotFoundError):
        regions("gone.png")
    with pytest.raises(ValueError, match="address"):
        regions("https://example.org/m.png")


def test_feather_within_bounds():
    with pytest.raises(ValueError, match="feather"):
        Masks(feather=-0.1)
