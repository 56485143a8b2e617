"""The script that draws the sample pictures."""

import importlib
import warnings
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
from conftest import REPOSITORY

from jaxnst.images import load_image


@pytest.fixture(scope="module")
def samples() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / "scripts"))
        yield importlib.import_module("make_samples")


def test_strokes_are_the_same_each_time_and_cover_the_canvas(samples):
    layers = ((150, 120, 30), (60, 40, 7))
    first, again = samples.strokes(layers), samples.strokes(layers)
    np.testing.assert_array_equal(first, again)
    assert first.shape == (384, 512, 3) and first.dtype == np.float32
    assert not np.array_equal(first, samples.strokes(layers[:1]))


@pytest.mark.slow
def test_harbour_is_the_committed_one(samples):
    picture = samples.harbour()
    assert picture.shape == (384, 512, 3)
    committed = load_image(REPOSITORY / "scripts" / "samples" / "harbour.jpg")
    assert np.abs(picture - np.asarray(committed)).mean() < 0.01  # JPEG's own error


def test_command_writes_both_files(samples, tmp_path, capsys):
    with pytest.MonkeyPatch.context() as patch:
        for name, level in (("harbour", 0.2), ("strokes", 0.6)):
            picture = np.full((8, 9, 3), level, np.float32)
            patch.setitem(samples.PICTURES, name, lambda picture=picture: picture)
        samples.main(samples.Arguments(out=tmp_path / "new"))
    for name, level in (("harbour", 0.2), ("strokes", 0.6)):
        image = load_image(tmp_path / "new" / f"{name}.jpg")
        np.testing.assert_allclose(image, np.full((8, 9, 3), level), atol=0.02)
    assert "harbour.jpg: 9 x 8" in capsys.readouterr().out


def test_command_fails_in_one_line(samples, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("sys.argv", ["make_samples.py", "-o", str(tmp_path / "file")])
    monkeypatch.setattr("_cli.keep_compiled", lambda: None)
    monkeypatch.setattr("warnings.showwarning", warnings.showwarning)
    assert samples.run(samples.Arguments, samples.main) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


@pytest.mark.parametrize("name", ["harbour", "strokes"])
def test_committed_samples_are_small_and_of_the_size_drawn(name):
    path = REPOSITORY / "scripts" / "samples" / f"{name}.jpg"
    assert path.stat().st_size < 150_000
    assert load_image(path).shape == (384, 512, 3)
