"""Statistics to choose from, against a NumPy line each, and statistics of one's own."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxnst
from jaxnst import Config, Weights, optimizers
from jaxnst.losses import moments, nearest, objective, sliced, statistics
from jaxnst.losses.objectives import with_neighbours
from jaxnst.losses.samples import (
    Samples,
    draw_positions,
    features_at,
    grid_positions,
    join_samples,
    resampled,
    samples_of,
)
from jaxnst.losses.targets import compute_targets
from jaxnst.optimize.initial import without_content
from jaxnst.optimize.loop import init_state, step
from tests.helpers.comparisons import close
from tests.helpers.networks import narrow_network, picture

NAMES = ("gram", "gaussian", "moments", "sliced", "histogram", "nearest", "earth-mover")


def vectors(seed, count, channels=4):
    values = np.random.default_rng(seed).normal(0.3, 1, (count, channels))
    return jnp.asarray(values, "float32")


def cosines(a, b):
    """D_ij in float64."""
    a, b = (x / np.linalg.norm(x, axis=1)[:, None] for x in (a, b))
    return 1 - a @ b.T


F, T = vectors(0, 12), vectors(1, 20)
F64, T64 = np.float64(F), np.float64(T)


@pytest.fixture(scope="module")
def network():
    return narrow_network(depth=4)


def image(seed, size=(32, 40)):
    return picture(*size, seed)


# Moments


def test_moments_of_channels():
    found = moments.channel_moments(F.reshape(3, 4, 4), order=4)
    mean = F64.mean(0)
    deviation = np.sqrt(((F64 - mean) ** 2).mean(0))
    third = ((F64 - mean) ** 3).mean(0) / deviation**2
    fourth = ((F64 - mean) ** 4).mean(0) / deviation**3
    np.testing.assert_allclose(found, [mean, deviation, third, fourth], rtol=1e-4)


@pytest.mark.parametrize(
    "reduction, divisor",
    [("sum", 1), ("mean", 4), ("relative", (T64.mean(0) ** 2 + T64.var(0)).sum())],
)
def test_moment_loss(reduction, divisor):
    one, other = (moments.channel_moments(x.reshape(2, -1, 4)) for x in (F, T))
    aims = np.stack([T64.mean(0), T64.std(0)])
    square = ((np.stack([F64.mean(0), F64.std(0)]) - aims) ** 2).sum()
    found = moments.moment_loss(one, other, reduction=reduction)
    np.testing.assert_allclose(found, square / divisor, rtol=1e-4)


def test_a_flat_channel_has_a_finite_gradient():
    flat = jnp.full((3, 4, 2), 0.5)
    target = moments.channel_moments(jnp.asarray(F.reshape(3, 8, 2)), order=4)

    @jax.jit
    def loss(x):
        return moments.moment_loss(moments.channel_moments(x, order=4), target)

    assert np.isfinite(jax.grad(loss)(flat)).all()


# Sliced and histogram


def test_sliced_wasserstein_sorts_projections():
    key = jax.random.key(3)
    lines = np.float64(jax.random.normal(key, (4, 4)))
    lines /= np.linalg.norm(lines, axis=0)
    aims = T64[(np.arange(12) * 20) // 12]
    square = (np.sort(F64 @ lines, 0) - np.sort(aims @ lines, 0)) ** 2
    energy = (aims**2).sum(1).mean()
    expected = {
        "mean": square.mean(),
        "sum": 4 * square.mean(),
        "relative": 4 * square.mean() / energy,
    }
    for reduction, value in expected.items():
        found = sliced.sliced_wasserstein(
            Samples(F), Samples(T), key, reduction=reduction
        )
        np.testing.assert_allclose(found, value, rtol=1e-4)


def test_sliced_wasserstein_of_nothing_is_1_over_all_directions():
    keys = jax.random.split(jax.random.key(0), 2000)
    none = Samples(jnp.zeros((20, 4)))
    found = jax.vmap(
        lambda key: sliced.sliced_wasserstein(
            none, Samples(T), key, reduction="relative"
        )
    )(keys)
    np.testing.assert_allclose(found.mean(), 1, rtol=0.03)


def test_histogram_loss_gives_each_channel_the_targets_values():
    aims = T64[(np.arange(12) * 20) // 12]
    ranks = F64.argsort(0).argsort(0)
    matched = np.take_along_axis(np.sort(aims, 0), ranks, 0)
    found = sliced.histogram_loss(Samples(F), Samples(T))
    np.testing.assert_allclose(found, ((F64 - matched) ** 2).mean(), rtol=1e-4)
    slope = jax.grad(lambda f: sliced.histogram_loss(Samples(f), Samples(T)))(F)
    np.testing.assert_allclose(
        slope, 2 * (F64 - matched) / F.size, rtol=1e-3, atol=1e-6
    )


def test_histograms_do_not_see_what_channels_have_to_do_with_each_other():
    turned = jnp.stack([F[:, 0], F[::-1, 1], *F[:, 2:].T], 1)
    same = sliced.histogram_loss(Samples(turned), Samples(F))
    np.testing.assert_allclose(same, 0, atol=1e-12)
    key = jax.random.key(0)
    assert sliced.sliced_wasserstein(Samples(turned), Samples(F), key) > 1e-3


def test_weights_are_how_often_a_position_is_taken():
    weights = jnp.array([0.0, 2.0, 1.0, 1.0])
    found = resampled(Samples(jnp.arange(4.0)[:, None], weights), 8)[:, 0]
    np.testing.assert_array_equal(found, [1, 1, 1, 1, 2, 2, 3, 3])
    all_of_them = resampled(Samples(jnp.arange(4.0)[:, None]), 2)[:, 0]
    np.testing.assert_array_equal(all_of_them, [0, 2])


def test_many_positions_are_taken_from_all_over():
    """As many as in large pictures: their product is beyond int32."""
    count, wanted = 90_000, 100_000
    found = resampled(Samples(jnp.arange(float(count))[:, None]), wanted)[:, 0]
    expected = np.arange(wanted) * count // wanted
    np.testing.assert_allclose(found, expected, atol=1)


def test_the_slope_by_the_target_is_that_of_its_sorted_values():
    aims = T64[(np.arange(12) * 20) // 12]
    order = aims.argsort(0)
    both = np.take_along_axis(aims, order, 0) - np.sort(F64, 0)
    expected = np.zeros_like(aims)
    np.put_along_axis(expected, order, 2 * both / F.size, 0)
    slope = jax.grad(lambda t: sliced.histogram_loss(Samples(F), Samples(t)))(
        jnp.float32(aims)
    )
    np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-6)


# Nearest neighbours


def test_nearest_loss_is_the_mean_distance_from_the_nearest():
    """Nearest of features less their mean, each side its own; distance of themselves.

    Features far from the painting's, as a photograph's are, still have neighbours of
    all kinds, and not one for all.
    """
    for far in (0.0, 9.0):
        features = F64 + far
        places = cosines(features - features.mean(0), T64 - T64.mean(0)).argmin(1)
        assert len(set(places)) > 6
        expected = cosines(features, T64)[np.arange(12), places].mean()
        found = nearest.nearest_loss(Samples(F + far), Samples(T))
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("block", [2**23, 100, 20])
def test_blocks_find_the_same_neighbours(monkeypatch, block):
    monkeypatch.setattr(nearest, "_BLOCK", block)
    distances = cosines(F64, T64)
    forth, back = nearest.nearest_neighbours(Samples(F), Samples(T))
    np.testing.assert_array_equal(forth, distances.argmin(1))
    np.testing.assert_array_equal(back, distances.argmin(0))


def test_what_has_no_weight_is_nobodys_neighbour():
    """Of either set; it has one itself."""
    distances = cosines(F64, T64)
    lost = distances.argmin(1)[0]  # the nearest of the first
    weights = jnp.ones(20).at[lost].set(0.0)
    distances[:, lost] = 9
    forth, _ = nearest.nearest_neighbours(Samples(F), Samples(T, weights))
    np.testing.assert_array_equal(forth, distances.argmin(1))
    _, forth = nearest.nearest_neighbours(Samples(T, weights), Samples(F))
    np.testing.assert_array_equal(forth, distances.argmin(1))


def test_relaxed_earth_mover_is_the_larger_of_both_ways():
    distances = cosines(F64, T64)
    ways = distances.min(1).mean(), distances.min(0).mean()
    found = nearest.relaxed_earth_mover(Samples(F), Samples(T))
    np.testing.assert_allclose(found, max(ways), rtol=1e-4)
    np.testing.assert_allclose(
        nearest.relaxed_earth_mover(Samples(T), Samples(F)), max(ways), rtol=1e-4
    )
    few = nearest.relaxed_earth_mover(Samples(F[:1]), Samples(T))
    np.testing.assert_allclose(few, distances[:1].min(0).mean(), rtol=1e-4)


@pytest.mark.parametrize("euclidean", [False, True])
def test_relaxed_earth_mover_with_weights_and_its_gradient(euclidean):
    """As the matrix of all distances has it, of both ways."""
    weights = np.random.default_rng(2).uniform(0.5, 1.5, 20)
    weights /= weights.mean()

    def both(f):
        norms = [jnp.linalg.norm(x, axis=1, keepdims=True) for x in (f, T)]
        distances = 1 - (f / norms[0]) @ (T / norms[1]).T
        if euclidean:
            distances += jnp.mean((f[:, None] - T[None]) ** 2, -1)
        return jnp.stack([distances.min(1).mean(), (weights * distances.min(0)).mean()])

    target, larger = Samples(T, jnp.asarray(weights, "float32")), set()
    for features in (F, F[:3], jnp.concatenate([1.1 * T, -T[:9]])):
        found, slope = jax.value_and_grad(
            lambda f: nearest.relaxed_earth_mover(
                Samples(f), target, euclidean=euclidean
            )
        )(features)
        ways = both(features)
        larger.add(int(ways.argmax()))
        np.testing.assert_allclose(found, ways.max(), rtol=1e-4)
        wanted = jax.jacobian(both)(features)[ways.argmax()]
        np.testing.assert_allclose(slope, wanted, rtol=1e-3, atol=1e-6)
    assert larger == {0, 1}


def test_the_gradient_of_self_similarity_is_one_product():
    """Two of features with themselves, and one for the gradient."""
    gradient = jax.make_jaxpr(jax.grad(nearest.self_similarity_loss))(F, T[:12])
    assert str(gradient).count("dot_general") == 3


def test_earth_mover_loss_counts_moments_in_the_targets_unit():
    scale = np.sqrt((T64**2).mean())
    f, t = F64 / scale, T64 / scale
    distances = cosines(f, t)
    expected = max(distances.min(1).mean(), distances.min(0).mean())
    expected += np.abs(f.mean(0) - t.mean(0)).mean()
    expected += np.abs(np.cov(f.T, bias=True) - np.cov(t.T, bias=True)).mean()
    found = nearest.earth_mover_loss(Samples(F), nearest.earth_mover_target(Samples(T)))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    large = nearest.earth_mover_loss(
        Samples(50 * F), nearest.earth_mover_target(Samples(50 * T))
    )
    np.testing.assert_allclose(large, expected, rtol=1e-4)


def test_palette_loss_is_0_for_the_same_colours_and_knows_their_lightness():
    colors = jnp.asarray(np.random.default_rng(0).uniform(size=(30, 3)), "float32")
    order = np.random.default_rng(1).permutation(30)
    same = nearest.palette_loss(Samples(colors), Samples(colors[order]))
    np.testing.assert_allclose(same, 0, atol=1e-6)
    assert nearest.palette_loss(Samples(0.5 * colors), Samples(colors)) > 0.01
    np.testing.assert_allclose(  # the axes are at right angles
        jnp.linalg.norm(nearest.decorrelated(colors), axis=1),
        jnp.linalg.norm(colors, axis=1),
        rtol=1e-5,
    )


def test_self_similarity_knows_neither_length_nor_direction():
    expected = np.abs(cosines(F64, F64) - cosines(T64[:12], T64[:12])).mean()
    found = nearest.self_similarity_loss(F, T[:12])
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    np.testing.assert_allclose(
        nearest.self_similarity_loss(F, jnp.asarray(3 * F64 @ turn, "float32")),
        0,
        atol=1e-6,
    )


# What all of them are


def distance_of(name, target, normalize="elements"):
    """The compiled distance of a map, with weights or without, from a target map."""
    found = statistics.named_statistic(
        name, reduction="relative", normalize=normalize, positions=None
    )

    @jax.jit
    def loss(x, weights=None, aims=None):
        aim = statistics.target_of(found, [found.of(target, aims)], jnp.ones(1))
        return statistics.distance(found, found.of(x, weights), aim, jax.random.key(0))

    return loss


@pytest.mark.parametrize("name", NAMES[2:])
def test_a_statistic_is_0_for_its_own_target_and_has_the_gradient_of_its_value(name):
    f, t = F.reshape(3, 4, 4), T.reshape(4, 5, 4)
    loss = distance_of(name, t)
    np.testing.assert_allclose(loss(t), 0, atol=1e-5)
    assert loss(f) > 1e-3
    check_grads(loss, (f,), 1, ("rev",), eps=1e-3, rtol=0.02, atol=1e-3)
    both = jnp.stack([f, f[::-1, ::-1] ** 2])
    np.testing.assert_allclose(jax.vmap(loss)(both), [loss(x) for x in both], rtol=1e-4)


@pytest.mark.parametrize("name", NAMES[2:])
def test_weights_of_half_of_a_map_leave_the_other_half(name):
    f, t = vectors(2, 16).reshape(4, 4, 4), vectors(1, 16).reshape(4, 4, 4)
    half = jnp.zeros((4, 4)).at[:2].set(2.0)
    twice = jnp.repeat(f[:2], 2, 0)  # as many positions
    loss = distance_of(name, t, "positions")
    if name != "earth-mover":  # where those without weight lose no neighbour
        np.testing.assert_allclose(loss(f, half), loss(twice), rtol=1e-3)
    aims = jnp.repeat(t[:2], 2, 0)
    of_half = loss(f, None, half)
    np.testing.assert_allclose(
        of_half, distance_of(name, aims, "positions")(f), rtol=1e-3
    )


def test_several_paintings_count_by_their_shares():
    parts = [samples_of(F.reshape(3, 4, 4)), samples_of(T.reshape(4, 5, 4))]
    joined = join_samples(parts, jnp.array([0.25, 0.75]))
    assert len(joined.features) == 32
    total = jnp.mean(joined.weights[:, None] * joined.features, 0)
    np.testing.assert_allclose(
        total, 0.25 * F64.mean(0) + 0.75 * T64.mean(0), rtol=1e-4
    )


# Positions


def test_features_between_positions_are_interpolated():
    rows, columns = np.mgrid[:4, :6]
    plane = jnp.asarray(np.stack([2.0 * rows + 3.0 * columns], -1), "float32")
    places = jnp.array([[0.5 / 4, 0.5 / 6], [2.0 / 4, 3.25 / 6], [0.99, 0.999]])
    expected = [0, 2 * 1.5 + 3 * 2.75, 2 * 3 + 3 * 5]
    np.testing.assert_allclose(features_at(plane, places)[:, 0], expected, rtol=1e-5)


def test_positions_are_pixels_drawn_evenly_by_their_weights():
    keys = jax.random.split(jax.random.key(0), 200)
    mask = jnp.zeros((4, 6)).at[1:3, 2].set(1.0).at[3, 5].set(2.0)
    draw = jax.jit(draw_positions, static_argnums=(1, 2))
    drawn = jax.vmap(lambda key: draw(key, (4, 6), 8, mask))(keys)
    rows = np.round(np.asarray(drawn[..., 0]) * 4 - 0.5).astype(int)
    columns = np.round(np.asarray(drawn[..., 1]) * 6 - 0.5).astype(int)
    counts = np.zeros((4, 6))
    np.add.at(counts, (rows, columns), 1)
    np.testing.assert_allclose(counts / counts.sum(), mask / 4, atol=0.01)
    plain = draw_positions(keys[0], (4, 6), 24)
    assert len(np.unique(np.asarray(plain), axis=0)) == 24


# In the objective


@dataclass(frozen=True)
class Mean:
    """The example of the module's docstring."""

    def of(self, features, weights=None):
        weights = 1.0 if weights is None else weights[..., None]
        return jnp.mean(weights * features, axis=(0, 1))

    def distance(self, statistic, target):
        return jnp.mean(jnp.square(statistic - target))


