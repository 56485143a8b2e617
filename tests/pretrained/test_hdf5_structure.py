"""Damage that the HDF5 library hangs on is found before it opens the file."""

import time
import tracemalloc

import foreign
import h5py
import hostile_hdf5
import numpy as np
import pytest

from jaxnst.pretrained.convert import convert
from jaxnst.pretrained.format import read_weights, write_weights
from jaxnst.pretrained.hdf5_structure import (
    DamagedError,
    check_structure,
    text_lengths,
)


@pytest.fixture
def path(rng, tmp_path):
    """A sound file of weights."""
    write_weights(tmp_path / "w.h5", foreign.vgg_weights(rng, variant="of a test"))
    return tmp_path / "w.h5"


def refused(path, data: bytes, match: str) -> None:
    """That reading is refused, in a moment and without much memory."""
    path.write_bytes(data)
    tracemalloc.start()
    start = time.perf_counter()
    try:
        for read in (read_weights, convert):
            with pytest.raises(ValueError, match=match) as caught:
                read(path)
            assert str(path) in str(caught.value)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - start < 5


def test_a_free_object_of_no_size(path):
    data = hostile_hdf5.empty_free_object(path.read_bytes())
    refused(path, data, "heap of its texts has no end")


def test_a_free_list_that_goes_round(path):
    data = hostile_hdf5.circular_free_list(path.read_bytes())
    refused(path, data, "heap of its names has no end")


def test_a_tree_whose_children_are_the_same(path):
    whole = path.read_bytes()
    # Without a name more than there are, the library itself finds what is wrong.
    refused(path, hostile_hdf5.repeating_tree(whole, 1), "stored twice|is a link")
    for depth in (4, 40):
        refused(path, hostile_hdf5.repeating_tree(whole, depth), "more names")


@pytest.mark.parametrize("text", [b"a test", b"of a test"])
@pytest.mark.parametrize("length", [0xFFFFFFFF, 1 << 21])
def test_a_text_that_declares_gigabytes(text, length, path):
    data = hostile_hdf5.long_text(path.read_bytes(), text, length)
    refused(path, data, "too large or damaged")


def test_a_text_of_a_fixed_length_that_declares_gigabytes(path):
    with h5py.File(path, "r+") as file:
        del file.attrs["content_sha256"]
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(7)
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5a.create(file.id, b"note", kind, space).write(np.array(b"1234567", "S7"))
    assert read_weights(path).notes["note"] == "123456"
    data = path.read_bytes()
    place = data.index(b"note\0") + 12  # the size within the type
    assert data[place : place + 4] == b"\x07\0\0\0"
    refused(path, hostile_hdf5.patched(data, place, b"\xf0" * 4), "w.h5")


def test_many_heaps_take_few_steps():
    heaps = hostile_hdf5.many_heaps(300_000)
    whole = b"\x89HDF\r\n\x1a\n" + bytes(5) + b"\x08\x08" + bytes(33) + heaps
    start = time.perf_counter()
    with pytest.raises(DamagedError, match="more structures"):
        check_structure(whole)
    assert time.perf_counter() - start < 2


def test_the_signature_comes_first(path):
    refused(path, hostile_hdf5.many_heaps(300_000), "not a whole HDF5|not a PyTorch")


def test_sizes_of_addresses_and_where_they_count_from(path):
    data = path.read_bytes()
    for at, new in ((13, b"\x04"), (14, b"\x04"), (24, b"\x08")):
        refused(path, hostile_hdf5.patched(data, at, new), "addresses")


@pytest.mark.parametrize("options", [{"libver": "latest"}, {"track_order": True}])
def test_other_layouts_of_sound_files(options, path, tmp_path):
    expected = read_weights(path)
    with h5py.File(path) as source, h5py.File(tmp_path / "b.h5", "w", **options) as out:
        for name, value in source.attrs.items():
            out.attrs[name] = value
        for layer in source:
            source.copy(layer, out)
    read = read_weights(tmp_path / "b.h5")
    assert read.notes == expected.notes and read.source == expected.source
    for layer, tensor in expected.tensors.items():
        np.testing.assert_array_equal(read.tensors[layer]["kernel"], tensor["kernel"])


def test_lists_of_texts_are_measured(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["names"] = ["one", "three", "x" * 300]
        file.create_group("g").attrs["names"] = ["four", "five"]
    lengths = text_lengths((tmp_path / "a.h5").read_bytes(), "names")
    assert sorted(lengths) == [3, 4, 4, 5, 300]
    assert text_lengths((tmp_path / "a.h5").read_bytes(), "others") == []


def test_a_text_inside_a_filtered_heap_is_refused(path):
    data = path.read_bytes() + b"FRHP\0\x08\0\x10\0"
    refused(path, data, "newer layout")


def test_more_objects_than_weights_need(path, monkeypatch):
    monkeypatch.setattr("jaxnst.pretrained.hdf5._OBJECTS", 3)
    with pytest.raises(ValueError, match="than weights need"):
        read_weights(path)
