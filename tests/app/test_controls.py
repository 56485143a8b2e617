"""What stands on the page, to settings and back."""

import json
from dataclasses import replace

import pytest

from jaxnst.app.controls import (
    Controls,
    controls_from,
    controls_of,
    merged,
    networks_at_hand,
    preset_controls,
    settings_of,
)
from jaxnst.pipeline import presets
from jaxnst.pipeline.settings import Settings


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_preset_comes_back_as_it_was(name):
    controls = replace(preset_controls(name), how="weight")
    assert settings_of(controls) == presets.get(name)


def test_the_default_goes_by_strength_and_the_others_by_their_weights():
    assert settings_of(preset_controls("default")).terms.strength == 0.5
    for name in set(presets.NAMES) - {"default"}:
        assert settings_of(preset_controls(name)).terms.strength is None


def test_every_control_counts():
    changed = {
        "preset": "gram",
        "strength": 0.25,
        "beta": 3.0,
        "alpha": 2.0,
        "tv": 0.5,
        "size": 300,
        "color": "match",
        "style_scale": 1.5,
        "network": "vgg19-lite",
        "steps": "7, 3",
        "init": "noise",
        "seed": 9,
        "style_mix": "2 1",
        "rest": '{"optimization": {"ema": 0.5}}',
    }
    found = settings_of(Controls(**changed))
    how = found.optimization
    assert (found.preset, found.network, found.color) == (
        "gram",
        "vgg19-lite",
        "match",
    )
    assert found.terms.strength == 0.25 and found.terms.beta == 3
    assert found.terms.alpha == 2 and found.terms.tv == 0.5
    assert found.geometry.size == 300 and found.geometry.style_scale == 1.5
    assert (how.steps, how.init, how.seed, how.ema) == ((7, 3), "noise", 9, 0.5)
    assert found.style_mix == (2.0, 1.0)
    assert settings_of(controls_of(found)) == found  # of a picture that is read


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("steps", "many", "steps must be numbers such as 60, got 'many'"),
        ("style_mix", "a b", "style_mix must be numbers such as 2 1"),
        ("size", "big", "size must be a number"),
        ("seed", 1.5, "seed must be a whole number"),
        ("strength", 1.5, "strength"),
        ("rest", "{", "the other settings are not JSON"),
        ("rest", "[]", "must be a JSON object"),
        ("rest", '{"terms": {"gamma": 1}}', "expected the fields"),
        ("color", "blue", "color"),
        ("preset", "nothing", "unknown preset"),
    ],
)
def test_what_cannot_be_is_said(name, value, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        settings_of(replace(Controls(), **{name: value}))


def test_strength_and_lbfgs_exclude_each_other():
    controls = replace(preset_controls("gatys2016"), how="strength")
    with pytest.raises(ValueError, match="choose optimizer adam, or leave strength"):
        settings_of(controls)


def test_options_of_a_program():
    found = settings_of(controls_from({"size": 64, "steps": [3, 2], "beta": 4}))
    assert found.terms.strength is None and found.terms.beta == 4
    assert found.optimization.steps == (3, 2) and found.geometry.size == 64
    by_strength = settings_of(controls_from({"strength": 0.7, "style_mix": [1, 3]}))
    assert by_strength.terms.strength == 0.7 and by_strength.style_mix == (1, 3)
    assert settings_of(controls_from({"steps": 9})).optimization.steps == (9,)
    nested = controls_from({"rest": {"geometry": {"margin": 0}}})
    assert settings_of(nested).geometry.margin == 0
    kept = replace(presets.gram, style_mix=(1.0, 2.0))
    again = controls_from({"settings": json.loads(json.dumps(kept.to_json()))})
    assert settings_of(again) == kept
    with pytest.raises(ValueError, match="no option 'siez'; the options are preset"):
        controls_from({"siez": 3})


def test_networks_are_those_whose_weights_are_here(monkeypatch):
    assert networks_at_hand()[:2] == ("auto", "vgg19-lite")

    def broken(name):
        raise ValueError("damaged")

    monkeypatch.setattr("jaxnst.app.controls.sources.find_local_weights", broken)
    assert networks_at_hand() == ("auto",)


def test_dicts_are_merged_and_left_as_they_are():
    below, above = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 4}, "d": {"e": 5}}
    assert merged(below, above) == {"a": {"b": 4, "c": 2}, "d": {"e": 5}}
    assert below["a"]["b"] == 1


def test_a_size_that_is_the_photographs_is_kept():
    settings = Settings.from_json({"geometry": {"size": "original"}})
    assert settings_of(controls_of(settings)).geometry.size == "original"
