"""Writing: formats, rounding, alpha, profiles, metadata, animations, interruptions."""

import errno
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from profiles import cmyk_profile, grey_profile, wide_profile

from jaxnst.images import (
    check_animation,
    check_fits,
    check_output,
    icc,
    load_image,
    metadata_fits,
    read_like,
    read_metadata,
    read_picture,
    save_animation,
    save_image,
)

SUFFIXES = ("png", "jpg", "jpeg", "webp", "tif", "tiff")
LOSSLESS = ("png", "webp", "tif")


@pytest.fixture
def image(rng):
    """Smooth, so that JPEG can hold it."""
    y, x = np.mgrid[:24, :32] / 32
    return np.stack([0.2 + 0.6 * y, 0.5 + 0.3 * np.sin(5 * x), 0.9 - x * y], -1).astype(
        np.float32
    )


@pytest.mark.parametrize("suffix", [*SUFFIXES, "PNG", "Jpg"])
def test_round_trip(tmp_path, image, suffix):
    path = tmp_path / f"a.{suffix}"
    save_image(path, image)
    exact = {"png": 0.5 / 255, "webp": 0.5 / 255, "tif": 1e-5, "tiff": 1e-5}
    tolerance = exact.get(suffix.lower(), 5 / 255)
    np.testing.assert_allclose(load_image(path), image, atol=tolerance + 1e-6)
    assert list(tmp_path.iterdir()) == [path]


def test_rounding_to_8_bits_and_clipping(tmp_path):
    row = np.array([-1, 0, 0.49, 0.51, 1.49, 1.51, 254.49, 254.51, 255, 300]) / 255
    image = row.reshape(1, 10, 1).repeat(3, -1).astype(np.float32)
    save_image(tmp_path / "a.png", image)
    with Image.open(tmp_path / "a.png") as opened:
        stored = np.asarray(opened)[0, :, 0]
    np.testing.assert_array_equal(stored, [0, 0, 0, 1, 1, 2, 254, 255, 255, 255])


def test_tiff_has_16_bits_deflate_and_tags(tmp_path, image):
    save_image(tmp_path / "a.tif", image, metadata={"steps": 3})
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        page = tiff.pages[0]
        assert page.dtype == np.uint16 and page.photometric.name == "RGB"
        assert page.compression.name == "ADOBE_DEFLATE"
        assert page.tags.valueof("Software") == "jaxnst"
        assert page.tags.valueof(34675) == icc.srgb_profile()
        assert json.loads(page.description)["jaxnst"] == {"steps": 3}
        np.testing.assert_array_equal(
            page.asarray(), np.round(image.astype(float) * 65535)
        )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_software_and_srgb_profile_are_named(tmp_path, image, suffix):
    save_image(tmp_path / f"a.{suffix}", image)
    with Image.open(tmp_path / f"a.{suffix}") as opened:
        software = opened.info.get("Software") or opened.getexif().get(0x0131)
        profile = opened.info["icc_profile"]
    assert software == "jaxnst"
    described = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
    assert "sRGB" in described.profile_description


def test_the_same_picture_gives_the_same_bytes(tmp_path, image):
    icc.srgb_profile.cache_clear()
    save_image(tmp_path / "a.png", image, metadata={"a": 1})
    icc.srgb_profile.cache_clear()
    save_image(tmp_path / "b.png", image, metadata={"a": 1})
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert icc.srgb_profile()[24:36] == bytes([7, 224, 0, 1, 0, 1] + [0] * 6)


def test_tiff_without_metadata_has_no_description(tmp_path, image):
    save_image(tmp_path / "a.tif", image)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert "ImageDescription" not in tiff.pages[0].tags


def test_quality_and_sampling(tmp_path, rng):
    noise = rng.random((32, 32, 3), dtype=np.float32)
    sizes = []
    for quality in (20, 60, None, 100):
        save_image(tmp_path / "a.jpg", noise, quality=quality)
        sizes.append((tmp_path / "a.jpg").stat().st_size)
    assert sizes == sorted(sizes) and len(set(sizes)) == 4
    save_image(tmp_path / "a.jpg", noise)
    with Image.open(tmp_path / "a.jpg") as opened:
        assert [layer[1:3] for layer in opened.layer] == [(1, 1)] * 3  # 4:4:4
    save_image(tmp_path / "a.webp", noise, quality=30)
    assert np.abs(np.asarray(load_image(tmp_path / "a.webp")) - noise).max() > 0.05
    for quality in (0, 101, 9.5):
        with pytest.raises(
            ValueError, match="quality must be an integer from 1 to 100"
        ):
            save_image(tmp_path / "a.jpg", noise, quality=quality)
    with pytest.raises(ValueError, match="PNG is lossless"):
        save_image(tmp_path / "a.png", noise, quality=50)


