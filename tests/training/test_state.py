"""The state of a training on disk: restored as it was, or refused in one line."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import serialization

from jaxnst._checksum import read_checksummed, write_checksummed
from jaxnst.training.state import Resumable


class Training(Resumable):
    """Two parameters and Adam's state, after three steps or before the first."""

    def __init__(self, steps=0, beta=3.0, size=4):
        params = {"a": jnp.arange(size, dtype=jnp.float32), "b": jnp.zeros((2, 3))}
        self.description = {"beta": beta}
        trace = {"loss": np.arange(steps, dtype=np.float32)} if steps else {}
        self.state = {
            "step": steps,
            "params": params,
            "memory": optax.adam(0.1).init(params),
            "trace": trace,
        }


@pytest.fixture
def path(tmp_path):
    Training(3).save(tmp_path / "run.state")
    return tmp_path / "run.state"


def held_in(path):
    return serialization.msgpack_restore(read_checksummed(path))


def test_it_comes_back(path):
    training = Training()
    training.restore(path)
    assert training.state["step"] == 3
    np.testing.assert_array_equal(training.state["trace"]["loss"], [0, 1, 2])
    np.testing.assert_array_equal(training.state["params"]["a"], [0, 1, 2, 3])
    assert isinstance(training.state["memory"][0], optax.ScaleByAdamState)


def test_one_of_an_earlier_version_is_read(path):
    path.write_bytes(read_checksummed(path))
    training = Training()
    training.restore(path)
    assert training.state["step"] == 3


def test_another_training_is_named(path):
    with pytest.raises(ValueError, match="with other beta; give the same"):
        Training(beta=4.0).restore(path)
    with pytest.raises(FileNotFoundError):
        Training().restore(path.with_name("none"))


DAMAGE = {
    "no description": {"description": None},
    "a very deep description": {"description": "[" * 100_000},
    "steps that are text": {"step": "3"},
    "steps below 0": {"step": -1},
    "more steps": {"step": 4},
    "no trace": {"trace": None},
    "texts as losses": {"trace": {"loss": ["a", "b", "c"]}},
    "no parameters": {"params": None},
    "other parameters": {"params": {"a": np.zeros(4, np.float32)}},
    "other shapes": {
        "params": {"a": np.zeros(5, np.float32), "b": np.zeros((2, 3), np.float32)}
    },
    "other types": {"params": {"a": np.zeros(4, int), "b": np.zeros((2, 3), int)}},
    "NaN": {
        "params": {
            "a": np.full(4, np.nan, np.float32),
            "b": np.zeros((2, 3), np.float32),
        }
    },
    "another optimiser": {"memory": {}},
    "too much": {"further": 3},
}


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named(what, checksum, path):
    data = serialization.msgpack_serialize(held_in(path) | DAMAGE[what])
    if checksum:
        write_checksummed(path, data)
    else:
        path.write_bytes(data)
    training = Training()
    with pytest.raises(ValueError, match="rm .*run.state") as caught:
        training.restore(path)
    assert str(path) in str(caught.value)
    assert training.state["step"] == 0


def test_every_changed_byte_is_noticed(path):
    data = bytearray(path.read_bytes())
    for place in range(0, len(data), 5):
        data[place] ^= 0x10
        path.write_bytes(data)
        with pytest.raises(ValueError, match="rm .*run.state"):
            Training().restore(path)
        data[place] ^= 0x10
