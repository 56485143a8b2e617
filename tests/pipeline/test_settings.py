"""Settings: sizes and steps they mean, and their way through JSON."""

import ast
import dataclasses
import inspect
import json

import jax
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jaxnst import Config, Settings, Weights
from jaxnst.losses import Moments
from jaxnst.pipeline import presets, settings
from jaxnst.pipeline.settings import Geometry, Optimization

# Sizes


@pytest.mark.parametrize(
    "fit, wanted",
    [
        ("long", (100, 75)),
        ("short", (133, 100)),
        ("height", (100, 75)),
        ("square", (100, 100)),
    ],
)
def test_size_of_the_output(fit, wanted):
    geometry = Geometry(size=100, fit=fit)
    assert geometry.content_size(800, 600) == wanted
    if fit != "height":
        assert geometry.content_size(600, 800) == wanted[::-1]
    else:
        assert geometry.content_size(600, 800) == (100, 133)


def test_size_of_the_painting():
    assert Geometry(style_fit="long").style_size(300, 600, (100, 80)) == (50, 100)
    assert Geometry(style_fit="same").style_size(300, 600, (100, 80)) == (100, 80)
    double = Geometry(style_fit="long", style_scale=2.0)
    assert double.style_size(300, 600, (100, 80)) == (100, 200)
    part = Geometry(style_fit="same", style_scale=256 / 384)
    assert part.style_size(9, 9, (384, 384)) == (256, 256)


def test_no_side_shrinks_to_nothing():
    assert Geometry(size=10).content_size(1, 1000) == (1, 10)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 4000))
def test_the_long_side_is_the_size(height, width, size):
    assert max(Geometry(size=size).content_size(height, width)) == size


def test_levels_rise_by_the_ratio_to_the_size():
    sizes = [round(512 * level) for level in Geometry(min_size=128).levels()]
    assert sizes == [128, 256, 512]
    assert Geometry().levels() == (1.0,)
    assert Geometry(size=100, min_size=128).levels() == (1.0,)
    fine = Geometry(size=512, min_size=128, ratio=2**0.5).levels()
    assert [round(512 * level) for level in fine] == [128, 181, 256, 362, 512]


@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(1.05, 10))
def test_no_level_is_below_the_coarsest(size, min_size, ratio):
    levels = Geometry(size=size, min_size=min_size, ratio=ratio).levels()
    assert levels[-1] == 1 and list(levels) == sorted(levels)
    assert round(size * levels[0]) >= min(size, min_size)


def test_the_last_number_of_steps_holds_for_further_levels():
    assert Optimization(steps=(5, 3)).steps_at(4) == (5, 3, 3, 3)
    assert Optimization(steps=(5, 3)).steps_at(2) == (5, 3)
    assert Optimization(steps=(5, 3)).steps_at(1) == (5,)


# Errors


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Geometry(size=0), "size"),
        (lambda: Geometry(fit="x"), "long, short, height, square"),
        (lambda: Geometry(style_fit="x"), "long, same"),
        (lambda: Geometry(style_scale=0.0), "style_scale"),
        (lambda: Geometry(ratio=1.0), "ratio"),
        (lambda: Geometry(min_size=0), "min_size"),
        (lambda: Optimization(steps=()), "steps"),
        (lambda: Optimization(steps=(3, 0)), "steps"),
        (lambda: Optimization(steps=(2.5,)), "steps"),
        (lambda: Optimization(ema=1.0), "ema"),
        (lambda: Optimization(optimizer="x"), "adam, rmsprop"),
        (lambda: Optimization(learning_rate=-1.0), "learning_rate"),
        (lambda: Optimization(b2=1.0), "b2"),
        (lambda: Optimization(laplacian=-1), "laplacian"),
        (lambda: Optimization(alpha_ratio=-1.0), "alpha_ratio"),
        (lambda: Optimization(lr_decay=1.5), "lr_decay must be from 0 to 1"),
        (
            lambda: Optimization((9, 8), lr_decay=0.5, keep_optimizer_state=False),
            "as many steps to each, got .9, 8., or leave keep_optimizer_state on",
        ),
        (lambda: Optimization((9, 8), lr_decay=0.5, laplacian=5), "laplacian at 0"),
        (lambda: Optimization(lr_decay=0.5, optimizer="lbfgs"), "lr_decay is for adam"),
        (lambda: Settings(color="x"), "style, content, match"),
        (lambda: Settings(terms=Weights(style_weights=(1.0,))), "1 numbers for 5"),
        (lambda: Settings(terms=Weights(alpha=float("inf"))), "alpha"),
    ],
)
def test_bad_settings_are_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_rate_falls_over_the_last_steps_of_all_levels():
    how = Optimization(steps=(30, 10), learning_rate=0.1, lr_decay=0.5)
    assert jax.tree.leaves(how.make_optimizer(3))[-2:] == [25, 50]
    assert jax.tree.leaves(how.make_optimizer(1))[-2:] == [15, 30]


