"""The weights that come with jaxnst."""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from networks import picture
from paths import REPOSITORY

from jaxnst import load_image, load_network
from jaxnst.pretrained import registry
from jaxnst.pretrained.format import WeightsError, read_weights
from jaxnst.pretrained.registry import (
    BUILTINS,
    Builtin,
    architecture_of,
    builtin_weights,
)

LITE = REPOSITORY / "weights" / "vgg19-lite.h5"


def test_the_file_is_small_and_the_one_that_is_documented():
    data = LITE.read_bytes()
    assert len(data) <= 4_000_000
    checksum = hashlib.sha256(data).hexdigest()
    assert checksum == BUILTINS["vgg19-lite"].checksum
    assert checksum in (REPOSITORY / "weights" / "README.md").read_text()


def test_the_network_is_a_narrow_vgg19_through_conv5_1():
    network = load_network("vgg19-lite")
    assert network.layers[-1] == "relu5_1" and network.module.architecture == "vgg19"
    assert network.module.padding == "reflect" and max(network.module.widths) <= 256
    layers = ("relu1_1", "relu3_1", "relu4_2", "relu5_1")
    features = network(picture(32, 48), layers)
    for features_of_layer in features.values():
        array = np.asarray(features_of_layer)
        assert np.isfinite(array).all() and array.std() > 0.01


def test_channels_see_different_things(shared):
    # Random or silent channels would repeat each other or be empty.
    network = load_network("vgg19-lite")
    image = load_image(shared / "images" / "content" / "kodim08_houses.jpg", size=256)
    features = network(image, ("relu1_1", "relu2_1", "relu3_1", "relu4_1"))
    for maps in features.values():
        flat = np.asarray(maps, np.float64).reshape(-1, maps.shape[-1])
        alive = flat[:, flat.std(0) > 1e-6]
        assert alive.shape[1] >= 0.3 * maps.shape[-1]
        alike = np.corrcoef(alive.T) - np.eye(alive.shape[1])
        assert alike.max() < 0.999


def test_it_carries_how_it_was_made():
    made = json.loads(read_weights(LITE).notes["training"])
    before = made["start"]["training"]
    assert made["steps"] > 1000 and len(before["teachers"]) == 2
    readme = (REPOSITORY / "weights" / "README.md").read_text()
    assert all(teacher in readme for teacher in (made["teacher"], *before["teachers"]))


def test_names_and_architectures():
    assert architecture_of("vgg19-lite") == "vgg19"
    assert architecture_of("vgg16") == "vgg16"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """The folder above a package that holds no weights."""
    (tmp_path / "jaxnst").mkdir()
    monkeypatch.setattr(
        registry, "__file__", str(tmp_path / "jaxnst/pretrained/registry.py")
    )
    return tmp_path


@pytest.mark.parametrize("place", ["weights", "jaxnst/data"])
def test_in_the_repository_or_within_the_package(place, elsewhere):
    (elsewhere / place).mkdir()
    shutil.copy(LITE, elsewhere / place)
    assert builtin_weights("vgg19-lite") == elsewhere / place / "vgg19-lite.h5"


def test_missing(elsewhere):
    with pytest.raises(FileNotFoundError) as raised:
        load_network("vgg19-lite")
    message = str(raised.value)
    assert str(elsewhere / "weights" / "vgg19-lite.h5") in message
    assert str(elsewhere / "jaxnst" / "data" / "vgg19-lite.h5") in message
    assert "git checkout weights/vgg19-lite.h5" in message
    assert "pip install --force-reinstall" in message


@pytest.mark.parametrize("fault", ["truncated", "one bit", "empty", "another"])
def test_damaged(fault, elsewhere):
    (elsewhere / "weights").mkdir()
    data = bytearray(LITE.read_bytes())
    if fault == "one bit":
        data[len(data) // 2] ^= 1
    else:
        data = {"truncated": data[:-5], "empty": b"", "another": b"x" * 9}[fault]
    (elsewhere / "weights" / "vgg19-lite.h5").write_bytes(data)
    with pytest.raises(WeightsError, match="is not the file that this version"):
        load_network("vgg19-lite")


def test_it_has_no_other_sources():
    with pytest.raises(ValueError, match="vgg19-lite is built in"):
        load_network("vgg19-lite", weights="keras")


def test_the_variable_does_not_replace_it(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXNST_WEIGHTS", str(tmp_path / "absent"))
    assert load_network("vgg19-lite").checksum == BUILTINS["vgg19-lite"].checksum


def test_weights_of_your_own_in_its_place(monkeypatch, tmp_path):
    shutil.copy(LITE, tmp_path / "own.h5")
    monkeypatch.setitem(BUILTINS, "vgg19-lite", Builtin("vgg19", "gone.h5", ""))
    network = load_network("vgg19-lite", weights=tmp_path / "own.h5")
    assert network.layers[-1] == "relu5_1"


@pytest.mark.slow
def test_the_wheel_holds_it(tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")  # what builds the wheel is fetched
    command = ["pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, REPOSITORY]
    subprocess.run([sys.executable, "-m", *command], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import jaxnst, pathlib; network = jaxnst.load_network('vgg19-lite');"
        "jaxnst.load_feedforward();"
        "print(pathlib.Path(jaxnst.__file__).parents[1], network.checksum)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    place, checksum = done.stdout.split()
    assert Path(place) == tmp_path / "site"
    assert checksum == BUILTINS["vgg19-lite"].checksum
