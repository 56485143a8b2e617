"""GoogLeNet against PyTorch's own functions, and its parts against NumPy."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import narrow_weights, picture

from jaxnst import Network, load_image, load_network, network_from_weights
from jaxnst.networks import conv, pooling
from jaxnst.networks.googlenet import VARIANTS, GoogLeNet, convolutions, table
from jaxnst.pretrained.format import write_weights

STAGES = [f"inception_{name}" for name in "3a 3b 4a 4b 4c 4d 4e 5a 5b".split()]


TORCHVISION = narrow_weights(variant="torchvision")


@pytest.fixture(scope="module")
def narrow() -> Network:
    return network_from_weights(narrow_weights())


def torch_googlenet(params):
    """bvlc_googlenet's deploy.prototxt without classifier: {blob: (1, C, h, w)}."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Net(nn.Module):
        def conv(self, x, name, **options):
            kernel, bias = (
                torch.from_numpy(np.array(params[name][part]))
                for part in ("kernel", "bias")
            )
            x = F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, **options)
            self.blobs[name] = x = F.relu(x)
            return x

        def keep(self, name, x):
            self.blobs[name] = x
            return x

        def inception(self, x, name):
            a = self.conv(x, f"{name}/1x1")
            b = self.conv(x, f"{name}/3x3_reduce")
            b = self.conv(b, f"{name}/3x3", padding=1)
            c = self.conv(x, f"{name}/5x5_reduce")
            c = self.conv(c, f"{name}/5x5", padding=2)
            d = self.keep(f"{name}/pool", F.max_pool2d(x, 3, 1, padding=1))
            d = self.conv(d, f"{name}/pool_proj")
            return self.keep(name, torch.cat([a, b, c, d], 1))

        def forward(self, x):
            self.blobs = {}
            norm = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)

            def pool(name, x):
                return self.keep(name, F.max_pool2d(x, 3, 2, ceil_mode=True))

            x = self.conv(x, "conv1/7x7_s2", stride=2, padding=3)
            x = self.keep("norm1", norm(pool("pool1", x)))
            x = self.conv(x, "conv2/3x3_reduce")
            x = self.conv(x, "conv2/3x3", padding=1)
            x = pool("pool2", self.keep("norm2", norm(x)))
            for name in STAGES:
                x = self.inception(x, name)
                if name in ("inception_3b", "inception_4e"):
                    x = pool("pool3" if "3" in name else "pool4", x)
            return self.blobs

    return Net().eval()


@pytest.mark.parity
@pytest.mark.parametrize("crop", [(96, 128), (93, 119)])  # odd sides at every pooling
def test_every_layer_is_pytorchs(shared, crop):
    torch = pytest.importorskip("torch")
    weights = shared / "weights" / "googlenet-caffe.h5"
    network = load_network("googlenet", weights=weights)
    path = shared / "images" / "content" / "tubingen_neckarfront.jpg"
    image = load_image(path, size=128)[: crop[0], : crop[1]]
    given = jax.jit(lambda n, x: n(x, n.layers))(network, image)
    x = torch.from_numpy(np.array((image - network.mean[None, None]) / network.std[0]))
    with torch.no_grad():
        wanted = torch_googlenet(network.params)(x.permute(2, 0, 1)[None])
    assert len(given) == len(wanted) == 57 + 9 + 9 + 4 + 2
    names = {layer.name: layer.tensor for layer in table("caffe")}
    for layer, values in given.items():
        expected = wanted[names[layer]][0].permute(1, 2, 0).numpy()
        atol = 1e-3 * np.sqrt(np.mean(expected**2))
        np.testing.assert_allclose(
            values, expected, rtol=1e-3, atol=atol, err_msg=layer
        )


