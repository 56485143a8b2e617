"""Targets and objective against NumPy; lifted, compiled and split over devices."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from networks import narrow_network, picture

from jaxnst import Config, Weights, make_targets, objective
from jaxnst.gaussian import gaussian
from jaxnst.losses.wasserstein import gaussian_target, wasserstein_loss

NETWORK = narrow_network(depth=5)
CONTENT, STYLE, IMAGE = picture(24, 20), picture(18, 26, 1), picture(24, 20, 2)
LAYERS = {
    "content_layers": ("conv2_2", "relu3_1"),
    "style_layers": ("relu1_1", "conv2_1", "relu3_1"),
}
SMALL = Config(**LAYERS)

compiled = jax.jit(objective)
features = jax.jit(lambda n, x: n(x, SMALL.layers))


def numpy_objective(image, config, weights):
    """From features in float64."""
    given, content, style = (
        {k: np.float64(v) for k, v in features(NETWORK, x).items()}
        for x in (image, CONTENT, STYLE)
    )

    def gram(f):
        over = {"none": 1, "positions": f[..., 0].size, "elements": f.size}
        flat = f.reshape(-1, f.shape[-1])
        return flat.T @ flat / over[config.gram_normalize]

    def content_term(f, p):
        square = ((f - p) ** 2).sum()
        over = {"sum": 1, "half_sum": 2, "mean": f.size, "relative": (p**2).sum()}
        return square / over[config.content_reduction]

    def style_term(f, p):
        g, a, m = gram(f), gram(p), f[..., 0].size
        square = ((g - a) ** 2).sum()
        over = {
            "sum": 1,
            "mean": a.size,
            "relative": (a**2).sum(),
            "gatys": 4 * a.size * m**2,
            "per_position": m,
        }
        return square / over[config.style_reduction]

    x = np.float64(image)
    absolute = abs(np.diff(x, axis=0)).mean() + abs(np.diff(x, axis=1)).mean()
    terms = {}
    for k in config.content_layers:
        terms[f"content/{k}"] = content_term(given[k], content[k])
    for k in config.style_layers:
        terms[f"style/{k}"] = style_term(given[k], style[k])
    for name, numbers in (
        ("content", weights.content_weights),
        ("style", weights.style_weights),
    ):
        parts = [value for key, value in terms.items() if key.startswith(name + "/")]
        terms[name] = np.dot(numbers or [1 / len(parts)] * len(parts), parts)
    terms["tv"] = absolute
    terms["loss"] = (
        weights.alpha * terms["content"]
        + weights.beta * terms["style"]
        + weights.tv * terms["tv"]
    )
    return terms


WEIGHTED = Weights(2.0, 7.0, 0.5, (1.0, 3.0), (0.0, 2.0, 1.0))


@pytest.mark.parametrize(
    "options, weights",
    [
        ({}, Weights()),
        ({}, WEIGHTED),
        (
            {"content_reduction": "half_sum", "style_reduction": "gatys"}
            | {"gram_normalize": "none"},
            WEIGHTED,
        ),
        (
            {"content_reduction": "mean", "style_reduction": "mean"},
            Weights(tv=0.0),
        ),
        (
            {"content_reduction": "sum", "style_reduction": "per_position"}
            | {"gram_normalize": "positions"},
            Weights(),
        ),
    ],
)
def test_objective_is_what_it_says(options, weights):
    config = Config(**LAYERS, **options)
    targets = make_targets(NETWORK, CONTENT, STYLE, config)
    loss, terms = compiled(IMAGE, NETWORK, targets, weights, config)
    expected = numpy_objective(IMAGE, config, weights)
    assert set(terms) == set(expected)
    np.testing.assert_array_equal(loss, terms["loss"])
    for name, value in expected.items():
        np.testing.assert_allclose(terms[name], value, rtol=1e-4, err_msg=name)


def test_gaussian_terms_compare_mean_and_covariance():
    config = Config(**LAYERS, statistic="gaussian")
    targets = make_targets(NETWORK, CONTENT, STYLE, config)
    _, terms = compiled(IMAGE, NETWORK, targets, Weights(), config)

    @jax.jit
    def relative(given, expected):
        target = gaussian_target(gaussian(expected))
        return wasserstein_loss(gaussian(given), target, reduction="relative")

    loss = relative(*(features(NETWORK, x)["relu3_1"] for x in (IMAGE, STYLE)))
    np.testing.assert_allclose(terms["style/relu3_1"], loss, rtol=1e-3)


def test_the_objective_of_the_photograph_has_no_content_term():
    targets = make_targets(NETWORK, CONTENT, CONTENT, SMALL)
    _, terms = compiled(CONTENT, NETWORK, targets, Weights(), SMALL)
    np.testing.assert_allclose([terms["content"], terms["style"]], 0, atol=1e-9)


# Several paintings


def assert_close(one, two):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(a).max())


@pytest.mark.parametrize("statistic", ["gram", "gaussian"])
def test_blends_of_paintings(statistic):
    config = Config(**LAYERS, statistic=statistic)
    other = picture(20, 20, 5)

    def targets(style, style_mix=None):
        return make_targets(NETWORK, CONTENT, style, config, style_mix=style_mix)

    one = targets(STYLE)
    assert_close(targets([STYLE, other], (2.0, 0.0)), one)
    assert_close(targets([STYLE, STYLE]), one)
    if statistic == "gram":
        mean = jax.tree.map(lambda a, b: (3 * a + b) / 4, one, targets(other))
        assert_close(targets([STYLE, other], (0.75, 0.25)), mean)


def test_moments_of_two_pictures_are_those_of_their_positions_together():
    config = Config(**LAYERS, statistic="gaussian")
    maps = [features(NETWORK, x)["relu1_1"].reshape(-1, 8) for x in (STYLE, CONTENT)]
    style_mix = tuple(len(positions) for positions in maps)
    targets = make_targets(
        NETWORK, CONTENT, [STYLE, CONTENT], config, style_mix=style_mix
    )
    target, flat = targets.style["relu1_1"], np.concatenate(maps).astype(np.float64)
    np.testing.assert_allclose(target.mean, flat.mean(0), rtol=1e-4, atol=1e-6)
    covariance = np.cov(flat.T, bias=True) + target.shift * np.eye(8)
    root = np.float64(target.root)
    np.testing.assert_allclose(root @ root, covariance, rtol=1e-3, atol=1e-5)


# Transformations


def test_numbers_are_arguments_and_choices_are_static():
    traces = []

    @jax.jit
    def counted(image, targets, weights, config):
        traces.append(1)
        return objective(image, NETWORK, targets, weights, config)[0]

    targets = make_targets(NETWORK, CONTENT, STYLE, SMALL)
    values = {
        float(counted(IMAGE, targets, Weights(alpha, beta, tv), SMALL))
        for alpha, beta, tv in itertools.product((0.0, 1.0), (0.5, 3.0), (0.0, 2.0))
    }
    assert len(values) == 8 and len(traces) == 1
    counted(IMAGE, targets, Weights(), Config(**LAYERS))
    assert len(traces) == 1


def test_vmap_over_weights_and_pictures():
    targets = make_targets(NETWORK, CONTENT, STYLE, SMALL)
    images = jnp.stack([IMAGE, CONTENT, 1 - IMAGE])
    alphas, betas = jnp.float32([1, 2, 0]), jnp.float32([1, 0, 5])

    def slope(image, alpha, beta):
        weights = Weights(alpha, beta, 0.1)
        return jax.value_and_grad(objective, has_aux=True)(
            image, NETWORK, targets, weights, SMALL
        )

    lifted = jax.jit(jax.vmap(slope))(images, alphas, betas)
    one = jax.jit(slope)
    for index, arguments in enumerate(zip(images, alphas, betas, strict=True)):
        for given, expected in zip(
            jax.tree.leaves(lifted), jax.tree.leaves(one(*arguments)), strict=True
        ):
            size = np.abs(expected).max()
            np.testing.assert_allclose(given[index], expected, 1e-4, 1e-5 * size)


def test_gradient_is_a_finite_difference():
    config = Config(**LAYERS, pooling="avg", tv_kind="squared")
    targets = make_targets(NETWORK, CONTENT, STYLE, config)

    @jax.jit
    def gradient(image):
        return jax.grad(objective, has_aux=True)(
            image, NETWORK, targets, Weights(), config
        )[0]

    change = picture(24, 20, 9) - 0.5
    losses = [
        float(compiled(IMAGE + e * change, NETWORK, targets, Weights(), config)[0])
        for e in (1e-2, -1e-2)
    ]
    given = jnp.vdot(gradient(IMAGE), change)
    np.testing.assert_allclose(given, (losses[0] - losses[1]) / 2e-2, rtol=0.02)


def test_a_batch_split_over_two_devices():
    assert len(jax.devices()) == 2
    targets = make_targets(NETWORK, CONTENT, STYLE, SMALL)
    images = jnp.stack([IMAGE, CONTENT, 1 - IMAGE, 1 - CONTENT])

    @jax.jit
    def losses(images):
        return jax.vmap(
            lambda image: objective(image, NETWORK, targets, Weights(), SMALL)[0]
        )(images)

    mesh = Mesh(np.array(jax.devices()), ("items",))
    spread = jax.device_put(images, NamedSharding(mesh, PartitionSpec("items")))
    split = losses(spread)
    assert len(split.sharding.device_set) == 2
    np.testing.assert_allclose(split, losses(images), rtol=1e-5)


# The default's promise


@pytest.mark.slow
def test_relative_terms_mean_the_same_at_every_size():
    network = narrow_network(depth=10, width=16)
    pictures = [picture(128, 128, seed) for seed in (0, 1, 2)]

    def terms(side, **reductions):
        step = 128 // side
        # Every second value of a mean over windows: the same scene, half as large.
        content, style, image = (
            x.reshape(side, step, side, step, 3).mean((1, 3)) for x in pictures
        )
        config = Config(**reductions)
        targets = make_targets(network, content, style, config)
        _, terms = compiled(image, network, targets, Weights(), config)
        return np.array([terms["content"], terms["style"]])

    config = {"style_layers": ("relu1_1", "relu2_1", "relu3_1", "relu4_1")}
    ratio = terms(128, **config) / terms(64, **config)
    assert (abs(ratio - 1) < 0.3).all(), ratio
    raw = {"content_reduction": "sum", "style_reduction": "sum"}
    raw = config | raw | {"gram_normalize": "none"}
    ratio = terms(128, **raw) / terms(64, **raw)
    assert (ratio > 3).all(), ratio


# Errors


@pytest.mark.parametrize(
    "content, style, error, message",
    [
        (np.zeros((24, 20, 3), np.uint8), STYLE, TypeError, "content.*divide.*255"),
        (CONTENT, np.zeros((24, 20, 3), np.uint8), TypeError, "style.*divide.*255"),
        (CONTENT[..., 0], STYLE, ValueError, r"content.*\(H, W, 3\)"),
        (CONTENT[None], STYLE, ValueError, "jax.vmap"),
        (CONTENT, [], ValueError, "at least one"),
        (CONTENT, [STYLE, STYLE[:2]], ValueError, "style.*too small.*at least 4"),
        (CONTENT[:3], STYLE, ValueError, "content.*20 x 3.*at least 4"),
        ("a.jpg", STYLE, TypeError, "load_image"),
        (CONTENT, CONTENT.tolist(), TypeError, "style must be an array"),
    ],
)
def test_bad_pictures_are_errors(content, style, error, message):
    with pytest.raises(error, match=message):
        make_targets(NETWORK, content, style, SMALL)


@pytest.mark.parametrize(
    "style_mix, error, message",
    [
        ((1.0,), ValueError, "1 numbers for 2"),
        ((1.0, -1.0), ValueError, "at least 0"),
        ((0.0, 0.0), ValueError, "above 0"),
        ((1.0, float("nan")), ValueError, "finite"),
        (("a", "b"), TypeError, "style_mix must be a number"),
    ],
)
def test_bad_blends_are_errors(style_mix, error, message):
    with pytest.raises(error, match=message):
        make_targets(NETWORK, CONTENT, [STYLE, STYLE], SMALL, style_mix=style_mix)


def test_a_layer_that_the_network_does_not_hold_is_an_error():
    config = Config(content_layers=("relu1_1",), style_layers=("relu5_1",))
    with pytest.raises(ValueError, match="'relu5_1' is not in.*hold conv1_1, relu1_1"):
        make_targets(NETWORK, CONTENT, STYLE, config)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"content_layers": "relu4_2"}, TypeError, "tuple of names"),
        ({"style_layers": ()}, ValueError, "at least one layer"),
        ({"style_layers": ("relu1_1", "relu1_1")}, ValueError, "twice"),
        ({"statistic": "x"}, ValueError, "gram, gaussian"),
        ({"content_reduction": "gatys"}, ValueError, "content_reduction"),
        ({"style_reduction": "half_sum"}, ValueError, "style_reduction"),
        ({"gram_normalize": "x"}, ValueError, "none, positions, elements"),
        ({"tv_kind": "x"}, ValueError, "nine_point"),
        ({"tv_reduction": "relative"}, ValueError, "half_sum"),
        ({"pooling": "min"}, ValueError, "max, avg, l2"),
        ({"padding": "same"}, ValueError, "replicate-first"),
        ({"normalization": "x"}, ValueError, "mean255"),
        ({"precision": "float16"}, ValueError, "float32, bfloat16"),
        (
            {"statistic": "gaussian", "style_reduction": "gatys"},
            ValueError,
            "gaussian.*mean, sum, relative",
        ),
    ],
)
def test_bad_configs_are_errors(options, error, message):
    with pytest.raises(error, match=message):
        Config(**options)


def test_configs_hash_by_value_and_lists_become_tuples():
    one, two = Config(content_layers=["relu4_2"]), Config()
    assert one == two and hash(one) == hash(two)


@pytest.mark.parametrize(
    "weights, error, message",
    [
        (Weights(alpha=-1.0), ValueError, "alpha.*at least 0, got -1"),
        (Weights(beta=float("nan")), ValueError, "beta.*finite"),
        (Weights(tv=float("inf")), ValueError, "tv.*finite"),
        (Weights(alpha="much"), TypeError, "alpha must be a number"),
        (Weights(style_weights=(1.0,) * 4), ValueError, "4 numbers for 3 layers"),
        (Weights(content_weights=(1.0, -2.0)), ValueError, "content_weights"),
    ],
)
def test_bad_weights_are_errors(weights, error, message):
    with pytest.raises(error, match=message):
        weights.check(SMALL)


def test_traced_weights_pass_unread():
    @jax.jit
    def targets(number):
        Weights(beta=number, style_weights=(number, 1.0, 2.0)).check(SMALL)
        style_mix = (number, 3.0)
        return make_targets(
            NETWORK, CONTENT, [STYLE, STYLE], SMALL, style_mix=style_mix
        )

    expected = make_targets(NETWORK, CONTENT, STYLE, SMALL)
    assert_close(targets(jnp.float32(1)), expected)
