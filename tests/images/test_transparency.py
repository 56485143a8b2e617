"""Transparent pictures: what is painted of them, and the alpha of what was painted."""

import numpy as np
import pytest
from PIL import Image

from jaxnst import load_image, save_image
from jaxnst.images import read_like, read_picture, save_animation
from jaxnst.images.decode import continued


def file_of(path, color, alpha):
    bands = np.concatenate([color, alpha[..., None]], -1)
    Image.fromarray(np.round(bands * 255).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def smooth():
    y, x = np.mgrid[:40, :64] / 64
    return np.stack([0.2 + 0.6 * y, 0.5 + 0.3 * np.sin(5 * x), 0.9 - x * y], -1)


def test_soft_edges_keep_their_colours(tmp_path, smooth):
    alpha = np.broadcast_to(np.linspace(0, 1, 64), (40, 64))
    path = file_of(tmp_path / "a.png", smooth, alpha)
    for size in (None, 32):
        image = np.asarray(load_image(path, size=size, alpha=True))
        expected = smooth if size is None else load_image(
            file_of(tmp_path / "b.png", smooth, np.ones_like(alpha)), size=32
        )  # fmt: skip
        assert image.shape == (*expected.shape[:2], 4)
        solid = image[..., 3] > 0.1
        difference = np.abs(image[..., :3] - expected)
        assert difference[solid].max() < 0.02 and difference.max() < 0.1


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "jpg"])
def test_a_picture_that_nobody_painted_is_shown_as_before(tmp_path, smooth, suffix):
    alpha = np.clip(np.broadcast_to(np.linspace(-0.2, 1.2, 64), (40, 64)), 0, 1)
    path = file_of(tmp_path / "a.png", smooth, alpha)
    color = load_image(path, alpha=True)[..., :3]
    save_image(tmp_path / f"b.{suffix}", color, like=path)
    before, after = load_image(path), load_image(tmp_path / f"b.{suffix}")
    tolerance = 8 / 255 if suffix == "jpg" else 2.5 / 255
    np.testing.assert_allclose(after, before, atol=tolerance)


@pytest.mark.parametrize("level", [1, 25, 128])
def test_painted_colours_stay_under_little_alpha(tmp_path, rng, level):
    path = tmp_path / "a.png"
    file_of(path, np.zeros((8, 8, 3)), np.full((8, 8), level / 255))
    painted = rng.random((8, 8, 3), dtype=np.float32)
    save_image(tmp_path / "b.png", painted, like=path)
    with Image.open(tmp_path / "b.png") as opened:
        stored = np.asarray(opened)
    assert (stored[..., 3] == level).all()
    np.testing.assert_allclose(stored[..., :3] / 255, painted, atol=0.51 / 255)


def test_what_lies_under_full_transparency_is_not_seen(tmp_path, smooth, rng):
    alpha = np.zeros((40, 64))
    alpha[:, :20] = 1
    files = [
        file_of(tmp_path / f"{i}.png", np.where(alpha[..., None], smooth, junk), alpha)
        for i, junk in enumerate((0, rng.random(smooth.shape)))
    ]
    first, second = (np.asarray(load_image(f, alpha=True)) for f in files)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first[:, :20, :3], smooth[:, :20], atol=0.51 / 255)
    # Beside the edge the colours go on.
    assert np.abs(first[:, 20, :3] - first[:, 19, :3]).max() < 0.05


def test_without_transparent_parts_there_are_three_channels(tmp_path, smooth):
    opaque = file_of(tmp_path / "a.png", smooth, np.ones((40, 64)))
    plain = tmp_path / "b.png"
    Image.open(opaque).convert("RGB").save(plain)
    for size in (None, 30):
        images = [load_image(x, size=size, alpha=True) for x in (opaque, plain)]
        np.testing.assert_array_equal(*images)
        np.testing.assert_array_equal(images[0], load_image(plain, size=size))


def test_nothing_at_all_is_white():
    nothing = continued(np.zeros((5, 3, 3), np.float32), np.zeros((5, 3), np.float32))
    np.testing.assert_array_equal(nothing, 1)


@pytest.mark.parametrize("suffix", ["webp", "gif"])
def test_animations_keep_the_alpha(tmp_path, smooth, suffix):
    alpha = np.zeros((40, 64))
    alpha[:, :20] = 1
    path = file_of(tmp_path / "a.png", smooth, alpha)
    frames = [smooth.astype(np.float32), 1 - smooth.astype(np.float32)]
    alpha = read_like(path, size=(40, 64)).alpha
    save_animation(tmp_path / f"b.{suffix}", frames, alpha=alpha)
    with Image.open(tmp_path / f"b.{suffix}") as opened:
        for index, frame in enumerate(frames):
            opened.seek(index)
            stored = np.asarray(opened.convert("RGBA")) / 255
            np.testing.assert_allclose(stored[..., 3], alpha, atol=0.02)
            seen = np.abs(stored[:, :18, :3] - frame[:, :18])
            assert seen.mean() < 0.03


def test_an_alpha_of_another_size_is_resized(tmp_path, smooth):
    half = np.full((10, 16), 0.5, np.float32)
    save_animation(tmp_path / "a.webp", [smooth.astype(np.float32)], alpha=half)
    picture = read_picture(tmp_path / "a.webp")
    np.testing.assert_allclose(picture.alpha, 0.5, atol=0.01)
