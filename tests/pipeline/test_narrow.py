"""Pictures too small or too narrow for the layers, in every kind of run."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import images, presets, render, render_batch, render_grid, save_image
from jaxnst.images.mirroring import add_mirrored, cut_off, pads_to, repeat_mirrored
from jaxnst.losses.config import Config
from jaxnst.optimize.options import RunOptions
from jaxnst.pipeline import inputs, run
from jaxnst.pipeline.run import levels_at
from jaxnst.pipeline.settings import Geometry, Optimization, Settings

NETWORK = narrow_network(depth=5)
CONFIG = Config(content_layers=("relu3_1",), style_layers=("relu1_1", "relu3_1"))
LEAST = NETWORK.min_side(CONFIG.layers)  # 4
ONE_PASS = Optimization(steps=(0,), init="feedforward")
SETTINGS = Settings(
    objective=CONFIG,
    geometry=Geometry(size=32, min_size=8),
    optimization=Optimization(steps=(2, 1)),
)


def with_geometry(**changes):
    return replace(SETTINGS, geometry=replace(SETTINGS.geometry, **changes))


@pytest.mark.parametrize(
    ("size", "multiple", "wanted"),
    [
        ((32, 24), 1, (0.25, 0.5, 1)),
        ((16, 32), 1, (0.25, 0.5, 1)),
        ((32, 9), 1, (0.5, 1)),
        ((5, 32), 1, (1,)),
        ((32, 3), 1, (1,)),
        ((5, 32), 8, (0.5, 1)),
        ((3, 32), 16, (0.25, 0.5, 1)),
    ],
)
@pytest.mark.parametrize("margin", [0, 3])
def test_levels_begin_where_the_photograph_is_large_enough(
    size, multiple, wanted, margin
):
    settings = with_geometry(margin=margin)
    assert levels_at(settings, NETWORK, size, multiple) == wanted


@pytest.mark.parametrize("init", ["content", "style", "feedforward", "picture"])
@pytest.mark.parametrize("multiple", [1, 8])
@pytest.mark.parametrize("margin", [0, 1])
@pytest.mark.parametrize(
    ("content", "style"), [((2, 32), (5, 32)), ((9, 32), (32, 3)), ((32, 20), (32, 7))]
)
def test_whatever_the_size_it_fits_the_layers(
    content, style, margin, multiple, init, monkeypatch
):
    monkeypatch.setattr(run, "_one_pass", lambda settings, target, *_: target)
    settings = with_geometry(margin=margin)
    start = None
    if init == "picture":
        start = picture(40, 30, 3)
    else:
        settings = replace(settings, optimization=Optimization(init=init))
    photograph = picture(*content, 1)
    prepared = run.prepare(
        settings,
        NETWORK,
        photograph,
        [picture(*style, 2)],
        init=start,
        multiple=multiple,
    )
    options = RunOptions(**prepared.options)
    options.schedule.check_image(prepared.content, "content", LEAST, margin)
    options.schedule.check_image(prepared.styles[0], "style", LEAST)
    if init != "content":
        assert options.init.shape == prepared.content.shape
    assert prepared.content.shape[0] % multiple == 0
    np.testing.assert_array_equal(prepared.finish(prepared.content), photograph)


def test_one_pass_of_pictures_of_any_size(monkeypatch):
    seen = []

    def stylize(model, content, styles, **_):
        seen.append((content.shape[:2], [style.shape[:2] for style in styles]))
        return content

    monkeypatch.setattr(run.feedforward, "stylize_compiled", stylize)
    content, style = picture(3, 32, 1), picture(32, 5, 2)
    one = replace(presets.encoder_transformer, geometry=Geometry(size=32))
    result = render(one, NETWORK, content, [style])
    np.testing.assert_array_equal(result.image, content)
    assert seen == [((16, 32), [(32, 20)])]


def test_a_narrow_picture_is_what_its_mirrored_continuation_gives():
    content, style = picture(2, 32, 1), picture(20, 30, 2)
    own = render(SETTINGS, NETWORK, content, [style])
    wide = add_mirrored(content, ((1, 1), (0, 0)))
    whole = render(SETTINGS, NETWORK, wide, [style])
    assert whole.image.shape == (4, 32, 3)
    np.testing.assert_array_equal(own.image, whole.image[1:3])


def test_large_enough_pictures_are_left_alone():
    content, style = picture(24, 32, 1), picture(32, 20, 2)
    prepared = run.prepare(SETTINGS, NETWORK, content, [style])
    assert prepared.content is content and prepared.styles[0] is style


@pytest.mark.slow
def test_grids_and_batches_as_single_runs():
    content, style = picture(2, 32, 1), picture(2, 32, 2)
    terms = SETTINGS.terms
    own = render(SETTINGS, NETWORK, content, [style])
    grid = render_grid(
        SETTINGS, NETWORK, content, [style], alphas=[terms.alpha], betas=[terms.beta]
    )
    assert grid.image.shape == (1, 1, 2, 32, 3)
    np.testing.assert_allclose(grid.image[0, 0], own.image, atol=2e-3)
    pairs = [content, content], [style, style]
    for one in render_batch(SETTINGS, NETWORK, *pairs, multiple=1):
        np.testing.assert_allclose(one.image, own.image, atol=2e-3)


def test_sizes_come_from_files_of_any_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(2, 32, 1))
    save_image("s.png", jnp.ones((1, 1, 3)))
    found = inputs.sizes_of(SETTINGS, "c.png", ["s.png"])
    assert found == inputs.Sizes((2, 32), ((32, 32),))
    monkeypatch.setattr(images, "MAX_PIXELS", 1000)
    with pytest.raises(ValueError, match="c.png is 32 x 2 .* 160 x 10, .*size 125 or"):
        inputs.sizes_of(with_geometry(size=160), "c.png", ["s.png"])
    assert inputs.sizes_of(with_geometry(size=125), "c.png", []).content == (8, 125)
    with pytest.raises(ValueError, match="s.png is 1 x 1 .*style_scale 0.97 or less"):
        inputs.sizes_of(SETTINGS, "c.png", ["s.png"])
    smaller = with_geometry(style_scale=0.97)
    assert inputs.sizes_of(smaller, "c.png", ["s.png"]).styles == ((31, 31),)


def test_pictures_of_any_size_are_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(2, 32, 1))
    for settings in (SETTINGS, replace(SETTINGS, optimization=ONE_PASS)):
        content, (style,) = inputs.load_pictures(settings, NETWORK, "c.png", ["c.png"])
        assert content.shape == style.shape == (2, 32, 3)


def test_levels_that_are_left_out_are_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image("c.png", picture(10, 32, 1))
    save_image("s.png", picture(20, 20, 2))
    settings = replace(SETTINGS, network="vgg19")
    monkeypatch.setattr(
        inputs, "open_network", lambda settings, typed: (settings, NETWORK, "named")
    )
    loaded = inputs.load_inputs(settings, "c.png", ["s.png"])
    assert loaded.levels == (0.5, 1)
    assert loaded.notice == (
        "named; c.png would be 8 x 2 pixels at the coarsest level, too narrow for the "
        "layers: of 3 levels the last 2"
    )


def test_mirroring_and_cutting_off():
    image = picture(3, 5)
    pads = pads_to((3, 5), (10, 4))
    assert pads == ((3, 4), (0, 0))
    wide = add_mirrored(image, pads)
    assert wide.shape == (10, 5, 3)
    np.testing.assert_array_equal(wide[2], image[1])
    np.testing.assert_array_equal(cut_off(wide, pads), image)


def test_mirrored_copies_have_every_pixel_equally_often():
    image = picture(3, 5)
    assert repeat_mirrored(image, 3) is image
    found = repeat_mirrored(image, 7)
    assert found.shape == (9, 10, 3)
    np.testing.assert_array_equal(found[3], found[2])
    np.testing.assert_array_equal(jnp.sort(found[..., 0].ravel())[::6],
                                  jnp.sort(image[..., 0].ravel()))  # fmt: skip
    np.testing.assert_array_equal(found[6:, :5], image)