def test_a_statistic_of_ones_own(network):
    config = Config(
        content_layers=("relu2_1",), style_layers=("relu1_1",), statistic=Mean()
    )
    content, style = image(0), image(1, (40, 32))
    targets = jaxnst.make_targets(network, content, [style, content], config)
    features = [
        network(x, ("relu1_1",))["relu1_1"].mean((0, 1)) for x in (style, content)
    ]
    close(targets.style["relu1_1"], (features[0] + features[1]) / 2)
    _, terms = objective(content, network, targets, Weights(), config)
    expected = np.mean(np.square(features[1] - targets.style["relu1_1"]))
    np.testing.assert_allclose(terms["style"], expected, rtol=1e-4)
    grid = jaxnst.grid_search(
        network, content, style, config=config, steps=3, alphas=[1.0], betas=[1.0, 9.0]
    )
    style_terms = grid.trace["style"][0, 1]
    assert style_terms[-1] < style_terms[0]


COLUMNS = Config(
    content_layers=("relu1_1", "relu2_1"),
    style_layers=("relu1_1", "relu2_1"),
    statistic="earth-mover",
    content_reduction="self_similarity",
    samples=64,
    hypercolumns="raw",
    palette=0.5,
)

GUIDED = replace(
    COLUMNS, statistic="nearest", content_reduction="relative", guide=0.75, palette=0.0
)


