"""Pictures of another scale are refused by every public function that takes some."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

import jaxnst
from jaxnst import images, metrics
from jaxnst.pipeline import color_transfer

GOOD = picture(32, 32, 1)
CONFIG = jaxnst.Config(content_layers=("relu1_1",), style_layers=("relu1_1",))
SETTINGS = jaxnst.presets.get("gram")


@pytest.fixture(scope="module")
def network():
    return narrow_network(depth=3, width=4)


def calls(network, x):
    """Every call with `x` in one of its places."""
    pair = {"config": CONFIG, "steps": 1}
    yield lambda: network(x, ["relu1_1"])
    yield lambda: jaxnst.stylize(network, x, GOOD, **pair)
    yield lambda: jaxnst.stylize(network, GOOD, x, **pair)
    yield lambda: jaxnst.stylize(network, GOOD, [GOOD, x], **pair)
    yield lambda: jaxnst.stylize(network, GOOD, GOOD, init=x, **pair)
    levels = {"config": CONFIG, "steps": (1,), "levels": (1.0,)}
    yield lambda: jaxnst.stylize_pyramid(network, x, GOOD, **levels)
    yield lambda: jaxnst.stylize_pyramid(network, GOOD, x, **levels)
    yield lambda: jaxnst.grid_search(network, x, GOOD, **levels)
    yield lambda: jaxnst.grid_search(network, GOOD, x, **levels)
    yield lambda: jaxnst.stylize_batch(network, [x], [GOOD], **levels)
    yield lambda: jaxnst.stylize_batch(network, [GOOD], [x], **levels)
    yield lambda: jaxnst.make_targets(network, x, GOOD, CONFIG)
    yield lambda: jaxnst.make_targets(network, GOOD, x, CONFIG)
    yield lambda: jaxnst.render(SETTINGS, network, x, [GOOD])
    yield lambda: jaxnst.render(SETTINGS, network, GOOD, [x])
    yield lambda: jaxnst.render(SETTINGS, network, GOOD, [GOOD], init=x)
    axes = {"alphas": [1.0], "betas": [1.0]}
    yield lambda: jaxnst.render_grid(SETTINGS, network, x, [GOOD], **axes)
    yield lambda: jaxnst.render_batch(SETTINGS, network, [x], [GOOD])
    yield lambda: jaxnst.render_batch(SETTINGS, network, [GOOD], [x])
    yield lambda: jaxnst.split_rows(network, x)
    for place in range(3):
        three = [GOOD, GOOD, GOOD]
        three[place] = x
        yield lambda three=three: metrics.judge(network, *three)
    yield lambda: images.resize(x, (9, 9))
    yield lambda: images.save_image("a.png", x)
    yield lambda: images.save_animation("a.gif", [x])
    yield lambda: images.encode(x, ".png")
    yield lambda: images.contact_sheet([[x]])
    yield lambda: color_transfer.to_luminance(x)
    yield lambda: color_transfer.match_color(x, GOOD)
    yield lambda: color_transfer.match_color(GOOD, x)


@pytest.mark.parametrize("wrong", [255 * GOOD, 2 * GOOD - 1], ids=["255", "signed"])
def test_every_public_function_refuses(network, wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in calls(network, wrong):
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\].*if it is in"):
            call()


def test_one_pass_refuses():
    model = jaxnst.load_feedforward()
    for pair in ((255 * GOOD, GOOD), (GOOD, 255 * GOOD)):
        with pytest.raises(ValueError, match="give x / 255"):
            jaxnst.feedforward.stylize(model, *pair)


def test_compiled_code_is_not_disturbed(network):
    inside = jax.jit(lambda x: network(x, ["relu1_1"])["relu1_1"].sum())
    assert np.isfinite(inside(255 * GOOD))
    many = jnp.stack([255 * GOOD, GOOD])
    assert jax.vmap(inside)(many).shape == (2,)
