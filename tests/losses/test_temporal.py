"""The temporal term: value and gradient in closed form, and a picture without it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import Config, Weights, make_targets, objective
from jaxnst.losses import Targets, TemporalTarget, temporal_loss

RNG = np.random.default_rng(0)
IMAGE, EARLIER = RNG.random((2, 5, 7, 3)).astype(np.float32)
MASK = RNG.random((5, 7)).astype(np.float32)
compiled = jax.jit(objective)
CONFIG = Config(content_layers=("relu1_1",), style_layers=("relu1_1",))


def test_it_is_the_mean_of_weighed_squares():
    x, t, m = (values.astype(np.float64) for values in (IMAGE, EARLIER, MASK))
    wanted = (m[..., None] * (x - t) ** 2).sum() / x.size
    np.testing.assert_allclose(temporal_loss(IMAGE, EARLIER, MASK), wanted, rtol=1e-6)


def test_its_gradient_is_the_analytic_one():
    gradient = jax.grad(temporal_loss)(jnp.asarray(IMAGE), EARLIER, MASK)
    wanted = 2 * MASK[..., None] * (IMAGE - EARLIER) / IMAGE.size
    np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=1e-9)


@pytest.fixture(scope="module")
def seen():
    network = narrow_network(width=2, depth=1)
    image, style = picture(12, 16), picture(12, 16, 1)
    return network, make_targets(network, image, style, CONFIG), image


def with_temporal(targets, weight, mask=1.0):
    earlier = jnp.zeros((12, 16, 3))
    mask = jnp.full((12, 16), mask)
    temporal = TemporalTarget(earlier, mask, jnp.float32(weight))
    return Targets(targets.content, targets.style, None, temporal)


def test_it_is_a_term_of_the_objective_with_a_weight_of_its_own(seen):
    network, targets, image = seen
    plain, _ = compiled(image, network, targets, Weights(), CONFIG)
    loss, terms = compiled(
        image, network, with_temporal(targets, 7.0), Weights(), CONFIG
    )
    np.testing.assert_allclose(terms["temporal"], np.mean(np.square(image)), rtol=1e-5)
    np.testing.assert_allclose(loss, plain + 7 * terms["temporal"], rtol=1e-5)


def test_where_nothing_counts_the_loss_is_that_of_a_picture(seen):
    network, targets, image = seen
    plain, _ = compiled(image, network, targets, Weights(), CONFIG)
    loss, _ = compiled(
        image, network, with_temporal(targets, 7.0, mask=0.0), Weights(), CONFIG
    )
    assert loss == plain


def test_a_picture_compiles_to_what_it_did_without_the_term(seen):
    """No argument, no operation and no term more."""
    network, targets, image = seen
    assert targets.temporal is None
    assert len(jax.tree.leaves(targets)) == 2

    def size(targets):
        found = jax.make_jaxpr(objective, static_argnums=4)(
            image, network, targets, Weights(), CONFIG
        )
        return len(found.jaxpr.invars), len(found.jaxpr.eqns)

    arguments, operations = size(targets)
    steady = size(with_temporal(targets, 7.0))
    assert steady[0] == arguments + 3 and steady[1] > operations
    _, terms = compiled(image, network, targets, Weights(), CONFIG)
    assert set(terms) == {
        "loss", "content", "style", "tv", "content/relu1_1", "style/relu1_1",
    }  # fmt: skip


def test_another_weight_compiles_nothing(seen):
    network, targets, image = seen
    compiled(image, network, with_temporal(targets, 1.0), Weights(), CONFIG)
    before = compiled._cache_size()
    compiled(image, network, with_temporal(targets, 2.0), Weights(), CONFIG)
    assert compiled._cache_size() == before
