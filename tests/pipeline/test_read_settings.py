"""Settings out of pictures that are damaged: used, or one error that says why."""

import numpy as np
import pytest

from jaxnst.images import save_image
from jaxnst.pipeline.provenance import read_settings, with_current_settings
from jaxnst.pipeline.settings import Settings

GOOD = {"settings": Settings().to_json(), "content": "c.jpg", "styles": ["s.jpg"]}


@pytest.fixture
def put(tmp_path):
    def of(content):
        save_image(
            tmp_path / "a.png", np.zeros((2, 2, 3), np.float32), metadata=content
        )
        return tmp_path / "a.png"

    return of


def test_they_come_back(put):
    settings, pictures = read_settings(put(GOOD))
    assert settings == Settings() and [str(p) for p in pictures] == ["c.jpg", "s.jpg"]


@pytest.mark.parametrize(
    "new",
    [
        {"settings": None},
        {"settings": []},
        {"settings": {"terms": 3}},
        {"settings": {"terms": {"beta": 10**400}}},
        {"settings": {"geometry": {"size": 0}}},
        {"settings": {"optimization": {"steps": "many"}}},
        {"settings": {"further": 1}},
        {"content": None},
        {"content": "a\0b"},
        {"styles": None},
        {"styles": [3]},
        {"styles": ["a\0b"]},
    ],
)
def test_what_cannot_be_used_is_one_error(new, put):
    path = put(GOOD | new)
    with pytest.raises(ValueError, match="settings") as caught:
        read_settings(path)
    assert str(path) in str(caught.value)
    record = GOOD | new
    if "settings" in new:
        assert with_current_settings(record) is record
