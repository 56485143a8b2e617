"""Presets say what their sources say, weigh as their docstrings say, and run."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest
from networks import narrow_network, picture

from jaxnst import load_image, make_targets, objective, render
from jaxnst.images.resampling import resize
from jaxnst.optimize import optimizers
from jaxnst.optimize.loop import init_state, step
from jaxnst.optimize.schedule import Schedule
from jaxnst.pipeline import presets
from jaxnst.pipeline.inputs import open_network

SHALLOW_CONVS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
SHALLOW_RELUS = tuple(name.replace("conv", "relu") for name in SHALLOW_CONVS)


def test_names_resolve_to_presets_of_that_name():
    assert len(presets.NAMES) == len(set(presets.NAMES)) == 17
    for name in presets.NAMES:
        assert presets.get(name).preset == name
        assert getattr(presets, name.replace("-", "_")) is presets.get(name)


def test_an_unknown_name_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match="did you mean 'crowson'.*gatys2016, johnson"):
        presets.get("crowsen")


# Against the tables of published systems: network, content layers and reduction,
# style layers, reduction and normalisation, alpha, beta times the sum of the layers'
# weights, tv, optimiser, rate, steps.
TABLE = {
    "mel457": ("vgg19", "conv4_2", "half_sum", SHALLOW_CONVS, "per_position", "none",
               1, None, 0, "adam", 0.02, (1200,)),
    "ncsu": (None, "relu4_2", "sum", SHALLOW_RELUS, "sum", "none",
             1, None, 0, "lbfgs", None, (300,)),
    "vgg19-gatys": ("vgg19", "relu4_2", "half_sum", SHALLOW_RELUS, "gatys", "none",
                    1, None, 0, "gradient", None, (1000,)),
    "vgg16-adam": ("vgg16", "relu5_3", "mean", SHALLOW_RELUS, "mean", "none",
                   1, None, 0, "adam", 0.01, (1000,)),
    "gatys2016": ("vgg19", "relu4_2", "mean", SHALLOW_RELUS, "mean", "elements",
                  1, 5 * 1e3, 0, "lbfgs", None, (500, 200)),
    "johnson-lua": ("vgg19", "relu4_2", "mean", SHALLOW_RELUS, "mean", "elements",
                    5, 5 * 100, 1e-3 * 255**2, "lbfgs", None, (1000,)),
    "pytorch-tutorial": ("vgg19", "conv2_2", "mean",
                         ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"),
                         "mean", "elements", 1, 5 * 1e6, 0, "lbfgs", None, (300,)),
    "crowson": ("vgg19", "relu4_2", "mean", SHALLOW_RELUS, "mean", None,
                0.015, 1, 2, "adam", 0.02, (1000, 500)),
    "gordic": ("vgg19", "relu4_2", "mean", SHALLOW_RELUS, "sum", "elements",
               1e5, 3e4, 255, "lbfgs-linesearch", None, (1000,)),
}  # fmt: skip


# Later objectives: network, statistic, hypercolumns and positions, layers, content,
# optimiser, rate, levels of the pyramid, steps, sizes.
LATER = {
    "strotss": ("vgg16", "earth-mover", "raw", 1024, 9, "self_similarity", "rmsprop",
                0.002, 5, (200,), (64, 512)),
    "nnst": ("vgg16", "nearest", "per_channel", 4096, 10, "relative", "adam", 0.002, 8,
             (200,), (64, 512)),
    "sliced": ("vgg19", "sliced", None, 1024, 12, "relative", "adam", 0.05, 0, (100,),
               (128, 512)),
    "nnfm": ("vgg16", "nearest", None, None, 3, "mean", "adam", 0.05, 0, (100,),
             (128, 512)),
}  # fmt: skip


@pytest.mark.parametrize("name", LATER)
def test_the_numbers_of_later_sources(name):
    preset = presets.get(name)
    config, how, geometry = preset.objective, preset.optimization, preset.geometry
    given = (
        preset.network,
        config.statistic,
        config.hypercolumns,
        config.samples,
        len(config.style_layers),
        config.content_reduction,
        how.optimizer,
        how.learning_rate,
        how.laplacian,
        how.steps,
        (geometry.min_size, geometry.size),
    )
    assert given == LATER[name]


def test_the_content_of_strotss_halves_with_each_doubling():
    preset = presets.get("strotss")
    assert preset.geometry.levels() == (1 / 8, 1 / 4, 1 / 2, 1)
    schedule = Schedule(preset.geometry.levels(), (1,) * 4, alpha_ratio=0.5)
    assert preset.optimization.alpha_ratio == 0.5
    alphas = [schedule.weights_at(preset.terms, k).alpha for k in schedule.levels]
    assert alphas == [16, 8, 4, 2]


@pytest.mark.parametrize("name", TABLE)
def test_the_numbers_of_the_sources(name):
    preset = presets.get(name)
    config, terms, how = preset.objective, preset.terms, preset.optimization
    given = (
        preset.network,
        config.content_layers[0],
        config.content_reduction,
        config.style_layers,
        config.style_reduction,
        config.gram_normalize,
        terms.alpha,
        terms.beta * sum(terms.style_weights),
        terms.tv,
        how.optimizer,
        how.learning_rate,
        how.steps,
    )
    for value, wanted in zip(given, TABLE[name], strict=True):
        if wanted is not None:
            approximate = isinstance(wanted, int | float)
            assert value == (pytest.approx(wanted) if approximate else wanted)
    assert len(config.content_layers) == 1
    assert config.pooling == "max" and how.init == "content"


def sizes(name, height=600, width=800):
    preset = presets.get(name)
    output = preset.geometry.content_size(height, width)
    style = preset.geometry.style_size(500, 500, output)
    levels = [round(preset.geometry.size * x) for x in preset.geometry.levels()]
    return output, style, levels


def test_the_sizes_of_the_sources():
    assert sizes("mel457") == ((400, 400), (400, 400), [400])
    assert sizes("vgg16-adam") == ((384, 384), (256, 256), [384])
    assert sizes("gatys2016")[::2] == ((800, 1067), [512, 800])
    assert sizes("johnson-lua")[::2] == ((384, 512), [512])
    assert sizes("gordic")[0] == (400, 533)
    assert sizes("crowson")[2] == [128, 181, 256, 362, 512]


def test_other_conventions_of_the_sources():
    assert presets.gatys2016.weights == presets.johnson_lua.weights == "keras"
    assert presets.johnson_lua.objective.tv_kind == "squared"
    assert presets.johnson_lua.objective.tv_reduction == "half_sum"
    assert presets.gordic.objective.tv_kind == "absolute"
    assert presets.gordic.objective.tv_reduction == "sum"
    assert presets.gordic.objective.normalization == "mean255"
    assert presets.crowson.objective.statistic == "gaussian"
    assert presets.crowson.objective.padding == "replicate-first"
    assert presets.crowson.objective.tv_kind == "nine_point"
    ratios = np.array(presets.crowson.terms.style_weights) * 341
    np.testing.assert_allclose(ratios, (256, 64, 16, 4, 1))
    how = presets.crowson.optimization
    assert (how.b1, how.b2, how.ema, how.keep_optimizer_state) == (
        0.9,
        0.99,
        0.99,
        True,
    )
    for name in ("gatys2016", "johnson-lua", "gordic"):
        assert not presets.get(name).objective.clip
    assert presets.pytorch_tutorial.objective.clip
    assert presets.gatys2016.optimization.history in (None, 100)
    history = jax.tree.leaves(optimizers.lbfgs()().init(np.zeros(2, np.float32)))
    assert (100, 2) in [leaf.shape for leaf in history]
    for name in ("default", "gram"):
        config = presets.get(name).objective
        assert config.content_reduction == config.style_reduction == "relative"


# "As gatys2016": beta from formulas. With S = Σ (G - A)² of relu3_1 for G = F Fᵀ and
# K = Σ (F - P)² of the content layer, that preset weighs S by 1000 / (N² (N M)²)
# against K by 1 / (N' M').


@pytest.mark.parametrize("name", ["mel457", "ncsu", "vgg19-gatys"])
def test_silent_betas_weigh_as_gatys2016(name):
    preset = presets.get(name)
    height, width = preset.geometry.content_size(768, 1024)
    n, m = 256, (height // 4) * (width // 4)
    n_content, m_content = 512, (height // 8) * (width // 8)
    wanted = (1000 / (n**2 * (n * m) ** 2)) / (1 / (n_content * m_content))
    index = [name[4:] for name in preset.objective.style_layers].index("3_1")
    style = preset.terms.beta * preset.terms.style_weights[index]
    style *= {"per_position": 1 / m, "sum": 1}.get(
        preset.objective.style_reduction, 1 / (4 * n**2 * m**2)
    )
    reduction = {"half_sum": 0.5, "sum": 1}[preset.objective.content_reduction]
    content = preset.terms.alpha * reduction
    assert 0.5 < style / content / wanted < 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mel457", "ncsu", "vgg19-gatys", "vgg16-adam"])
def test_silent_betas_hold_photograph_and_painting(name, shared):
    """On the real networks the photograph's style term is larger than the content term
    that the painting would have, but not by orders that drown the content."""
    preset = presets.get(name)
    file = {"vgg16": "vgg16-caffe.h5", "vgg19": "vgg19-caffe-8bit.h5"}[preset.network]
    own = dataclasses.replace(preset, weights=str(shared / "weights" / file))
    settings, network, _ = open_network(own)
    train = shared / "images" / "train"
    files = "photos/big_ben.jpg", "paintings/hokusai_red_fuji.jpg"
    photo, painting = (load_image(train / file) for file in files)
    size = settings.geometry.content_size(*photo.shape[:2])
    style_size = settings.geometry.style_size(*painting.shape[:2], size)
    content, other = (resize(picture, size) for picture in (photo, painting))
    targets = make_targets(
        network, content, resize(painting, style_size), settings.objective
    )
    (_, first), (_, second) = (
        objective(image, network, targets, settings.terms, settings.objective)
        for image in (content, other)
    )
    style = settings.terms.beta * float(first["style"])
    drawn = style / (settings.terms.alpha * float(second["content"]))
    assert 10 < drawn < 10_000


# Runs


def small(preset):
    return dataclasses.replace(
        preset,
        geometry=dataclasses.replace(preset.geometry, size=32, min_size=None),
        optimization=dataclasses.replace(preset.optimization, steps=(2,)),
    )


def network_of(preset):
    vgg19 = preset.network in ("auto", "vgg19-lite")
    return narrow_network("vgg19" if vgg19 else preset.network, width=4)


@pytest.mark.parametrize("name", presets.NAMES)
def test_every_preset_is_a_step(name):
    preset = small(presets.get(name))
    network, content = network_of(preset), picture(32, 32)
    factory = preset.optimization.make_optimizer()

    def trace(content, style):
        targets = make_targets(network, content, style, preset.objective)
        state = init_state(content, factory)
        return step(state, network, targets, preset.terms, factory, preset.objective)

    state, terms = jax.eval_shape(trace, content, content)
    assert state.image.shape == content.shape
    named = preset.objective.content_terms, preset.objective.style_terms
    assert len(terms) == 4 + sum(map(len, named))


@pytest.mark.slow
@pytest.mark.parametrize("name", presets.NAMES)
def test_every_preset_runs(name):
    preset = small(presets.get(name))
    result = render(preset, network_of(preset), picture(48, 36), [picture(30, 40, 1)])
    assert result.finite and result.steps == 2
    assert np.isfinite(list(itertools.chain(*result.trace.values()))).all()
