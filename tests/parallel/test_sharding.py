"""One picture on two devices is the picture of one device."""

import jax
import numpy as np
import optax
import pytest
from networks import narrow_network, picture

from jaxnst import Config, Weights, make_targets, stylize
from jaxnst.optimize.loop import init_state, run_steps
from jaxnst.optimize.optimizers import adam, as_factory
from jaxnst.parallel.sharding import split_rows

NETWORK = narrow_network(depth=5)
CONTENT, STYLE = picture(64, 48, 1), picture(50, 40, 2)
# Sums in another order are rounded in another way, and without this epsilon a gradient
# next to 0, which is all rounding, is a whole step.
STEADY = optax.adam(0.02, eps=1e-5)
LAYERS = {"content_layers": ("relu3_1",), "style_layers": ("relu1_1", "relu2_1")}


@pytest.mark.slow  # compiled as for a user
@pytest.mark.parametrize("statistic", ["gaussian", "gram"])
def test_the_result_is_that_of_one_device(statistic):
    config = Config(**LAYERS, statistic=statistic)
    how = {"config": config, "steps": 6, "ema": 0.9, "optimizer": STEADY}
    one = stylize(NETWORK, CONTENT, STYLE, **how)
    two = stylize(*split_rows(NETWORK, CONTENT), STYLE, **how)
    assert len(two.image.sharding.device_set) == 2
    np.testing.assert_allclose(two.image, one.image, atol=1e-4)
    for name, values in one.trace.items():
        np.testing.assert_allclose(
            two.trace[name], values, rtol=1e-3, atol=1e-12, err_msg=name
        )


@pytest.mark.slow
def test_each_device_holds_its_part():
    config, factory = Config(**LAYERS), as_factory(adam())

    def needed(network, content):
        targets = make_targets(network, content, STYLE, config)
        state = init_state(content, factory)
        weights = jax.tree.map(np.float32, Weights())
        arguments = (state, network, targets, weights, factory, config, 0.0, 1)
        compiled = run_steps.lower(*arguments).compile()
        return compiled.memory_analysis().temp_size_in_bytes, compiled.as_text()

    one, _ = needed(NETWORK, picture(256, 128, 3))
    two, text = needed(*split_rows(NETWORK, picture(256, 128, 3)))
    assert two < 0.75 * one
    assert "collective-permute" in text and "num_partitions=2" in text


def test_rows_that_cannot_be_divided():
    with pytest.raises(ValueError, match="63 rows .* 2 devices; .* 62 rows"):
        split_rows(NETWORK, picture(63, 48))
    one = jax.local_devices()[:1]
    network, content = split_rows(NETWORK, picture(63, 48), devices=one)
    assert content.shape == (63, 48, 3)
