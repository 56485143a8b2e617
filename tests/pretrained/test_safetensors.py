"""`.safetensors`: torchvision's VGG arrives as it is, and nothing hostile gets in."""

import hashlib
import json
import os
import time
import tracemalloc
from dataclasses import replace

import foreign
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from jaxnst import load_network
from jaxnst.pipeline.inputs import open_network
from jaxnst.pipeline.presets import default
from jaxnst.pretrained.convert import convert, convert_file, detect_format
from jaxnst.pretrained.format import read_weights
from jaxnst.pretrained.hdf5 import WeightsError
from jaxnst.pretrained.safetensors_file import read_safetensors
from jaxnst.pretrained.sources import find_weights, is_path
from jaxnst.study.plan import available_networks
from scripts import driver, imported

ARCHITECTURES = ["vgg16", "vgg19"]
ONE = {"features.0.weight": np.arange(4, dtype=np.float32).reshape(2, 2)}


@pytest.fixture
def state(rng):
    return foreign.torch_state("vgg19", foreign.vgg_tensors("vgg19", rng))


@pytest.fixture
def put(tmp_path):
    def of(data: bytes, name="net.safetensors"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return of


def classifier():
    """What timm's files hold beside `features`."""
    return {
        "head.fc.bias": np.zeros(3, np.float32),
        "head.fc.weight": np.full((3, 4), np.nan, np.float32),
        "pre_logits.fc1.weight": np.ones((4, 4, 7, 7), np.float32),
    }


@pytest.mark.parametrize("dtype", foreign.DTYPES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_numbers_arrive_at_their_layers(architecture, dtype, rng, put):
    tensors = foreign.vgg_tensors(architecture, rng)
    state = foreign.torch_state(architecture, tensors)
    path = put(foreign.safetensors_file(state | classifier(), dtype))
    weights = convert(path)
    assert weights.architecture == architecture and weights.padding == "zeros"
    np.testing.assert_array_equal(weights.mean, np.float32([0.485, 0.456, 0.406]))
    np.testing.assert_array_equal(weights.std, np.float32([0.229, 0.224, 0.225]))
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights.checksum == checksum
    assert weights.source == (
        f"{architecture} of torchvision, as safetensors; net.safetensors, "
        f"sha256 {checksum}"
    )
    assert weights.license.startswith("BSD-3-Clause")
    assert list(weights.tensors) == list(tensors)
    for index, layer in zip(foreign.STARTS[architecture], tensors, strict=True):
        found = weights.tensors[layer]
        for part, axes in (("weight", (2, 3, 1, 0)), ("bias", (0,))):
            rounded = state[f"features.{index}.{part}"].astype(foreign.DTYPES[dtype])
            wanted = np.transpose(rounded.astype(np.float32), axes)
            values = found["kernel" if part == "weight" else "bias"]
            assert values.dtype == np.float32
            np.testing.assert_array_equal(values, wanted)


def test_what_the_package_writes_comes_back(state, tmp_path):
    path, out = tmp_path / "vgg.safetensors", tmp_path / "vgg.h5"
    save_file(state | classifier(), path, metadata={"format": "pt"})
    written = convert_file(path, out)
    assert detect_format(out) == "jaxnst"
    given = convert(path)
    for layer, tensor in given.tensors.items():
        for name, values in tensor.items():
            np.testing.assert_array_equal(written.tensors[layer][name], values)
    assert read_weights(out).source == given.source


def test_the_command_converts(state, put, monkeypatch, capsys):
    path = put(foreign.safetensors_file(state, "BF16"))
    drive = driver(imported(monkeypatch, "convert_weights"), monkeypatch, capsys)
    out = path.with_suffix(".h5")
    code, said, _ = drive(str(path), "-o", str(out))
    assert code == 0 and "architecture vgg19, 16 layers" in said
    assert load_network(out).source == load_network(path).source


def test_recognised_by_content(state, put):
    data = foreign.safetensors_file(state)
    assert detect_format(put(data, "net.h5")) == "safetensors"
    assert detect_format(put(data, "net")) == "safetensors"
    pickled = put(foreign.torch_file(state, "zip"))
    assert detect_format(pickled) == "torch"
    with pytest.raises(ValueError, match="convert it once"):
        find_weights("vgg19", pickled)
    with pytest.raises(WeightsError, match="not a PyTorch state dict, .safetensors"):
        detect_format(put(b"a text of no kind at all"))


class TestLoaded:
    """A network straight from the file, wherever weights are named."""

    def test_by_path(self, state, put):
        path = put(foreign.safetensors_file(state, "F16"))
        wanted = convert(path)
        for network in (
            load_network(path),
            load_network("vgg19", weights=path),
            load_network(weights=str(path)),
        ):
            assert network.module.architecture == "vgg19"
            assert network.checksum == wanted.checksum
            assert network.source == wanted.source
            for layer, tensor in wanted.tensors.items():
                kernel = jnp.asarray(tensor["kernel"])
                assert (network.params[layer]["kernel"] == kernel).all()
        with pytest.raises(ValueError, match="holds weights of vgg19, not of vgg16"):
            load_network("vgg16", weights=path)

    def test_by_name_in_this_folder(self, state, put, monkeypatch):
        path = put(foreign.safetensors_file(state))
        monkeypatch.chdir(path.parent)
        assert is_path("net.safetensors")
        assert load_network(weights=path.name).source == load_network(path).source

    def test_by_the_variable(self, state, put, monkeypatch):
        path = put(foreign.safetensors_file(state))
        monkeypatch.setenv("JAXNST_WEIGHTS", str(path))
        assert find_weights("vgg19") == path
        assert load_network("vgg19").checksum == convert(path).checksum
        with pytest.raises(ValueError, match="holds vgg19, not vgg16"):
            find_weights("vgg16")

    def test_by_the_settings(self, state, put):
        path = put(foreign.safetensors_file(state))
        asked = replace(default, network="auto", weights=str(path))
        given, network, notice = open_network(asked)
        assert given.network == "vgg19" and given.weights == str(path) and not notice
        assert network.checksum == convert(path).checksum

    def test_for_a_study(self, state, put):
        path = put(foreign.safetensors_file(state))
        networks, missing = available_networks([str(path)])
        assert list(networks) == ["net"] and not missing

    def test_the_classifier_stays_outside_memory(self, state, put):
        state["head.fc.weight"] = np.zeros(5_000_000, np.float32)
        path = put(foreign.safetensors_file(state))
        tracemalloc.start()
        try:
            load_network(path)
            assert tracemalloc.get_traced_memory()[1] < 10e6
        finally:
            tracemalloc.stop()


def test_a_beginning_that_both_networks_share(rng, put):
    tensors = foreign.vgg_tensors("vgg19", rng, layers=7)
    path = put(foreign.safetensors_file(foreign.torch_state("vgg19", tensors)))
    with pytest.raises(WeightsError, match="vgg16 or vgg19; choose"):
        convert(path)
    for architecture in ARCHITECTURES:
        assert convert(path, architecture=architecture).architecture == architecture
    with pytest.raises(WeightsError, match="holds no googlenet"):
        convert(path, architecture="googlenet")


def test_networks_that_are_refused(state, put):
    def refused(changes, message):
        changed = {n: v for n, v in (state | changes).items() if v is not None}
        with pytest.raises(WeightsError, match=message) as caught:
            load_network(put(foreign.safetensors_file(changed)))
        assert "net.safetensors" in str(caught.value)

    wide = np.ones((2, 5, 3, 3), np.float32)
    one = np.ones(2, np.float32)
    refused({"features.2.weight": wide}, r"conv1_2/kernel has shape \(3, 3, 5, 2\)")
    refused({"features.0.weight": wide[:, :3, :2]}, "conv1_1/kernel has shape")
    refused({"features.0.weight": wide[:, :0]}, r"conv1_1/kernel has shape \(3, 3, 0")
    refused({"features.0.weight": one}, "features.0 is not a convolution")
    refused({"features.0.bias": np.ones(9, np.float32)}, "conv1_1/bias has shape")
    for value in (np.nan, np.inf, -np.inf):
        refused({"features.0.bias": one * np.float32(value)}, "bias is not finite")
    refused({"features.5.bias": None}, "features.5 is not a convolution with a bias")
    missing = {"features.5.weight": None, "features.5.bias": None}
    refused(missing, "does not hold the convolutions of vgg16 or vgg19")
    refused({"features.40.bias": one}, "40.bias without its weight")
    refused({"features.x.weight": one}, "'x.weight', which is no part")
    refused({n: None for n in state} | classifier(), "does not hold the convolutions")
    refused({n: None for n in state}, "does not hold the convolutions")


def test_batch_normalisation_is_named(state, put):
    state["features.1.running_mean"] = np.ones(2, np.float32)
    header = foreign.safetensors_header(state)
    end = header["features.1.running_mean"]["data_offsets"][1]
    header["features.1.num_batches_tracked"] = {
        "dtype": "I64",
        "shape": [],
        "data_offsets": [end, end + 8],
    }
    path = put(foreign.safetensors_file(state, header=header) + bytes(8))
    with pytest.raises(WeightsError, match="batch normalisation, which is not"):
        convert(path)


@pytest.mark.parametrize("dtype", ["F64", "I32", "U8", "I64", "BOOL", "F8_E4M3"])
def test_other_types_are_refused(dtype, put):
    size = {"F64": 8, "I64": 8, "I32": 4}.get(dtype, 1)
    header = {
        name: {"dtype": dtype, "shape": [2], "data_offsets": [start, start + 2 * size]}
        for start, name in ((0, "features.0.weight"), (2 * size, "head.fc.weight"))
    }
    path = put(foreign.safetensors_file({}, header=header) + bytes(4 * size))
    with pytest.raises(WeightsError, match=f"0.weight is {dtype}, not one of F32, F16"):
        convert(path)
    del header["features.0.weight"]  # in what is not read any type may be
    header["head.fc.weight"]["data_offsets"] = [0, 2 * size]
    path = put(foreign.safetensors_file({}, header=header) + bytes(2 * size))
    assert read_safetensors(path, lambda name: name != "head.fc.weight") == {}


def described(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def two(first, second):
    return {"features.0.weight": first, "features.0.bias": second}


TEXT = json.dumps({"features.0.weight": described([2, 2], 0, 16)})[1:-1].encode()

WRONG = {
    "overlap": two(described([3], 0, 12), described([2], 8, 16)),
    "the same bytes twice": two(described([4], 0, 16), described([4], 0, 16)),
    "a gap": two(described([1], 0, 4), described([2], 8, 16)),
    "a gap before": two(described([1], 4, 8), described([2], 8, 16)),
    "bytes left over": two(described([1], 0, 4), described([2], 4, 12)),
    "outside": two(described([1], 0, 4), described([4], 4, 20)),
    "far outside": two(described([4], 0, 16), described([2], 2**63, 2**63 + 8)),
    "end before start": two(described([4], 16, 0), described([0], 16, 16)),
    "negative offset": two(described([4], 0, 16), described([1], -4, 0)),
    "too many bytes": two(described([3], 0, 16), described([0], 16, 16)),
    "too few bytes": two(described([5], 0, 16), described([0], 16, 16)),
    "a shape of 2**64": two(described([2**32, 2**32], 0, 16), described([0], 16, 16)),
    "a shape beyond 64 bits": two(described([2**70], 0, 16), described([0], 16, 16)),
    "an endless shape of nothing": two(
        described([0, 2**62], 0, 0), described([4], 0, 16)
    ),
    "more axes than NumPy has": two(
        described([4] + [1] * 99, 0, 16), described([0], 16, 16)
    ),
    "negative side": two(described([-2, -2], 0, 16), described([0], 16, 16)),
    "shape that is no list": two(described(4, 0, 16), described([0], 16, 16)),
    "a type of no kind": two(described([4], 0, 16, "F99"), described([0], 16, 16)),
    "no shape": {"features.0.weight": {"dtype": "F32", "data_offsets": [0, 16]}},
    "a number for a tensor": {"features.0.weight": 1},
    "a tensor twice": b"{%b,%b}" % (TEXT, TEXT),
    "a tensor twice, once escaped": b"{%b,%b}"
    % (TEXT, TEXT.replace(b"f", rb"\u0066", 1)),
    "a part twice": b"{%b}" % TEXT.replace(b": {", b': {"shape": [4], '),
    "not JSON": b'{"features.0.weight":',
    "JSON and more": b"{%b}}" % TEXT,
    "no text": b'{"\xff\xfe":1}',
    "half a character": rb'{"\ud800":1}',
    "nested without end": b'{"a":' + b"[" * 200_000,
    "a number without end": b'{"a":' + b"9" * 200_000 + b"}",
}


def refused(path, message=None):
    """Whether a file is refused by one error that names it, soon and in little room."""
    tracemalloc.start()
    start = time.monotonic()
    try:
        with pytest.raises(WeightsError, match=message) as caught:
            load_network(path)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert time.monotonic() - start < 10
    assert path.name in str(caught.value) and len(str(caught.value)) < 1000


@pytest.mark.parametrize("what", WRONG)
def test_headers_that_are_refused(what, put):
    path = put(foreign.safetensors_file(ONE, header=WRONG[what]))
    refused(path, "not a whole .safetensors file: .*; fetch it again")


def test_the_same_without_a_fault(put):
    sound = two(described([2, 1], 0, 8), described([2], 8, 16))
    path = put(foreign.safetensors_file(ONE, header=sound))
    state = read_safetensors(path, lambda name: True)
    np.testing.assert_array_equal(state["features.0.weight"], [[0], [1]])
    np.testing.assert_array_equal(state["features.0.bias"], [2, 3])


def test_truncated_files(state, put):
    data = foreign.safetensors_file(state)
    head = 8 + int.from_bytes(data[:8], "little")
    for end in (len(data) - 1, head, head - 1, 9):
        refused(put(data[:end]), "not a whole .safetensors file")
    refused(put(data + b"x"), "not a whole .safetensors file")
    for end in (1, 4, 8):
        refused(put(data[:end]), "not a PyTorch state dict")
    refused(put(b""), "is empty")


def test_lengths_of_the_header_that_are_refused(state, put):
    size = len(foreign.safetensors_file(state))
    refused(put(foreign.safetensors_file(state, size=size)), "ends within its header")
    for size in (2 << 20, 2**32 - 1):
        path = put(foreign.safetensors_file(state, size=size))
        refused(path, f"its header would take {size:,} bytes, over")
    for size in (2**32, 2**63, 2**64 - 1):
        refused(put(foreign.safetensors_file(state, size=size)), "not a PyTorch")


def test_a_header_of_hundreds_of_megabytes(put):
    path = put(foreign.safetensors_file({}, header=b"{", size=400_000_000))
    os.truncate(path, 400_000_008)  # takes no room on the disk
    refused(path, "its header would take 400,000,000 bytes")


def test_a_file_of_gigabytes(put):
    path = put(foreign.safetensors_file(ONE))
    os.truncate(path, 3 << 30)
    refused(path, "weights of more than")


def test_a_header_full_of_tensors(put):
    header = {f"features.{i}.weight": described([0], 0, 0) for i in range(12_000)}
    refused(put(foreign.safetensors_file({}, header=header)), "does not hold")


def test_a_name_without_end(put):
    for name in ("features." + "9" * 500_000, "features.0." + "x" * 500_000):
        header = {name: described([2, 2], 0, 16)}
        refused(put(foreign.safetensors_file(ONE, header=header)))
        header[name]["dtype"] = "I32"
        refused(put(foreign.safetensors_file(ONE, header=header)), "is I32")
        header[name]["data_offsets"] = [1, 2]
        refused(put(foreign.safetensors_file(ONE, header=header)), "not a whole")


def test_files_that_cannot_be_read(tmp_path, put, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no.safetensors"):
        load_network(tmp_path / "no.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    for read in (load_network, convert, lambda path: read_safetensors(path, bool)):
        with pytest.raises(IsADirectoryError, match="is a folder"):
            read(tmp_path / "folder.safetensors")
    path = put(foreign.safetensors_file(ONE))
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    with pytest.raises(PermissionError, match="may not be read"):
        load_network(path)


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damage_is_a_value_error_or_harmless(data, tmp_path):
    whole = bytearray(foreign.safetensors_file(ONE | classifier()))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, 400))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(whole)), st.integers(1, len(whole))))
    path = tmp_path / "net.safetensors"
    path.write_bytes(whole[:cut])
    try:
        state = read_safetensors(path, lambda name: True)
        assert sum(values.size for values in state.values()) <= len(whole)
    except WeightsError as error:
        assert "net.safetensors" in str(error)