LAYERS = ("relu2_1",), ("relu1_1", "relu2_1")


def compiled_objective(network, config, regions=None):
    """The terms of an image, compiled once for all draws."""
    targets = jaxnst.make_targets(network, image(0), image(1), config, regions=regions)

    @jax.jit
    def terms(x, draw=0):
        drawn = replace(targets, draw=draw)
        return objective(x, network, drawn, Weights(), config)[1]

    return terms


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        COLUMNS,
        GUIDED,
        replace(COLUMNS, statistic="gaussian", content_reduction="relative"),
        *(Config(*LAYERS, name, samples=50) for name in NAMES[3:]),
        Config(*LAYERS, "moments"),
    ],
    ids=lambda config: f"{config.statistic}-{config.hypercolumns}",
)
def test_runs_lower_the_loss_and_do_many_as_one(network, config):
    content, style = image(0), image(1, (24, 40))
    weights = Weights(alpha=0.1, beta=1.0, tv=0.0)
    one = jaxnst.stylize(
        network, content, style, config=config, weights=weights, steps=12
    )
    assert one.finite and one.trace["style"][-3:].mean() < one.trace["style"][0]
    again = jaxnst.stylize(
        network, content, style, config=config, weights=weights, steps=12
    )
    np.testing.assert_array_equal(one.image, again.image)
    many = jaxnst.stylize_batch(
        network, [content] * 2, [style] * 2, config=config, weights=weights, steps=2
    )
    np.testing.assert_allclose(
        many.trace["loss"][1][:2], one.trace["loss"][:2], rtol=1e-3
    )


