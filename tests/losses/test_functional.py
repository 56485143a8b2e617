"""Losses against a NumPy line each, their gradients, and what must always hold."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from jaxnst import gaussian as gaussian_module
from jaxnst import linalg
from jaxnst.losses import functional, wasserstein

gram_matrix = jax.jit(functional.gram_matrix, static_argnames="normalize")
content_loss = jax.jit(functional.content_loss, static_argnames="reduction")
style_loss = jax.jit(functional.style_loss, static_argnames=("reduction", "positions"))
total_variation = jax.jit(
    functional.total_variation, static_argnames=("kind", "reduction")
)
gaussian = jax.jit(gaussian_module.gaussian)
gaussian_target = jax.jit(wasserstein.gaussian_target)
wasserstein_loss = jax.jit(wasserstein.wasserstein_loss, static_argnames="reduction")

H, W, C = 5, 6, 4
M, N = H * W, C

few = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)
scales = st.floats(1e-3, 1e3)


def maps(seed, count=2, shape=(H, W, C)):
    rng = np.random.default_rng(seed)
    return [np.float32(rng.normal(size=shape)) for _ in range(count)]


def rows(features):
    """(c, h w) in float64: F as the papers write it."""
    return np.float64(features).reshape(-1, features.shape[-1]).T


def distance(features, target, reduction="sum"):
    target = gaussian_target(gaussian(target))
    return wasserstein_loss(gaussian(features), target, reduction=reduction)


def slope_of_distance(features, target, reduction="sum"):
    return jax.grad(lambda f: distance(f, target, reduction))(features)


# Formulas


@pytest.mark.parametrize(
    "normalize, count", [("none", 1), ("positions", M), ("elements", M * N)]
)
def test_gram_matrix(normalize, count):
    (f,) = maps(0, 1)
    expected = rows(f) @ rows(f).T / count
    np.testing.assert_allclose(
        gram_matrix(f, normalize=normalize), expected, rtol=1e-5, atol=1e-5
    )


def test_products_and_their_derivatives_of_both_orders():
    (f,) = maps(0, 1, (M, C))
    np.testing.assert_allclose(linalg.products(f), f.T @ f, rtol=1e-5, atol=1e-5)
    check_grads(linalg.products, (f,), order=2, modes=("fwd", "rev"), rtol=1e-2)


@pytest.mark.parametrize(
    "statistic", [functional.gram_matrix, gaussian_module.gaussian]
)
def test_the_slope_of_products_is_one_product_without_a_transposed_map(statistic):
    (f,) = maps(0, 1)

    def total(f):
        return sum(jnp.sum(jnp.sin(x)) for x in jax.tree.leaves(statistic(f)))

    lowered = jax.jit(jax.grad(total)).lower(f)
    assert lowered.as_text().count("stablehlo.dot_general") == 2  # there and back
    assert f"f32[{C},{M}]" not in lowered.compile().as_text()


CONTENT = {
    "sum": lambda f, p: ((f - p) ** 2).sum(),
    "half_sum": lambda f, p: ((f - p) ** 2).sum() / 2,
    "mean": lambda f, p: ((f - p) ** 2).sum() / (M * N),
    "relative": lambda f, p: ((f - p) ** 2).sum() / (p**2).sum(),
}


@pytest.mark.parametrize("reduction", functional.CONTENT_REDUCTIONS)
def test_content_loss(reduction):
    f, p = maps(1)
    expected = CONTENT[reduction](np.float64(f), np.float64(p))
    np.testing.assert_allclose(content_loss(f, p, reduction=reduction), expected, 1e-5)


STYLE = {
    "sum": lambda g, a: ((g - a) ** 2).sum(),
    "mean": lambda g, a: ((g - a) ** 2).sum() / N**2,
    "relative": lambda g, a: ((g - a) ** 2).sum() / (a**2).sum(),
    "gatys": lambda g, a: ((g - a) ** 2).sum() / (4 * N**2 * M**2),
    "per_position": lambda g, a: ((g - a) ** 2).sum() / M,
}


@pytest.mark.parametrize("reduction", functional.STYLE_REDUCTIONS)
def test_style_loss(reduction):
    g, a = (rows(f) @ rows(f).T for f in maps(2))
    given = style_loss(jnp.float32(g), jnp.float32(a), reduction=reduction, positions=M)
    np.testing.assert_allclose(given, STYLE[reduction](g, a), 1e-5)


def test_gatys_reduction_of_a_large_picture():
    gram = jnp.eye(2)
    loss = style_loss(gram, 0 * gram, reduction="gatys", positions=4096**2)
    np.testing.assert_allclose(loss, 2 / (4 * 2**2 * 4096.0**4), 1e-5)


def numpy_variation(image, kind, reduction):
    total = np.mean if reduction == "mean" else np.sum
    half = 0.5 if reduction == "half_sum" else 1.0
    dx, dy = np.diff(image, axis=1), np.diff(image, axis=0)
    if kind == "absolute":
        return half * (total(abs(dx)) + total(abs(dy)))
    straight = total(dx**2) + total(dy**2)
    if kind == "squared":
        return half * straight
    dp, dq = image[1:, 1:] - image[:-1, :-1], image[1:, :-1] - image[:-1, 1:]
    return half * (2 / 3 * straight + (total(dp**2) + total(dq**2)) / 6)


@pytest.mark.parametrize("reduction", functional.VARIATION_REDUCTIONS)
@pytest.mark.parametrize("kind", functional.VARIATION_KINDS)
def test_total_variation(kind, reduction):
    (image,) = maps(3, 1, (H, W, 3))
    given = total_variation(image, kind=kind, reduction=reduction)
    expected = numpy_variation(np.float64(image), kind, reduction)
    np.testing.assert_allclose(given, expected, 1e-5)


@pytest.mark.parametrize("kind", functional.VARIATION_KINDS)
def test_total_variation_of_an_image_that_repeats(kind):
    """Σ over all pixels of differences to the next, np.roll's."""
    (image,) = maps(3, 1, (H, W, 3))
    x = np.float64(image)

    def changes(rows, columns):
        change = np.roll(x, (-rows, -columns), (0, 1)) - x
        return (np.abs(change) if kind == "absolute" else change**2).sum()

    expected = changes(0, 1) + changes(1, 0)
    if kind == "nine_point":
        expected = 2 / 3 * expected + (changes(1, 1) + changes(1, -1)) / 6
    total = functional.total_variation
    given = total(image, kind=kind, reduction="sum", periodic=True)
    np.testing.assert_allclose(given, expected, 1e-5)


