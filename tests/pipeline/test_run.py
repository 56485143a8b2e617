"""A run from settings: sizes, levels and colours."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import Config, Regions, Settings, render, stylize_pyramid
from jaxnst.images import resize
from jaxnst.optimize import optimizers
from jaxnst.pipeline import color_transfer
from jaxnst.pipeline.run import prepare
from jaxnst.pipeline.settings import Geometry, Optimization

NETWORK = narrow_network(depth=3)
CONTENT = picture(40, 32) * jnp.float32([1, 0.5, 0.25]).reshape(1, 1, 3)
STYLE = picture(30, 30, 1) * jnp.float32([0.2, 0.6, 1]).reshape(1, 1, 3)
SETTINGS = Settings(
    geometry=Geometry(size=24, min_size=12),
    objective=Config(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1")),
    optimization=Optimization(steps=(4, 3), learning_rate=0.05),
)


def run(settings=SETTINGS, **options):
    return render(settings, NETWORK, CONTENT, [STYLE], **options)


def chroma(image):
    """The part of the colours that is not luma."""
    luma = image @ jnp.float32([0.299, 0.587, 0.114])
    return np.asarray(image - luma[..., None])


def test_a_name_is_not_settings():
    with pytest.raises(TypeError, match=r"presets.get\('default'\), got 'gram'"):
        render("gram", None, picture(8, 8), [picture(8, 8)])


@pytest.mark.parametrize("fall", [0.0, 0.6])
def test_render_is_the_pyramid_at_the_settings_sizes(fall):
    how = dataclasses.replace(SETTINGS.optimization, lr_decay=fall)
    content = resize(CONTENT, (24, 19))
    style = resize(STYLE, (24, 24))
    result = run(dataclasses.replace(SETTINGS, optimization=how))
    wanted = stylize_pyramid(
        NETWORK,
        content,
        [style],
        levels=(0.5, 1.0),
        steps=(4, 3),
        config=SETTINGS.objective,
        weights=SETTINGS.terms,
        optimizer=optimizers.adam(0.05, lr_decay=((1 - fall) * 7, 7) if fall else None),
    )
    assert result.image.shape == (24, 19, 3) and result.steps == 7
    np.testing.assert_array_equal(result.image, wanted.image)


def test_content_colours_keep_the_photographs_chroma():
    seen = []
    settings = dataclasses.replace(SETTINGS, color="content")
    result = run(settings, callback=lambda p: seen.append(p.picture()), every=4)
    content = resize(CONTENT, (24, 19))
    inside = np.all((result.image > 1e-3) & (result.image < 1 - 1e-3), axis=-1)
    assert inside.mean() > 0.5
    given, wanted = chroma(result.image)[inside], chroma(content)[inside]
    np.testing.assert_allclose(given, wanted, atol=1e-5)
    assert not np.allclose(result.image, content, atol=0.02)
    other = run().image
    assert not np.allclose(chroma(other)[inside], wanted, atol=0.02)
    np.testing.assert_array_equal(seen[-1], result.image)
    small = next(image for image in seen if image.shape == (12, 10, 3))
    wanted = chroma(resize(content, (12, 10)))
    inside = np.all((small > 1e-3) & (small < 1 - 1e-3), axis=-1)
    np.testing.assert_allclose(chroma(small)[inside], wanted[inside], atol=1e-5)


def test_matched_colours_are_those_of_a_painting_matched_before():
    result = run(dataclasses.replace(SETTINGS, color="match"))
    content, style = (
        resize(CONTENT, (24, 19)),
        resize(STYLE, (24, 24)),
    )
    matched = color_transfer.match_color(style, content)
    wanted = render(SETTINGS, NETWORK, CONTENT, [matched])
    np.testing.assert_allclose(result.image, wanted.image, atol=1e-5)
    assert not np.allclose(result.image, run().image, atol=0.02)


def with_start(init, seed=0):
    how = dataclasses.replace(SETTINGS.optimization, init=init, seed=seed)
    return dataclasses.replace(SETTINGS, optimization=how)


def test_noise_comes_from_the_seed():
    one, same, other = (run(with_start("noise", seed)).image for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_a_start_of_another_size_is_resized():
    start = 1 - CONTENT
    small = resize(start, (24, 19))
    np.testing.assert_array_equal(run(init=start).image, run(init=small).image)
    assert run(init=start).trace["content"][0] > 0.1


def test_a_start_from_a_file_needs_its_picture():
    with pytest.raises(ValueError, match="unknown init 'start.png'"):
        run(with_start("start.png"))


def test_paintings_are_blended():
    settings = dataclasses.replace(SETTINGS, style_mix=(0.0, 1.0))
    both = render(settings, NETWORK, CONTENT, [1 - STYLE, STYLE])
    np.testing.assert_allclose(both.image, run().image, atol=1e-3)


@pytest.mark.parametrize(
    "pictures, error, message",
    [
        ({"content": np.full((40, 32, 3), 9, np.uint8)}, TypeError, "content.*by 255"),
        ({"content": "photo.jpg"}, TypeError, "load_image"),
        ({"styles": [np.full((40, 32, 3), 9, np.uint8)]}, TypeError, "styles.*by 255"),
        ({"styles": []}, ValueError, "at least one"),
        ({"init": np.full((40, 32, 3), 9, np.uint8)}, TypeError, "init.*by 255"),
        ({"content": CONTENT[..., :1]}, ValueError, r"\(H, W, 3\)"),
    ],
)
def test_bad_pictures_are_errors(pictures, error, message):
    given = {"content": CONTENT, "styles": [STYLE], **pictures}
    content, styles = given.pop("content"), given.pop("styles")
    with pytest.raises(error, match=message):
        render(SETTINGS, NETWORK, content, styles, **given)


@pytest.mark.parametrize("color", ["style", "content"])
def test_what_is_painted_in_part_is_blended_once(color):
    """By the run itself; the end restores only what is not painted at all."""
    mask = np.full((24, 19, 1), 0.5, np.float32)
    mask[:, :9] = 0
    regions = Regions(mask, (np.ones((24, 24, 1), np.float32),))
    settings = dataclasses.replace(SETTINGS, color=color)
    prepared = prepare(settings, NETWORK, CONTENT, [STYLE], regions=regions)
    whole = prepare(settings, NETWORK, CONTENT, [STYLE])
    image = picture(24, 19, 5)
    found = np.asarray(prepared.finish(image))
    np.testing.assert_array_equal(found[:, :9], resize(CONTENT, (24, 19))[:, :9])
    np.testing.assert_array_equal(found[:, 9:], whole.finish(image)[:, 9:])
    seen = []
    run(
        settings,
        regions=regions,
        callback=lambda progress: seen.append(progress.picture().shape),
        every=1,
    )
    assert seen[0] == (12, 10, 3) and seen[-1] == (24, 19, 3)