def test_the_objective_of_hypercolumns(network):
    terms = compiled_objective(network, COLUMNS)
    of_content = terms(image(0))
    np.testing.assert_allclose(of_content["content"], 0, atol=1e-5)
    assert set(of_content) == {
        *("loss", "content", "style", "tv"),
        *("content/hypercolumns", "style/hypercolumns"),
    }
    first, other = (terms(0.5 * image(0), draw)["style"] for draw in (0, 1))
    assert first != other  # other positions, and much the same
    np.testing.assert_allclose(first, other, rtol=0.2)


@pytest.mark.slow
def test_one_region_everywhere_changes_nothing_in_hypercolumns(network):
    first = compiled_objective(network, COLUMNS)(0.5 * image(0))["style"]
    everywhere = jaxnst.Regions(jnp.ones((32, 40, 1)), (jnp.ones((32, 40, 1)),))
    of_region = compiled_objective(network, COLUMNS, everywhere)(0.5 * image(0))
    np.testing.assert_allclose(of_region["style"], first, rtol=0.02)


@pytest.mark.parametrize(
    "scaling",
    [
        pytest.param("raw", marks=pytest.mark.slow),
        pytest.param("per_channel", marks=pytest.mark.slow),
        "equal",
    ],
)
def test_a_guide_looks_for_neighbours_of_the_content_image(network, scaling):
    """mean (1 - cos(f, t_ν)) on a grid; ν of the mixture, by what is less its mean."""
    config = replace(GUIDED, guide=0.75, samples=32 * 40, hypercolumns=scaling)
    terms = compiled_objective(network, config)
    content, style = (network(x, ("relu1_1", "relu2_1")) for x in (image(0), image(1)))
    scales = dict.fromkeys(style, 1.0)
    if scaling == "per_channel":
        scales = dict.fromkeys(style, 1 / 8)
    if scaling == "equal":
        scales = {k: np.mean(np.float64(x) ** 2) ** -0.5 for k, x in style.items()}
    key = jax.random.key(0)
    own = network(0.5 * image(0), ("relu1_1", "relu2_1"))
    rows, along = (
        np.linspace(0.5 / 32, 31.5 / 32, 8),
        np.linspace(0.5 / 40, 39.5 / 40, 10),
    )
    grid = jnp.float32([(row, column) for row in rows for column in along])
    np.testing.assert_allclose(grid_positions((32, 40)), grid, rtol=1e-6)

    def columns(features, places):
        parts = [
            scales[k] * np.float64(features_at(x, places)) for k, x in features.items()
        ]
        return np.concatenate(parts, -1)

    f, t = columns(own, grid), columns(style, draw_positions(key, (32, 40), 1280))
    mixed = 0.75 * columns(content, grid) + 0.25 * f
    nearest_of = cosines(mixed - mixed.mean(0), t - t.mean(0)).argmin(1)
    expected = cosines(f, t)[np.arange(80), nearest_of].mean()
    np.testing.assert_allclose(terms(0.5 * image(0))["style"], expected, rtol=1e-3)


