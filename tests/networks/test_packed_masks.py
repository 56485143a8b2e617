"""ReLU and pooling that keep a bit for a value have the gradients of the others."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst.networks import packed_masks, pooling


@pytest.fixture
def features(rng):
    """With values that are equal: zeros for the ReLU, ties for the maximum."""
    return jnp.float32(rng.integers(-2, 3, (2, 13, 11, 3)))


PAIRS = {
    "relu": (packed_masks.relu, nn.relu),
    **{
        kind: tuple(partial(m.pool2d, kind=kind) for m in (packed_masks, pooling))
        for kind in ("max", "avg", "l2")
    },
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_values_and_gradients_are_those_of_the_others(features, rng, name, dtype):
    of_bits, expected = PAIRS[name]
    features = features.astype(dtype)
    shape = jax.eval_shape(expected, features).shape
    cotangent = jnp.asarray(rng.normal(size=shape), dtype)

    @partial(jax.jit, static_argnums=0)
    def both(function, features):
        out, backward = jax.vjp(function, features)
        return out, backward(cotangent)[0]

    out, gradient = both(expected, features)
    found, gradient_of_bits = both(of_bits, features)
    assert found.dtype == gradient_of_bits.dtype == dtype
    np.testing.assert_array_equal(found, out)
    np.testing.assert_array_equal(gradient_of_bits, gradient)


def test_a_bit_is_kept_for_a_value():
    features = jax.ShapeDtypeStruct((64, 48, 16), jnp.float32)
    for name, (of_bits, _) in PAIRS.items():
        _, backward = jax.eval_shape(partial(jax.vjp, of_bits), features)
        kept = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(backward))
        if name in ("relu", "max"):
            assert kept == 64 * 48 * 16 / 8


@pytest.mark.parametrize("architecture", ["vgg16", "vgg19"])
def test_segments_are_the_blocks(architecture):
    network = narrow_network(architecture, width=2)
    segments = network.segments(("relu5_2", "pool2", "conv1_1", "pool4", "relu3_3"))
    assert [s.start for s in segments] == [None, "pool1", "pool2", "pool3", "pool4"]
    assert [s.end for s in segments] == ["pool1", "pool2", "pool3", "pool4", None]
    deep = 3 if architecture == "vgg16" else 4
    assert [len(s.channels) - 1 for s in segments] == [2, 2, deep, deep, 2]
    assert [s.layers for s in segments] == [
        ("conv1_1",),
        ("pool2",),
        ("relu3_3",),
        ("pool4",),
        ("relu5_2",),
    ]


def test_segments_of_a_shallow_network_end_where_it_does():
    network = narrow_network(width=2, depth=3)
    assert [s.channels for s in network.segments(("relu2_1",))] == [(3, 2, 2), (2, 2)]
    (only,) = network.segments(("pool1", "relu1_1"))
    assert only == (None, None, ("relu1_1", "pool1"), (3, 2, 2))


def test_segments_follow_each_other_to_what_a_call_gives():
    network = narrow_network(width=2, depth=5)
    layers = ("conv3_1", "pool2", "conv1_1")
    how = {"padding": "reflect", "normalization": "mean255", "precision": "float32"}

    @jax.jit
    def in_segments(taken):
        found = {}
        for segment in network.segments(layers):
            of_segment = network.segment(taken, segment, pooling="avg", **how)
            assert set(of_segment) == {*segment.layers, segment.end} - {None}
            found.update(of_segment)
            taken = of_segment.get(segment.end)
        return found

    image = picture(21, 14)
    found = in_segments(image)
    expected = jax.jit(lambda x: network(x, layers, pooling="avg", **how))(image)
    for layer in layers:
        np.testing.assert_allclose(found[layer], expected[layer], rtol=1e-5)
