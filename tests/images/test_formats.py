"""Kinds of files: raw, several pictures in one, HEIC, JPEG XL, animations, pipes."""

import io
import os
import struct
import tracemalloc
import warnings

import numpy as np
import pytest
import tifffile
from paths import SHARED
from PIL import Image

from jaxnst import load_image
from jaxnst.images import (
    extra_formats,
    picture_size,
    read_like,
    read_metadata,
    read_picture,
)

READERS = [load_image, picture_size, read_picture, read_like]


def tiff_with(path, *pages, **first):
    """A TIFF of pages, or pages with SubIFDs: (array, options)."""
    with tifffile.TiffWriter(path) as writer:
        for array, options in pages:
            writer.write(array, metadata=None, **options)
    return path


def grey(height, width, level=100, kind=np.uint8):
    return np.full((height, width), level, kind)


def raw_like(path):
    """A thumbnail first, and within it what the sensor saw."""
    thumbnail = np.zeros((12, 16, 3), np.uint8)
    make = [(271, "s", 0, b"NIKON CORPORATION", True)]
    options = {"photometric": "rgb", "subfiletype": 1, "subifds": 1, "extratags": make}
    sensor = {"photometric": "cfa", "extratags": [(33421, "H", 2, (2, 2), True)]}
    return tiff_with(path, (thumbnail, options), (grey(40, 60, 9, np.uint16), sensor))


@pytest.mark.parametrize("name", ["a.nef", "a.NEF", "a.dng", "renamed.tif", "a"])
def test_raw_files_are_refused_by_name_with_a_way_out(tmp_path, name):
    path = raw_like(tmp_path / name)
    for read in READERS:
        with pytest.raises(
            ValueError, match=f"{name}: it is a camera's raw.*darktable"
        ):
            read(path)


def test_a_tiff_that_is_called_raw_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.arw", grey(8, 8), photometric="minisblack")
    with pytest.raises(ValueError, match=r"raw file \(ARW\)"):
        load_image(tmp_path / "a.arw")


@pytest.mark.parametrize(
    "name, head",
    [
        ("a.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom"),
        ("a.raf", b"FUJIFILMCCD-RAW 0201"),
        ("a.orf", b"IIRO\x08\0\0\0"),
        ("a.rw2", b"IIU\0\x18\0\0\0"),
        ("a.x3f", b"?"),
    ],
)
def test_raw_files_that_are_no_tiff(tmp_path, name, head):
    (tmp_path / name).write_bytes(head + bytes(100))
    for read in READERS:
        with pytest.raises(ValueError, match=f"{name}: it is a camera's raw file"):
            read(tmp_path / name)


def test_canons_raw_file(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, grey(8, 8), photometric="minisblack", byteorder="<")
    content = bytearray(path.read_bytes())
    content[8:10] = b"CR"  # where nothing is but the tags' own place
    start = struct.unpack_from("<I", content, 4)[0]
    if start == 8:  # move the tags behind
        old = path.read_bytes()
        count = struct.unpack_from("<H", old, 8)[0]
        content += old[8 : 8 + 2 + 12 * count + 4]
        struct.pack_into("<I", content, 4, len(old))
    path.write_bytes(content)
    with pytest.raises(ValueError, match="camera's raw file"):
        load_image(path)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_of_several_pictures_the_largest_is_read_with_a_line(tmp_path, kind):
    pages = [(grey(9, 9, 50, kind), {}), (grey(20, 30, 70, kind), {}),
             (grey(20, 30, 90, kind), {})]  # fmt: skip
    path = tiff_with(tmp_path / "a.tif", *pages)
    with pytest.warns(UserWarning, match=r"holds 3 pictures; number 2, 30 x 20 pixels"):
        image = load_image(path)
    assert image.shape == (20, 30, 3) and picture_size(path) == (20, 30)
    np.testing.assert_allclose(image, 70 / np.iinfo(kind).max, atol=1e-6)