@pytest.mark.parametrize("quality", [60, 88, 100])
def test_noise_takes_more_than_a_byte_a_pixel(tmp_path, rng, quality):
    # Pillow's buffer for optimised Huffman tables is too small for such a picture.
    noise = rng.integers(0, 2, (320, 400, 3)).astype(np.float32)
    save_image(tmp_path / "a.jpg", noise, quality=quality)
    assert load_image(tmp_path / "a.jpg").shape == (320, 400, 3)


@pytest.fixture
def with_alpha(tmp_path, rng):
    """A file with alpha, turned on its side, twice the size of `image`."""
    bands = rng.integers(0, 256, (64, 48, 4), dtype=np.uint8)
    bands[..., 3] = np.linspace(0, 255, 64).astype(np.uint8)[:, None]
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise
    Image.fromarray(bands).save(tmp_path / "source.png", exif=exif)
    return tmp_path / "source.png"


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_like_keeps_the_alpha_upright_and_resized(tmp_path, image, with_alpha, suffix):
    alpha = read_picture(with_alpha, size=(24, 32)).alpha
    path = tmp_path / f"a.{suffix}"
    save_image(path, image, like=with_alpha)
    saved = read_picture(path)
    assert saved.alpha[0, 0] > 0.9 and saved.alpha[0, -1] < 0.1
    np.testing.assert_allclose(saved.alpha, alpha, atol=0.6 / 255)
    over_white = image * alpha[..., None] + 1 - alpha[..., None]
    np.testing.assert_allclose(saved.image, over_white, atol=1.1 / 255)
    with Image.open(path) as opened:  # the colours are those that were painted
        colors = np.asarray(opened.convert("RGB"))[:, :30] / 255
    np.testing.assert_allclose(colors, image[:, :30], atol=1 / 255)


def test_like_lays_jpeg_over_white(tmp_path, image, with_alpha):
    alpha = read_picture(with_alpha, size=(24, 32)).alpha[..., None]
    save_image(tmp_path / "a.jpg", image, like=with_alpha)
    assert read_picture(tmp_path / "a.jpg").alpha is None
    shown = image * alpha + 1 - alpha
    np.testing.assert_allclose(load_image(tmp_path / "a.jpg"), shown, atol=7 / 255)


def test_like_may_be_the_file_written(tmp_path, image, with_alpha):
    save_image(with_alpha, image, like=with_alpha)
    assert read_picture(with_alpha).alpha.shape == (24, 32)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_like_keeps_an_rgb_profile(tmp_path, image, suffix):
    source = tmp_path / "source.png"
    Image.new("RGB", (4, 4), (90, 120, 80)).save(source, icc_profile=wide_profile())
    muted = 0.5 + 0.3 * (image - 0.5)
    path = tmp_path / f"a.{suffix}"
    save_image(path, muted, like=source)
    saved = read_picture(path)
    assert saved.icc_profile == wide_profile()
    tolerance = 5 / 255 if suffix.startswith("j") else 2 / 255
    np.testing.assert_allclose(saved.image, muted, atol=tolerance)
    with Image.open(path) as opened:
        stored = np.asarray(opened.convert("RGB")) / 255
    assert np.abs(stored - muted).max() > tolerance  # other numbers, same colours


@pytest.mark.parametrize("profile", [cmyk_profile(), grey_profile(1.8), b"broken"])
@pytest.mark.filterwarnings("ignore:.*is ignored:UserWarning")
def test_like_with_another_profile_gives_srgb(tmp_path, image, profile):
    mode = {b"CMYK": "CMYK", b"GRAY": "L"}.get(profile[16:20], "RGB")
    Image.new(mode, (4, 4)).save(tmp_path / "source.jpg", icc_profile=profile)
    save_image(tmp_path / "a.png", image, like=tmp_path / "source.jpg")
    saved = read_picture(tmp_path / "a.png")
    assert saved.icc_profile == icc.srgb_profile()
    np.testing.assert_allclose(saved.image, image, atol=0.51 / 255)