def test_mean_and_covariance():
    (f,) = maps(4, 1)
    found = gaussian(f)
    np.testing.assert_allclose(found.mean, rows(f).mean(1), rtol=1e-4, atol=1e-6)
    expected = np.cov(rows(f), bias=True)
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("spread", [1e-6, 1e-3])
def test_a_flat_picture_has_a_finite_loss_and_gradient(spread, rng):
    """Its covariance is far below the squares of its means."""
    level = rng.random(256)
    a, b = (
        jnp.float32(level + spread * rng.normal(size=(16, 16, 256))) for _ in range(2)
    )
    target = gaussian_target(gaussian(b))

    def loss(features):
        return wasserstein_loss(gaussian(features), target, reduction="relative")

    value, gradient = jax.value_and_grad(loss)(a)
    np.testing.assert_allclose(value, 0, atol=1e-5)
    assert np.isfinite(gradient).all()


def numpy_root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


def numpy_wasserstein(f, p):
    f, p = rows(f), rows(p)
    a, b = np.cov(f, bias=True), np.cov(p, bias=True)
    root = numpy_root(b)
    cross = numpy_root(root @ a @ root)
    return ((f.mean(1) - p.mean(1)) ** 2).sum() + np.trace(a + b - 2 * cross)


@pytest.mark.parametrize("shape", [(5, 6, 4), (12, 10, 16), (24, 24, 48)])
def test_wasserstein_loss(shape):
    f, p = maps(5, 2, shape)
    p = p @ maps(6, 1, (shape[2], shape[2]))[0] + 1
    expected = numpy_wasserstein(f, p)
    energy = (rows(p) ** 2).sum() / (shape[0] * shape[1])
    for reduction, over in (("sum", 1), ("mean", shape[2]), ("relative", energy)):
        given = distance(f, p, reduction)
        np.testing.assert_allclose(given, expected / over, 1e-2)


def test_wasserstein_loss_of_diagonal_covariances():
    """Of independent channels: Σ (μ - ν)² + (σ - τ)²."""
    signs = np.float32(list(itertools.product((-1, 1), repeat=4))).reshape(4, 4, 4)
    mu, nu = np.float32([[0, 1, -2, 3], [1, 1, 1, 1]])
    sigma, tau = np.float32([[1, 2, 0.5, 3], [2, 2, 4, 0.25]])
    given = distance(mu + sigma * signs, nu + tau * signs)
    expected = ((mu - nu) ** 2).sum() + ((sigma - tau) ** 2).sum()
    np.testing.assert_allclose(given, expected, 2e-3)


# What must always hold