def test_smaller_copies_and_masks_are_no_pictures_of_their_own(tmp_path):
    pages = [(grey(9, 9), {"subfiletype": 1}), (grey(20, 30, 70), {}),
             (grey(10, 15), {"subfiletype": 1})]  # fmt: skip
    image = load_image(tiff_with(tmp_path / "a.tif", *pages))
    np.testing.assert_allclose(image, 70 / 255, atol=1e-6)


def test_the_largest_may_lie_within_another(tmp_path):
    pages = [(grey(9, 9), {"subifds": 1}), (grey(20, 30, 70), {})]
    path = tiff_with(tmp_path / "a.tif", *pages)
    with pytest.warns(UserWarning, match="number 2, 30 x 20"):
        image = load_image(path)
    np.testing.assert_allclose(image, 70 / 255, atol=1e-6)


# HEIC and JPEG XL

HEADS = {
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "JPEG XL": b"\xff\x0a",
}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("suffix", ["heic", "jxl", "jpg"])
def test_without_a_reader_they_are_named(tmp_path, monkeypatch, name, suffix):
    monkeypatch.setattr(extra_formats, "activate", lambda reader: False)
    monkeypatch.setattr("jaxnst.images.opening.activate", lambda reader: False)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(HEADS[name] + bytes(100))
    for read in READERS:
        with pytest.raises(
            ValueError, match=rf"a\.{suffix}: it is {name}.*pip install"
        ):
            read(path)


def test_a_module_that_is_missing_is_no_reader():
    missing = extra_formats.Reader("X", "X", "x", "no_such_module_anywhere", "")
    assert not extra_formats.activate(missing)


def test_avif_is_left_to_pillow():
    assert extra_formats.reader_of(b"\0\0\0\x1cftypavif\0\0\0\0mif1miafavif") is None
    assert extra_formats.reader_of(b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif") is None
    assert extra_formats.reader_of(b"\x89PNG\r\n\x1a\n") is None


@pytest.mark.skipif(not (SHARED / "cases").exists(), reason="the cases are not here")
def test_heic_is_read(tmp_path):
    pytest.importorskip("pillow_heif")
    path = SHARED / "cases" / "real.heic"
    image = load_image(path)
    assert image.shape == (192, 256, 3) and 0.2 < image.mean() < 0.8
    renamed = tmp_path / "a.jpg"
    renamed.write_bytes(path.read_bytes())
    np.testing.assert_array_equal(load_image(renamed), image)


@pytest.mark.parametrize("turn", [1, 6])
def test_heic_is_upright(tmp_path, turn):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    colors = np.zeros((40, 60, 3), np.uint8)
    colors[:20, :30] = 255, 0, 0
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(colors).save(tmp_path / "a.heic", quality=95, exif=exif.tobytes())
    image = np.asarray(load_image(tmp_path / "a.heic"))
    expected = np.rot90(colors, -1) if turn == 6 else colors
    np.testing.assert_allclose(image, expected / 255, atol=0.1)
    assert picture_size(tmp_path / "a.heic") == expected.shape[:2]


def test_jpeg_xl_is_read(tmp_path, rng):
    pytest.importorskip("pillow_jxl")
    colors = rng.integers(0, 256, (10, 12, 4), dtype=np.uint8)
    path = tmp_path / "a.jxl"
    Image.fromarray(colors).save(path, lossless=True)
    picture = read_picture(path)
    np.testing.assert_allclose(picture.alpha, colors[..., 3] / 255, atol=1e-6)


# Animations


def animation(path, count=3):
    frames = [Image.new("RGB", (6, 4), code) for code in ("red", "lime", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:count], duration=50)
    return path


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "avif"])
def test_the_first_frame_of_an_animation_with_a_line(tmp_path, suffix):
    path = animation(tmp_path / f"a.{suffix}")
    with pytest.warns(
        UserWarning, match=rf"a\.{suffix}: it is an animation; its first"
    ):
        image = load_image(path)
    np.testing.assert_allclose(image[1, 1], [1, 0, 0], atol=0.1)


def test_a_second_frame_that_is_damaged_does_no_harm(tmp_path):
    path = animation(tmp_path / "a.gif")
    content = path.read_bytes()
    second = content.index(b"\x2c", content.index(b"\x2c") + 1)
    for length in range(second - 9, second + 12):
        path.write_bytes(content[:length] + bytes(3))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = load_image(path)
        np.testing.assert_allclose(image[1, 1], [1, 0, 0], atol=0.1)


