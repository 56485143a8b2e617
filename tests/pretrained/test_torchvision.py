"""torchvision's GoogLeNet: converted, folded, and layer by layer that of PyTorch."""

import foreign
import jax
import numpy as np
import pytest
from networks import picture

from jaxnst import network_from_weights
from jaxnst.networks.googlenet import convolutions, table
from jaxnst.pretrained.convert import convert, convert_file
from scripts import driver, imported

BLOCKS = "3a 3b 4a 4b 4c 4d 4e 5a 5b".split()


@pytest.fixture
def state(rng):
    return foreign.googlenet_state(rng)


@pytest.mark.parametrize("form", ["old", "zip"])
def test_converted(state, torch_path, tmp_path, form):
    weights = convert_file(torch_path(state, form), tmp_path / "g.h5")
    assert weights.architecture == "googlenet" and weights.padding == "zeros"
    assert weights.notes == {"variant": "torchvision"}
    assert "torchvision" in weights.source and "BSD" in weights.license
    # Its module turns ImageNet's normalisation into TensorFlow's: [0, 1] to [-1, 1].
    imagenet = [np.array(v) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    image = np.linspace(0, 1, 3)
    turned = (image - imagenet[0]) / imagenet[1] * imagenet[1] / 0.5
    turned = turned + (imagenet[0] - 0.5) / 0.5
    np.testing.assert_allclose((image - weights.mean) / weights.std, turned, atol=1e-6)
    assert set(weights.tensors) == set(convolutions())
    network = network_from_weights(weights)
    assert network.layers == tuple(layer.name for layer in table("torchvision"))
    assert not any("norm" in name for name in network.layers)


@pytest.mark.parametrize(
    "theirs, ours",
    [("conv3", "conv2/3x3"), ("inception4d.branch3.1", "inception_4d/5x5")],
)
def test_normalisation_is_folded_in(state, torch_path, theirs, ours):
    tensor = convert(torch_path(state)).tensors[ours]
    own = {n: v.astype(float) for n, v in state.items() if n.startswith(theirs + ".")}
    kernel, scale, shift, mean, variance = own.values()
    x = np.random.default_rng(1).normal(size=kernel.shape[1:])
    # One position: a convolution is a product of its window and the kernel.
    wanted = (np.einsum("oikl,ikl->o", kernel, x) - mean) / np.sqrt(variance + 1e-3)
    found = np.einsum("klio,ikl->o", tensor["kernel"], x) + tensor["bias"]
    np.testing.assert_allclose(found, wanted * scale + shift, rtol=1e-4, atol=1e-5)


def test_state_dicts_that_are_refused(state, torch_path):
    name = "inception4a.branch2.1.bn.running_var"

    def refused(changes, message, **how):
        changed = {n: v for n, v in (state | changes).items() if v is not None}
        with pytest.raises(ValueError, match=message):
            convert(torch_path(changed), **how)

    refused({name: None}, f"{name} is missing")
    refused({name: -state[name]}, f"{name} is below 0")
    refused({name: state[name][:1]}, "inception4a.branch2.1 does not fit together")
    refused({"inception9.weight": state[name]}, "'inception9.weight', which is no part")
    refused({"conv1.conv.weight": state["fc.bias"]}, "conv1 does not fit together")
    refused({}, "holds googlenet, not vgg19", architecture="vgg19")
    count = {"conv1.bn.num_batches_tracked": np.zeros(1, np.float32)}
    assert convert(torch_path(state | count), architecture="googlenet")


def test_a_vgg_is_no_googlenet(rng, tmp_path):
    path = tmp_path / "v.pth"
    tensors = foreign.vgg_tensors("vgg16", rng)
    path.write_bytes(foreign.torch_file(foreign.torch_state("vgg16", tensors), "zip"))
    with pytest.raises(ValueError, match="holds no googlenet"):
        convert(path, architecture="googlenet")


def test_on_the_command_line(state, torch_path, tmp_path, monkeypatch, capsys):
    drive = driver(imported(monkeypatch, "convert_weights"), monkeypatch, capsys)
    code, out, _ = drive(str(torch_path(state)), "-o", str(tmp_path / "g.h5"))
    assert code == 0 and "architecture googlenet, 57 layers" in out


def torch_googlenet(nn, width):
    """torchvision's GoogLeNet without classifiers, `width` channels everywhere."""
    import torch
    from torch.nn import functional as F

    class Conv(nn.Module):
        def __init__(self, channels, size, **options):
            super().__init__()
            self.conv = nn.Conv2d(channels, width, size, bias=False, **options)
            self.bn = nn.BatchNorm2d(width, eps=1e-3)

        def forward(self, x):
            return F.relu(self.bn(self.conv(x)))

    class Inception(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.branch1 = Conv(channels, 1)
            for name in ("branch2", "branch3"):
                inner = Conv(width, 3, padding=1)
                setattr(self, name, nn.Sequential(Conv(channels, 1), inner))
            pool = nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True)
            self.branch4 = nn.Sequential(pool, Conv(channels, 1))

        def forward(self, x):
            branches = self.branch1, self.branch2, self.branch3, self.branch4
            return torch.cat([branch(x) for branch in branches], 1)

    class GoogLeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = Conv(3, 7, stride=2, padding=3)
            self.conv2, self.conv3 = Conv(width, 1), Conv(width, 3, padding=1)
            for block in BLOCKS:
                below = width if block == "3a" else 4 * width
                setattr(self, f"inception{block}", Inception(below))

        def forward(self, x):
            found = {}

            def keep(name, x):
                found[name] = x
                return x

            def pool(number, x, size=3):
                x = F.max_pool2d(x, size, 2, ceil_mode=True)
                return keep(f"pool{number}", x)

            # transform_input, after ImageNet's normalisation, comes to this.
            x = pool(1, keep("conv1", self.conv1((x - 0.5) / 0.5)))
            x = pool(2, keep("conv2", self.conv3(self.conv2(x))))
            for block in BLOCKS:
                x = keep(f"inception_{block}", getattr(self, f"inception{block}")(x))
                if block in ("3b", "4e"):
                    x = pool(3, x) if block == "3b" else pool(4, x, 2)
            return found

    return GoogLeNet()


@pytest.mark.parametrize("crop", [(96, 128), (93, 119)])
def test_every_layer_is_pytorchs(torch, state, tmp_path, crop):
    module = torch_googlenet(torch.nn, 2).eval()
    tensors = {
        n: torch.from_numpy(v) for n, v in state.items() if n[:3] in ("con", "inc")
    }
    missing, unexpected = module.load_state_dict(tensors, strict=False)
    assert not unexpected and all(n.endswith("num_batches_tracked") for n in missing)
    torch.save(module.state_dict(), tmp_path / "g.pth")
    network = network_from_weights(convert(tmp_path / "g.pth"))
    image = picture(*crop)
    with torch.no_grad():
        x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        wanted = {n: v[0].permute(1, 2, 0).numpy() for n, v in module(x).items()}
    given = jax.jit(lambda n, x: n(x, tuple(wanted)))(network, image)
    for layer, expected in wanted.items():
        np.testing.assert_allclose(
            given[layer], expected, rtol=1e-3, atol=1e-4, err_msg=layer
        )