def test_a_rate_falls_at_each_level_where_memory_starts_anew():
    how = Optimization(steps=(40,), lr_decay=0.25, optimizer="rmsprop", laplacian=5)
    assert jax.tree.leaves(how.make_optimizer(3))[-2:] == [30, 40]
    how = dataclasses.replace(how, laplacian=0)
    assert jax.tree.leaves(how.make_optimizer(3))[-2:] == [90, 120]
    how = dataclasses.replace(how, keep_optimizer_state=False)
    assert jax.tree.leaves(how.make_optimizer(3))[-2:] == [30, 40]


# JSON


@pytest.mark.parametrize("name", presets.NAMES)
def test_presets_come_back_from_json(name):
    preset = presets.get(name)
    again = Settings.from_json(json.loads(json.dumps(preset.to_json())))
    assert again == preset
    assert type(again.optimization.steps) is tuple


def test_other_values_come_back_from_json():
    given = Settings(
        weights="a/b.h5",
        color="match",
        style_mix=(1.0, 0.25),
        objective=Config(padding="reflect", precision="bfloat16"),
        optimization=Optimization(learning_rate=1e-3, history=7, ema=0.5),
    )
    assert Settings.from_json(json.loads(json.dumps(given.to_json()))) == given


def test_whole_numbers_do_for_fractions():
    data = json.loads(json.dumps(Settings().to_json()))
    data["terms"]["alpha"] = 2
    alpha = Settings.from_json(data).terms.alpha
    assert alpha == 2.0 and type(alpha) is float


def paths(data, prefix=()):
    """Every place in nested JSON."""
    yield prefix
    if isinstance(data, dict):
        for key, value in data.items():
            yield from paths(value, (*prefix, key))


PLAIN = Settings().to_json()
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.text(max_size=5),
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(paths(PLAIN))), anything)
def test_damaged_json_is_a_value_error(path, value):
    data = json.loads(json.dumps(PLAIN))
    place = data
    for key in path[:-1]:
        place = place[key]
    if path:
        place[path[-1]] = value
    else:
        data = value
    try:
        given = Settings.from_json(data)
    except ValueError:
        return
    assert isinstance(given, Settings)
    assert Settings.from_json(json.loads(json.dumps(given.to_json()))) == given


@pytest.mark.parametrize(
    "path, value",
    [
        pytest.param(("terms", "alpha"), 10**400, id="alpha beyond floats"),
        pytest.param(("geometry", "size"), 10**400, id="size beyond floats"),
        (("geometry", "size"), True),
        (("optimization", "keep_optimizer_state"), 1),
        (("optimization", "steps"), 3),
        (("objective", "style_layers"), "relu1_1"),
        (("objective", "pooling"), ["max"]),
        (("unknown",), 1),
        (("terms", "unknown"), 1),
    ],
)
def test_values_of_a_wrong_type_are_value_errors(path, value):
    data = json.loads(json.dumps(PLAIN))
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError):
        Settings.from_json(data)


def test_fields_left_out_have_their_defaults():
    assert Settings.from_json({}) == Settings()
    given = Settings.from_json({"geometry": {"size": 64}})
    assert given == Settings(geometry=Geometry(size=64))


def test_every_field_is_documented_for_the_command_line():
    tree = ast.parse(inspect.getsource(settings))
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        after = dict(zip(node.body, node.body[1:], strict=False))
        for item in node.body:
            if isinstance(item, ast.AnnAssign):
                text = after[item]
                assert isinstance(text, ast.Expr), f"{node.name}.{item.target.id}"


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().color = "match"


def test_a_statistic_of_ones_own_is_not_written():
    settings = Settings(objective=Config(statistic=Moments(order=3)))
    with pytest.raises(ValueError, match="cannot be written to a file"):
        settings.to_json()