def test_neighbours_are_found_once_as_a_level_begins(network):
    """The loop finds those of its first image and keeps them; the same for many."""
    content, style = image(0), image(1, (24, 40))
    options = {"config": GUIDED, "weights": Weights(alpha=0.0, beta=1.0, tv=0.0)}
    targets = jaxnst.make_targets(network, content, style, GUIDED)
    start = 0.3 + 0.4 * image(2)
    expected = with_neighbours(start, network, targets, GUIDED).neighbours
    of_content = with_neighbours(content, network, targets, GUIDED).neighbours
    assert expected.shape == (80,) and np.any(expected != of_content)
    first = jaxnst.stylize(network, content, style, init=start, steps=4, **options)
    np.testing.assert_array_equal(first.state.neighbours, expected)
    went_on = jaxnst.stylize(
        network, content, style, state=first.state, steps=4, **options
    )
    np.testing.assert_array_equal(went_on.state.neighbours, expected)
    whole = jaxnst.stylize(network, content, style, init=start, steps=8, **options)
    np.testing.assert_array_equal(went_on.image, whole.image)
    many = jaxnst.stylize_batch(
        network, [content, start], [style] * 2, init=[start, start], steps=2, **options
    )
    np.testing.assert_allclose(
        many.trace["style"][0], first.trace["style"][:2], rtol=1e-4
    )


