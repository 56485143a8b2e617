"""Uploaded pictures: read by the library, shown by a browser, called by their names."""

import base64
from pathlib import Path

import numpy as np
import pytest
from networks import picture

from jaxnst import load_image, save_image
from jaxnst.app import uploads


def test_samples_are_there_and_can_be_read():
    for path in uploads.sample_pictures():
        assert load_image(path, size=16).shape[-1] == 3


def test_samples_that_are_gone_are_missed(monkeypatch):
    monkeypatch.setattr(uploads, "SAMPLES", ("nothing.jpg", "strokes.jpg"))
    with pytest.raises(FileNotFoundError, match="install it again"):
        uploads.sample_pictures()


@pytest.mark.parametrize("name", ["a.png", "b.jpg", "c.tif"])
def test_a_browser_is_given_what_it_can_show(name, tmp_path):
    path = tmp_path / name
    save_image(path, picture(9, 12))
    shown = uploads.for_browser(path)
    assert (shown == path) == (path.suffix != ".tif")
    assert uploads.original(shown) == path
    assert load_image(shown).shape == (9, 12, 3)


@pytest.mark.parametrize("text", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_a_wrong_file_is_refused_in_the_librarys_words(text, tmp_path):
    path = tmp_path / "wrong.png"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=f"cannot read {path}"):
        uploads.for_browser(path)


def test_messages_call_files_by_their_names(tmp_path):
    text = f"cannot read {tmp_path}/deep/a b.png: no; see /home/x/y.h5, 1/2 or a/b"
    found = uploads.without_folders(text, [tmp_path / "deep" / "a b.png"])
    assert found == "cannot read a b.png: no; see y.h5, 1/2 or a/b"


def test_pictures_for_the_eye_are_small_and_finite():
    image = np.array(picture(30, 60))
    image[0, 0] = np.nan
    data = uploads.to_jpeg(image, side=20)
    assert data[:2] == b"\xff\xd8"
    path = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    assert len(path) < 3000


def test_a_cameras_picture_is_read_as_any_other(tmp_path):
    image = np.full((8, 6, 3), 0.5)
    data = base64.b64encode(uploads.to_jpeg(image)).decode()
    address = f"data:image/jpeg;base64,{data}"
    found = uploads.from_data_address(address, tmp_path / "new" / "frame.jpg")
    np.testing.assert_allclose(found, image, atol=0.01)
    for wrong in ("data:text/plain;base64,eA==", "data:image/jpeg;base64,?", "x"):
        with pytest.raises(ValueError):
            uploads.from_data_address(wrong, tmp_path / "wrong.jpg")
    with pytest.raises(ValueError, match="not a whole picture"):
        uploads.from_data_address("data:image/jpeg;base64,eHh4", Path(tmp_path / "w"))