def test_one_frame_is_no_animation(tmp_path):
    assert load_image(animation(tmp_path / "a.gif", 1)).shape == (4, 6, 3)


# What is no file


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for read in (*READERS, read_metadata):
        with pytest.raises(ValueError, match=r"a\.png: it is a pipe or a device"):
            read(tmp_path / "a.png")


# Damage


def test_signed_numbers_are_refused(tmp_path):
    for kind in (np.int16, np.int8, np.int32):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, grey(8, 8, 100, kind), photometric="minisblack")
        with pytest.raises(ValueError, match="signed or complex"):
            load_image(path)


def files_to_cut():
    ramp = np.arange(20 * 16 * 3).reshape(20, 16, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.fromarray((ramp % 256).astype(np.uint8))
    for kind, options in (
        ("PNG", {"exif": exif}), ("JPEG", {"exif": exif}), ("WEBP", {"exif": exif}),
        ("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {}), ("GIF", {}),
        ("PPM", {}), ("BMP", {}),
    ):  # fmt: skip
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        yield f"{kind} {options.get('compression', '')}", buffer.getvalue()
    for planar in ("contig", "separate"):
        for kind in (np.uint8, np.uint16, np.float32):
            stored = (ramp / 960 * (1 if kind == np.float32 else 200)).astype(kind)
            stored = np.moveaxis(stored, -1, 0) if planar == "separate" else stored
            for compression in (None, "zlib"):
                buffer = io.BytesIO()
                tifffile.imwrite(
                    buffer, stored, photometric="rgb", planarconfig=planar,
                    compression=compression, rowsperstrip=4,
                )  # fmt: skip
                yield f"{planar} {kind.__name__} {compression}", buffer.getvalue()


CUT = dict(files_to_cut())


@pytest.mark.parametrize("name", CUT)
def test_a_cut_file_is_refused_or_the_same(tmp_path, name):
    """A decoder may do without the last bytes, but never with other pixels."""
    content, path = CUT[name], tmp_path / "a"
    path.write_bytes(content)
    whole = np.asarray(read_picture(path).image)
    lengths = {*range(1, len(content), max(1, len(content) // 60))}
    lengths |= {len(content) - n for n in range(1, 30)}
    for length in sorted(lengths):
        path.write_bytes(content[:length])
        try:
            image = read_picture(path).image
        except ValueError as error:
            assert str(path) in str(error)
        else:
            np.testing.assert_array_equal(image, whole)


# Memory


@pytest.mark.parametrize("suffix", ["gif", "png", "tif"])
def test_of_a_large_picture_little_is_held_as_floats(tmp_path, suffix):
    side, path = 2000, tmp_path / f"a.{suffix}"
    if suffix == "tif":
        stored = np.zeros((side, side, 3), np.uint16)
        tifffile.imwrite(path, stored, photometric="rgb", rowsperstrip=64)
    else:
        mode = "P" if suffix == "gif" else "RGB"
        Image.new(mode, (side, side), 7).save(path)
    tracemalloc.start()
    image = read_picture(path, size=64).image
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert image.shape == (64, 64, 3)
    # 16 bits a channel are 6 bytes a pixel as they are stored; all of it as floats
    # would be 12 and more.
    pixels = 6 * side**2 if suffix == "tif" else 0
    assert peak < pixels + 6 * side**2


def test_what_would_not_fit_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    Image.new("RGB", (50, 40)).save(tmp_path / "a.png")
    stored = np.zeros((40, 50, 3), np.uint16)
    tifffile.imwrite(tmp_path / "b.tif", stored, photometric="rgb")

    class Memory:
        available = 4000

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    check_refused(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr("jaxnst.images.opening.limited_bytes", lambda: 4000)
    check_refused(tmp_path)


def check_refused(tmp_path):
    for name in ("a.png", "b.tif"):
        with pytest.raises(MemoryError, match=f"decoding .*{name} takes"):
            load_image(tmp_path / name)
