"""Reading: kinds of files, orientation, profiles, transparency, damage."""

import io
import os
import struct
import threading
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps
from profiles import ADOBE, SRGB, cmyk_profile, grey_profile, wide_profile

from jaxnst.images import load_image, opening, picture_size, read_picture
from jaxnst.images.resampling import encode_srgb


def save(folder, name, picture, **options):
    picture.save(folder / name, **options)
    return folder / name


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def levels(path):
    return np.asarray(load_image(path)) * 255


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.webp", {"lossless": True}),
        ("a.tif", {}),
        ("a.tif", {"compression": "tiff_lzw"}),
        ("a.bmp", {}),
        ("a.ppm", {}),
    ],
)
def test_lossless_formats_give_the_exact_values(tmp_path, pixels, name, options):
    path = save(tmp_path, name, Image.fromarray(pixels), **options)
    image = load_image(path)
    assert image.dtype == np.float32 and picture_size(path) == (5, 7)
    np.testing.assert_array_equal(np.asarray(image), pixels.astype(np.float32) / 255)


def test_jpeg_and_avif_are_close(tmp_path):
    smooth = np.linspace(0, 255, 32 * 32 * 3).reshape(32, 32, 3).astype(np.uint8)
    for name in ("a.jpg", "a.avif"):
        path = save(tmp_path, name, Image.fromarray(smooth), quality=95)
        np.testing.assert_allclose(levels(path), smooth, atol=12)


def test_grey_palette_and_bits(tmp_path, pixels):
    grey = Image.fromarray(pixels[..., 0])
    for name, picture in (
        ("grey.png", grey),
        ("bits.png", grey.convert("1")),
        ("palette.png", Image.fromarray(pixels).quantize(64)),
        ("palette.gif", Image.fromarray(pixels).quantize(64)),
    ):
        expected = np.asarray(picture.convert("RGB"))
        np.testing.assert_array_equal(
            levels(save(tmp_path, name, picture)).round(), expected
        )


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "tRNS"])
def test_transparency_is_laid_over_white(tmp_path, rng, mode):
    if mode in ("LA", "RGBA"):
        bands = rng.integers(0, 256, (6, 5, len(mode)), dtype=np.uint8)
        path = save(tmp_path, "a.png", Image.fromarray(bands, mode))
        color, alpha = bands[..., :-1] / 255, bands[..., -1] / 255
    elif mode == "P":
        picture = Image.fromarray(rng.integers(0, 4, (6, 5), dtype=np.uint8), "P")
        picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
        path = save(tmp_path, "a.png", picture, transparency=bytes([0, 128, 255, 255]))
        index = np.asarray(picture)
        table = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [9 / 255] * 3])
        color, alpha = table[index], np.array([0, 128 / 255, 1, 1])[index]
    else:
        bands = rng.integers(0, 2, (6, 5, 3), dtype=np.uint8) * 255
        path = save(tmp_path, "a.png", Image.fromarray(bands), transparency=(255, 0, 0))
        color, alpha = bands / 255, 1.0 - (bands == [255, 0, 0]).all(-1)
    picture = read_picture(path)
    np.testing.assert_allclose(picture.alpha, alpha, atol=1e-6)
    over_white = color * alpha[..., None] + 1 - alpha[..., None]
    expected = np.broadcast_to(over_white, (6, 5, 3))
    np.testing.assert_allclose(picture.image, expected, atol=1e-6)


