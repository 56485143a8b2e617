"""What files say of their numbers beside a colour profile, and what they leave open."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from paths import SHARED
from PIL import Image
from profiles import wide_profile

from jaxnst import load_image
from jaxnst.images import read_picture
from jaxnst.images.resampling import decode_srgb, encode_srgb


def with_chunks(path, picture, *chunks, **options):
    """A PNG with chunks after its header."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    content = buffer.getvalue()
    added = b"".join(
        struct.pack(">I", len(data)) + name + data
        + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )  # fmt: skip
    path.write_bytes(content[:33] + added + content[33:])
    return path


def gamma(number):
    return b"gAMA", struct.pack(">I", round(number * 100_000))


@pytest.fixture
def colors(rng):
    return rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)


def test_linear_numbers_become_srgb(tmp_path, colors):
    path = with_chunks(tmp_path / "a.png", Image.fromarray(colors), gamma(1.0))
    expected = encode_srgb((colors / 255).astype(np.float32))
    np.testing.assert_allclose(load_image(path), expected, atol=1e-5)
    assert read_picture(path).icc_profile is None


def test_linear_grey_of_16_bits(tmp_path, rng):
    grey = rng.integers(0, 65536, (6, 5), dtype=np.uint16)
    path = with_chunks(tmp_path / "a.png", Image.fromarray(grey), gamma(1.0))
    expected = encode_srgb((grey / 65535).astype(np.float32))
    np.testing.assert_allclose(load_image(path)[..., 1], expected, atol=1e-5)


@pytest.mark.parametrize(
    "chunks",
    [
        [gamma(0.45455)],
        [gamma(0.454545), (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000,
                                               30000, 60000, 15000, 6000))],
        [gamma(1.0), (b"sRGB", b"\0")],
        [(b"cICP", bytes([1, 13, 0, 1]))],
    ],
)  # fmt: skip
def test_srgb_by_whatever_name_stays_as_it_is(tmp_path, colors, chunks):
    path = with_chunks(tmp_path / "a.png", Image.fromarray(colors), *chunks)
    np.testing.assert_array_equal(load_image(path), colors.astype(np.float32) / 255)


def test_a_profile_counts_more_than_gamma(tmp_path, colors):
    picture = Image.fromarray(colors)
    path = with_chunks(
        tmp_path / "a.png", picture, gamma(1.0), icc_profile=wide_profile()
    )
    plain = with_chunks(tmp_path / "b.png", picture, icc_profile=wide_profile())
    np.testing.assert_array_equal(load_image(path), load_image(plain))


def test_primaries_of_display_p3(tmp_path):
    red = Image.new("RGB", (4, 4), (128, 0, 0))
    path = with_chunks(tmp_path / "a.png", red, (b"cICP", bytes([12, 13, 0, 1])))
    # Published matrix of P3 to sRGB, of which green and blue fall below 0.
    light = decode_srgb(np.float32([128 / 255])) * np.float32([1.2249, -0.042, -0.0197])
    expected = encode_srgb(np.clip(light, 0, 1))
    np.testing.assert_allclose(load_image(path)[0, 0], expected, atol=2e-3)
    grey = Image.new("RGB", (4, 4), (77, 77, 77))
    path = with_chunks(tmp_path / "b.png", grey, (b"cICP", bytes([9, 13, 0, 1])))
    np.testing.assert_allclose(load_image(path), 77 / 255, atol=1e-4)


@pytest.mark.parametrize("transfer, white", [(16, 0.5807), (18, 0.75)])
def test_hdr_has_its_white_where_it_should_be_and_a_warning(tmp_path, transfer, white):
    level = round(255 * white)
    ramp = np.zeros((2, 3, 3), np.uint8)
    ramp[:, 1], ramp[:, 2] = level, 255
    path = with_chunks(
        tmp_path / "a.png", Image.fromarray(ramp), (b"cICP", bytes([9, transfer, 0, 1]))
    )
    with pytest.warns(UserWarning, match=r"a\.png: it is an HDR picture; .* cut off"):
        image = np.asarray(load_image(path))
    np.testing.assert_allclose(image[0, :, 0], [0, 1, 1], atol=0.01)


def test_an_unknown_encoding_is_taken_for_srgb_with_a_warning(tmp_path, colors):
    path = with_chunks(
        tmp_path / "a.png", Image.fromarray(colors), (b"cICP", bytes([77, 99, 0, 1]))
    )
    with pytest.warns(UserWarning, match="taken for sRGB"):
        image = load_image(path)
    np.testing.assert_array_equal(image, colors.astype(np.float32) / 255)


