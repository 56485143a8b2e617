"""Settings in a picture that have changed are refused, not used."""

import json

import numpy as np
import pytest

from jaxnst.images import read_metadata, save_image
from jaxnst.images.metadata import to_json

ABOUT = {"beta": 0.1, "size": 512, "names": ["schön"], "on": True, 3: np.float32(0.1)}


@pytest.fixture(params=[".png", ".jpg", ".webp", ".tif"])
def path(request, tmp_path):
    path = tmp_path / f"a{request.param}"
    save_image(path, np.zeros((4, 5, 3), np.float32), metadata=ABOUT)
    return path


def test_a_changed_letter_is_noticed(path):
    data = path.read_bytes()
    for old, new in ((b'"size": 512', b'"size": 513'), (b"crc32", b"crc23")):
        assert data.count(old) == 1
        path.write_bytes(data.replace(old, new))
        if old == b"crc32" and path.suffix != ".png":  # as of an earlier version
            assert read_metadata(path)["size"] == 512
        else:
            with pytest.raises(ValueError, match="damaged"):
                read_metadata(path)
    path.write_bytes(data)
    assert read_metadata(path) == json.loads(json.dumps(ABOUT, default=float))


def test_the_text_is_that_of_earlier_versions_and_a_number():
    text = json.loads(to_json(ABOUT))
    assert list(text) == ["jaxnst", "crc32"]
    assert text["jaxnst"]["3"] == float(np.float32(0.1))
    # Keys that are one in JSON are no damage.
    assert json.loads(to_json({1: "a", "1": "b"}))["jaxnst"] == {"1": "b"}