@few
@given(seeds, scales, st.sampled_from(functional.GRAM_NORMALIZATIONS))
def test_gram_matrix_is_symmetric_positive_and_blind_to_places(seed, scale, normalize):
    (f,) = maps(seed, 1)
    f = f * np.float32(scale)
    gram = np.asarray(gram_matrix(f, normalize=normalize))
    np.testing.assert_array_equal(gram, gram.T)
    largest = np.trace(gram)
    assert np.linalg.eigvalsh(gram).min() >= -1e-5 * largest
    moved = np.random.default_rng(seed).permutation(f.reshape(M, C)).reshape(f.shape)
    given = gram_matrix(moved, normalize=normalize)
    np.testing.assert_allclose(given, gram, rtol=1e-4, atol=1e-5 * largest)


@few
@given(seeds)
def test_repeating_a_picture_doubles_the_bare_gram_matrix_alone(seed):
    (f,) = maps(seed, 1)
    twice = np.concatenate([f, f])
    for normalize, factor in (("none", 2), ("positions", 1), ("elements", 1)):
        one = factor * np.asarray(gram_matrix(f, normalize=normalize))
        two = gram_matrix(twice, normalize=normalize)
        np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-5 * np.trace(one))


@few
@given(seeds)
def test_losses_are_zero_at_the_target_and_positive_elsewhere(seed):
    f, p = maps(seed)
    for reduction in functional.CONTENT_REDUCTIONS:
        assert content_loss(f, f, reduction=reduction) == 0
        assert content_loss(f, p, reduction=reduction) > 0
    g, a = gram_matrix(f), gram_matrix(p)
    for reduction in functional.STYLE_REDUCTIONS:
        assert style_loss(g, g, reduction=reduction, positions=M) == 0
        assert style_loss(g, a, reduction=reduction, positions=M) > 0
    for kind in functional.VARIATION_KINDS:
        assert total_variation(np.ones((H, W, 3), np.float32), kind=kind) == 0
        assert total_variation(f[..., :3], kind=kind) > 0


@few
@given(seeds, scales)
def test_relative_losses_do_not_see_a_common_scale(seed, scale):
    def all_three(f, p):
        style = style_loss(gram_matrix(f), gram_matrix(p), reduction="relative")
        content = content_loss(f, p, reduction="relative")
        return [content, style, distance(f, p, "relative")]

    f, p = maps(seed)
    scale = np.float32(scale)
    np.testing.assert_allclose(
        all_three(scale * f, scale * p), all_three(f, p), rtol=1e-3
    )


@few
@given(seeds)
def test_relative_losses_are_one_for_features_of_zero(seed):
    (p,) = maps(seed, 1)
    zero, gram = np.zeros_like(p), gram_matrix(p)
    np.testing.assert_allclose(content_loss(zero, p, reduction="relative"), 1, 1e-5)
    loss = style_loss(np.zeros_like(gram), gram, reduction="relative")
    np.testing.assert_allclose(loss, 1, 1e-5)
    np.testing.assert_allclose(distance(zero, p, "relative"), 1, 0.02)


@few
@given(seeds, scales)
def test_wasserstein_is_a_distance(seed, scale):
    f, p = maps(seed)
    f = np.float32(scale) * f
    energy = (f**2).mean() + (p**2).mean()
    assert abs(distance(f, f)) <= 2e-3 * energy * C
    there, back = distance(f, p), distance(p, f)
    assert there >= -2e-3 * energy * C
    np.testing.assert_allclose(there, back, rtol=0.02, atol=0.02 * energy * C)


# Precision and singular targets


@pytest.mark.parametrize("kind", [jnp.float16, jnp.bfloat16])
def test_large_half_precision_features_do_not_overflow(kind):
    f, p = (jnp.asarray(1e4 * f, kind) for f in maps(7))  # squares pass 65504
    g, a = gram_matrix(f), gram_matrix(p)
    results = [content_loss(f, p), style_loss(g, a, reduction="relative")]
    results += [distance(f, p), total_variation(f[..., :3]), gram_matrix(f)]
    for result in results:
        assert result.dtype == jnp.float32
        assert np.isfinite(result).all()
    exact = np.float64(f.astype(jnp.float32)).reshape(M, C)
    np.testing.assert_allclose(g, exact.T @ exact / (M * C), rtol=1e-4, atol=1e3)


def test_a_gram_matrix_is_finite_where_its_sum_is_not():
    f = jnp.full((256, 256, 2), 3e17)  # Σ f² = 6e39, float32 ends at 3e38
    np.testing.assert_allclose(gram_matrix(f), np.full((2, 2), 4.5e34), rtol=1e-2)


