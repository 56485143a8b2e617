"""Objects in a shell or notebook: a few lines, and pictures where there are some."""

import io

import jax
import numpy as np
import pytest
from networks import narrow_network, narrow_weights, picture
from PIL import Image

import jaxnst
from jaxnst import Config, make_targets, network_from_weights

NETWORK = narrow_network(depth=3)
CONFIG = Config(content_layers=("relu2_1",), style_layers=("relu1_1", "relu1_2"))
CONTENT, STYLE = picture(24, 32), picture(20, 20, 1)


def shown(thing) -> np.ndarray:
    data = thing._repr_png_()
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) / 255


@pytest.fixture(scope="module")
def result():
    return jaxnst.stylize(NETWORK, CONTENT, STYLE, config=CONFIG, steps=2)


@pytest.fixture(scope="module")
def grid():
    return jaxnst.grid_search(
        NETWORK,
        CONTENT,
        STYLE,
        alphas=[1, 2],
        betas=[1, 10, 30],
        config=CONFIG,
        steps=2,
    )


def test_a_network_names_architecture_widths_size_and_source():
    text = repr(jaxnst.load_network("vgg19-lite"))
    assert "vgg19" in text and "16 x 2, 32 x 2, 64 x 4, 192 x 4, 256 x 1" in text
    assert "parameters" in text and "distilled from VGG-19" in text
    assert len(text.splitlines()) <= 3 and len(text) < 300
    text = repr(network_from_weights(narrow_weights()))
    assert "googlenet" in text and "2 x 57" in text and len(text) < 300
    jax.jit(lambda network: (repr(network), 0)[1])(NETWORK)  # of tracers, too


def test_a_one_pass_network_is_as_short():
    text = repr(jaxnst.load_feedforward())
    assert "transport" in text and "decoder of" in text and len(text) < 500


def test_targets_name_their_layers():
    text = repr(make_targets(NETWORK, CONTENT, STYLE, CONFIG))
    assert text == "Targets(content relu2_1 (12, 16, 8); style relu1_1, relu1_2)"


def test_a_result_says_shape_steps_and_last_losses(result):
    text = repr(result)
    assert "image (24, 32, 3), 2 steps" in text and len(text) < 200
    assert f"loss {result.trace['loss'][-1]:.4g}" in text and "style/" not in text
    np.testing.assert_allclose(shown(result), result.image, atol=1 / 255)


def test_a_grid_shows_its_contact_sheet(grid):
    text = repr(grid)
    ends = grid.trace["loss"][..., -1]
    assert "image (2, 3, 24, 32, 3)" in text
    assert f"loss {ends.min():.4g} to {ends.max():.4g}" in text
    sheet = shown(grid)
    # Two rows of three, each picture brought to the same long side.
    assert sheet.shape[1] / sheet.shape[0] == pytest.approx(3 * 4 / (2 * 3), rel=0.1)


def test_what_is_not_finite_is_counted(grid):
    from dataclasses import replace

    finite = np.array([[True, False, True], [True, True, True]])
    broken = replace(grid, finite=finite, image=grid.image * np.nan)
    assert "not finite: 1 of 6" in repr(broken) and shown(broken).shape[2] == 3
    # One row of six and a second of one.
    many = replace(grid, image=np.zeros((7, 24, 32, 3)), trace={})
    assert shown(many).shape[1] > 2 * shown(many).shape[0]