# Floats


def float_file(path, values, **options):
    tifffile.imwrite(path, values.astype(np.float32), photometric="rgb", **options)
    return path


@pytest.mark.parametrize("high", [255, 65535])
def test_floats_of_another_scale_with_a_warning(tmp_path, rng, high):
    unit = rng.random((6, 5, 3))
    path = float_file(tmp_path / "a.tif", unit * high)
    with pytest.warns(UserWarning, match=rf"0 is taken as black and {high} as white"):
        image = load_image(path)
    np.testing.assert_allclose(image, unit, atol=1e-5)


def test_dark_whole_numbers_are_told_from_hdr(tmp_path, rng):
    levels = np.zeros((6, 5, 3))
    levels[0] = 200
    with pytest.warns(UserWarning, match="255 as white"):
        image = load_image(float_file(tmp_path / "a.tif", levels))
    np.testing.assert_allclose(image, levels / 255, atol=1e-5)


def test_floats_whose_range_the_file_says(tmp_path, rng):
    unit = rng.random((6, 5, 3))
    tags = [(340, "f", 3, (-1.0,) * 3, True), (341, "f", 3, (3.0,) * 3, True)]
    path = float_file(tmp_path / "a.tif", 4 * unit - 1, extratags=tags)
    np.testing.assert_allclose(load_image(path), unit, atol=1e-5)


def test_hdr_floats_are_cut_off_with_one_warning(tmp_path, rng):
    values = rng.random((6, 5, 3)) * 0.8
    values[0, 0] = 7.5
    path = float_file(tmp_path / "a.tif", values)
    with pytest.warns(UserWarning, match=r"reach from .* to 7\.5; what is") as caught:
        image = load_image(path)
    assert len(caught) == 1
    np.testing.assert_allclose(image, np.clip(values, 0, 1), atol=1e-6)


def test_a_pfm_of_another_scale(tmp_path, rng):
    values = (rng.random((4, 5)) * 255).astype("<f4")
    (tmp_path / "a.pfm").write_bytes(b"Pf\n5 4\n-1.0\n" + values[::-1].tobytes())
    with pytest.warns(UserWarning, match="255 as white"):
        image = load_image(tmp_path / "a.pfm")
    np.testing.assert_allclose(image[..., 0], values / 255, atol=1e-5)


# What is no pixels


def packed(name, size):
    return name, b"Comment\0\0" + zlib.compress(bytes(size))


def test_long_texts_are_no_reason_to_refuse(tmp_path, colors):
    picture = Image.fromarray(colors)
    expected = colors.astype(np.float32) / 255
    for size in (3 << 20, 200 << 20):
        path = with_chunks(tmp_path / "a.png", picture, packed(b"zTXt", size))
        np.testing.assert_array_equal(load_image(path), expected)
    international = b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(3 << 20))
    path = with_chunks(tmp_path / "a.png", picture, international)
    np.testing.assert_array_equal(load_image(path), expected)


def test_a_long_text_behind_the_pixels(tmp_path, colors):
    path = tmp_path / "a.png"
    Image.fromarray(colors).save(path)
    name, data = packed(b"zTXt", 3 << 20)
    chunk = struct.pack(">I", len(data)) + name + data
    chunk += struct.pack(">I", zlib.crc32(name + data))
    content = path.read_bytes()
    path.write_bytes(content[:-12] + chunk + content[-12:])
    np.testing.assert_array_equal(load_image(path), colors.astype(np.float32) / 255)


def test_a_long_profile_is_used(tmp_path, colors):
    profile = wide_profile()
    long = struct.pack(">I", len(profile) + (2 << 20)) + profile[4:] + bytes(2 << 20)
    chunk = b"iCCP", b"wide\0\0" + zlib.compress(long)
    path = with_chunks(tmp_path / "a.png", Image.fromarray(colors), chunk)
    plain = with_chunks(
        tmp_path / "b.png", Image.fromarray(colors), icc_profile=profile
    )
    np.testing.assert_array_equal(load_image(path), load_image(plain))


@pytest.mark.skipif(not (SHARED / "cases").exists(), reason="the cases are not here")
def test_the_case_with_a_long_text():
    assert load_image(SHARED / "cases" / "x_ztxt.png").shape[-1] == 3
