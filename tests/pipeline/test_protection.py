"""What is to stay recognisable: less is painted there, in the paintings' colours."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from networks import picture
from PIL import Image

from jaxnst import Regions, Settings, save_image
from jaxnst.pipeline import Masks, color_transfer, inputs, protect
from jaxnst.pipeline.protection import load_masks
from jaxnst.pipeline.region_masks import load_protection, mask_files

SIZE = 24, 32
CONTENT = picture(*SIZE) * jnp.float32([0.9, 0.5, 0.3]).reshape(1, 1, 3)
RED, BLUE = (
    picture(20, 20, n) * jnp.float32(tint).reshape(1, 1, 3)
    for n, tint in ((1, (0.9, 0.2, 0.1)), (2, (0.1, 0.3, 0.9)))
)
SETTINGS = Settings(masks=Masks(protect_strength=0.6))


def upper(value=1.0):
    """A mask of the upper half."""
    mask = np.zeros((*SIZE, 1), np.float32)
    mask[:12] = value
    return jnp.asarray(mask)


def test_a_protected_part_has_the_paintings_colours_and_less_paint():
    shown, regions = protect(SETTINGS, CONTENT, [BLUE], None, upper())
    moved = color_transfer.match_color(CONTENT, BLUE)
    np.testing.assert_allclose(shown[:12], moved[:12], atol=1e-5)
    np.testing.assert_array_equal(shown[12:], CONTENT[12:])
    np.testing.assert_allclose(regions.content[:12], 0.4, rtol=1e-6)
    np.testing.assert_array_equal(regions.content[12:], 1)
    np.testing.assert_array_equal(regions.styles[0], np.ones((20, 20, 1)))


def test_grey_protects_in_part_and_black_not_at_all():
    shown, regions = protect(SETTINGS, CONTENT, [BLUE], None, upper(0.5))
    moved = color_transfer.match_color(CONTENT, BLUE, clip=False)
    half = jnp.clip((CONTENT + moved) / 2, 0, 1)
    np.testing.assert_allclose(shown[:12], half[:12], atol=1e-5)
    np.testing.assert_allclose(regions.content[:12], 0.7, rtol=1e-6)
    shown, regions = protect(SETTINGS, CONTENT, [BLUE], None, upper(0))
    np.testing.assert_array_equal(shown, CONTENT)
    np.testing.assert_array_equal(regions.content, 1)


@pytest.mark.parametrize("color", ["content", "match"])
def test_colours_that_the_photograph_keeps_it_keeps(color):
    settings = replace(SETTINGS, color=color)
    shown, regions = protect(settings, CONTENT, [BLUE], None, upper())
    np.testing.assert_array_equal(shown, CONTENT)
    np.testing.assert_allclose(regions.content[:12], 0.4, rtol=1e-6)


def test_it_multiplies_with_regions_of_which_each_has_its_own_colours():
    """Left red, right blue, and a strip in the middle stays the photograph."""
    mask = np.zeros((*SIZE, 2), np.float32)
    mask[:, :14, 0] = mask[:, 18:, 1] = 1
    owns = (np.ones((20, 20, 1), np.float32) * own for own in np.eye(2, dtype="f"))
    regions = Regions(jnp.asarray(mask), tuple(map(jnp.asarray, owns)))
    shown, found = protect(SETTINGS, CONTENT, [RED, BLUE], regions, upper())
    np.testing.assert_allclose(found.content[:12], 0.4 * mask[:12], rtol=1e-6)
    np.testing.assert_array_equal(shown[:, 14:18], CONTENT[:, 14:18])
    for columns, style in ((slice(0, 14), RED), (slice(18, 32), BLUE)):
        wanted = color_transfer.match_color(CONTENT[:, columns], style)
        np.testing.assert_allclose(shown[:12, columns], wanted[:12], atol=1e-4)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"must have the shape \(24, 32, 1\)"):
        protect(SETTINGS, CONTENT, [BLUE], None, upper()[1:])


def test_the_file_of_a_mask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    half = np.zeros((48, 64), np.uint8)
    half[:24] = 255
    Image.fromarray(half).save("p.png")
    masks = Masks(protect="p.png", feather=0)
    assert [path.name for path in mask_files(masks)] == ["p.png"]
    mask = np.asarray(load_protection(masks, SIZE))
    assert mask[:11].min() == 1 and mask[13:].max() == 0
    settings = replace(SETTINGS, masks=masks)
    shown, regions, notice = load_masks(settings, CONTENT, [BLUE])
    assert notice == "" and float(regions.content[0, 0, 0]) == pytest.approx(0.4)
    assert np.abs(shown - CONTENT)[:10].mean() > 0.01
    assert load_masks(Settings(), CONTENT, [BLUE]) == (CONTENT, None, "")
    save_image("color.png", RED)
    with pytest.raises(ValueError, match="has colours; what is protected is white"):
        load_protection(Masks(protect="color.png"), SIZE)
    with pytest.raises(ValueError, match="address"):
        inputs.further_files(Settings(masks=Masks(protect="https://a.b/c.png")))
    with pytest.raises(ValueError, match="protect_strength"):
        Masks(protect_strength=1.5)
