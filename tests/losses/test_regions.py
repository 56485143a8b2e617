"""Regions: each with the statistics of its own positions, and nothing elsewhere."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from comparisons import close
from networks import narrow_network, picture

from jaxnst import (
    Config,
    Regions,
    Weights,
    gaussian,
    grid_search,
    make_targets,
    objective,
    optimizers,
    presets,
    render,
    stylize,
    stylize_batch,
    stylize_pyramid,
)
from jaxnst.losses.regions import composite, merged

LAYERS = ("relu1_1", "relu2_1")
CONFIGS = {
    name: Config(
        content_layers=("relu2_1",),
        style_layers=LAYERS,
        statistic=name.split()[0],
        tile=24 if "tiles" in name else None,
    )
    for name in ("gram", "gaussian", "gram in tiles", "gaussian in tiles")
}
PLAIN = ["gram", "gaussian"]
SLOW = [pytest.param(f"{name} in tiles", marks=pytest.mark.slow) for name in PLAIN]
SIZE, STYLE_SIZE = (64, 80), (56, 60)


@pytest.fixture(scope="module")
def network():
    return narrow_network(depth=3, width=4)


def halves(size):
    """Left and right as two regions, (H, W, 2)."""
    mask = np.zeros((*size, 2), np.float32)
    mask[:, : size[1] // 2, 0] = 1
    mask[:, size[1] // 2 :, 1] = 1
    return mask


def images():
    return picture(*SIZE, 1), picture(*STYLE_SIZE, 2), picture(*SIZE, 3)


def value(network, config, regions, image=None, styles=None):
    """Terms and gradient of the objective."""
    content, style, third = images()
    targets = make_targets(
        network, content, styles or style, config, regions=regions,
        with_content_style=True,
    )  # fmt: skip

    def loss(image):
        return objective(image, network, targets, Weights(beta=3.0), config)

    found = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (_, terms), gradient = found(third if image is None else image)
    return targets, terms, gradient


@pytest.mark.parametrize("name", PLAIN + SLOW)
def test_one_region_everywhere_changes_nothing(network, name):
    ones = Regions(np.ones((*SIZE, 1)), (np.ones((*STYLE_SIZE, 1)),))
    _, terms, gradient = value(network, CONFIGS[name], ones)
    _, plain, expected = value(network, CONFIGS[name], None)
    close((terms, gradient), (plain, expected), 2e-4)


@pytest.mark.parametrize(
    "name", ["gram", pytest.param("gaussian", marks=pytest.mark.slow)]
)
def test_tiles_see_the_same_regions(network, name):
    regions = Regions(halves(SIZE) * 0.75, (halves(STYLE_SIZE),))
    whole = value(network, CONFIGS[name], regions)
    tiled = value(network, CONFIGS[f"{name} in tiles"], regions)
    close(tiled[1:], whole[1:], 5e-4)


def test_a_region_has_the_statistic_of_its_pixels_alone():
    """At the first layer of a network that sees single pixels."""
    x = picture(32, 48, 4)
    mask = halves((32, 48))
    for r, part in enumerate((x[:, :24], x[:, 24:])):
        weights = mask[..., r] / mask[..., r].mean()
        found = gaussian.gaussian(x, weights)
        flat = np.asarray(part, np.float64).reshape(-1, 3)
        mean = flat.mean(0)
        centred = flat - mean
        np.testing.assert_allclose(found.mean, mean, rtol=1e-5)
        covariance = centred.T @ centred / len(flat)
        np.testing.assert_allclose(found.covariance, covariance, rtol=1e-4, atol=1e-6)


def test_the_loss_is_the_mean_of_the_regions_by_area(network):
    """Against a NumPy line: S = Σ_r a_r |G_r - A_r|² / |A_r|² with guided Gram
    matrices G_r = Fᵀ diag(w_r) F / (N M)."""
    config = CONFIGS["gram"]
    content_mask = np.zeros((*SIZE, 2), np.float32)
    content_mask[:, :20, 0] = content_mask[:, 20:, 1] = 1
    regions = Regions(content_mask, (halves(STYLE_SIZE),))
    targets, terms, _ = value(network, config, regions)
    _, _, image = images()
    features = network(image, LAYERS)
    np.testing.assert_allclose(targets.regions.shares, [0.25, 0.75], rtol=1e-6)
    for layer in LAYERS:
        f = np.asarray(features[layer], np.float64)
        h, w, c = f.shape
        flat, expected = f.reshape(-1, c), 0.0
        for r, share in enumerate((0.25, 0.75)):
            weight = np.asarray(targets.regions.weights[layer][r], np.float64)
            gram = (flat * weight.reshape(-1, 1)).T @ flat / (h * w * c)
            target = np.asarray(targets.style[layer][r], np.float64)
            distance = ((gram - target) ** 2).sum() / (target**2).sum()
            expected += share * distance
        np.testing.assert_allclose(terms[f"style/{layer}"], expected, rtol=1e-4)


def test_each_region_takes_the_painting_that_has_it(network):
    """Two paintings, one region each: their targets are the paintings' own."""
    first, second = picture(*STYLE_SIZE, 5), picture(40, 44, 6)
    there, nowhere = np.ones((*STYLE_SIZE, 1)), np.zeros((*STYLE_SIZE, 1))
    masks = (
        np.concatenate([there, nowhere], -1),
        np.concatenate([np.zeros((40, 44, 1)), np.ones((40, 44, 1))], -1),
    )
    config = CONFIGS["gaussian"]
    content = images()[0]
    regions = Regions(halves(SIZE), masks)
    found = make_targets(network, content, [first, second], config, regions=regions)
    for r, style in enumerate((first, second)):
        alone = make_targets(network, content, style, config)
        one = jax.tree.map(lambda leaf, r=r: leaf[r], found.style)
        close(one, alone.style, 1e-4)


