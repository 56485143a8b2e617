"""Narrow networks with random weights, their twins in PyTorch, and pictures."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxnst import Network
from jaxnst.networks import googlenet
from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.networks.vgg import VGG, convolutions, layer_table
from jaxnst.pretrained.format import NetworkWeights

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def narrow_network(
    architecture="vgg19", width=8, padding="zeros", seed=0, depth=None
) -> Network:
    """He-scaled random kernels; `depth` convolutions, all if None."""
    rng = np.random.default_rng(seed)
    params, channels = {}, 3
    for name in convolutions(architecture)[:depth]:
        scale = np.sqrt(2 / (9 * channels))
        params[name] = {
            "kernel": jnp.float32(scale * rng.normal(size=(3, 3, channels, width))),
            "bias": jnp.float32(0.1 * rng.normal(size=width)),
        }
        channels = width
    module = VGG(architecture, (width,) * len(params), padding=padding)
    return Network(module, params, jnp.float32(MEAN), jnp.float32(STD))


def picture(height: int, width: int, seed=0) -> jax.Array:
    """A picture with the 1 / f amplitudes of natural ones, values over all [0, 1]."""
    rng = np.random.default_rng(seed)
    down, across = np.meshgrid(
        np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij"
    )
    frequency = np.hypot(down, across)
    frequency[0, 0] = 1
    noise = np.fft.fft2(rng.normal(size=(height, width, 3)), axes=(0, 1))
    values = np.fft.ifft2(noise / frequency[..., None], axes=(0, 1)).real
    low, high = values.min((0, 1)), values.max((0, 1))
    return jnp.float32((values - low) / (high - low))


def torch_features(
    network, image, layers, *, pooling="max", padding=None, mean=None, std=None
):
    """{layer: (C, h, w)} of an (H, W, 3) torch tensor, by PyTorch's own functions."""
    import torch
    from torch.nn import functional as F

    def tensor(array):
        return torch.from_numpy(np.array(array))

    mean = tensor(network.mean if mean is None else mean)
    std = tensor(network.std if std is None else std)
    x = ((image - mean) / std).permute(2, 0, 1)[None]
    found = {}
    for name in layer_table(network.module.architecture):
        if len(found) == len(layers):
            break
        if name.startswith("pool"):
            if pooling == "l2":  # the root of the sum of squares, not of the mean
                x = F.lp_pool2d(x, 2, 2) / 2
            else:
                x = {"max": F.max_pool2d, "avg": F.avg_pool2d}[pooling](x, 2)
        else:
            mode = padding or network.module.padding
            if mode == "replicate-first":
                first = name == "conv1_1"
                mode = "replicate" if first else network.module.padding
            mode = {"zeros": "constant"}.get(mode, mode)
            x = F.pad(x, (1, 1, 1, 1), mode=mode)
            kernel = tensor(network.params[name]["kernel"]).permute(3, 2, 0, 1)
            x = F.conv2d(x, kernel, tensor(network.params[name]["bias"]))
            if name in layers:
                found[name] = x[0]
            name, x = name.replace("conv", "relu"), torch.relu(x)
        if name in layers:
            found[name] = x[0]
    return found


def narrow_weights(count=None, width=2, variant="caffe") -> NetworkWeights:
    """The first `count` convolutions, `width` channels each, random kernels."""
    rng = np.random.default_rng(0)
    module = GoogLeNet((width,) * len(googlenet.convolutions()[:count]), variant)
    image = jax.ShapeDtypeStruct((64, 64, 3), jnp.float32)
    shapes = jax.eval_shape(
        lambda key, x: module.init(key, x, module.layers()), jax.random.key(0), image
    )["params"]
    tensors = {}
    for name in googlenet.convolutions()[:count]:
        shape = shapes[name]["kernel"].shape
        scale = np.sqrt(2 / np.prod(shape[:3]))
        tensors[name] = {
            "kernel": np.float32(scale * rng.normal(size=shape)),
            "bias": np.float32(0.1 * rng.uniform(size=shape[3])),
        }
    mean, std = np.full(3, 0.5, np.float32), np.full(3, 0.25, np.float32)
    about = ("zeros", "random", "none")
    notes = {"variant": variant}
    return NetworkWeights("googlenet", mean, std, *about, tensors, notes=notes)
