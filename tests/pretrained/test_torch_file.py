"""PyTorch's files without PyTorch: what it wrote comes back, and nothing else runs."""

import copyreg
import pickle
import struct
import time
import tracemalloc
import zipfile

import foreign
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxnst.pretrained.torch_file import read_torch_state

FORMS = ["old", "zip"]
STATE = {
    "features.0.weight": np.arange(24, dtype=np.float32).reshape(4, 3, 2),
    "features.0.bias": np.float32([1.5, -2.0]),
}
RAW = {"0": np.arange(4, dtype="<f4").tobytes()}


def one(form: str, **other) -> bytes:
    """A file of one tensor (2, 2) whose description can be made wrong."""
    view = b"N" if form == "old" else b""
    given = {"key": "0", "elements": 4, "shape": (2, 2), "view": view, **other}
    return foreign.FORMATS[form](
        foreign.state_pickle({"a": foreign.tensor(**given)}), RAW
    )


@pytest.fixture
def read(tmp_path):
    def of(data: bytes) -> dict[str, np.ndarray]:
        path = tmp_path / "net.pth"
        path.write_bytes(data)
        return read_torch_state(path)

    return of


@pytest.mark.parametrize("form", FORMS)
def test_reads_names_shapes_and_numbers(form, read):
    state = read(foreign.torch_file(STATE, form))
    assert list(state) == list(STATE)
    for name, values in STATE.items():
        assert state[name].dtype == np.float32
        np.testing.assert_array_equal(state[name], values)


@pytest.mark.parametrize("form", FORMS)
def test_reads_the_strings_of_python_2(form, read, monkeypatch):
    def string(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode()

    monkeypatch.setattr(foreign, "text", string)
    state = read(foreign.torch_file(STATE, form))
    assert list(state) == list(STATE)
    np.testing.assert_array_equal(state["features.0.bias"], [1.5, -2.0])


@pytest.mark.parametrize("form", FORMS)
def test_strides_and_offset_are_followed(form, read):
    state = read(one(form, shape=(3, 1), strides=(1, 3), offset=1))
    np.testing.assert_array_equal(state["a"], [[1], [2], [3]])
    assert read(one(form, shape=(2, 0)))["a"].shape == (2, 0)
    assert read(one(form, shape=()))["a"] == 0


@pytest.mark.parametrize("form", FORMS)
def test_reads_what_torch_wrote(torch, form, tmp_path):
    from torch import nn

    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))
    state = module.state_dict()
    state["turned"] = state["0.weight"].permute(2, 3, 1, 0)[1:]
    path = tmp_path / "net.pth"
    torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    ours = read_torch_state(path)
    assert list(ours) == list(state)
    for name, values in state.items():
        assert ours[name].dtype == values.numpy().dtype
        np.testing.assert_array_equal(ours[name], values.numpy())