def test_a_step_with_neighbours_looks_for_none(network):
    """The product with all of the painting's positions is outside of the loop."""
    targets = jaxnst.make_targets(network, image(0), image(1), GUIDED)
    shape = f"f32[80,{targets.style['hypercolumns'].style.features.shape[0]}]"
    factory = optimizers.as_factory(optimizers.adam())
    state = init_state(image(0), factory, guided=True)

    def taken(state):
        return step(state, network, targets, Weights(), factory, GUIDED)

    assert shape not in str(jax.make_jaxpr(taken)(state))
    without = replace(state, neighbours=None)
    assert shape in str(jax.make_jaxpr(taken)(without))


def test_each_region_takes_its_neighbours_from_its_own_painting(network):
    left = jnp.zeros((32, 40, 2)).at[:, :20, 0].set(1).at[:, 20:, 1].set(1)
    whole, none = jnp.ones((32, 40, 1)), jnp.zeros((32, 40, 1))
    paintings = image(1), image(2)
    masks = jnp.concatenate([whole, none], -1), jnp.concatenate([none, whole], -1)
    regions = jaxnst.Regions(left, masks)
    targets = jaxnst.make_targets(network, image(0), paintings, GUIDED, regions=regions)
    found = with_neighbours(image(0), network, targets, GUIDED).neighbours
    count = targets.style["hypercolumns"].style.features.shape[1]
    found = np.asarray(found).reshape(8, 10)
    assert np.all(found[:, :5] < count) and np.all(found[:, 5:] >= count)