def test_without_transparency_there_is_no_alpha(tmp_path, pixels):
    assert read_picture(save(tmp_path, "a.png", Image.fromarray(pixels))).alpha is None


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_in_full(tmp_path, rng, suffix):
    grey = rng.integers(0, 65536, (6, 5), dtype=np.uint16)
    path = save(tmp_path, f"a.{suffix}", Image.fromarray(grey))
    image = np.asarray(load_image(path))
    np.testing.assert_allclose(
        image, (grey / 65535)[..., None].repeat(3, -1), atol=1e-7
    )


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", ["uint16", "float32", "uint32"])
def test_deep_tiff_in_full(tmp_path, rng, kind, planar):
    unit = rng.random((6, 5, 3))
    scale = 1 if kind == "float32" else np.iinfo(kind).max
    stored = (unit * scale).astype(kind)
    if planar == "separate":
        stored = np.moveaxis(stored, -1, 0)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar)
    atol = 2e-5 if kind == "uint16" else 1e-7
    np.testing.assert_allclose(np.asarray(load_image(path)), unit, atol=atol)


@pytest.mark.parametrize("associated", [False, True])
def test_deep_tiff_with_alpha(tmp_path, rng, associated):
    color, alpha = rng.random((6, 5, 3)), 0.2 + 0.8 * rng.random((6, 5, 1))
    stored = np.concatenate([color * alpha if associated else color, alpha], -1)
    kind = "assocalpha" if associated else "unassalpha"
    stored = np.round(stored * 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=[kind])
    picture = read_picture(tmp_path / "a.tif")
    np.testing.assert_allclose(picture.alpha, alpha[..., 0], atol=1e-5)
    np.testing.assert_allclose(picture.image, color * alpha + 1 - alpha, atol=2e-4)


def test_a_deep_tiff_that_only_pillow_decompresses(tmp_path, rng):
    grey = rng.integers(0, 65536, (6, 5), dtype=np.uint16)
    path = save(tmp_path, "a.tif", Image.fromarray(grey), compression="tiff_lzw")
    np.testing.assert_allclose(load_image(path)[..., 0], grey / 65535, atol=1e-7)


def test_tiff_with_values_that_are_not_finite_is_refused(tmp_path):
    stored = np.full((4, 4, 3), np.nan, np.float32)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb")
    with pytest.raises(ValueError, match="not finite"):
        load_image(tmp_path / "a.tif")


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "deep.tif"])
def test_every_orientation(tmp_path, pixels, turn, suffix):
    exif = Image.Exif()
    exif[0x0112] = turn
    plain = Image.fromarray(pixels)
    path = tmp_path / f"a.{suffix}"
    if suffix == "deep.tif":
        tag = [(274, 3, 1, turn, True)]
        deep = pixels.astype(np.uint16) * 257
        tifffile.imwrite(path, deep, photometric="rgb", extratags=tag)
    elif suffix == "tif":
        plain.save(path, tiffinfo={274: turn})
    else:
        exact = {"webp": {"lossless": True}, "jpg": {"quality": 100, "subsampling": 0}}
        plain.save(path, exif=exif, **exact.get(suffix, {}))
    buffer = io.BytesIO()
    plain.save(buffer, "PNG", exif=exif)
    with Image.open(buffer) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    np.testing.assert_allclose(levels(path), expected, atol=6)
    assert picture_size(path) == expected.shape[:2]


def test_an_rgb_profile_is_converted(tmp_path, rng):
    pixels = rng.integers(60, 200, (6, 5, 3), dtype=np.uint8)
    linear = (pixels / 255) ** 2.19921875 @ (np.linalg.inv(SRGB) @ ADOBE).T
    expected = encode_srgb(np.clip(linear, 0, 1))
    path = save(tmp_path, "a.png", Image.fromarray(pixels), icc_profile=wide_profile())
    picture = read_picture(path)
    assert picture.icc_profile == wide_profile()
    np.testing.assert_allclose(picture.image, expected, atol=2 / 255)
    assert np.abs(picture.image - pixels / 255).max() > 5 / 255


def test_a_profile_on_16_bits_leaves_gradients_smooth(tmp_path):
    ramp = np.linspace(0.3, 0.4, 2000).reshape(4, 500, 1).repeat(3, -1)
    stored = np.round(ramp * 65535).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric="rgb", iccprofile=wide_profile()
    )
    red = np.asarray(load_image(tmp_path / "a.tif"))[..., 0]
    assert len(np.unique(red)) > 1000
    expected = encode_srgb(ramp[..., 0] ** 2.19921875)  # grey is grey in both
    np.testing.assert_allclose(red, expected, atol=1.5 / 255)