SYSTEM = b"cos\nsystem\n"
MARKER = b"@MARKER@"
TOUCH = foreign.text("touch @MARKER@").replace(struct.pack("<I", 14), b"@LENG@")
ATTACKS = {
    "os.system": SYSTEM + b"(" + TOUCH + b"tR",
    "posix.system": b"cposix\nsystem\n(" + TOUCH + b"tR",
    "builtins.exec": b"cbuiltins\nexec\n(" + TOUCH + b"tR",
    "old builtins": b"c__builtin__\neval\n(" + TOUCH + b"tR",
    "getattr": b"cbuiltins\ngetattr\n("
    + foreign.ORDERED
    + foreign.text("keys")
    + b"tR",
    "dotted name": b"\x8c\x0btorch._utils\x8c\x12_rebuild_tensor_v2\x93",
    "attribute of an admitted one": b"ccollections\nOrderedDict.__init__\n)R",
    "another torch function": b"ctorch\nload\n(" + TOUCH + b"tR",
    "INST": b"(" + TOUCH + b"ios\nsystem\n",
    "OBJ": b"(" + SYSTEM + TOUCH + b"o",
    "NEWOBJ": SYSTEM + b"(" + TOUCH + b"t\x81",
    "extension registry": b"\x82\x01",
    # admitted globals in ways that no state dict uses them
    "BUILD on a stand-in": foreign.REBUILD + b"}" + foreign.text("x") + b"Nsb",
    "BUILD with slots": foreign.REBUILD + b"N}" + foreign.text("x") + b"Ns\x86b",
    "BUILD on a class": b"ccollections\nOrderedDict\n}" + foreign.text("x") + b"Nsb",
    "BUILD class slots": b"ccollections\nOrderedDict\nN}"
    + (foreign.text("__len__") + b"Ns\x86b"),
    "BUILD on a type": foreign.FLOATS + b"}" + foreign.text("x") + b"Nsb",
    "call of a type": foreign.FLOATS + b")R",
    "OrderedDict of something": b"ccollections\nOrderedDict\n(]tR",
    "rebuild without a storage": foreign.REBUILD + b"(]K\x00))\x89NtR",
    "storage that is text": foreign.text("storage") + b"Q",
    "storage of another type": b"(" + foreign.text("storage") + SYSTEM + b"tQ",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_runs(attack, form, tmp_path, monkeypatch):
    marker = tmp_path / "ran"
    command = (
        f"touch {marker}" if "builtin" not in attack else f"open({str(marker)!r},'w')"
    )
    body = ATTACKS[attack].replace(b"touch " + MARKER, command.encode())
    body = body.replace(b"@LENG@", struct.pack("<I", len(command)))
    items = {"a": foreign.tensor("0", 4, (2, 2)), "b": body}
    path = tmp_path / "net.pth"
    path.write_bytes(foreign.FORMATS[form](foreign.state_pickle(items), RAW))
    with pytest.raises(ValueError, match="net.pth") as caught:
        read_torch_state(path)
    assert not marker.exists()
    if "system" in attack or attack in ("getattr", "INST", "NEWOBJ"):
        assert "refused" in str(caught.value)
    # and the stand-ins are as they were
    assert read_torch_state_of(tmp_path, foreign.torch_file(STATE, form))


@pytest.mark.parametrize("form", FORMS)
def test_the_extension_registry_is_no_way_around(form, read, monkeypatch):
    called = []
    # Codes looked up before are served from here without asking for a name.
    monkeypatch.setitem(copyreg._extension_cache, 1, called.append)
    call = b"\x82\x01(" + foreign.text("x") + b"tR"
    pickle.loads(b"\x80\x02" + call + b".")
    assert called == ["x"]
    with pytest.raises(ValueError, match="refused: its pickle uses EXT1"):
        read(foreign.FORMATS[form](foreign.state_pickle({"a": call}), RAW))
    assert called == ["x"]


def read_torch_state_of(folder, data):
    path = folder / "good.pth"
    path.write_bytes(data)
    return read_torch_state(path)


def test_the_attacks_are_real(tmp_path):
    """The same bytes do run in Python's own unpickler, or the test above is empty."""
    marker = tmp_path / "ran"
    command = f"touch {marker}".encode()
    body = ATTACKS["os.system"].replace(b"touch " + MARKER, command)
    body = body.replace(b"@LENG@", struct.pack("<I", len(command)))
    pickle.loads(b"\x80\x02" + body + b".")
    assert marker.exists()


WRONG = {
    "shape beyond the storage": {"shape": (2, 3)},
    "offset beyond the storage": {"offset": 1},
    "negative offset": {"offset": -1},
    "strides beyond the storage": {"strides": (3, 1)},
    "negative stride": {"strides": (-1, 1)},
    "stride 0 makes a giant": {"shape": (2**30, 2**30), "strides": (0, 0)},
    "negative side": {"shape": (-2, -2)},
    "fewer strides": {"strides": (1,)},
    "many axes": {"shape": (1,) * 40, "strides": (1,) * 40},
    "storage of another size": {"elements": 3, "shape": (3,)},
    "giant storage": {"elements": 2**31 - 1, "shape": (2**31 - 1,)},
    "storage not in the file": {"key": "1"},
    "type of another size": {"kind": b"ctorch\nLongStorage\n"},
    "type that is text": {"kind": foreign.text("DoubleStorage")},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", WRONG)
def test_descriptions_that_reach_outside_are_refused(what, form, read):
    with pytest.raises(ValueError, match="net.pth"):
        read(one(form, **WRONG[what]))
    assert read(one(form))["a"].shape == (2, 2)


def tuples(count: int) -> bytes:
    """A tuple nested `count` deep, as a key: comparing it could exhaust the stack."""
    return b"}" + b"N" + b"\x85" * count + b"Ns"


@pytest.mark.parametrize(
    "body",
    [
        b"Nr\x00\x00\x00\x01",  # stores at 2**24: an array of pointers that long
        b"\x8e" + b"\xff" * 7 + b"\x7f",  # bytes, 2**63
        b"\x96" + b"\xff" * 7 + b"\x7f",
        b"X\xff\xff\xff\x7f",
        b"\x8b\xff\xff\xff\x7f",
        tuples(200_000),
        # each twice the one before: 2**60 comparisons
        b"}"
        + b")q\x00"
        + b"".join(b"h%c%b\x86q%c" % (i, b"h%c" % i, i + 1) for i in range(60))
        + b"Ns",
    ],
)
def test_hostile_sizes_do_not_allocate_or_hang(body, read):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="net.pth"):
            read(foreign.zip_file(foreign.state_pickle({"a": body}), RAW))
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def long_number(value: int) -> bytes:
    return b"\x8a\x10" + value.to_bytes(16, "little")


# Each differs from the one before by Python's modulus: all have one hash.
COLLIDING = b"}(" + b"".join(
    long_number(1 + index * (2**61 - 1)) + b"N" for index in range(20_000)
) + b"u"  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "body", [COLLIDING, b"](" + b"N" * (8 << 20) + b"e", b"]" + b"Na" * (4 << 20)]
)
def test_long_pickles_take_few_steps(body, form, read):
    start = time.perf_counter()
    with pytest.raises(ValueError, match="uses LONG1|more instructions"):
        read(foreign.FORMATS[form](foreign.state_pickle({"a": body}), RAW))
    assert time.perf_counter() - start < 3


