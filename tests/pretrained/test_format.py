"""The project's own weights files: what is written comes back, faults are named."""

import dataclasses
import hashlib
import os
import resource
import time
import tracemalloc

import foreign
import h5py
import numpy as np
import pytest

from jaxnst.pretrained.format import NetworkWeights, read_weights, write_weights


@pytest.fixture
def weights(rng) -> NetworkWeights:
    return foreign.vgg_weights(rng, lrn="size 5")


def assert_same(a: NetworkWeights, b: NetworkWeights) -> None:
    for name in ("architecture", "padding", "source", "license", "notes"):
        assert getattr(a, name) == getattr(b, name)
    np.testing.assert_array_equal([a.mean, a.std], [b.mean, b.std])
    assert list(a.tensors) == list(b.tensors)
    for layer, tensor in a.tensors.items():
        for name, values in tensor.items():
            assert b.tensors[layer][name].dtype == np.float32
            np.testing.assert_array_equal(b.tensors[layer][name], values)


def test_what_is_written_comes_back(weights, tmp_path):
    path = tmp_path / "w.h5"
    write_weights(path, weights)
    read = read_weights(path)
    assert_same(weights, read)
    assert read.checksum == hashlib.sha256(path.read_bytes()).hexdigest()
    assert os.listdir(tmp_path) == ["w.h5"]


def test_same_weights_same_bytes(weights, tmp_path):
    write_weights(tmp_path / "a.h5", weights)
    time.sleep(1.1)  # HDF5 counts time in seconds
    write_weights(tmp_path / "b.h5", weights)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_layers_come_in_the_networks_order(weights, rng, tmp_path):
    tensors = foreign.vgg_tensors("vgg16", rng)
    reverse = dict(reversed(weights.tensors.items()))
    write_weights(
        tmp_path / "w.h5",
        dataclasses.replace(weights, architecture="vgg16", tensors=tensors),
    )
    assert list(read_weights(tmp_path / "w.h5").tensors) == list(tensors)
    with pytest.raises(ValueError, match="missing before"):
        write_weights(tmp_path / "x.h5", dataclasses.replace(weights, tensors=reverse))


@pytest.mark.parametrize(
    "name, architecture, layers, first",
    [
        ("vgg19-blocks123", "vgg19", 8, (3, 3, 3, 64)),
        ("vgg19-distilled16x", "vgg19", 13, (3, 3, 3, 16)),
        ("vgg19-distilled16x-aux", "vgg19-aux", 5, (1, 1, 16, 64)),
        ("googlenet-caffe", "googlenet", 57, (7, 7, 3, 64)),
    ],
)
def test_real_files(shared, tmp_path, name, architecture, layers, first):
    weights = read_weights(shared / "weights" / f"{name}.h5")
    assert (weights.architecture, len(weights.tensors)) == (architecture, layers)
    kernel = next(iter(weights.tensors.values()))["kernel"]
    assert kernel.shape == first and kernel.dtype == np.float32
    assert ("lrn" in weights.notes) == (architecture == "googlenet")
    write_weights(tmp_path / "w.h5", weights)
    assert_same(weights, read_weights(tmp_path / "w.h5"))


@pytest.fixture
def edited(weights, tmp_path):
    """Write good weights, change the file with h5py, read it: the error's text."""
    path = tmp_path / "w.h5"
    write_weights(path, weights)

    def of(edit) -> str:
        with h5py.File(path, "r+") as file:
            edit(file)
        with pytest.raises(ValueError) as caught:
            read_weights(path)
        assert str(path) in str(caught.value)
        return str(caught.value)

    return of


def put(name, values, **options):
    def edit(file):
        if name in file:
            del file[name]
        file.create_dataset(name, data=values, **options)

    return edit


def attr(name, value):
    return lambda file: file.attrs.__setitem__(name, value)


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