def test_an_srgb_profile_changes_nothing(tmp_path, pixels):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = save(tmp_path, "a.png", Image.fromarray(pixels), icc_profile=profile)
    np.testing.assert_array_equal(levels(path).round(), pixels)


def test_a_grey_profile_is_converted(tmp_path):
    grey = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    path = save(tmp_path, "a.png", grey, icc_profile=grey_profile(1.0))
    expected = encode_srgb(np.arange(256).reshape(16, 16) / 255)
    np.testing.assert_allclose(load_image(path)[..., 1], expected, atol=2 / 255)


def test_cmyk_with_and_without_profile(tmp_path):
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[..., 0] = 255  # full cyan
    picture = Image.fromarray(inks, "CMYK")
    plain = levels(save(tmp_path, "a.jpg", picture, quality=100))
    np.testing.assert_allclose(
        plain, np.broadcast_to([0, 255, 255], plain.shape), atol=3
    )
    path = save(tmp_path, "b.jpg", picture, quality=100, icc_profile=cmyk_profile())
    np.testing.assert_allclose(levels(path), 255, atol=3)  # cyan is invisible there
    assert read_picture(path).icc_profile == cmyk_profile()


@pytest.mark.parametrize("profile", [b"no profile", wide_profile()[:200]])
def test_a_broken_profile_is_ignored_with_a_warning(tmp_path, pixels, profile):
    path = save(tmp_path, "a.png", Image.fromarray(pixels), icc_profile=profile)
    with pytest.warns(UserWarning, match=r"a\.png: its colour profile .* is ignored"):
        picture = read_picture(path)
    np.testing.assert_array_equal((picture.image * 255).round(), pixels)
    assert picture.icc_profile is None


def test_a_profile_of_another_space_is_ignored_with_a_warning(tmp_path, pixels):
    picture = Image.fromarray(pixels)
    path = save(tmp_path, "a.png", picture, icc_profile=cmyk_profile())
    with pytest.warns(UserWarning, match="ignored"):
        np.testing.assert_array_equal(levels(path).round(), pixels)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_an_animation_gives_its_first_frame(tmp_path, suffix):
    frames = [Image.new("RGB", (6, 4), code) for code in ("red", "lime", "blue")]
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50)
    expected = np.broadcast_to([255, 0, 0], (4, 6, 3))
    with pytest.warns(UserWarning, match="it is an animation; its first frame"):
        np.testing.assert_allclose(levels(path), expected, atol=4)


def test_size_is_the_longest_side_or_both(tmp_path, rng):
    bands = rng.integers(0, 256, (20, 30, 4), dtype=np.uint8)
    path = save(tmp_path, "a.png", Image.fromarray(bands))
    assert load_image(path, size=15).shape == (10, 15, 3)
    assert load_image(path, size=60).shape == (40, 60, 3)
    assert load_image(path, size=(7, 9)).shape == (7, 9, 3)
    assert read_picture(path, size=(7, 9)).alpha.shape == (7, 9)
    for wrong in (0, -1, 2.5, "15", (3,), True):
        with pytest.raises(ValueError, match="size"):
            load_image(path, size=wrong)


