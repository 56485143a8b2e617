"""`stylize`: what it gives, from what it starts, how it stops, goes on and fails."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import narrow_network, picture

from jaxnst import Config, Weights, stylize
from jaxnst.images import resize
from jaxnst.optimize import optimizers
from jaxnst.optimize.initial import initial_image

NETWORK = narrow_network(depth=3)
CONTENT, STYLE = picture(24, 20), picture(18, 26, 1)
CONFIG = Config(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
TERMS = {
    *("loss", "content", "style", "tv"),
    *("content/relu2_1", "style/relu1_1", "style/relu2_1"),
}


def run(steps=6, **options):
    given = {"config": CONFIG, **options}
    network = given.pop("network", NETWORK)
    return stylize(network, CONTENT, STYLE, steps=steps, **given)


def test_the_loss_falls_and_the_trace_holds_every_term():
    result = run(40)
    assert set(result.trace) == TERMS
    assert all(values.shape == (40,) for values in result.trace.values())
    losses = result.trace["loss"]
    assert losses[-1] < 0.6 * losses[0]
    assert result.steps == 40 and result.finite and result.seconds > 0
    assert result.image.shape == CONTENT.shape
    assert result.image.dtype == jnp.float32
    assert 0 <= result.image.min() and result.image.max() <= 1
    weights = Weights()
    total = (
        weights.alpha * result.trace["content"]
        + weights.beta * result.trace["style"]
        + weights.tv * result.trace["tv"]
    )
    np.testing.assert_allclose(total, losses, rtol=1e-5)


def test_the_trace_begins_with_the_start():
    trace = run(1).trace
    np.testing.assert_allclose(trace["content"], 0, atol=1e-9)
    assert trace["style"] > 0


# Starts


def test_runs_repeat_bit_for_bit_and_depend_on_the_key():
    one, same, other = (run(init="noise", key=jax.random.key(k)) for k in (1, 1, 2))
    np.testing.assert_array_equal(one.image, same.image)
    for name in TERMS:
        np.testing.assert_array_equal(one.trace[name], same.trace[name])
    assert not np.allclose(one.image, other.image)


def test_noise_is_grey_with_the_stated_spread():
    content = jnp.zeros((64, 64, 3))
    noise = initial_image("noise", content, STYLE, jax.random.key(0))
    assert noise.shape == content.shape
    assert 0 <= noise.min() and noise.max() <= 1
    error = 0.15 / 64  # of the mean of each channel
    np.testing.assert_allclose(noise.mean((0, 1)), 0.5, atol=4 * error)
    np.testing.assert_allclose(noise.std((0, 1)), 0.15, atol=4 * error)
    flat = noise.reshape(-1, 3)
    assert abs(np.corrcoef(flat.T) - np.eye(3)).max() < 0.1


def test_other_starts():
    np.testing.assert_array_equal(initial_image("content", CONTENT, STYLE), CONTENT)
    wanted = resize(STYLE, CONTENT.shape[:2])
    np.testing.assert_array_equal(initial_image("style", CONTENT, STYLE), wanted)
    given = run(1, init=1 - CONTENT, optimizer=optimizers.adam(1e-9))
    np.testing.assert_allclose(given.image, 1 - CONTENT, atol=1e-6)


@pytest.mark.parametrize(
    "init, error, message",
    [
        (STYLE, ValueError, "26 x 18 pixels, the content 20 x 24 .*resize"),
        (np.zeros((24, 20, 3), np.uint8), TypeError, "init.*floating"),
        ("white", ValueError, "content, noise, style"),
        ("noise", ValueError, r"key=jax.random.key\(seed\)"),
        (3, TypeError, "init must be an array"),
    ],
)
def test_bad_starts_are_errors(init, error, message):
    with pytest.raises(error, match=message):
        run(init=init)


# Optimisers


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.sgd(1e-2, momentum=0.9),
        optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.02)),
        optimizers.lbfgs(),
        optimizers.gradient(0.01),
    ],
)
def test_any_optimizer_lowers_the_loss(optimizer):
    losses = run(20, optimizer=optimizer).trace["loss"]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.slow
def test_a_line_search_never_rises():
    config = Config(**{**vars(CONFIG), "clip": False, "tv_kind": "squared"})
    result = run(15, optimizer=optimizers.lbfgs_linesearch(), config=config)
    losses = result.trace["loss"]
    assert (np.diff(losses) <= 1e-5 * losses[0]).all()
    assert losses[-1] < 0.5 * losses[0]


def test_gradient_descent_moves_pixels_by_its_rate():
    config = Config(**{**vars(CONFIG), "clip": False})
    state = run(1, optimizer=optimizers.gradient(0.01), config=config).state
    moved = np.sqrt(np.mean((state.image - CONTENT) ** 2))
    np.testing.assert_allclose(moved, 0.01, rtol=1e-3)


def test_the_picture_is_kept_in_range_only_if_told():
    large = {"steps": 1, "optimizer": optimizers.gradient(3.0)}
    free = Config(**{**vars(CONFIG), "clip": False})
    assert abs(run(**large).state.image - 0.5).max() <= 0.5
    result = run(config=free, **large)
    assert result.state.image.min() < 0 and result.state.image.max() > 1
    assert abs(result.image - 0.5).max() <= 0.5


# Chunks, callbacks, going on


@pytest.mark.parametrize("every", [1, 2, 5])
def test_runs_in_pieces_are_the_run_in_one(every):
    whole, pieces = run(7, ema=0.8), run(7, ema=0.8, every=every)
    np.testing.assert_array_equal(whole.image, pieces.image)
    np.testing.assert_array_equal(whole.trace["loss"], pieces.trace["loss"])


def test_runs_longer_than_one_call_can_hold():
    result = run(140)
    assert result.steps == 140 and result.trace["loss"].shape == (140,)
    assert (result.trace["loss"] > 0).all()


@pytest.mark.parametrize("every", [1, 3])
def test_a_callback_sees_every_multiple_and_the_end(every):
    seen = []
    result = run(7, every=every, callback=seen.append)
    steps = [progress.step for progress in seen]
    assert steps == sorted(set(steps)) and steps[-1] == 7
    assert set(range(every, 8, every)) <= set(steps)
    for progress in seen:
        assert progress.steps == 7
        wanted = {
            name: values[progress.step - 1] for name, values in result.trace.items()
        }
        assert progress.terms == pytest.approx(wanted)
    seconds = [progress.seconds for progress in seen]
    assert seconds == sorted(seconds)
    np.testing.assert_array_equal(seen[-1].picture(), result.image)


def test_a_callback_can_end_the_run():
    result = run(9, every=1, callback=lambda progress: progress.step >= 4)
    assert result.steps == 4 and result.trace["loss"].shape == (4,)
    np.testing.assert_array_equal(result.image, run(4).image)


@pytest.mark.parametrize("ema", [None, 0.8])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_going_on_is_the_uninterrupted_run(optimizer, ema):
    options = {"optimizer": optimizers.get(optimizer), "ema": ema}
    whole, first = run(7, **options), run(4, **options)
    for _ in range(2):  # the state given is not used up
        second = run(3, state=first.state, **options)
        np.testing.assert_array_equal(second.image, whole.image)
        losses = np.concatenate([r.trace["loss"] for r in (first, second)])
        np.testing.assert_array_equal(losses, whole.trace["loss"])
    assert int(first.state.count) == 4 and int(second.state.count) == 7


@pytest.mark.parametrize(
    "options",
    [
        {"ema": 0.9},
        {"optimizer": optimizers.lbfgs()},
        {"content": CONTENT[:-2]},
    ],
)
def test_the_state_of_another_run_is_an_error(options):
    state = run(1).state
    content = options.pop("content", CONTENT)
    with pytest.raises(ValueError, match="state is of another run"):
        stylize(NETWORK, content, STYLE, config=CONFIG, state=state, **options)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.95])
def test_the_average_is_that_of_the_iterates(decay):
    iterates = []
    run(6, every=1, callback=lambda p: iterates.append(np.float64(p.picture())))
    shares = decay ** np.arange(5, -1, -1)
    wanted = np.tensordot(shares / shares.sum(), iterates, 1)
    np.testing.assert_allclose(run(6, ema=decay).image, wanted, atol=1e-5)


def test_a_blend_of_paintings():
    one = run(3)
    both = stylize(
        NETWORK,
        CONTENT,
        [STYLE, 1 - STYLE],
        config=CONFIG,
        steps=3,
        style_mix=(1.0, 0.0),
    )
    np.testing.assert_allclose(both.trace["loss"], one.trace["loss"], rtol=1e-4)


# Runs that fail


def test_a_network_that_is_not_finite_ends_the_run_at_its_start():
    params = jax.tree.map(lambda leaf: leaf.at[0].set(jnp.inf), NETWORK.params)
    result = run(9, network=dataclasses.replace(NETWORK, params=params), ema=0.5)
    assert not result.finite and result.steps < 9
    np.testing.assert_array_equal(result.image, CONTENT)


def test_a_run_that_diverges_keeps_its_last_finite_picture():
    config = Config(**{**vars(CONFIG), "clip": False})
    result = run(50, optimizer=optax.sgd(1e30), config=config)
    assert not result.finite and result.steps < 50
    assert np.isfinite(result.image).all()
    assert np.isfinite(result.state.image).all()
    assert np.isfinite(result.trace["loss"][0])
    assert not np.isfinite(result.trace["loss"][-1])


# Errors


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"steps": 0}, ValueError, "steps must be a whole number from 1, got 0"),
        ({"steps": 2.0}, ValueError, "steps must be a whole number"),
        ({"steps": True}, ValueError, "steps must be a whole number"),
        ({"every": 0}, ValueError, "every must be a whole number"),
        ({"ema": 1}, ValueError, "ema must be at least 0 and below 1"),
        ({"ema": -0.1}, ValueError, "ema"),
        ({"ema": float("nan")}, ValueError, "ema"),
        ({"weights": Weights(alpha=-1)}, ValueError, "alpha"),
        ({"weights": Weights(style_weights=(1,))}, ValueError, "1 numbers for 2"),
        ({"optimizer": "adam"}, TypeError, "GradientTransformation.*got str"),
        ({"config": Config()}, ValueError, "'relu4_2' is not in"),
        ({"style_mix": (1, 2)}, ValueError, "2 numbers for 1"),
    ],
)
def test_bad_arguments_are_errors(options, error, message):
    with pytest.raises(error, match=message):
        run(**options)


def test_pictures_too_small_for_the_layers_are_errors():
    with pytest.raises(ValueError, match="content is 20 x 1 pixels, too small"):
        stylize(NETWORK, CONTENT[:1], STYLE, config=CONFIG)