def test_with_a_guide_every_position_counts_as_its_region_does(network):
    """One region on the left alone, and all of the painting's features for it."""
    left = jnp.zeros((32, 40, 1)).at[:, :20].set(1)
    regions = jaxnst.Regions(left, (jnp.ones((32, 40, 1)),))
    config = replace(GUIDED, samples=32 * 40)
    targets = jaxnst.make_targets(network, image(0), image(1), config, regions=regions)
    target = targets.style["hypercolumns"]
    grid, layers = grid_positions((32, 40)), config.style_layers
    features = network(image(0), layers)
    f = np.concatenate([np.float64(features_at(features[k], grid)) for k in layers], -1)
    t = np.float64(target.style.features[0])
    counts = 2 * np.float64(features_at(left, grid))[:, 0]
    center = np.mean(counts[:, None] * f, 0)
    places = cosines(f - center, t - t.mean(0)).argmin(1)
    expected = np.mean(counts * cosines(f, t)[np.arange(80), places])
    _, terms = objective(image(0), network, targets, Weights(), config)
    np.testing.assert_allclose(terms["style"], expected, rtol=1e-3)


def test_with_a_guide_one_region_everywhere_changes_little(network):
    whole = jnp.ones((32, 40, 1))
    one = jaxnst.Regions(whole, (whole,))
    of_region = compiled_objective(network, GUIDED, one)(0.5 * image(0))["style"]
    expected = compiled_objective(network, GUIDED)(0.5 * image(0))["style"]
    np.testing.assert_allclose(of_region, expected, rtol=0.05)


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"statistic": "gramm"}, ValueError, "did you mean 'gram'"),
        ({"statistic": Mean}, TypeError, "object with functions"),
        ({"statistic": 3}, TypeError, "object with functions"),
        ({"statistic": "sliced", "tile": 64}, ValueError, "leave tile"),
        ({"samples": 9, "tile": 64}, ValueError, "leave tile"),
        ({"statistic": "sliced", "style_reduction": "gatys"}, ValueError, "gatys"),
        ({"statistic": "nearest", "style_reduction": "mean"}, ValueError, "relative"),
        ({"hypercolumns": "equal"}, ValueError, "samples=1024"),
        ({"guide": 0.5}, ValueError, "hypercolumns="),
        ({"palette": 1.0}, ValueError, "hypercolumns="),
        ({"content_reduction": "self_similarity"}, ValueError, "hypercolumns="),
        ({"hypercolumns": "all", "samples": 9}, ValueError, "raw, per_channel, equal"),
        ({"samples": 0}, ValueError, "samples"),
        (
            {
                "hypercolumns": "equal",
                "samples": 9,
                "guide": 0.5,
                "statistic": "nearest",
            },
            ValueError,
            "add relu1_1",
        ),
        (
            {"hypercolumns": "equal", "samples": 9, "guide": 0.5},
            ValueError,
            "guide is for",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(change, error, words):
    with pytest.raises(error, match=words):
        replace(Config(), **change)


def test_a_statistic_that_cannot_be_hashed_says_what_to_do():
    class Unhashable(Mean):
        __hash__ = None

    with pytest.raises(TypeError, match="frozen=True"):
        Config(statistic=Unhashable())


def test_a_texture_has_no_guide(network):
    """Nothing is there to look for the neighbours of but the texture itself."""
    _, config = without_content(None, (24, 24), GUIDED)
    assert (config.content_layers, config.guide) == ((), 0.0)
    targets = jax.eval_shape(
        lambda x: compute_targets(network, x, [x], config),
        jax.ShapeDtypeStruct((24, 24, 3), jnp.float32),
    )
    assert targets.content == {} and set(targets.style) == {"hypercolumns"}


def test_colours_count_by_the_weight_of_the_palette(network):
    """In no other way does the style see colours that the network does not."""
    styles = [
        compiled_objective(network, replace(COLUMNS, palette=palette))(image(3))
        for palette in (0.0, 1.0, 2.0)
    ]
    none, once, twice = (float(terms["style"]) for terms in styles)
    assert once - none > 0.001
    np.testing.assert_allclose(twice - none, 2 * (once - none), rtol=1e-3)


def test_every_step_draws_anew(network):
    config = Config((), ("relu1_1",), "nearest", samples=40)
    targets = jaxnst.make_targets(network, image(0), image(1), config)
    factory = optimizers.as_factory(optimizers.adam())
    state = init_state(0.5 * image(0), factory)

    @jax.jit
    def loss(count):
        now = replace(state, count=count)
        return step(now, network, targets, Weights(), factory, config)[1]["style"]

    assert loss(jnp.int32(0)) != loss(jnp.int32(1))
