"""What a PNG carries is read whatever else it carries."""

import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from profiles import wide_profile

from jaxnst._fingerprint import as_stored
from jaxnst.images import read_metadata
from jaxnst.images.metadata import png_info, to_json
from jaxnst.images.png_text import is_png, read_text
from jaxnst.pipeline.provenance import read_settings
from jaxnst.pipeline.settings import Settings

TEXT = "a text, schön"


def png(info=None, **options) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2)).save(buffer, "PNG", pnginfo=info, **options)
    return buffer.getvalue()


def text_in(data: bytes, keyword="note"):
    return read_text(io.BytesIO(data), keyword)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("international", [False, True])
def test_every_kind_of_text(international, packed, after):
    info = PngInfo()
    if international:
        info.add_itxt("note", TEXT, "de", "Notiz", zip=packed)
    else:
        info.add_text("note", TEXT, zip=packed)
    info.add_text("other", "b")
    info.chunks = [(*chunk[:2], after) for chunk in info.chunks]
    data = png(info)
    assert is_png(io.BytesIO(data)) and not is_png(io.BytesIO(data[1:]))
    assert text_in(data) == TEXT
    assert text_in(data, "nothing") is None and text_in(png()) is None


def test_a_picture_with_a_profile_of_two_megabytes(tmp_path):
    path = tmp_path / "a.png"
    about = {"settings": Settings().to_json(), "content": "c.jpg", "styles": ["s.jpg"]}
    info = png_info(to_json(about))
    noise = np.random.default_rng(0).bytes(1 << 21)
    path.write_bytes(png(info, icc_profile=wide_profile() + noise))
    with pytest.raises(ValueError, match="too large"), Image.open(path):
        pass  # or this test would be of nothing
    assert read_metadata(path) == as_stored(about)
    settings, pictures = read_settings(path)
    assert settings == Settings() and [p.name for p in pictures] == ["c.jpg", "s.jpg"]


def test_damage_is_said(tmp_path):
    info = PngInfo()
    info.add_itxt("note", TEXT)
    data = png(info)
    place = data.index(TEXT.encode())
    with pytest.raises(ValueError, match="checksum"):
        text_in(data[:place] + b"A" + data[place + 1 :])
    with pytest.raises(ValueError, match="ends before"):
        text_in(data[:-12])
    with pytest.raises(ValueError, match=r"text of 4,294,967,295 bytes"):
        text_in(data[: place - 17] + b"\xff" * 4 + data[place - 13 :])


def test_a_text_that_unpacks_to_gigabytes(monkeypatch):
    monkeypatch.setattr("jaxnst.images.png_text._BYTES", 1000)
    info = PngInfo()
    info.add_text("note", "a" * 2000, zip=True)
    with pytest.raises(ValueError, match="too long"):
        text_in(png(info))