def test_regions_with_the_same_style_are_one(network):
    both = np.ones((*STYLE_SIZE, 2), np.float32)
    same = merged(Regions(jnp.asarray(halves(SIZE)), (jnp.asarray(both),)))
    assert same.content.shape == (*SIZE, 1) and same.styles[0].shape[-1] == 1
    found = value(network, CONFIGS["gaussian"], same)
    plain = value(network, CONFIGS["gaussian"], None)
    close(found[1:], plain[1:], 2e-4)
    other = Regions(jnp.asarray(halves(SIZE)), (jnp.asarray(halves(STYLE_SIZE)),))
    assert merged(other).content.shape[-1] == 2


def test_gradients_are_only_where_something_is_painted(network):
    left = halves(SIZE)[..., :1]
    regions = Regions(left, (np.ones((*STYLE_SIZE, 1)),))
    targets, _, gradient = value(network, CONFIGS["gaussian"], regions)
    assert jnp.abs(gradient[:, :40]).max() > 0
    np.testing.assert_array_equal(gradient[:, 40:], 0)
    seen = composite(images()[2], targets.regions)
    np.testing.assert_array_equal(seen[:, 40:], images()[0][:, 40:])
    np.testing.assert_array_equal(seen[:, :40], images()[2][:, :40])


@pytest.mark.slow
def test_a_run_keeps_the_photograph_where_nothing_is_painted(network):
    content, style, _ = images()
    regions = Regions(halves(SIZE)[..., :1], (np.ones((*STYLE_SIZE, 1)),))
    options = {
        "config": CONFIGS["gram"], "init": "noise", "key": jax.random.key(0),
        "ema": 0.5, "steps": 2, "levels": (0.5, 1.0), "margin": 4,
    }  # fmt: skip
    seen = []
    result = stylize_pyramid(
        network, content, style, regions=regions,
        callback=lambda p: seen.append(p.picture()), **options,
    )  # fmt: skip
    for image in (result.image, seen[-1]):
        np.testing.assert_array_equal(image[:, 40:], content[:, 40:])
        assert jnp.abs(image[:, :40] - content[:, :40]).mean() > 0.05