def test_names(narrow):
    assert len(convolutions()) == 57
    assert convolutions()[:3] == ("conv1/7x7_s2", "conv2/3x3_reduce", "conv2/3x3")
    assert {"conv1", "conv2", *STAGES, "inception_3a/3x3"} < set(narrow.layers)
    wanted = ("inception_3a/3x3", "conv1", "inception_3a")
    found = jax.eval_shape(lambda x: narrow(x, wanted), picture(32, 40))
    assert set(found) == set(wanted)
    assert tuple(narrow(picture(4, 4), ["norm1", "conv1"])) == ("norm1", "conv1")
    assert [found[name].shape for name in wanted] == [(4, 5, 2), (16, 20, 2), (4, 5, 8)]
    with pytest.raises(ValueError, match="'relu3_1' is not in this googlenet"):
        narrow(picture(32, 32), ["relu3_1"])


@pytest.mark.parametrize(
    "layers, count",
    [
        (["conv1"], 1),
        (["norm1"], 1),
        (["conv2"], 3),
        (["inception_3a/1x1"], 4),
        (["inception_3a/3x3"], 5),
        (["inception_3b/pool", "inception_3a"], 9),
        (["inception_5b"], 57),
    ],
)
def test_nothing_is_computed_that_is_not_needed(narrow, layers, count):
    graph = str(jax.make_jaxpr(lambda x: narrow(x, layers))(picture(32, 32)))
    assert len(re.findall(r"= conv_general_dilated\[", graph)) == count


@pytest.mark.parametrize(
    "layer, side",
    [("conv1", 1), ("pool1", 3), ("inception_3a", 7), ("inception_4c", 15)]
    + [("inception_5b/1x1", 31)],
)
def test_min_side(narrow, layer, side):
    check_least_side(narrow, layer, side)


@pytest.mark.parametrize(
    "layer, side",
    [("conv2", 3), ("inception_4e", 15), ("pool4", 15), ("inception_5b", 15)],
)
def test_min_side_where_poolings_round_up(layer, side):
    check_least_side(network_from_weights(TORCHVISION), layer, side)


def check_least_side(narrow, layer, side):
    assert narrow.min_side([layer]) == side
    shape = jax.eval_shape(lambda x: narrow(x, [layer]), jnp.zeros((side, side, 3)))
    assert shape[layer].shape[:2] == (1, 1)
    with pytest.raises(ValueError, match=f"too small: .*at least {side} on each"):
        narrow(jnp.zeros((side, side - 1, 3)), [layer])


def test_options_of_vgg_alone(narrow):
    image = picture(8, 8)
    for options in ({"pooling": "avg"}, {"padding": "reflect"}):
        with pytest.raises(ValueError, match="googlenet has no choice of pooling"):
            narrow(image, ["conv1"], **options)
    narrow(image, ["conv1"], padding="zeros", pooling="max")
    with pytest.raises(ValueError, match="unknown padding 'x'"):
        narrow(image, ["conv1"], padding="x")


def test_jit_vmap_and_precision(narrow):
    images = jnp.stack([picture(17, 16, seed) for seed in range(2)])
    given = jax.jit(jax.vmap(lambda x: narrow(x, ["inception_3a"])["inception_3a"]))
    one = narrow(images, ["inception_3a"])["inception_3a"]
    np.testing.assert_allclose(given(images), one, rtol=1e-4, atol=1e-5)
    half = narrow(images, ["inception_3a"], precision="bfloat16")["inception_3a"]
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.float32(half), one, rtol=0.1, atol=0.1)


def test_gradient(narrow):
    def energy(x):
        return jnp.sum(narrow(x, ["inception_3a"])["inception_3a"] ** 2)

    image = picture(17, 20)
    graph = str(jax.make_jaxpr(jax.grad(energy))(image))
    assert "lhs_dilation=(2" not in graph and "select_and_scatter" not in graph
    run = jax.jit(jax.grad(energy))
    gradient = run(image)
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
    flat = run(jnp.zeros_like(image))  # every window of the pools a tie
    assert np.isfinite(flat).all()