KERNEL, BIAS = "conv1_2/kernel", "conv1_2/bias"
FAULTS = {
    "other format": (attr("format", "mine"), "not a weights file of jaxnst"),
    "format is a number": (attr("format", 3), "not a weights file of jaxnst"),
    "newer version": (attr("version", 3), "update jaxnst"),
    "version 0": (attr("version", 0), "version"),
    "version text": (attr("version", "1"), "version"),
    "padding": (attr("padding", "circular"), "unknown padding 'circular'"),
    "no padding": (attr("padding", "none"), "needs a padding"),
    "source a number": (attr("source", 1.5), "'source' is not text"),
    "architecture an array": (attr("architecture", [1, 2]), "not text"),
    "std 0": (attr("std", [1, 1, 0.0]), "std must be above 0"),
    "mean nan": (attr("mean", [np.nan, 1, 1]), "mean is not three"),
    "mean of four": (attr("mean", [1.0, 1, 1, 1]), "mean is not three"),
    "mean text": (attr("mean", "grey"), "mean is not three"),
    "std infinite": (attr("std", [np.inf, 1, 1]), "std is not three"),
    "5 x 5": (put(KERNEL, zeros(5, 5, 2, 2)), "conv1_2/kernel has shape (5, 5, 2, 2)"),
    "channels do not chain": (put(KERNEL, zeros(3, 3, 3, 2)), "wanted (3, 3, 2, any)"),
    "even": (put(KERNEL, zeros(2, 2, 2, 2)), "k odd"),
    "not square": (put(KERNEL, zeros(3, 1, 2, 2)), "k odd"),
    "3-D": (put(KERNEL, zeros(3, 3, 2)), "wanted (k, k, I, O)"),
    "empty": (put(KERNEL, zeros(3, 3, 2, 0)), "wanted (k, k, I, O)"),
    "bias of another size": (put(BIAS, zeros(5)), "conv1_2/bias has shape (5,)"),
    "nan": (put(BIAS, zeros(2) + np.nan), "conv1_2/bias is not finite"),
    "double": (put(BIAS, zeros(2, dtype=float)), "holds float64"),
    "whole numbers": (put(BIAS, zeros(2, dtype=int)), "holds int64"),
    "compressed": (put(BIAS, zeros(2), compression="gzip"), "compressed"),
    "stray dataset": (put("conv1_2/gamma", zeros(2)), "wanted a kernel and a bias"),
    "at the top": (put("kernel", zeros(2)), "kernel"),
    "indices without a table": (
        put(KERNEL, zeros(3, 3, 2, 2, dtype=np.uint8)),
        "conv1_2/kernel has no table",
    ),
    "indices for a bias": (put(BIAS, zeros(2, dtype=np.uint8)), "bias has no table"),
    "a table without indices": (
        put("conv1_2/table", zeros(256)),
        "wants a kernel of 8-bit indices",
    ),
    "no bias": (lambda f: f.__delitem__(BIAS), "wanted a kernel and a bias"),
    "gap": (lambda f: f.__delitem__("conv1_2"), "layer conv1_2 is missing"),
    "no layers": (lambda f: [f.__delitem__(n) for n in list(f)], "no layers"),
    "strange layer": (lambda f: f.move("conv2_1", "fc1"), "no layer 'fc1'"),
    "soft link": (
        lambda f: f.__setitem__("x", h5py.SoftLink("/conv1_1")),
        "x is a link",
    ),
    "external link": (
        lambda f: f.__setitem__("x", h5py.ExternalLink("/etc/x", "/a")),
        "x is a link",
    ),
    "cycle": (
        lambda f: f["conv1_1"].__setitem__("again", f["conv1_1"]),
        "stored twice",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_named(fault, edited):
    edit, message = FAULTS[fault]
    assert message in edited(edit)


@pytest.mark.parametrize(
    "name", ["version", "architecture", "mean", "std", "padding", "source", "license"]
)
def test_missing_attributes(name, edited):
    assert name in edited(lambda file: file.attrs.__delitem__(name))


@pytest.mark.parametrize("chunks", [None, (1, 1, 1024, 1024)])
def test_declared_sizes_do_not_allocate(chunks, edited):
    def declare(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, (3, 3, 1 << 20, 1 << 20), "f4", chunks=chunks)

    tracemalloc.start()
    try:
        assert "the file holds 0" in edited(declare)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_numbers_in_another_file_are_refused(edited, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(8))
    outside = [(str(tmp_path / "secret"), 0, 8)]
    assert "another file" in edited(put(BIAS, zeros(2), external=outside))


def test_virtual_datasets_are_refused(edited):
    def edit(file):
        layout = h5py.VirtualLayout((2,), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "a", (2,))
        del file[BIAS]
        file.create_virtual_dataset(BIAS, layout)

    assert "another file" in edited(edit)


@pytest.mark.parametrize("kind", ["<f2", ">f4", ">f2"])
def test_other_floats_come_back_float32(kind, weights, tmp_path):
    path = tmp_path / "w.h5"
    write_weights(path, weights)
    halves = np.array([0.5, -3.0], kind)
    with h5py.File(path, "r+") as file:
        put(BIAS, halves)(file)
        del file.attrs["content_sha256"]
    bias = read_weights(path).tensors["conv1_2"]["bias"]
    assert bias.dtype == np.dtype("float32")
    np.testing.assert_array_equal(bias, np.float32([0.5, -3]))


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_no_changed_number_goes_unnoticed(dtype, weights, tmp_path):
    path = tmp_path / "w.h5"
    write_weights(
        path, quantized(weights) if dtype == "uint8" else weights, dtype=dtype
    )
    expected, data = read_weights(path), bytearray(path.read_bytes())
    noticed = 0
    for place in range(3, len(data), 301):
        data[place] ^= 4
        path.write_bytes(data)
        data[place] ^= 4
        try:
            read = read_weights(path)
        except ValueError as error:
            noticed += "not as it was written" in str(error)
        else:  # a byte that says nothing
            assert_same(expected, read)
    assert noticed


@pytest.mark.parametrize("name", ["source", "lrn", "mean", "further"])
def test_a_changed_attribute_is_noticed(name, edited):
    new = [0.1, 0.2, 0.3] if name == "mean" else "changed"
    message = edited(attr(name, new))
    assert "its checksum differs" in message and "content_sha256" in message


def test_a_file_without_checksum_is_read(weights, tmp_path):
    path = tmp_path / "w.h5"
    write_weights(path, weights)
    with h5py.File(path, "r+") as file:
        del file.attrs["content_sha256"]
    assert_same(weights, read_weights(path))


def quantized(weights: NetworkWeights) -> NetworkWeights:
    """Kernels of 256 values at most."""
    tensors = {
        layer: {**tensor, "kernel": np.round(tensor["kernel"] * 20) / np.float32(20)}
        for layer, tensor in weights.tensors.items()
    }
    return dataclasses.replace(weights, tensors=tensors)


def test_kernels_of_few_values_take_8_bits_and_lose_nothing(weights, tmp_path):
    few = quantized(weights)
    write_weights(tmp_path / "w.h5", few, dtype="uint8")
    with h5py.File(tmp_path / "w.h5") as file:
        assert file[KERNEL].dtype == np.uint8 and file[BIAS].dtype == np.float32
        assert file.attrs["version"] == 2
    assert_same(few, read_weights(tmp_path / "w.h5"))


def test_kernels_of_many_values_do_not_fit_8_bits(weights, rng, tmp_path):
    kernel = rng.normal(size=(3, 3, 3, 64)).astype(np.float32)
    tensors = {"conv1_1": {"kernel": kernel, "bias": zeros(64)}}
    many = dataclasses.replace(weights, tensors=tensors)
    with pytest.raises(ValueError, match="conv1_1/kernel has 1,728 values"):
        write_weights(tmp_path / "w.h5", many, dtype="uint8")
    assert not (tmp_path / "w.h5").exists()


def test_what_an_earlier_version_can_read_says_so(weights, tmp_path):
    write_weights(tmp_path / "w.h5", weights)
    with h5py.File(tmp_path / "w.h5") as file:
        assert file.attrs["version"] == 1


@pytest.mark.parametrize("table", [zeros(3), zeros(2, 128), zeros(256, dtype=int)])
def test_indices_must_lie_in_their_table(table, weights, tmp_path):
    path = tmp_path / "w.h5"
    write_weights(path, quantized(weights), dtype="uint8")
    with h5py.File(path, "r+") as file:
        put("conv1_2/table", table)(file)
    with pytest.raises(ValueError, match="conv1_2/(kernel has|table)|holds int64"):
        read_weights(path)


def test_layers_with_slashes(weights, tmp_path):
    tensor = {"kernel": zeros(7, 7, 3, 4), "bias": zeros(4)}
    free = dataclasses.replace(
        weights, architecture="googlenet", tensors={"conv1/7x7_s2": tensor}
    )
    write_weights(tmp_path / "w.h5", free)
    assert_same(free, read_weights(tmp_path / "w.h5"))


@pytest.mark.parametrize("keep", [1, 8, 100, 0.5, 0.9, 0.999])
def test_truncated_files(keep, weights, tmp_path):
    path = tmp_path / "w.h5"
    write_weights(path, weights)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep < 1 else keep])
    with pytest.raises(ValueError, match=r"w\.h5.*again"):
        read_weights(path)