def test_like_that_is_missing(tmp_path, image):
    with pytest.raises(FileNotFoundError, match="no such file"):
        save_image(tmp_path / "a.png", image, like=tmp_path / "no.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_metadata_comes_back(tmp_path, image, suffix):
    stored = {
        "style": "Nachtstück ☾", "alpha": np.float32(0.5), "steps": np.int64(300),
        "losses": np.array([3.0, 2.0]), "layers": ["conv1_1"], "more": {"none": None},
    }  # fmt: skip
    path = tmp_path / f"a.{suffix}"
    assert read_metadata_of_plain(path, image) is None
    save_image(path, image, metadata=stored)
    expected = stored | {"alpha": 0.5, "steps": 300, "losses": [3.0, 2.0]}
    assert read_metadata(path) == expected


def read_metadata_of_plain(path, image):
    save_image(path, image)
    return read_metadata(path)


def test_metadata_that_cannot_be_stored(tmp_path, image):
    path = tmp_path / "a.jpg"
    with pytest.raises(TypeError, match="metadata must be a dict, got list"):
        save_image(path, image, metadata=[1])
    with pytest.raises(TypeError, match="object is no number, text, list or dict"):
        save_image(path, image, metadata={"a": object()})
    with pytest.raises(ValueError, match="replace NaN"):
        save_image(path, image, metadata={"a": float("nan")})
    with pytest.raises(ValueError, match="too long for JPEG"):
        save_image(path, image, metadata={"a": "x" * 70_000})
    save_image(tmp_path / "a.png", image, metadata={"a": "x" * 70_000})
    assert len(read_metadata(tmp_path / "a.png")["a"]) == 70_000


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_damaged_metadata_is_told_from_a_strangers(tmp_path, image, suffix):
    path = tmp_path / f"a.{suffix}"
    save_image(path, image, metadata={"strength": 1, "pad": "x"})
    content = path.read_bytes().replace(b'"strength": 1', b'"strength":: ')
    if suffix == "png":  # the chunk has a checksum, so write it anew
        info = Image.open(io.BytesIO(path.read_bytes())).info
        from PIL.PngImagePlugin import PngInfo

        chunks = PngInfo()
        chunks.add_itxt("jaxnst", info["jaxnst"][:-4])
        Image.new("RGB", (3, 3)).save(path, pnginfo=chunks)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="jaxnst metadata in it is damaged"):
        read_metadata(path)


def test_a_strangers_comment_is_no_metadata(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0holiday"
    Image.new("RGB", (3, 3)).save(tmp_path / "a.jpg", exif=exif)
    assert read_metadata(tmp_path / "a.jpg") is None
    Image.new("RGB", (3, 3)).save(tmp_path / "a.tif", tiffinfo={270: "{}"})
    assert read_metadata(tmp_path / "a.tif") is None
    Image.new("RGB", (3, 3)).save(tmp_path / "a.gif")
    assert read_metadata(tmp_path / "a.gif") is None


@pytest.mark.parametrize("name", ["a.bmp", "a", "a.png.txt"])
def test_an_unknown_suffix_lists_the_known(tmp_path, image, name):
    with pytest.raises(
        ValueError, match=r"\.png, \.jpg, \.jpeg, \.webp, \.tif, \.tiff"
    ):
        save_image(tmp_path / name, image)


def test_pixels_that_cannot_be_written(tmp_path, image):
    path = tmp_path / "a.png"
    broken = image.copy()
    broken[2, 3, 1], broken[4, 5] = np.nan, np.inf
    with pytest.raises(ValueError, match="2 pixels that are not finite"):
        save_image(path, broken)
    with pytest.raises(ValueError, match=r"must have shape \(H, W, 3\)"):
        save_image(path, image[..., :2])
    with pytest.raises(ValueError, match=r"16384 x 1 pixels; WEBP holds 16383"):
        save_image(tmp_path / "a.webp", np.zeros((1, 16384, 3), np.float32))
    with pytest.raises(FileNotFoundError, match="mkdir -p"):
        save_image(tmp_path / "no" / "a.png", image)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [*LOSSLESS, "jpg", "gif"])