@pytest.mark.parametrize("sides", [(8, 7), (1, 2), (5, 6)])
def test_max_pool_over_two_rounds_up(rng, sides):
    x = np.float32(-1 - rng.uniform(size=(*sides, 2)))
    wanted = np.empty((*(-(-n // 2) for n in sides), 2), np.float32)
    for i, j in np.ndindex(*wanted.shape[:2]):
        wanted[i, j] = x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max((0, 1))
    np.testing.assert_array_equal(pooling.ceil_max_pool2(jnp.asarray(x)), wanted)


@pytest.mark.parametrize("sides", [(8, 8), (7, 8), (8, 5), (1, 2)])
@pytest.mark.parametrize("size", [1, 3, 7])
def test_strided_convolution(rng, sides, size):
    x = np.float32(rng.normal(size=(2, *sides, 3)))
    kernel = np.float32(rng.normal(size=(size, size, 3, 4)))
    bias = np.float32(rng.normal(size=4))
    plain = conv.conv2d(jnp.asarray(x), kernel, bias, padding="zeros")[:, ::2, ::2]
    given = conv.strided_conv2d(jnp.asarray(x), kernel, bias)
    np.testing.assert_allclose(given, plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sides", [(8, 7), (2, 3), (5, 6)])
def test_max_pool(rng, sides, stride):
    x = np.float32(-1 - rng.uniform(size=(*sides, 2)))  # below any zero padding
    start = -1 if stride == 1 else 0
    # Caffe: ceil((n + 2 pad - 3) / stride) + 1 windows.
    counts = [-((3 - n + 2 * start) // stride) + 1 for n in sides]
    wanted = np.empty((*counts, 2), np.float32)
    for i, j in np.ndindex(*counts):
        top, left = (stride * k + start for k in (i, j))
        window = x[max(top, 0) : top + 3, max(left, 0) : left + 3]
        wanted[i, j] = window.max((0, 1))
    np.testing.assert_array_equal(
        pooling.max_pool3(jnp.asarray(x), stride=stride), wanted
    )


def test_local_response_norm(rng):
    x = np.float32(100 * rng.normal(size=(3, 2, 7)))
    wanted = np.empty(x.shape)
    for c in range(7):
        near = np.float64(x[..., max(c - 2, 0) : c + 3])
        wanted[..., c] = x[..., c] / (1 + 1e-4 / 5 * (near**2).sum(-1)) ** 0.75
    np.testing.assert_allclose(
        conv.local_response_norm(jnp.asarray(x)), wanted, rtol=1e-5
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_files_round_trip(tmp_path, variant):
    write_weights(tmp_path / "g.h5", narrow_weights(variant=variant))
    network = load_network("googlenet", weights=tmp_path / "g.h5")
    assert network.module == GoogLeNet((2,) * 57, variant)
    assert set(network.params) == set(convolutions())
    with pytest.raises(ValueError, match="holds weights of googlenet, not of vgg19"):
        load_network("vgg19", weights=tmp_path / "g.h5")


def test_a_shorter_file_holds_what_its_convolutions_reach():
    network = network_from_weights(narrow_weights(5))
    # The pooling between the branches needs no weights.
    last = ("1x1", "3x3_reduce", "pool")
    assert network.layers[-3:] == tuple(f"inception_3a/{name}" for name in last)


def test_weights_that_are_another_network():
    weights = narrow_weights(9)
    tensors = dict(weights.tensors)
    kernel = np.zeros((3, 3, 2, 2), np.float32)
    small = tensors | {"inception_3a/5x5": {"kernel": kernel, "bias": np.zeros(2)}}
    without = {n: t for n, t in tensors.items() if n != "conv2/3x3"}
    for changes, message in (
        ({"tensors": small}, r"inception_3a/5x5/kernel has .* wants \(5, 5, 2, 2\)"),
        ({"tensors": without}, "first 8 convolutions.*conv2/3x3"),
        ({"tensors": {}}, "first 0 convolutions"),
        ({"padding": "reflect"}, "pads with zeros"),
        ({"notes": {"variant": "torchvision"}}, r"5x5/kernel .* wants \(3, 3, 2, 2\)"),
        ({"notes": {"variant": "keras"}}, "unknown variant 'keras'"),
    ):
        with pytest.raises(ValueError, match=message):
            network_from_weights(dataclasses.replace(weights, **changes))
