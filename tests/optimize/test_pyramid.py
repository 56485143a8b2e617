"""Coarse to fine: sizes, starts, what is carried along, and what is reported."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import narrow_network, picture

from jaxnst import Config, Weights, stylize, stylize_batch, stylize_pyramid
from jaxnst.images import resize
from jaxnst.optimize import optimizers

NETWORK = narrow_network(depth=3)
CONTENT, STYLE = picture(24, 20), picture(18, 26, 1)
CONFIG = Config(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))


def run(levels=(0.5, 1.0), steps=(4, 3), **options):
    return stylize_pyramid(
        NETWORK, CONTENT, STYLE, levels=levels, steps=steps, config=CONFIG, **options
    )


def test_one_level_is_stylize():
    one = run((1.0,), (4,), ema=0.8)
    plain = stylize(NETWORK, CONTENT, STYLE, config=CONFIG, steps=4, ema=0.8)
    np.testing.assert_array_equal(one.image, plain.image)


def test_two_levels_are_two_runs_the_second_from_the_firsts_result():
    given = run(keep_optimizer_state=False)
    small = (
        resize(CONTENT, (12, 10)),
        resize(STYLE, (9, 13)),
    )
    first = stylize(NETWORK, *small, config=CONFIG, steps=4)
    start = resize(first.image, (24, 20))
    second = stylize(NETWORK, CONTENT, STYLE, config=CONFIG, steps=3, init=start)
    np.testing.assert_array_equal(given.image, second.image)
    losses = np.concatenate([first.trace["loss"], second.trace["loss"]])
    np.testing.assert_array_equal(given.trace["loss"], losses)
    assert given.steps == 7 and given.image.shape == CONTENT.shape


def test_adams_memory_is_carried_along():
    memory, fresh = run(), run(keep_optimizer_state=False)
    assert not np.allclose(memory.image, fresh.image)
    counts = [
        leaf for leaf in jax.tree.leaves(memory.state.opt_state) if leaf.ndim == 0
    ]
    assert [int(count) for count in counts] == [7]
    squares = memory.state.opt_state[0].nu
    assert squares.shape == CONTENT.shape and squares.min() >= 0
    assert int(memory.state.count) == 3  # the average begins anew at each level


def widened(image, edge):
    return jnp.pad(image, ((edge, edge), (edge, edge), (0, 0)), mode="reflect")


def test_a_margin_is_mirrored_optimised_and_cut_off():
    given = run((1.0,), (4,), margin=4)
    wide = stylize(NETWORK, widened(CONTENT, 4), STYLE, config=CONFIG, steps=4)
    assert given.image.shape == CONTENT.shape
    np.testing.assert_array_equal(given.image, wide.image[4:-4, 4:-4])


@pytest.mark.slow
def test_a_margin_is_as_wide_at_every_level_and_memory_fits_it():
    shapes = []
    result = run(
        margin=4,
        every=1,
        callback=lambda progress: shapes.append(progress.picture().shape) or False,
    )
    assert shapes == [(12, 10, 3)] * 4 + [(24, 20, 3)] * 3
    squares = result.state.opt_state[0].nu
    assert squares.shape == (32, 28, 3)
    assert not np.allclose(
        result.image, run(margin=4, keep_optimizer_state=False).image
    )
    # Wider than the picture: mirrored over and over.
    assert run(margin=50).image.shape == CONTENT.shape


def test_memory_that_is_no_picture_starts_anew():
    kept, fresh = (
        run(optimizer=optimizers.lbfgs(), keep_optimizer_state=c) for c in (True, False)
    )
    np.testing.assert_array_equal(kept.image, fresh.image)


def test_any_optax_transformation():
    result = run(optimizer=optax.sgd(1e-3, momentum=0.5))
    assert result.finite and result.steps == 7


@pytest.mark.parametrize("init", ["noise", "style"])
def test_starts_are_those_of_the_first_level(init):
    result = run(init=init, key=jax.random.key(3))
    assert result.trace["content"][0] > 0.05
    again = run(init=init, key=jax.random.key(3))
    np.testing.assert_array_equal(result.image, again.image)


def test_a_callback_is_told_of_all_levels():
    seen, shapes = [], []

    def callback(progress):
        seen.append((progress.step, progress.steps))
        shapes.append(progress.picture().shape)

    result = run(every=1, callback=callback)
    assert seen == [(step, 7) for step in range(1, 8)]
    assert shapes == [(12, 10, 3)] * 4 + [(24, 20, 3)] * 3
    assert result.trace["style/relu1_1"].shape == (7,)


@pytest.mark.parametrize("end, shape", [(2, (12, 10, 3)), (5, (24, 20, 3))])
def test_a_callback_can_end_the_run_at_any_level(end, shape):
    result = run(every=1, callback=lambda progress: progress.step >= end)
    assert result.steps == end and result.image.shape == shape


def test_a_run_that_fails_goes_no_further():
    bad = CONTENT.at[0, 0].set(jnp.nan)
    result = run(init=bad)
    assert not result.finite and result.steps < 4


@pytest.mark.parametrize(
    "options, message",
    [
        ({"levels": (1.0,), "steps": (1, 2)}, "1 levels and 2 numbers"),
        ({"levels": (), "steps": ()}, "0 levels"),
        ({"levels": (0.0, 1.0)}, "above 0 and at most 1"),
        ({"levels": (0.5, 1.5)}, "above 0 and at most 1"),
        ({"steps": (4, 0)}, "steps must be a whole number from 1, got 0"),
        ({"levels": (0.05, 1.0)}, "at level 0.05, too small: .*choose levels from 0"),
        ({"init": STYLE}, "resize it to the content's size"),
        ({"margin": -1}, "margin must be a whole number"),
    ],
)
def test_bad_arguments_are_errors_before_the_first_step(options, message):
    steps = []
    with pytest.raises(ValueError, match=message):
        run(callback=steps.append, **options)
    assert not steps


def test_the_contents_weight_falls_from_level_to_level():
    """Of one picture, and of pictures side by side."""
    weights = Weights(alpha=4.0, beta=2.0, tv=0.0)
    how = {"config": CONFIG, "levels": (0.5, 1.0), "steps": (2, 2)}
    how |= {"alpha_ratio": 0.25, "weights": weights}
    one = stylize_pyramid(NETWORK, CONTENT, STYLE, **how).trace
    many = stylize_batch(NETWORK, [CONTENT], [STYLE], vectorize=True, **how).trace
    for trace in (one, {name: values[0] for name, values in many.items()}):
        alpha = np.repeat([4.0, 1.0], 2)
        expected = alpha * trace["content"] + 2.0 * trace["style"]
        assert trace["content"][-1] > 1e-4
        np.testing.assert_allclose(trace["loss"], expected, rtol=1e-4)
