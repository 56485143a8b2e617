"""The decoder's file: there and back, and whatever may be wrong with one."""

import hashlib
from dataclasses import replace
from pathlib import Path

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture
from paths import REPOSITORY

from jaxnst.feedforward.model import new_feedforward, stylize
from jaxnst.feedforward.weights_file import load_feedforward, write_feedforward
from jaxnst.pretrained.format import WeightsError, read_weights
from jaxnst.pretrained.registry import FEEDFORWARD, builtin_weights
from scripts import write_network

SHIPPED = REPOSITORY / "weights" / "feedforward.h5"


def test_the_shipped_file():
    data = SHIPPED.read_bytes()
    assert len(data) <= 6_000_000
    assert hashlib.sha256(data).hexdigest() == FEEDFORWARD.checksum
    assert builtin_weights("feedforward") == SHIPPED
    assert FEEDFORWARD.checksum in (SHIPPED.parent / "README.md").read_text()
    model = load_feedforward()
    assert model.checksum == FEEDFORWARD.checksum and model.matching == "transport"
    assert "training" in read_weights(SHIPPED).notes


@pytest.fixture(scope="module")
def model():
    encoder = replace(
        narrow_network(width=4, padding="reflect", depth=9), checksum="abc"
    )
    made = new_feedforward(jax.random.key(3), encoder, matching="adain")
    return replace(made, source="a test")


@pytest.fixture
def file(model, tmp_path) -> Path:
    write_feedforward(tmp_path / "f.h5", model, {"training": "{}"})
    return tmp_path / "f.h5"


def test_there_and_back(model, file):
    held = load_feedforward(file, encoder=model.encoder)
    assert (held.matching, held.source) == ("adain", "a test")
    assert held.checksum == read_weights(file).checksum
    assert held.module == model.module
    for own, stored in zip(
        jax.tree.leaves(model.params), jax.tree.leaves(held.params), strict=True
    ):
        np.testing.assert_array_equal(np.float16(own), stored)
    content, style = picture(24, 32, 1), picture(32, 24, 2)
    made = [jax.jit(stylize)(m, content, style) for m in (model, held)]
    np.testing.assert_allclose(*made, atol=0.02)


def changed(file, change):
    with h5py.File(file, "r+") as held:
        change(held)
        del held.attrs["content_sha256"]  # as of a file that was written so


def missing(held):
    del held["conv3_2/conv/bias"]


def reshaped(held):
    del held["conv3_2/conv/kernel"]
    held["conv3_2/conv/kernel"] = np.zeros((3, 3, 4, 5), np.float32)
    del held["conv3_2/conv/bias"]
    held["conv3_2/conv/bias"] = np.zeros(5, np.float32)


def added(held):
    held["conv9_9/kernel"] = np.zeros((1, 1, 2, 2), np.float32)
    held["conv9_9/bias"] = np.zeros(2, np.float32)


def unmatched(held):
    held.attrs["matching"] = "magic"


@pytest.mark.parametrize(
    "change, message",
    [
        (missing, "conv3_2/conv holds kernel"),
        (reshaped, "conv3_2/conv/bias has shape"),
        (added, "conv9_9/bias belongs to no layer"),
        (unmatched, "unknown matching 'magic'"),
    ],
)
def test_a_file_that_does_not_fit(change, message, model, file):
    changed(file, change)
    with pytest.raises(WeightsError, match=message):
        load_feedforward(file, encoder=model.encoder)


def test_another_encoder(file):
    with pytest.raises(WeightsError, match="trained with another encoder"):
        load_feedforward(file)


def test_weights_of_something_else(tmp_path):
    write_network(tmp_path / "net.h5", depth=9)
    with pytest.raises(WeightsError, match="holds weights of vgg19, not of a one-pass"):
        load_feedforward(tmp_path / "net.h5")
    with pytest.raises(FileNotFoundError):
        load_feedforward(tmp_path / "absent.h5")


def test_it_is_no_network_to_optimise_with():
    from jaxnst import load_network

    with pytest.raises(ValueError, match="feedforward"):
        load_network("vgg19", weights=SHIPPED)


def test_numbers_that_float16_cannot_hold(model, tmp_path):
    params = jax.tree.map(lambda a: jnp.full_like(a, 1e9), model.params)
    with pytest.raises(WeightsError, match="beyond float16"):
        write_feedforward(tmp_path / "f.h5", replace(model, params=params), {})
    assert not list(tmp_path.iterdir())
