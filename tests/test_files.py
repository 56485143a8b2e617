"""Files appear whole or not at all."""

import os
import stat
import sys

import pytest

from jaxnst._files import atomic_write, check_writable_folder, make_folder


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "picture.old.png"
    path.write_bytes(b"old")
    return path


def test_the_file_is_replaced_at_the_end(path):
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == [path.name]


def test_a_new_file_may_be_given_as_text(tmp_path):
    with atomic_write(str(tmp_path / "new")) as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "new").read_bytes() == b"new"


def test_the_temporary_file_is_a_hidden_neighbour_with_the_same_suffix(path):
    with atomic_write(path) as one, atomic_write(path) as two:
        assert one != two
        assert one.parent == path.parent and one.suffix == ".png"
        assert one.name.startswith(".")
        for temporary in (one, two):
            temporary.write_bytes(b"new")


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("begun", [True, False])
def test_a_failure_leaves_what_was_there(path, failure, begun):
    with pytest.raises(failure), atomic_write(path) as temporary:
        if begun:
            temporary.write_bytes(b"half")
        raise failure
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]


def test_a_block_that_writes_nothing_is_an_error(path):
    with pytest.raises(FileNotFoundError), atomic_write(path):
        pass
    assert path.read_bytes() == b"old"


def test_a_failing_disk_leaves_what_was_there(path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"), atomic_write(path) as temporary:
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]


def entered(path):
    with atomic_write(path):
        pytest.fail("the block was entered")


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"does not exist; create it.*mkdir -p"):
        entered(tmp_path / "no" / "picture.png")


def test_a_folder_as_the_file_is_an_error(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder; give the name of a file"):
        entered(tmp_path)


def test_a_file_as_the_folder_is_an_error(path):
    with pytest.raises(NotADirectoryError, match="is not a folder"):
        entered(path / "picture.png")


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="this user may write anywhere"
)
def test_a_folder_that_may_not_be_written_is_an_error(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(PermissionError, match="choose another folder"):
        entered(tmp_path / "picture.png")


def test_a_folder_that_cannot_be_made_says_why(path, tmp_path):
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(tmp_path / "a" / "b").is_dir()  # there already
    for folder in (path, path / "below"):
        with pytest.raises(NotADirectoryError, match="file of that name; choose"):
            make_folder(folder)
    with pytest.raises(OSError, match="cannot make the folder .*; choose another"):
        make_folder(tmp_path / ("x" * 300))


def test_checking_alone_writes_nothing(path):
    assert check_writable_folder(str(path)) == path
    assert os.listdir(path.parent) == [path.name]