def test_a_full_disk_leaves_the_old_file(tmp_path, image, suffix, monkeypatch):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"old")

    def full(self, data):
        with open(self, "wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"cannot write .*No space left.*free") as caught:
        if suffix == "gif":
            save_animation(path, [image])
        else:
            save_image(path, image)
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def frames_of(path):
    with Image.open(path) as opened:
        for index in range(opened.n_frames):
            opened.seek(index)
            opened.load()  # WebP knows a frame's duration only then
            yield np.asarray(opened.convert("RGB")) / 255, opened.info["duration"]


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_animation_holds_each_frame(tmp_path, image, suffix):
    frames = [image, image[::-1], 0.5 * image]
    path = tmp_path / f"a.{suffix}"
    save_animation(path, iter(frames), seconds_per_frame=0.05, hold_seconds=1.5)
    read = list(frames_of(path))
    assert [duration for _, duration in read] == [50, 50, 1500]
    for (got, _), wanted in zip(read, frames, strict=True):
        assert np.abs(got - wanted).mean() < 0.02
        assert np.abs(got - wanted).max() < 0.15
    with Image.open(path) as opened:
        assert opened.info["loop"] == 0


def test_gif_has_a_palette_for_each_frame(tmp_path):
    ramp = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    zero = np.zeros_like(ramp)
    frames = [np.stack([ramp, zero, zero], -1), np.stack([zero, zero, ramp], -1)]
    save_animation(tmp_path / "a.gif", frames)
    for (got, _), wanted in zip(frames_of(tmp_path / "a.gif"), frames, strict=True):
        assert np.abs(got - wanted).max() < 0.03  # 256 reds, then 256 blues


def test_gif_diffuses_the_error(tmp_path):
    y, x = np.mgrid[:64, :64] / 64
    smooth = np.stack([y, x, 1 - y * x], -1).astype(np.float32)
    save_animation(tmp_path / "a.gif", [smooth])
    off = np.asarray(load_image(tmp_path / "a.gif")) - smooth
    blocks = off.reshape(8, 8, 8, 8, 3).mean((1, 3))[1:-1, 1:-1]
    assert np.abs(blocks).mean() < 0.0025


def test_a_single_frame_is_an_animation(tmp_path, image):
    for suffix in ("gif", "webp"):
        save_animation(tmp_path / f"a.{suffix}", [image])
        assert load_image(tmp_path / f"a.{suffix}").shape == image.shape


def test_animation_refuses(tmp_path, image):
    path = tmp_path / "a.gif"
    with pytest.raises(ValueError, match="frames is empty"):
        save_animation(path, [])
    with pytest.raises(
        ValueError, match="frame 1 is 32 x 20 pixels, the first 32 x 24"
    ):
        save_animation(path, [image, image[:20]])
    with pytest.raises(ValueError, match="seconds_per_frame must be"):
        save_animation(path, [image], seconds_per_frame=0.0)
    with pytest.raises(ValueError, match=r"choose one of: \.gif, \.webp"):
        save_animation(tmp_path / "a.mp4", [image])
    with pytest.raises(ValueError, match="not finite"):
        save_animation(path, [np.full((4, 4, 3), np.nan, np.float32)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_like_may_be_read_before(tmp_path, image, with_alpha, suffix):
    path, again = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    save_image(path, image, like=with_alpha)
    like = read_like(with_alpha, size=(24, 32))
    assert like.alpha.shape == (24, 32)
    with_alpha.unlink()
    save_image(again, image, like=like)
    assert again.read_bytes() == path.read_bytes()
    with pytest.raises(FileNotFoundError):
        read_like(with_alpha)


def test_a_size_is_checked_before_there_is_a_picture(tmp_path, monkeypatch):
    assert check_output(tmp_path / "a.webp", size=(16383, 8)) == "WEBP"
    for check in (check_output, check_animation):
        with pytest.raises(ValueError, match="16384 x 8 pixels; WEBP holds 16383"):
            check(tmp_path / "a.webp", size=(8, 16384))
    check_animation(tmp_path / "a.gif", size=(8, 16384))
    check_fits(tmp_path / "a.png", (8, 100_000))
    usage = type("Usage", (), {"free": 2**20})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match=r"needs about 7\.6 MiB and 1\.0 MiB are free"):
        check_output(tmp_path / "a.tif", size=(2000, 2000))
    check_output(tmp_path / "a.jpg", size=(2000, 2000))
    assert not list(tmp_path.iterdir())


def test_whether_metadata_fits(tmp_path):
    long = {"text": "x" * 64_000}
    assert metadata_fits("a.jpg", long) and metadata_fits("a.png", long, spare=10**6)
    assert not metadata_fits("a.JPG", long, spare=1000)
    with pytest.raises(ValueError, match="unknown suffix"):
        metadata_fits("a.xyz", long)
