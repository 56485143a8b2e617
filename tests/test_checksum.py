"""Files that tell whether they are whole."""

import os

import pytest

from jaxnst._checksum import read_checksummed, write_checksummed


def test_what_is_written_comes_back(tmp_path):
    for data in (b"", b"abc\n", bytes(range(256)) * 20):
        write_checksummed(tmp_path / "a", data)
        assert read_checksummed(tmp_path / "a") == data


def test_files_of_earlier_versions_come_as_they_are(tmp_path):
    (tmp_path / "a").write_bytes(b"\x88\xa6format")
    assert read_checksummed(tmp_path / "a") == b"\x88\xa6format"


def test_every_change_behind_the_mark_is_noticed(tmp_path):
    path = tmp_path / "a"
    write_checksummed(path, b"some data")
    whole = path.read_bytes()
    assert whole[78:79] == b"\n"
    for place in range(14, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match="checksum differs"):
            read_checksummed(path)
        path.write_bytes(whole[:place])
        with pytest.raises(ValueError, match="checksum differs"):
            read_checksummed(path)


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_checksummed(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ValueError, match="not an ordinary file"):
            read_checksummed(path)