SINGULAR = {
    "constant": lambda rng: np.full((4, 4, 6), 2.0),
    "zero": lambda rng: np.zeros((4, 4, 6)),
    "fewer positions than channels": lambda rng: rng.normal(size=(2, 2, 6)),
    "a dead channel": lambda rng: rng.normal(size=(4, 4, 6)) * [1, 1, 0, 1, 1, 1],
    "equal channels": lambda rng: rng.normal(size=(4, 4, 1)) * np.ones(6),
}


@pytest.mark.parametrize("target", SINGULAR)
@pytest.mark.parametrize("features", SINGULAR)
def test_singular_covariances_have_finite_gradients(features, target, rng):
    f = np.float32(SINGULAR[features](rng))
    p = np.float32(SINGULAR[target](rng))
    value, slope = value_and_slope(f, p)
    assert np.isfinite(value) and np.isfinite(slope).all()
    assert abs(slope).max() < 1e3


@jax.jit
def value_and_slope(f, p):
    return jax.value_and_grad(lambda f: distance(f, p, "relative"))(f)


@pytest.mark.parametrize("loss", ["content", "style"])
def test_a_target_of_zero_gives_a_finite_relative_loss(loss):
    (f,) = maps(8, 1)

    def relative(f):
        if loss == "content":
            return content_loss(f, 0 * f, reduction="relative")
        gram = gram_matrix(f)
        return style_loss(gram, 0 * gram, reduction="relative")

    value, slope = jax.value_and_grad(relative)(f)
    assert 0 < value < 1e6 and np.isfinite(slope).all()


# Gradients


def test_wasserstein_gradient_is_a_finite_difference():
    f, p = maps(9)
    change = maps(10, 1)[0]
    slope = (slope_of_distance(f, p) * change).sum()
    sides = [numpy_wasserstein(f + e * change, p) for e in (1e-4, -1e-4)]
    np.testing.assert_allclose(slope, (sides[0] - sides[1]) / 2e-4, rtol=1e-2)


@pytest.mark.parametrize("kind", ["squared", "nine_point"])
def test_variation_gradient_is_a_finite_difference(kind):
    (image,) = maps(11, 1, (H, W, 3))
    check_grads(
        lambda x: total_variation(x, kind=kind, reduction="sum"),
        (image,),
        order=1,
        modes=("rev",),
        rtol=1e-2,
    )


def test_content_gradient_stated_by_vgg19_gatys():
    """∂L/∂F = F - P where F > 0, else 0."""
    z, p = maps(12)
    p = abs(p)
    given = jax.grad(lambda z: content_loss(jax.nn.relu(z), p, reduction="half_sum"))(z)
    f = np.maximum(z, 0)
    np.testing.assert_allclose(given, np.where(f > 0, f - p, 0), rtol=1e-5)


def test_style_gradient_stated_by_vgg19_gatys():
    """∂E/∂F = (Fᵀ (G - A))ᵀ / (N² M²) where F > 0, else 0."""
    z, p = maps(13)
    a = gram_matrix(p, normalize="none")

    def energy(z):
        gram = gram_matrix(jax.nn.relu(z), normalize="none")
        return style_loss(gram, a, reduction="gatys", positions=M)

    given = rows(jax.grad(energy)(z))
    f = rows(np.maximum(z, 0))
    expected = (f.T @ (f @ f.T - np.float64(a))).T / (N**2 * M**2)
    np.testing.assert_allclose(
        given, np.where(f > 0, expected, 0), rtol=1e-4, atol=1e-7
    )


# Errors


@pytest.mark.parametrize(
    "call, choices",
    [
        (
            lambda f: functional.gram_matrix(f, normalize="x"),
            functional.GRAM_NORMALIZATIONS,
        ),
        (
            lambda f: functional.content_loss(f, f, reduction="x"),
            functional.CONTENT_REDUCTIONS,
        ),
        (
            lambda f: functional.style_loss(f[0], f[0], reduction="x"),
            functional.STYLE_REDUCTIONS,
        ),
        (lambda f: functional.total_variation(f, kind="x"), functional.VARIATION_KINDS),
        (
            lambda f: functional.total_variation(f, reduction="x"),
            functional.VARIATION_REDUCTIONS,
        ),
        (lambda f: distance(f, f, "x"), wasserstein.GAUSSIAN_REDUCTIONS),
    ],
)
def test_an_unknown_choice_is_an_error_that_lists_the_known(call, choices):
    with pytest.raises(ValueError, match=", ".join(choices)):
        call(np.ones((3, 3, 3), np.float32))


@pytest.mark.parametrize("reduction", ["gatys", "per_position"])
def test_reductions_over_positions_need_them(reduction):
    with pytest.raises(ValueError, match="positions=h"):
        functional.style_loss(jnp.eye(2), jnp.eye(2), reduction=reduction)