def test_a_magic_number_in_other_words(read):
    good = foreign.torch_file(STATE, "old")
    other = long_number(0x1950A86A20F9469CFC6C)
    with pytest.raises(ValueError, match="does not begin"):
        read(good.replace(foreign.MAGIC, b"\x80\x02" + other + b"."))


def test_many_entries_are_not_listed(read):
    directory = (b"PK\x01\x02" + bytes(42)) * 20_000
    good = foreign.torch_file(STATE, "zip")
    with pytest.raises(ValueError, match=r"net\.pth.*lists more than 10,000 entries"):
        read(good[:-22] + directory + good[-22:])


@pytest.mark.parametrize("form", FORMS)
def test_not_a_state_dict(form, read):
    make = foreign.FORMATS[form]
    for pickled in (
        b"\x80\x02].",
        foreign.state_pickle({}),
        foreign.state_pickle({"epoch": b"K\x01"}),
        b"\x80\x02}K\x01" + foreign.tensor("0", 4, (4,)) + b"s.",
    ):
        with pytest.raises(ValueError, match="names and tensors"):
            read(make(pickled, RAW))


def test_zip_archives_that_are_refused(read):
    good = foreign.state_pickle({"a": foreign.tensor("0", 4, (4,))})
    assert read(foreign.zip_file(good, RAW))
    with pytest.raises(ValueError, match="compressed"):
        read(foreign.zip_file(good, RAW, compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(ValueError, match="little-endian"):
        read(foreign.zip_file(good, RAW, byteorder="big"))
    data = foreign.zip_file(good, RAW)
    # The directory declares 4 GB for the numbers.
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"net/data/0"))
    data = data[: entry + 20] + b"\xf0\xff\xff\xff" * 2 + data[entry + 28 :]
    with pytest.raises(ValueError, match="more bytes than it has"):
        read(data)


def test_old_files_that_are_refused(read):
    good = foreign.torch_file(STATE, "old")
    with pytest.raises(ValueError, match="little-endian"):
        read(good.replace(b"little_endian\x88", b"little_endian\x89"))
    with pytest.raises(ValueError, match="follow its numbers"):
        read(good + b"x")
    with pytest.raises(ValueError, match="ends before"):
        read(good[:-1])
    with pytest.raises(ValueError, match="does not begin"):
        read(b"<!DOCTYPE html>")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="no.pth"):
        read_torch_state(tmp_path / "no.pth")
    with pytest.raises(IsADirectoryError, match="folder"):
        read_torch_state(tmp_path)
    (tmp_path / "empty.pth").touch()
    with pytest.raises(ValueError, match="empty"):
        read_torch_state(tmp_path / "empty.pth")
    with pytest.raises(ValueError, match="ordinary"):
        read_torch_state("/dev/null")


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), form=st.sampled_from(FORMS))
def test_damage_is_a_value_error_or_harmless(data, form, tmp_path):
    whole = bytearray(foreign.torch_file(STATE, form))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(
            st.integers(0, 255)
        )
    cut = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    path = tmp_path / "net.pth"
    path.write_bytes(whole[:cut])
    tracemalloc.start()
    try:
        state = read_torch_state(path)
        assert sum(values.size for values in state.values()) <= len(whole)
        for values in state.values():
            values.sum(
                dtype=np.float64, where=np.isfinite(values)
            )  # all of it is there
    except ValueError as error:
        assert "net.pth" in str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 20e6