@pytest.mark.slow
def test_grids_and_batches_have_regions(network):
    """Side by side and one after another the same as each alone."""
    content, style, other = images()
    regions = Regions(halves(SIZE) * 0.9, (halves(STYLE_SIZE),))
    swapped = replace(regions, content=regions.content[..., ::-1])
    options = {"config": CONFIGS["gram"], "steps": 2, "optimizer": optimizers.adam()}
    alone = [
        stylize(network, c, style, regions=r, weights=Weights(beta=4.0), **options)
        for c, r in ((content, regions), (other, swapped))
    ]
    for vectorize in (False, True):
        grid = grid_search(
            network, content, style, alphas=[1.0], betas=[1.0, 4.0],
            regions=regions, vectorize=vectorize, **options,
        )  # fmt: skip
        batch = stylize_batch(
            network, [content, other], [style, style], weights=Weights(beta=4.0),
            regions=[regions, swapped], vectorize=vectorize, **options,
        )  # fmt: skip
        np.testing.assert_allclose(grid.image[0, 1], alone[0].image, atol=2e-3)
        for found, expected in zip(batch.image, alone, strict=True):
            np.testing.assert_allclose(found, expected.image, atol=2e-3)
    assert np.abs(alone[0].image - alone[1].image).max() > 0.01


def test_strength_counts_regions(network):
    targets, terms, _ = value(
        network, CONFIGS["gram"], Regions(halves(SIZE), (halves(STYLE_SIZE),)),
        image=images()[0],
    )  # fmt: skip
    for layer in LAYERS:
        expected = targets.content_style[layer]
        np.testing.assert_allclose(terms[f"style/{layer}"], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("content", "style", "words"),
    [
        (np.ones((3, 4, 1)), np.ones((*STYLE_SIZE, 1)), "must have the shape"),
        (np.ones((*SIZE, 2)), np.ones((*STYLE_SIZE, 2)), "sum to at most 1"),
        (np.ones((*SIZE, 1)), np.ones((*STYLE_SIZE, 2)), "1 regions"),
        (np.ones((*SIZE, 1)), np.zeros((*STYLE_SIZE, 1)), "no style image has"),
        (np.full((*SIZE, 1), np.nan), np.ones((*STYLE_SIZE, 1)), r"within \[0, 1\]"),
    ],
)
def test_masks_that_do_not_fit(network, content, style, words):
    photo, painting, _ = images()
    regions = Regions(content, (style,))
    with pytest.raises(ValueError, match=words):
        make_targets(network, photo, painting, CONFIGS["gram"], regions=regions)
    with pytest.raises(ValueError, match=words):
        stylize(network, photo, painting, config=CONFIGS["gram"], regions=regions)


def test_masks_of_255_levels_are_refused_before_they_are_resized(network):
    photo, painting, _ = images()
    masks = Regions(np.full((9, 9, 1), 255.0), (np.ones((9, 9, 1)),))
    how = replace(presets.get("gram"), objective=CONFIGS["gram"])
    with pytest.raises(ValueError, match=r"within \[0, 1\]"):
        render(how, network, photo, [painting], regions=masks)


def test_what_is_kept_keeps_its_colours(network):
    """To the bit, though luminance alone is painted."""
    photo, painting, _ = images()
    regions = Regions(halves(SIZE)[..., :1], (np.ones((*STYLE_SIZE, 1)),))
    how = replace(presets.get("gram"), objective=CONFIGS["gram"], color="content")
    how = replace(
        how,
        geometry=replace(how.geometry, size=SIZE[1]),
        optimization=replace(how.optimization, steps=(1,)),
    )
    image = render(how, network, photo, [painting], regions=regions).image
    np.testing.assert_array_equal(image[:, 40:], photo[:, 40:])
    assert np.abs(image[:, :40] - photo[:, :40]).max() > 0


def test_masks_for_other_paintings(network):
    photo, painting, _ = images()
    regions = Regions(np.ones((*SIZE, 1)), (np.ones((*STYLE_SIZE, 1)),))
    with pytest.raises(ValueError, match="masks of 1 style images, given were 2"):
        make_targets(
            network, photo, [painting, painting], CONFIGS["gram"], regions=regions
        )
