"""Downloads from a server in this process that can drop, ignore and lie."""

import errno
import hashlib
import os
import shutil
import time

import pytest
from serving import serving

from jaxnst.pretrained import download
from jaxnst.pretrained.download import fetch, verify

BODY = bytes(range(256)) * 4096  # 1 MiB
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(BODY) as server:
        yield server


@pytest.fixture
def get(server, tmp_path):
    server.slept = []

    def of(**other):
        given = {"checksum": f"sha256:{SHA}", "progress": False, **other}
        return fetch(
            server.url, tmp_path / "net.pth", sleep=server.slept.append, **given
        )

    return of


@pytest.mark.parametrize("size", [None, len(BODY)])
def test_arrives_whole(size, get, tmp_path):
    assert get(size=size).read_bytes() == BODY
    assert os.listdir(tmp_path) == ["net.pth"]


def test_what_is_there_is_not_fetched_again(get, server):
    get()
    get()
    assert server.requests == [None]
    get().write_bytes(b"something else")
    assert get().read_bytes() == BODY


def test_dropped_connections_are_continued(get, server):
    server.drops = 2
    assert get().read_bytes() == BODY
    half = len(BODY) // 2
    assert server.requests == [None, f"bytes={half}-", f"bytes={half + half // 2}-"]
    assert server.slept == [0.5, 0.5]


def test_the_next_call_continues_what_the_last_left(get, server, tmp_path):
    server.drops = 99
    # Each answer brings half of what is left, until half of that is nothing.
    with pytest.raises(ConnectionError, match="run the same again"):
        get(size=len(BODY))
    part = tmp_path / "net.pth.part"
    held = part.stat().st_size
    assert 0 < held < len(BODY) and not (tmp_path / "net.pth").exists()
    server.drops, server.requests[:] = 0, []
    assert get(size=len(BODY)).read_bytes() == BODY
    assert server.requests == [f"bytes={held}-"] and not part.exists()


@pytest.mark.parametrize("cut", [100_000, 1 << 18])
def test_connections_that_are_cut_before_a_chunk_is_whole(cut, get, server):
    server.cut = cut
    assert get(size=len(BODY)).read_bytes() == BODY
    assert len(server.requests) >= len(BODY) // cut
    assert set(server.slept) == {0.5}  # none of them in vain


def test_a_line_that_stays_open_is_not_waited_for(get, server):
    server.open_line.clear()
    start = time.perf_counter()
    assert get().read_bytes() == BODY
    server.open_line.set()
    assert time.perf_counter() - start < 5


def test_an_error_of_the_disk_names_the_file(get, monkeypatch, tmp_path):
    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(download, "_transfer", broken)
    with pytest.raises(OSError, match="Input/output error") as caught:
        get()
    assert caught.value.filename == str(tmp_path / "net.pth.part")


def test_a_server_that_cannot_continue_begins_again(get, server):
    server.ranges, server.drops = False, 1
    assert get().read_bytes() == BODY
    assert server.requests == [None, f"bytes={len(BODY) // 2}-"]


def test_always_dropping_ends(get, server):
    server.ranges, server.drops = False, 99
    with pytest.raises(ConnectionError, match=r"524,288 bytes are kept in .*\.part"):
        get()
    assert len(server.requests) == 4
    assert server.slept == [0.5, 1, 2]


@pytest.mark.parametrize("size", [None, len(BODY)])
def test_a_complete_part_is_taken_as_it_is(size, get, server, tmp_path):
    (tmp_path / "net.pth.part").write_bytes(BODY)
    assert get(size=size).read_bytes() == BODY
    assert server.whole == 0


@pytest.mark.parametrize("size", [None, len(BODY)])
def test_a_part_that_is_too_long_is_begun_again(size, get, server, tmp_path):
    (tmp_path / "net.pth.part").write_bytes(BODY + b"more")
    assert get(size=size).read_bytes() == BODY
    assert server.whole == 1


