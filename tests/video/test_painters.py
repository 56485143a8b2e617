"""Painters: frames painted one by one equal pictures painted for themselves."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

import jaxnst
from jaxnst import feedforward
from jaxnst.feedforward import new_feedforward
from jaxnst.video.painters import OnePassPainter, OptimisedPainter


def frame(height, width, seed=0):
    return np.uint8(np.round(255 * np.asarray(picture(height, width, seed))))


SIZE = (40, 48)
SETTINGS = replace(
    jaxnst.presets.get("default"),
    geometry=jaxnst.pipeline.Geometry(size=48, margin=4),
    optimization=jaxnst.pipeline.Optimization(steps=(3,), ema=0.5),
)


@pytest.fixture(scope="module")
def network():
    return narrow_network(width=4, depth=10)


@pytest.fixture(scope="module")
def model(network):
    return new_feedforward(jax.random.key(0), network)


@pytest.mark.parametrize("color", ["style", "content", "match"])
def test_a_frame_for_itself_is_the_picture_of_render(network, color):
    settings = replace(SETTINGS, color=color)
    style, first = picture(32, 40, 1), frame(*SIZE)
    painter = OptimisedPainter(
        network, [style], settings, size=SIZE, temporal=0.0, reference=first
    )
    painted = painter.paint(first, painter.motion([first]), [])
    image = jaxnst.render(settings, network, jnp.float32(first) / 255, [style]).image
    assert np.abs(np.int32(painted) - np.round(255 * np.asarray(image))).max() <= 1


def test_a_frame_in_one_pass_is_the_picture_of_one_pass(model):
    style, first = picture(32, 40, 1), frame(37, 51)
    painter = OnePassPainter(model, [style], strength=0.8, smooth=0.0)
    painted = painter.paint(first, painter.motion([first]), [])
    image = feedforward.stylize(model, jnp.float32(first) / 255, style, strength=0.8)
    assert np.abs(np.int32(painted) - np.round(255 * np.asarray(image))).max() <= 1
