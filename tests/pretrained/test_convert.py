"""Foreign weights: every number arrives at its layer, what is not a VGG is refused."""

import dataclasses
import hashlib

import foreign
import h5py
import numpy as np
import pytest

from jaxnst.pretrained import convert as converting
from jaxnst.pretrained import registry
from jaxnst.pretrained.convert import convert, convert_file, detect_format
from jaxnst.pretrained.format import read_weights

FORMS = ["old", "zip"]
ARCHITECTURES = ["vgg16", "vgg19"]


def assert_tensors(given, wanted):
    assert list(given) == list(wanted)
    for layer, tensor in wanted.items():
        for name, values in tensor.items():
            np.testing.assert_array_equal(given[layer][name], values)


@pytest.mark.parametrize("prefix", ["features.", ""])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_torchvision(architecture, form, prefix, rng, torch_path):
    tensors = foreign.vgg_tensors(architecture, rng)
    state = foreign.torch_state(architecture, tensors, prefix)
    state["classifier.0.weight"] = np.ones((4, 4), np.float32)
    weights = convert(torch_path(state, form))
    assert weights.architecture == architecture
    assert weights.padding == "zeros"
    np.testing.assert_array_equal(weights.mean, np.float32([0.485, 0.456, 0.406]))
    np.testing.assert_array_equal(weights.std, np.float32([0.229, 0.224, 0.225]))
    assert "torchvision" in weights.source and "BSD" in weights.license
    assert_tensors(weights.tensors, tensors)


def test_a_module_that_torch_saved(torch, tmp_path):
    from torch import nn

    modules, channels = [], 3
    for block, count in enumerate((2, 2, 4, 4, 4), start=1):
        for _ in range(count):
            modules += [nn.Conv2d(channels, 2 * block, 3, padding=1), nn.ReLU()]
            channels = 2 * block
        modules.append(nn.MaxPool2d(2))
    features = nn.Sequential(*modules)
    torch.save(nn.ModuleDict({"features": features}).state_dict(), tmp_path / "n.pth")
    tensors = convert(tmp_path / "n.pth").tensors
    convolutions = [m for m in features if isinstance(m, nn.Conv2d)]
    assert len(tensors) == len(convolutions) == 16
    for tensor, module in zip(tensors.values(), convolutions, strict=True):
        kernel = module.weight.detach().numpy()
        np.testing.assert_array_equal(tensor["kernel"].transpose(3, 2, 0, 1), kernel)
        np.testing.assert_array_equal(tensor["bias"], module.bias.detach().numpy())


@pytest.mark.parametrize(
    "kernel, bias", [("_W_1:0", "_b_1:0"), ("_W:0", "_b:0"), ("/kernel:0", "/bias:0")]
)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_keras(architecture, kernel, bias, rng, tmp_path):
    tensors = foreign.vgg_tensors(architecture, rng)
    foreign.write_keras(tmp_path / "k.h5", tensors, kernel, bias)
    weights = convert(tmp_path / "k.h5")
    assert weights.architecture == architecture
    np.testing.assert_allclose(weights.mean * 255, [123.68, 116.779, 103.939], 1e-6)
    np.testing.assert_array_equal(weights.std, np.float32([1 / 255] * 3))
    # BGR came in: blue's weights, the first there, are the last here.
    first = tensors["conv1_1"]["kernel"]
    np.testing.assert_array_equal(
        weights.tensors["conv1_1"]["kernel"][:, :, 2], first[:, :, 0]
    )
    tensors["conv1_1"]["kernel"] = first[:, :, [2, 1, 0]]
    assert_tensors(weights.tensors, tensors)


def test_own_files_are_rewritten(shared, tmp_path):
    path = shared / "weights" / "vgg19-distilled16x.h5"
    written = convert_file(path, tmp_path / "w.h5")
    assert_tensors(written.tensors, read_weights(path).tensors)
    assert written.padding == "reflect"
    with pytest.raises(ValueError, match="holds vgg19, not vgg16"):
        convert(path, architecture="vgg16")


def test_real_numbers_through_both_foreign_formats(shared, tmp_path, torch_path):
    real = read_weights(shared / "weights" / "vgg19-distilled16x.h5").tensors
    path = torch_path(foreign.torch_state("vgg19", real), "zip")
    assert_tensors(convert_file(path, tmp_path / "t.h5").tensors, real)
    foreign.write_keras(tmp_path / "k.h5", real)
    ours = convert_file(tmp_path / "k.h5", tmp_path / "u.h5").tensors
    assert_tensors(
        {n: t for n, t in ours.items() if n != "conv1_1"},
        {n: t for n, t in real.items() if n != "conv1_1"},
    )


def test_a_beginning_that_both_networks_share(rng, torch_path, tmp_path):
    tensors = foreign.vgg_tensors("vgg19", rng, layers=7)
    path = torch_path(foreign.torch_state("vgg19", tensors))
    with pytest.raises(ValueError, match="vgg16 or vgg19; choose"):
        convert(path)
    for architecture in ARCHITECTURES:
        assert convert(path, architecture=architecture).architecture == architecture
    with pytest.raises(ValueError, match="unknown architecture 'vgg13'"):
        convert(path, architecture="vgg13")
    whole = foreign.torch_state("vgg19", foreign.vgg_tensors("vgg19", rng))
    with pytest.raises(ValueError, match="convolutions of vgg16"):
        convert(torch_path(whole), architecture="vgg16")


