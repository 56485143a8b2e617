"""What a photograph says beside its pixels, in the file of what is made of it."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, PngImagePlugin
from PIL.TiffImagePlugin import IFDRational

from jaxnst import save_image
from jaxnst.images import read_metadata

EXIF, GPS = 0x8769, 0x8825
PAINTED = np.full((6, 9, 3), 0.4, np.float32)
SUFFIXES = ("png", "jpg", "webp", "tif")


def photograph(path, *, turn=6, description="A view", **options):
    exif = Image.Exif()
    exif[0x010E] = description
    exif[0x0112] = turn
    exif[0x010F], exif[0x013B], exif[0x8298] = "Maker", "A. Nobody", "(c) A. Nobody"
    exif.get_ifd(EXIF)[0x9003] = "2024:05:06 07:08:09"  # taken
    exif.get_ifd(EXIF)[0x829A] = IFDRational(1, 250)  # exposure
    exif.get_ifd(EXIF)[0xA002] = 4000  # pixels across
    exif.get_ifd(EXIF)[0x927C] = b"maker's note" * 9
    exif.get_ifd(GPS)[1], exif.get_ifd(GPS)[2] = "N", (48.0, 31.0, 12.0)
    Image.new("RGB", (12, 8), (90, 120, 80)).save(path, exif=exif, **options)
    return path


def exif_of(path):
    with Image.open(path) as opened:
        exif = opened.getexif()
        return exif, dict(exif.get_ifd(EXIF)), dict(exif.get_ifd(GPS)), opened.info


@pytest.mark.parametrize("source", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_exif_and_dots_per_inch_are_carried(tmp_path, source, suffix):
    path = tmp_path / f"photo.{source}"
    if source == "tif":  # Pillow writes no such directories there
        save_image(path, PAINTED, like=photograph(tmp_path / "a.jpg", dpi=(240, 240)))
    else:
        photograph(path, dpi=(240, 240))
    out = tmp_path / f"out.{suffix}"
    save_image(out, PAINTED, like=path, metadata={"steps": 3})
    main, exposure, place, info = exif_of(out)
    assert main[0x010F] == "Maker" and main[0x013B] == "A. Nobody"
    assert main[0x8298] == "(c) A. Nobody"
    assert exposure[0x9003] == "2024:05:06 07:08:09"
    assert exposure[0x829A] == pytest.approx(1 / 250)
    assert place[1] == "N" and place[2][1] == 31
    if source != "webp":  # Pillow writes none there
        dpi = info.get("dpi") or (main[0x011A], main[0x011B])
        assert dpi == pytest.approx((240, 240), abs=0.5)
    # Upright, and of another size.
    assert main.get(0x0112, 1) == 1 and not {0xA002, 0x927C} & set(exposure)
    assert read_metadata(out) == {"steps": 3}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_carried_where_that_is_not_wanted(tmp_path, suffix):
    path = photograph(tmp_path / "photo.jpg", dpi=(240, 240))
    out = tmp_path / f"out.{suffix}"
    save_image(out, PAINTED, like=path, keep_metadata=False)
    plain = tmp_path / f"plain.{suffix}"
    save_image(plain, PAINTED)
    main, exposure, place, _ = exif_of(out)
    assert not {0x010F, 0x8298} & set(main) and not exposure and not place
    assert out.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_copyright_beyond_ascii(tmp_path, suffix):
    info = PngImagePlugin.PngInfo()
    info.add_itxt("Copyright", "© Müller")
    Image.new("RGB", (4, 4)).save(tmp_path / "photo.png", pnginfo=info)
    first, out = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    save_image(first, PAINTED, like=tmp_path / "photo.png")
    save_image(out, PAINTED, like=first)  # and once more
    text = exif_of(out)[0][0x8298]  # Pillow takes it for Latin-1
    assert text.encode("latin-1").decode() == "© Müller"


def test_thumbnails_are_dropped(tmp_path):
    path = photograph(tmp_path / "photo.jpg")
    with Image.open(path) as opened:
        exif = opened.getexif()
    blob = bytearray(exif.tobytes())
    directory = struct.pack(">HHHII", 1, 0x0103, 3, 1, 6 << 16) + bytes(4)
    (start,) = struct.unpack_from(">I", blob, 10)
    (count,) = struct.unpack_from(">H", blob, 6 + start)
    struct.pack_into(">I", blob, 6 + start + 2 + 12 * count, len(blob) - 6)
    Image.new("RGB", (9, 9)).save(path, exif=bytes(blob) + directory)
    with Image.open(path) as opened:
        assert opened.getexif().get_ifd(ExifTags.IFD.IFD1) == {0x0103: 6}
    save_image(tmp_path / "a.jpg", PAINTED, like=path)
    with Image.open(tmp_path / "a.jpg") as opened:
        assert not opened.getexif().get_ifd(ExifTags.IFD.IFD1)


def test_settings_of_an_earlier_picture_are_not_carried(tmp_path):
    for suffix in SUFFIXES:
        source = tmp_path / f"a.{suffix}"
        save_image(source, PAINTED, metadata={"old": 1})
        for other in SUFFIXES:
            save_image(tmp_path / f"b.{other}", PAINTED, like=source)
            assert read_metadata(tmp_path / f"b.{other}") is None


def test_broken_exif_is_left_out(tmp_path, rng):
    path = photograph(tmp_path / "photo.jpg", dpi=(240, 240))
    content = path.read_bytes()
    start = content.index(b"Exif\0\0") + 6
    for _ in range(40):
        damaged = bytearray(content)
        for place in rng.integers(start, start + 300, 8):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        assert read_metadata(path) is None
        for suffix in ("png", "jpg", "tif"):
            save_image(tmp_path / f"a.{suffix}", PAINTED, like=path)
            with Image.open(tmp_path / f"a.{suffix}") as opened:
                opened.load()


def test_too_much_for_jpeg_gives_way_with_a_warning(tmp_path):
    path = photograph(tmp_path / "photo.jpg", description="x" * 2000)
    with pytest.warns(UserWarning, match="too long together for JPEG"):
        save_image(tmp_path / "a.jpg", PAINTED, like=path, metadata={"a": "x" * 64_900})
    assert len(read_metadata(tmp_path / "a.jpg")["a"]) == 64_900


def test_a_tiff_that_pillow_does_not_know(tmp_path):
    stored = np.zeros((4, 4, 3), np.float32)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb")
    save_image(tmp_path / "b.png", PAINTED, like=tmp_path / "a.tif")
