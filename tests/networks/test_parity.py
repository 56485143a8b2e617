"""The whole objective, its gradient and its optimisers against PyTorch's, from files
in the formats that networks are published in."""

import foreign
import jax
import numpy as np
import pytest
from networks import narrow_network, picture, torch_features

from jaxnst import (
    Config,
    Weights,
    make_targets,
    network_from_weights,
    objective,
    stylize,
)
from jaxnst.optimize import optimizers
from jaxnst.pretrained.convert import convert

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity
torch.set_num_threads(1)  # its threads and XLA's would wait for each other

CONTENT, STYLE, IMAGE = picture(48, 40), picture(36, 50, 1), picture(48, 40, 2)


def tensor(array):
    return torch.tensor(np.array(array))


def torch_gram(features):
    flat = features.flatten(1)
    return flat @ flat.T / features.numel()


def torch_targets(network, config):
    with torch.no_grad():
        content = torch_features(network, tensor(CONTENT), config.content_layers)
        style = torch_features(network, tensor(STYLE), config.style_layers)
    return content, {layer: torch_gram(f) for layer, f in style.items()}


def torch_objective(image, network, targets, weights, config):
    """Relative terms, means over layers, mean absolute differences."""

    def relative(given, wanted):
        return ((given - wanted) ** 2).sum() / (wanted**2).sum()

    features = torch_features(network, image, config.layers)
    content = [relative(features[layer], f) for layer, f in targets[0].items()]
    style = [
        relative(torch_gram(features[layer]), gram)
        for layer, gram in targets[1].items()
    ]
    terms = {
        "content": sum(content) / len(content),
        "style": sum(style) / len(style),
        "tv": image.diff(dim=0).abs().mean() + image.diff(dim=1).abs().mean(),
    }
    return sum(
        getattr(weights, number) * terms[name]
        for name, number in (("content", "alpha"), ("style", "beta"), ("tv", "tv"))
    ), terms


value_and_slope = jax.jit(jax.value_and_grad(objective, has_aux=True))


def assert_same_objective(network, config):
    image = tensor(IMAGE).requires_grad_()
    goal = torch_targets(network, config)
    wanted, wanted_terms = torch_objective(image, network, goal, Weights(), config)
    wanted.backward()
    targets = make_targets(network, CONTENT, STYLE, config)
    for layer, gram in goal[1].items():
        given = targets.style[layer]
        np.testing.assert_allclose(given, gram, rtol=1e-4, atol=1e-4 * gram.max())
    (loss, terms), slope = value_and_slope(IMAGE, network, targets, Weights(), config)
    np.testing.assert_allclose(loss, wanted.item(), rtol=1e-4)
    for name, term in wanted_terms.items():
        np.testing.assert_allclose(terms[name], term.item(), rtol=1e-4)
    slope, wanted = np.asarray(slope), image.grad.numpy()
    size = np.sqrt(np.mean(wanted**2))
    np.testing.assert_allclose(slope, wanted, rtol=1e-4, atol=1e-3 * size)
    assert np.linalg.norm(slope - wanted) < 1e-4 * np.linalg.norm(wanted)


def whole(architecture):
    last = {"vgg16": "relu5_3", "vgg19": "relu5_4"}[architecture]
    return Config(content_layers=("relu4_2", last))


@pytest.mark.parametrize(
    "architecture, form",
    [
        ("vgg16", "old"),
        ("vgg19", "zip"),
        pytest.param("vgg16", "zip", marks=pytest.mark.slow),
        pytest.param("vgg19", "old", marks=pytest.mark.slow),
    ],
)
def test_objective_from_torchvisions_files(architecture, form, tmp_path):
    arrays = jax.tree.map(np.array, narrow_network(architecture).params)
    path = tmp_path / "net.pth"
    state = foreign.torch_state(architecture, arrays)
    path.write_bytes(foreign.torch_file(state, form))
    if form == "zip":  # what PyTorch itself would load
        loaded = torch.load(path, weights_only=True)
        kernel = loaded["features.0.weight"].permute(2, 3, 1, 0)
        np.testing.assert_array_equal(kernel, arrays["conv1_1"]["kernel"])
    network = network_from_weights(convert(path))
    assert network.module.architecture == architecture
    assert_same_objective(network, whole(architecture))


def test_features_from_keras_file_are_those_of_its_own_world(tmp_path):
    """There: BGR, 0 to 255, minus Caffe's mean, kernels as they are in the file."""
    file = narrow_network("vgg19", depth=12)
    arrays = jax.tree.map(np.array, file.params)
    foreign.write_keras(tmp_path / "keras.h5", arrays)
    network = network_from_weights(convert(tmp_path / "keras.h5", architecture="vgg19"))
    layers = ("conv1_1", "relu3_1", "relu4_2")
    given = jax.jit(lambda n, x: n(x, layers))(network, IMAGE)
    reversed_pixels = torch.flip(255 * tensor(IMAGE), dims=[2])
    caffe = {"mean": np.float32([103.939, 116.779, 123.68]), "std": np.ones(3, "f4")}
    wanted = torch_features(file, reversed_pixels, layers, **caffe)
    for layer in layers:
        expected = wanted[layer].permute(1, 2, 0).numpy()
        tolerance = 1e-4 * np.sqrt(np.mean(expected**2))
        np.testing.assert_allclose(given[layer], expected, rtol=1e-4, atol=tolerance)


SMALL = Config(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
FREE = Config(**{**vars(SMALL), "clip": False})


def test_adam_goes_pytorchs_way():
    network = narrow_network(depth=3)
    result = stylize(
        network, CONTENT, STYLE, config=SMALL, optimizer=optimizers.adam(0.02), steps=50
    )
    image = tensor(CONTENT).requires_grad_()
    adam, losses = torch.optim.Adam([image], lr=0.02), []
    targets = torch_targets(network, SMALL)
    for _ in range(50):
        adam.zero_grad()
        loss, _ = torch_objective(image, network, targets, Weights(), SMALL)
        loss.backward()
        losses.append(loss.item())
        adam.step()
        with torch.no_grad():
            image.clamp_(0, 1)
    assert losses[-1] < 0.5 * losses[0]
    np.testing.assert_allclose(result.trace["loss"], losses, rtol=0.01)


def test_lbfgs_goes_pytorchs_way():
    network, weights = narrow_network(depth=3), Weights(tv=0.0)
    result = stylize(
        network,
        CONTENT,
        STYLE,
        config=FREE,
        weights=weights,
        optimizer=optimizers.lbfgs(),
        steps=50,
    )
    image = tensor(CONTENT).requires_grad_()
    lbfgs = torch.optim.LBFGS(
        [image],
        lr=1,
        max_iter=50,
        history_size=100,
        tolerance_grad=0,
        tolerance_change=0,
    )
    targets, losses = torch_targets(network, FREE), []

    def closure():
        lbfgs.zero_grad()
        loss, _ = torch_objective(image, network, targets, weights, FREE)
        loss.backward()
        losses.append(loss.item())
        return loss

    lbfgs.step(closure)
    assert len(losses) == 50 and losses[-1] < 0.5 * losses[0]
    np.testing.assert_allclose(result.trace["loss"], losses, rtol=0.05)
