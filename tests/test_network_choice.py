"""Which network the command lines take, and what they say about it."""

from dataclasses import replace
from pathlib import Path

import pytest

from jaxnst import presets, sources
from jaxnst.builtin import BUILTINS
from scripts import imported, write_network

AUTO = presets.get("default")


@pytest.fixture(scope="module")
def choice():
    with pytest.MonkeyPatch.context() as patch:
        yield imported(patch, "_network")


@pytest.fixture
def places(tmp_path, monkeypatch) -> Path:
    """A repository's empty weights folder, with no network connection."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JAXNST_WEIGHTS", raising=False)
    (tmp_path / "weights").mkdir()
    monkeypatch.setattr(sources, "_repository_weights", lambda: tmp_path / "weights")
    monkeypatch.setattr(sources, "_cache", lambda: tmp_path / "cache")

    def offline(url, *_, **__):
        raise ConnectionError(f"no connection to {url}")

    monkeypatch.setattr(sources, "fetch", offline)
    return tmp_path


def test_auto_without_the_full_weights_is_the_built_in_one(choice, places, capsys):
    settings, network = choice.obtain(AUTO)
    assert settings == replace(AUTO, network="vgg19-lite")
    assert network.checksum == BUILTINS["vgg19-lite"].checksum
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1
    assert error.startswith("network: vgg19-lite (built in; --network vgg19 fetches")


def test_auto_takes_the_full_weights_where_they_are(choice, places, capsys):
    write_network(places / "weights" / "vgg19-keras.h5", "Keras", depth=13)
    settings, network = choice.obtain(AUTO)
    assert settings == replace(AUTO, network="vgg19") and network.source == "Keras"
    error = capsys.readouterr().err
    assert error.startswith("network: vgg19 (") and "vgg19-keras.h5" in error
    assert "--network vgg19-lite is faster" in error


def test_auto_takes_what_the_variable_names(choice, places, monkeypatch):
    write_network(places / "mine.h5", "mine", depth=13)
    monkeypatch.setenv("JAXNST_WEIGHTS", "mine.h5")
    assert choice.obtain(AUTO)[1].source == "mine"
    monkeypatch.setenv("JAXNST_WEIGHTS", "absent.h5")
    with pytest.raises(FileNotFoundError, match="absent.h5"):
        choice.obtain(AUTO)


def test_auto_takes_the_architecture_of_a_file_given(choice, places, capsys):
    write_network(places / "mine.h5", "mine", architecture="vgg16", depth=10)
    settings, network = choice.obtain(replace(AUTO, weights="mine.h5"))
    assert (settings.network, settings.weights) == ("vgg16", "mine.h5")
    assert network.source == "mine"
    assert capsys.readouterr() == ("", "")  # nothing was left to choose


def test_a_source_that_is_asked_for_is_fetched_or_fails(choice, places):
    for settings in (
        replace(AUTO, weights="keras"),
        replace(AUTO, network="vgg19"),
        replace(AUTO, network="vgg16"),
    ):
        with pytest.raises(FileNotFoundError, match="no weights of vgg1.*vgg19-lite"):
            choice.obtain(settings)


def test_a_network_that_is_named_says_nothing(choice, places, capsys):
    settings, network = choice.obtain(replace(AUTO, network="vgg19-lite"))
    assert settings.network == "vgg19-lite" and network.layers[-1] == "relu5_1"
    assert capsys.readouterr() == ("", "")


def test_damaged_full_weights_are_not_passed_over(choice, places):
    (places / "weights" / "vgg19.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"x" * 99)
    with pytest.raises(ValueError, match="vgg19.h5"):
        choice.obtain(AUTO)


def test_presets_of_published_methods_ask_for_their_own():
    asked = {name: presets.get(name).network for name in presets.NAMES}
    assert {name for name in asked if asked[name] == "auto"} == {"default", "gram"}