def test_a_wrong_checksum_removes_the_file(get, server, tmp_path):
    server.body = BODY[:-1] + b"x"
    with pytest.raises(ValueError, match="has not the checksum sha256:"):
        get(size=len(BODY))
    assert os.listdir(tmp_path) == []


def test_a_truncated_file_on_the_server(get, server, tmp_path):
    server.body = BODY[:-10]
    with pytest.raises(OSError, match="1,048,566 bytes, expected 1,048,576"):
        get(size=len(BODY))
    with pytest.raises(ValueError, match="checksum"):
        get()
    server.length = False  # announces nothing, ends early
    with pytest.raises(OSError, match="1,048,566 bytes, expected 1,048,576"):
        get(size=len(BODY))


@pytest.mark.parametrize("announced", [True, False])
def test_larger_than_expected_is_refused(announced, get, server, tmp_path):
    server.length = announced
    with pytest.raises(OSError, match="expected"):
        get(size=1000)
    part = tmp_path / "net.pth.part"
    assert not part.exists() or part.stat().st_size <= 1000


def test_endless_bodies_are_refused(get, server, monkeypatch):
    monkeypatch.setattr(download, "MAX_BYTES", 1000)
    for server.length in (True, False):
        with pytest.raises(OSError, match="expected"):
            get()


def test_not_found_is_said_at_once(get, server):
    server.status = [404]
    with pytest.raises(OSError, match="answers 404 Not Found; get the file") as caught:
        get()
    assert not isinstance(caught.value, ConnectionError)
    assert server.requests == [None]


def test_a_busy_server_is_asked_again(get, server):
    server.status = [503, 429]
    assert get().read_bytes() == BODY
    server.status = [500] * 9
    with pytest.raises(ConnectionError, match="500"):
        get(checksum="sha256:00")


def test_no_connection(server, tmp_path):
    server.server_close()
    waits = []
    with pytest.raises(ConnectionError, match="no connection to http.*check the conn"):
        fetch(server.url, tmp_path / "n", checksum="md5:0", sleep=waits.append)
    assert waits == [0.5, 1, 2]


def test_full_disk_keeps_what_arrived(get, monkeypatch, tmp_path):
    real = open

    def full(path, mode="r", *other):
        # Linux's own full device takes the place of the file.
        return real("/dev/full" if "wb" in mode else path, mode, *other)

    monkeypatch.setattr(download, "open", full, raising=False)
    with pytest.raises(OSError, match=r"disk that holds .*net\.pth\.part is full"):
        get()
    monkeypatch.undo()


def test_too_little_space_is_said_before(get, server, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=len(BODY) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="1,048,575 bytes free"):
        get(size=len(BODY))
    assert server.requests == []


def test_progress_only_where_asked_for(get, capfd, tmp_path):
    get(progress=True)
    assert "net.pth" in capfd.readouterr().err
    for quiet in (False, None):  # stderr is no terminal here
        (tmp_path / "net.pth").unlink()
        get(progress=quiet)
        assert capfd.readouterr().err == ""


def test_checksums(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    md5 = "900150983cd24fb0d6963f7d28e17f72"
    assert verify(path, f"md5:{md5}") and verify(path, f"md5:{md5.upper()}")
    assert verify(path, "sha256-prefix:ba7816bf")
    assert not verify(path, "sha256-prefix:ba7816be")
    assert not verify(path, "sha256:ba7816bf")
    for bad in ("sha1:00", "ba7816bf", "sha256:", "sha256-prefix:"):
        with pytest.raises(ValueError, match="unknown checksum"):
            verify(path, bad)


def test_what_cannot_be_asked(tmp_path):
    for url in ("file:///etc/hosts", "ftp://example.org/x"):
        with pytest.raises(ValueError, match="http"):
            fetch(url, tmp_path / "x", checksum="md5:0")
    with pytest.raises(FileNotFoundError, match="mkdir"):
        fetch("http://127.0.0.1/", tmp_path / "no" / "x", checksum="md5:0")