def test_damaged_text_neither_crashes_nor_hangs(weights, tmp_path):
    path = tmp_path / "w.h5"
    write_weights(path, weights)
    data = path.read_bytes()
    heap = data.index(b"GCOL")
    for offset in (8, 16 + 8, 16 + 9, 16 + 15):  # sizes of the heap and of a text
        damaged = bytearray(data)
        damaged[heap + offset] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="w.h5"):
            read_weights(path)
    # The type of a text made one of a list of something.
    kind = data.index(b"\x19\x01\x01\x00")
    path.write_bytes(data[: kind + 1] + b"\x74" + data[kind + 2 :])
    with pytest.raises(ValueError, match="not text or numbers"):
        read_weights(path)


def test_files_that_cannot_be_read(tmp_path, weights):
    with pytest.raises(FileNotFoundError, match=r"no\.h5"):
        read_weights(tmp_path / "no.h5")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_weights(tmp_path)
    (tmp_path / "t.h5").write_text("not HDF5 at all\n" * 100)
    with pytest.raises(ValueError, match="not a whole HDF5 file"):
        read_weights(tmp_path / "t.h5")


def test_no_permission(tmp_path, weights):
    if os.geteuid() == 0:
        pytest.skip("root may read everything, permissions do not bind")
    path = tmp_path / "w.h5"
    write_weights(path, weights)
    path.chmod(0)
    with pytest.raises(PermissionError, match="may not be read"):
        read_weights(path)


def test_bad_weights_are_not_written(weights, tmp_path):
    bad = dataclasses.replace(weights, std=np.float32([1, 1, -1]))
    with pytest.raises(ValueError, match="std"):
        write_weights(tmp_path / "w.h5", bad)
    double = {"conv1_1": {"kernel": np.zeros((3, 3, 3, 2)), "bias": np.zeros(2)}}
    with pytest.raises(ValueError, match="not finite float32"):
        write_weights(tmp_path / "w.h5", dataclasses.replace(weights, tensors=double))
    with pytest.raises(FileNotFoundError, match="mkdir"):
        write_weights(tmp_path / "no" / "w.h5", weights)
    assert os.listdir(tmp_path) == []


def test_full_disk_leaves_what_was_there(weights, tmp_path):
    path = tmp_path / "w.h5"
    path.write_text("before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError):
            write_weights(path, weights)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["w.h5"]
