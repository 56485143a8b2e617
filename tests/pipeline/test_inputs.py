"""Which network is taken, and what is said about it; pictures at their sizes."""

from dataclasses import replace
from pathlib import Path

import pytest
from networks import picture

from jaxnst import save_image
from jaxnst.pipeline import inputs, presets
from jaxnst.pipeline.inputs import open_network
from jaxnst.pretrained import load_network, sources
from jaxnst.pretrained.registry import BUILTINS
from scripts import write_network

AUTO, GRAM = presets.get("default"), presets.get("gram")
NARROW = replace(AUTO.objective, content_layers=presets.NARROW_CONTENT)


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
    assert settings == replace(AUTO, network="vgg19-lite", objective=NARROW)
    assert network.checksum == BUILTINS["vgg19-lite"].checksum
    assert load_network().checksum == network.checksum
    assert notice.startswith("network: vgg19-lite (built in; network vgg19, the full")


def test_auto_takes_the_full_weights_where_they_are(places):
    write_network(places / "weights" / "vgg19-keras.h5", "Keras", depth=13)
    settings, network, notice = open_network(AUTO)
    assert (
        settings == replace(AUTO, network="vgg19", objective=NARROW)
        and network.source == "Keras"
    )
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
    settings, network, notice = open_network(replace(GRAM, weights="mine.h5"))
    assert (settings.network, settings.weights) == ("vgg16", "mine.h5")
    assert network.source == load_network("mine.h5").source == "mine"
    # Nothing was left to choose but the layer that it lacks.
    assert notice == "gram in vgg16: relu4_3 for relu5_1"
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


@pytest.mark.parametrize("name", ["crowson", "mel457"])
def test_a_presets_source_gives_way_to_the_network_that_is_named(name, places):
    asked = replace(presets.get(name), network="vgg19-lite")
    settings, network, notice = open_network(asked)
    assert (settings.network, settings.weights) == ("vgg19-lite", None)
    assert notice == f"{name} in vgg19-lite: loss weights carried over to its features"
    with pytest.raises(ValueError, match="vgg19-lite is built in, it has no source"):
        open_network(asked, {"weights"})
    with pytest.raises(ValueError, match="it has no source 'compact'"):
        open_network(replace(asked, weights="compact"))


@pytest.mark.parametrize(
    "preset, files, wanted",
    [
        ("mel457", ("compact", "keras", "torchvision"), "keras"),
        ("mel457", ("torchvision", "compact"), "compact"),
        ("mel457", ("torchvision",), "torchvision"),
        ("crowson", ("compact", "torchvision"), "torchvision"),
        ("crowson", ("compact", "keras"), "compact"),
        ("crowson", ("keras",), "keras"),
    ],
)
def test_a_presets_source_or_what_is_at_hand(preset, files, wanted, places):
    for source in files:
        write_network(places / "weights" / f"vgg19-{source}.h5", source, width=2)
    settings, network, notice = open_network(presets.get(preset))
    assert settings.weights == network.source == wanted
    asked = presets.get(preset).weights
    same = wanted == asked or (asked, wanted) == ("keras", "compact")
    assert (f"{wanted} weights for {asked}'s" in notice) is not same
    missing = {"keras", "torchvision", "compact"} - set(files)
    if asked in missing:  # who names it means it
        with pytest.raises(FileNotFoundError, match=f"vgg19-{asked}.h5"):
            open_network(presets.get(preset), {"weights"})


def test_where_nothing_is_at_hand_the_small_file_is_fetched(places, monkeypatch):
    fetched = []

    def fetch(source, folder, progress):
        fetched.append(source.name)
        write_network(folder / f"vgg19-{source.name}.h5", "fetched", width=2)
        return folder / f"vgg19-{source.name}.h5"

    monkeypatch.setattr(sources, "_fetch_and_convert", fetch)
    settings, network, notice = open_network(presets.crowson)
    assert fetched == [settings.weights] == ["compact"]
    assert network.source == "fetched"
    assert notice.startswith(
        "crowson in vgg19: compact weights for torchvision's, which are fetched only "
        "if named; loss weights carried over"
    )


def test_a_file_decides_on_the_network_unless_one_is_typed(places):
    write_network(places / "mine.h5", "mine", architecture="vgg16", width=2)
    given = replace(presets.crowson, weights="mine.h5")
    assert open_network(given)[0].network == "vgg16"
    with pytest.raises(ValueError, match="holds weights of vgg16, not of vgg19"):
        open_network(given, {"network"})


def test_layers_that_are_typed_must_be_there(places):
    write_network(places / "mine.h5", "mine", architecture="vgg16", width=2)
    objective = replace(GRAM.objective, content_layers=("relu4_4",))
    typed = replace(GRAM, weights="mine.h5", objective=objective)
    with pytest.raises(ValueError, match="'relu4_4' is not in this vgg16.*relu4_3"):
        open_network(typed)


def test_damaged_full_weights_are_not_passed_over(places):
    (places / "weights" / "vgg19.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"x" * 99)
    with pytest.raises(ValueError, match="vgg19.h5"):
        open_network(AUTO)


def test_presets_of_published_methods_ask_for_their_own():
    asked = {name: presets.get(name).network for name in presets.NAMES}
    assert {name for name in asked if asked[name] == "auto"} == {"default", "gram"}


def test_the_margin_counts_for_memory(places, monkeypatch):
    """Refused or seen in tiles before the work, not in its course."""
    seen = []
    monkeypatch.setattr(
        inputs,
        "with_tiles_if_needed",
        lambda network, config, size, **_: seen.append(size),
    )
    save_image("c.png", picture(40, 60))
    settings = replace(GRAM, network="vgg19-lite")
    geometry = replace(settings.geometry, size=60, margin=7)
    network = load_network("vgg19-lite")
    given = replace(settings, geometry=geometry), network, "c.png", ["c.png"]
    inputs.load_pictures(*given)
    assert seen[0] == (54, 74)
