"""Training pictures: crops, their changes, dead leaves."""

from pathlib import Path

import numpy as np
import pytest
from networks import picture

from jaxnst import save_image
from jaxnst.images.listing import image_files
from jaxnst.training import crops


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "deep").mkdir()
    save_image(folder / "b.png", picture(60, 90, 1))
    save_image(folder / "deep" / "a.JPG", picture(48, 40, 2))
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.fixture(scope="module")
def source(folder):
    return crops.Crops(image_files([folder]), side=32, count=5, leaves=2, seed=7)


def test_pictures_are_found_in_folders_below(folder):
    found = image_files([folder, folder])
    assert [path.name for path in found] == ["b.png", "a.JPG"]


def test_folders_without_pictures(tmp_path):
    with pytest.raises(FileNotFoundError, match="no pictures in"):
        image_files([tmp_path])
    with pytest.raises(FileNotFoundError, match="there is no .*absent"):
        image_files([tmp_path / "absent"])


def test_a_picture_is_kept_at_ever_smaller_sizes(folder):
    sizes = crops.read_pyramid(folder / "b.png", 32)
    assert [size.shape for size in sizes] == [(60, 90, 3), (42, 64, 3)]
    with pytest.raises(
        ValueError, match=r"90 x 60 pixels, crops need 61.*smaller crop"
    ):
        crops.read_pyramid(folder / "b.png", 61)


def test_a_batch_depends_on_seed_and_number_alone(folder, source):
    first, later = source.batch(3), source.batch(4)
    assert first.shape == (5, 32, 32, 3) and first.dtype == np.float32
    assert first.min() >= 0 and first.max() <= 1
    np.testing.assert_array_equal(source.batch(3), first)
    assert np.abs(first - later).mean() > 0.05
    other = crops.Crops(image_files([folder]), side=32, count=5, leaves=2, seed=8)
    assert np.abs(other.batch(3) - first).mean() > 0.05


def test_crops_are_pieces_of_the_pictures(source):
    rng = np.random.default_rng(0)
    for _ in range(5):
        square = source.crop(rng)
        pieces = [
            np.lib.stride_tricks.sliding_window_view(size, (32, 32), (0, 1))
            for sizes in source.pyramids
            for size in sizes
        ]
        wanted = np.round(square * 255).astype(np.uint8).transpose(2, 0, 1)
        assert any(
            (windows == one).all((-3, -2, -1)).any()
            for windows in pieces
            for one in (wanted, wanted[..., ::-1])
        )


def test_dead_leaves_look_alike_at_every_scale(source):
    # Natural pictures have a spectrum near 1 / f²; white noise has a flat one.
    leaves = np.mean(
        [
            np.abs(np.fft.fft2(source.dead_leaves(np.random.default_rng(n)).mean(-1)))
            ** 2
            for n in range(40)
        ],
        0,
    )
    down, across = np.meshgrid(np.fft.fftfreq(32), np.fft.fftfreq(32), indexing="ij")
    frequency = np.hypot(down, across)
    band = (frequency > 0.05) & (frequency < 0.4)
    slope = np.polyfit(np.log(frequency[band]), np.log(leaves[band]), 1)[0]
    assert -3 < slope < -1.4


def test_noise_and_colours_stay_in_range(rng):
    square = np.asarray(picture(20, 21))
    for _ in range(20):
        jittered = crops.jitter_colors(square, rng)
        assert jittered.shape == square.shape and jittered.dtype == np.float32
        assert jittered.min() >= 0 and jittered.max() <= 1
        grain = crops.sample_noise((5, 7, 3), rng)
        assert grain.shape == (5, 7, 3) and 0 < grain.std() < 0.3
