"""Pictures from standard input and from pipes."""

import io
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from jaxnst.cli import _outputs, _streams

pytestmark = pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="no pipes in this system's files"
)


@pytest.fixture
def pipe(tmp_path, monkeypatch):
    """A pipe, and a function that lets another thread write into it."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    threads = []

    def write(content):
        threads.append(
            threading.Thread(target=Path("pipe").write_bytes, args=[content])
        )
        threads[0].start()

    yield write
    for thread in threads:
        thread.join()


def test_pipes_are_read_once_into_files(pipe, monkeypatch):
    pipe(b"piped")
    buffer = SimpleNamespace(buffer=io.BytesIO(b"given"))
    monkeypatch.setattr("sys.stdin", buffer)
    paths = Path("pipe"), Path("own.png"), Path("-")
    with _streams.from_stdin(paths) as files:
        assert [files[0].read_bytes(), files[2].read_bytes()] == [b"piped", b"given"]
        assert files[1] == Path("own.png") and files[0].read_bytes() == b"piped"
    assert not files[0].exists() and not files[2].exists()


def test_errors_name_the_pipe(pipe):
    pipe(b"piped")
    with pytest.raises(ValueError, match="^cannot read pipe: no picture$"):
        with _streams.from_stdin([Path("pipe")]) as (file,):
            raise ValueError(f"cannot read {file}: no picture")


def test_an_empty_pipe(pipe):
    pipe(b"")
    with pytest.raises(ValueError, match="pipe is empty; pipe a picture into it"):
        with _streams.from_stdin([Path("pipe")]):
            pass


def test_results_of_pipes_lie_here(pipe):
    painting = Path("deep/s.png")
    assert _outputs.picture_beside(Path("pipe"), painting) == Path("picture__s.png")
    assert _outputs.picture_beside(Path("deep/c.png"), Path("pipe")) == Path(
        "deep/c__picture.png"
    )
    assert _outputs.folder_beside(Path("-"), painting, "grid") == Path(
        "picture__s-grid"
    )


def test_what_is_read_more_than_once_is_no_pipe(pipe, tmp_path):
    _streams.check_read_again(tmp_path)
    _streams.check_read_again(Path("absent.png"))
    for stream in ("pipe", "-"):
        with pytest.raises(ValueError, match="read more than once.*save it to a file"):
            _streams.check_read_again(Path(stream))