def test_state_dicts_that_are_refused(rng, torch_path):
    def refused(change, message):
        state = foreign.torch_state("vgg19", foreign.vgg_tensors("vgg19", rng))
        change(state)
        with pytest.raises(ValueError, match=message):
            convert(torch_path(state))

    one = np.ones(2, np.float32)
    refused(lambda s: s.update({"features.1.running_mean": one}), "batch normal")
    refused(lambda s: s.update({"layer1.0.conv1.weight": one}), "no part of")
    refused(lambda s: s.update({"features.x.weight": one}), "no part of")
    refused(lambda s: s.pop("features.5.bias"), "features.5 is not a convolution")
    refused(lambda s: s.pop("features.5.weight"), "does not hold the convolutions")
    refused(lambda s: s.update({"features.40.bias": one}), "without its weight")
    refused(lambda s: s.update({"features.0.weight": one}), "not a convolution")
    refused(lambda s: s.update({"features.0.bias": one * np.nan}), "not finite")
    refused(lambda s: s.update({"features.0.bias": np.ones(9, "f4")}), "bias has shape")
    refused(lambda s: [s.pop(n) for n in list(s)[1:]], "net.pth")


def test_keras_files_that_are_refused(rng, tmp_path):
    path = tmp_path / "k.h5"

    def refused(change, message):
        foreign.write_keras(path, foreign.vgg_tensors("vgg19", rng))
        with h5py.File(path, "r+") as file:
            change(file)
        with pytest.raises(ValueError, match=message):
            convert(path)

    def names(group, *values):
        group.attrs["weight_names"] = np.array(values, "S")

    first = "block1_conv1"
    refused(lambda f: names(f[first], f"{first}_W_1:0"), "not a kernel and a bias")
    refused(lambda f: names(f[first], "x", "y"), "not a whole HDF5")
    refused(lambda f: f[first].attrs.__delitem__("weight_names"), "k.h5")
    refused(lambda f: f.__delitem__(first), "k.h5")
    refused(lambda f: f.__setitem__("x", h5py.ExternalLink("/x.h5", "/")), "is a link")
    refused(lambda f: f.attrs.__delitem__("layer_names"), "not a PyTorch state dict")
    refused(lambda f: f.attrs.__setitem__("layer_names", np.array(["a"], "S")), "k.h5")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="not a whole HDF5 file"):
        convert(path)


def test_recognised_by_content_not_by_name(rng, tmp_path, torch_path):
    tensors = foreign.vgg_tensors("vgg16", rng)
    misnamed = tmp_path / "net.h5"
    misnamed.write_bytes(torch_path(foreign.torch_state("vgg16", tensors)).read_bytes())
    assert detect_format(misnamed) == "torch"
    foreign.write_keras(tmp_path / "k.pth", tensors)
    assert detect_format(tmp_path / "k.pth") == "keras"
    convert_file(misnamed, tmp_path / "own.pth")
    assert detect_format(tmp_path / "own.pth") == "jaxnst"
    (tmp_path / "page.pth").write_text("<html>please log in</html>")
    with pytest.raises(ValueError, match="looks like a web page"):
        detect_format(tmp_path / "page.pth")
    with pytest.raises(FileNotFoundError):
        detect_format(tmp_path / "absent.pth")


def test_output_that_came_back_changed_is_removed(
    rng, torch_path, tmp_path, monkeypatch
):
    write = converting.write_weights

    def one_bit_off(path, weights, dtype):
        off = {name: dict(tensor) for name, tensor in weights.tensors.items()}
        off["conv5_1"]["bias"] = np.nextafter(off["conv5_1"]["bias"], np.float32(99))
        write(path, dataclasses.replace(weights, tensors=off))

    monkeypatch.setattr(converting, "write_weights", one_bit_off)
    path = torch_path(foreign.torch_state("vgg19", foreign.vgg_tensors("vgg19", rng)))
    with pytest.raises(OSError, match="came back changed"):
        convert_file(path, tmp_path / "out.h5")
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("size", [None, True])
def test_a_damaged_published_file_is_noticed(size, rng, tmp_path, monkeypatch):
    """A bit of a number that has changed leaves a file of which all else fits."""
    state = foreign.torch_state("vgg19", foreign.vgg_tensors("vgg19", rng))
    whole = foreign.torch_file(state, "old")
    path = tmp_path / "vgg19-0123.pth"
    source = registry.Source(
        "vgg19",
        "torchvision",
        f"https://example.org/models/{path.name}",
        size and len(whole),
        f"sha256:{hashlib.sha256(whole).hexdigest()}",
    )
    monkeypatch.setattr("jaxnst.pretrained.convert.SOURCES", (source,))
    path.write_bytes(whole)
    assert convert(path).architecture == "vgg19"
    damaged = whole[:-7] + bytes([whole[-7] ^ 1]) + whole[-6:]
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match="has not the checksum of the file that is"):
        convert(path)
    path = path.rename(tmp_path / "mine.pth")
    assert convert(path).architecture == "vgg19"
