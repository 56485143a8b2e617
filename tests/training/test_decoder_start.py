"""A decoder for a wider encoder, begun from one for a narrower."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst.feedforward.model import new_feedforward
from jaxnst.feedforward.weights_file import write_feedforward
from jaxnst.pretrained.hdf5 import WeightsError
from jaxnst.training.decoder_start import start_from
from scripts import write_network

pytestmark = pytest.mark.usefixtures("compiled_quickly")


@pytest.fixture(scope="module")
def model():
    encoder = narrow_network(width=3, padding="reflect", depth=9)
    made = new_feedforward(jax.random.key(1), encoder, matching="adain")
    rng = np.random.default_rng(2)

    def drawn(x):  # none 0, and as float16 holds them
        return jnp.asarray((0.3 * rng.normal(size=x.shape)).astype("e").astype("f"))

    params = jax.tree.map(drawn, made.params)
    return replace(made, params=params)


@pytest.fixture
def file(model, tmp_path):
    write_feedforward(tmp_path / "narrow.h5", model, {})
    return tmp_path / "narrow.h5"


@pytest.mark.slow
def test_of_the_same_features_it_makes_the_same_picture(model, file):
    """Whatever the new channels say."""
    wider = narrow_network(width=5, padding="reflect", depth=9)
    started = start_from(file, wider, jax.random.key(0))
    assert started.matching == "adain" and started.encoder is wider
    rng = np.random.default_rng(0)
    old, new = model.module.widths, started.module.widths
    assert all(a < b for a, b in zip(old, new, strict=True))
    maps, codes = [], []
    for level, (a, b) in enumerate(zip(old, new, strict=True)):
        full = rng.normal(size=(16 >> level, 16 >> level, b)).astype(np.float32)
        maps.append((full[..., :a], full))
        halves = rng.normal(size=(2, b)).astype(np.float32)
        codes.append((halves[:, :a].ravel(), halves.ravel()))
    base = picture(16, 16)

    def decoded(of, which):
        code = jnp.concatenate([jnp.asarray(pair[which]) for pair in codes])
        given = [jnp.asarray(pair[which]) for pair in maps], code, base
        return jax.jit(of.module.apply)({"params": of.params}, *given)

    wanted = decoded(model, 0)
    assert float(jnp.std(wanted)) > 1e-3
    np.testing.assert_allclose(decoded(started, 1), wanted, atol=1e-5)


@pytest.mark.slow
def test_of_the_same_encoder_it_is_the_same(model, file):
    started = start_from(file, model.encoder, jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, started.params, model.params)
    assert started.checksum


def test_a_narrower_encoder_and_other_files_are_refused(file, tmp_path):
    narrower = narrow_network(width=2, padding="reflect", depth=9)
    with pytest.raises(ValueError, match="at least as wide"):
        start_from(file, narrower, jax.random.key(0))
    write_network(tmp_path / "vgg.h5")
    with pytest.raises(WeightsError, match="not of a one-pass network"):
        start_from(tmp_path / "vgg.h5", narrower, jax.random.key(0))