def test_missing_folder_and_empty(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.png: there is no such file"):
        load_image(tmp_path / "no.png")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        load_image(tmp_path)
    (tmp_path / "empty.png").touch()
    with pytest.raises(ValueError, match=r"empty\.png: the file is empty"):
        load_image(tmp_path / "empty.png")
    with pytest.raises(NotADirectoryError, match=r"cannot read .*empty\.png"):
        load_image(tmp_path / "empty.png" / "a.png")


def test_a_text_and_a_script_are_no_pictures(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    (tmp_path / "b.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for name in ("a.png", "b.png"):
        with pytest.raises(
            ValueError, match=rf"{name}: not a whole picture in a format"
        ):
            picture_size(tmp_path / name)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="permission bits do not bind this user",
)
def test_a_file_without_permission(tmp_path, pixels):
    path = save(tmp_path, "a.png", Image.fromarray(pixels))
    path.chmod(0)
    with pytest.raises(PermissionError, match="chmod u"):
        load_image(path)


def bomb(width, height):
    """A PNG header that claims a size."""

    def chunk(name, data):
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x")
        + chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.mark.parametrize("side", [13_360, 60_000])
def test_a_decompression_bomb_is_refused(tmp_path, side):
    (tmp_path / "a.png").write_bytes(bomb(side, side))
    for read in (load_image, picture_size):
        with pytest.raises(ValueError, match=r"limit of 178,000,000 .*MAX_PIXELS"):
            read(tmp_path / "a.png")


def test_a_deep_tiff_over_the_limit_is_refused(tmp_path, monkeypatch):
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((9, 9, 3), np.uint16), photometric="rgb"
    )
    monkeypatch.setattr(opening, "MAX_PIXELS", 80)
    for read in (load_image, picture_size):
        with pytest.raises(ValueError, match="9 x 9 = 81, more pixels than the limit"):
            read(tmp_path / "a.tif")


def test_a_deep_tiff_that_claims_too_much_is_refused_at_once(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((9, 9, 3), np.uint16), photometric="rgb")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tiff.pages[0].tags[name].overwrite(13_000)
    with pytest.raises(ValueError, match=r"bytes cannot hold \(13000, 13000, 3\)"):
        load_image(path)


def small_files():
    gradient = np.arange(12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind, options in (
        ("PNG", {"icc_profile": wide_profile(), "exif": exif}),
        ("JPEG", {"icc_profile": wide_profile(), "exif": exif}),
        ("WEBP", {"exif": exif}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("GIF", {}),
    ):
        buffer = io.BytesIO()
        Image.fromarray(gradient).save(buffer, kind, **options)
        yield buffer.getvalue()
    buffer = io.BytesIO()
    deep = gradient.astype(np.uint16) * 257
    tifffile.imwrite(buffer, deep, photometric="rgb", compression="zlib")
    yield buffer.getvalue()


SMALL_FILES = list(small_files())


@pytest.mark.filterwarnings("ignore:.*profile.*is ignored:UserWarning")
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damage_gives_a_picture_or_a_plain_error(tmp_path, data):
    content = bytearray(data.draw(st.sampled_from(SMALL_FILES)))
    for _ in range(data.draw(st.integers(0, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "a"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    for read in (load_image, picture_size):
        try:
            result = read(path)
        except (ValueError, OSError) as error:
            assert str(path) in str(error)
        else:
            assert read is picture_size or np.isfinite(np.asarray(result)).all()


@pytest.mark.parametrize("content", SMALL_FILES)
def test_half_a_file_is_refused_with_its_name(tmp_path, content):
    (tmp_path / "half").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="cannot read .*half"):
        load_image(tmp_path / "half")


def test_pillow_is_left_as_it_was(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ValueError):
        (tmp_path / "a.png").write_bytes(bomb(60_000, 60_000))
        load_image(tmp_path / "a.png")
    assert Image.MAX_IMAGE_PIXELS == before


def test_while_one_thread_reads_no_other_warns(tmp_path, pixels, monkeypatch):
    """Reading switches warnings off, for all threads."""
    path = save(tmp_path, "a.png", Image.fromarray(pixels))
    inside, over, warned = threading.Event(), threading.Event(), []
    monkeypatch.setattr(
        opening.warnings, "warn", lambda *_, **__: warned.append(over.is_set())
    )

    def read():
        with opening.open_file(path):
            inside.set()
            over.wait(0.2)
            over.set()

    thread = threading.Thread(target=read)
    thread.start()
    inside.wait()
    opening.warn("now", stacklevel=2)
    thread.join()
    assert warned == [True]
