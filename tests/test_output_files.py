"""What may be written where: never over what is read, and tried before the work."""

import errno
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jaxnst import _files
from jaxnst._files import (
    atomic_write,
    check_not_read,
    check_output_file,
    check_writable_folder,
    fitting_name,
    remove_unfinished,
)


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"photo")
    (tmp_path / "folder").mkdir()
    return path


def test_what_is_read_is_not_written_by_whatever_name(photo, tmp_path):
    os.symlink(photo, "link.png")
    os.link(photo, "hard.png")
    os.symlink(tmp_path, "elsewhere")
    os.symlink("link.png", "links.png")
    names = ["photo.jpg", "./photo.jpg", "folder/../photo.jpg", "link.png", "hard.png"]
    for name in [*names, "links.png", "elsewhere/photo.jpg", photo]:
        for given in (name, Path(name)):
            with pytest.raises(ValueError, match=r"is read.*would be overwritten"):
                check_not_read(["other.png", given], [photo])
    with pytest.raises(ValueError, match=r"link.png is .*photo.jpg, which is read"):
        check_not_read(["link.png"], [photo])
    check_not_read(["photo.png", "folder/photo.jpg"], [photo, "absent.jpg"])


def test_two_outputs_are_two_files(photo, tmp_path):
    os.symlink(tmp_path, "elsewhere")
    os.symlink("new.png", "link.png")  # to what is not there yet
    for other in ("new.png", "./new.png", "elsewhere/new.png", "link.png"):
        with pytest.raises(ValueError, match="would be one file; choose another"):
            check_not_read(["new.png", "a.png", other], [photo])
    check_not_read(["new.png", "NEW.png", "folder/new.png"], [photo])


def test_case_counts_where_the_file_system_minds_it(photo, monkeypatch):
    assert not _files._ignores_case(str(photo.parent))
    monkeypatch.setattr(_files, "_ignores_case", lambda folder: True)
    with pytest.raises(ValueError, match="would be one file"):
        check_not_read(["new.png", "NEW.PNG"], [photo])
    with pytest.raises(ValueError, match="would be one file"):
        check_not_read(["caf\u00e9.png", "cafe\u0301.png"], [photo])
    with pytest.raises(ValueError, match="would be overwritten"):
        check_not_read(["absent.JPG"], ["absent.jpg"])


def test_that_case_does_not_count_is_seen_by_a_file_of_other_case(photo, monkeypatch):
    monkeypatch.setattr(os.path, "samefile", lambda one, other: True)
    assert _files._ignores_case(str(photo.parent))
    assert _files._ignores_case("/absent/folder")


def test_the_target_of_a_link_is_written(photo, tmp_path):
    (tmp_path / "folder" / "real.png").write_bytes(b"old")
    os.symlink("folder/real.png", "link.png")
    os.symlink("folder/later.png", "dangling.png")
    for name in ("link.png", "dangling.png"):
        assert check_output_file(name) == Path(name)
        with atomic_write(name) as temporary:
            temporary.write_bytes(b"new")
            assert temporary.parent.samefile("folder")
        assert Path(name).is_symlink() and Path(name).read_bytes() == b"new"
    assert sorted(os.listdir("folder")) == ["later.png", "real.png"]


def test_links_that_lead_nowhere_are_an_error(photo):
    os.symlink("two.png", "one.png")
    os.symlink("one.png", "two.png")
    os.symlink("absent/real.png", "lost.png")
    for check in (check_writable_folder, check_output_file):
        with pytest.raises(OSError, match="cannot write one.png: Too many levels"):
            check("one.png")
        with pytest.raises(FileNotFoundError, match="lost.png.*does not exist"):
            check("lost.png")


def test_devices_and_pipes_are_no_files(photo):
    os.mkfifo("pipe")
    for name in ("pipe", "/dev/null"):
        with pytest.raises(OSError, match="a device or a pipe; give the name"):
            check_writable_folder(name)
    assert Path("/dev/null").is_char_device()


def test_every_name_that_the_file_system_takes_can_be_written(photo):
    longest = os.pathconf(".", "PC_NAME_MAX")
    for name in ("x" * (longest - 4) + ".png", "x." + "y" * (longest - 2)):
        check_output_file(name)
        with atomic_write(name) as temporary:
            temporary.write_bytes(b"new")
        assert Path(name).read_bytes() == b"new"
    for check in (check_writable_folder, check_output_file):
        with pytest.raises(OSError, match="too long; choose a shorter one"):
            check("x" * (longest - 3) + ".png")


def test_the_trial_leaves_nothing_and_changes_nothing(photo, tmp_path):
    before = sorted(tmp_path.iterdir())
    for name in ("new.png", "photo.jpg"):
        assert check_output_file(name) == Path(name)
    assert sorted(tmp_path.iterdir()) == before and photo.read_bytes() == b"photo"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EINVAL])
def test_what_the_system_refuses_is_told_before_the_work(code, photo, monkeypatch):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("builtins.open", refuse)
    wanted = f"cannot write new.png: {re.escape(os.strerror(code))}; "
    with pytest.raises(OSError, match=wanted):
        check_output_file("new.png")


def test_a_trial_that_fails_half_way_leaves_nothing(photo, tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    def half(path, mode):
        Path(path).touch()  # the name fits on the disk, a byte does not
        return Full()

    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr("builtins.open", half)
    with pytest.raises(OSError, match="cannot write new.png: No space left"):
        check_output_file("new.png")
    assert sorted(tmp_path.iterdir()) == before


def test_an_error_of_writing_names_the_file_and_not_the_temporary_one(photo):
    with pytest.raises(OSError) as caught, atomic_write("new.png") as temporary:
        raise OSError(errno.ENOSPC, "No space left on device", str(temporary))
    assert "cannot write new.png: No space left on device; free" in str(caught.value)
    assert ".part" not in str(caught.value) and caught.value.errno == errno.ENOSPC
    other = OSError(errno.EIO, "Input/output error", "photo.jpg")
    with pytest.raises(OSError) as caught, atomic_write("new.png"):
        raise other
    assert caught.value is other


def test_what_killed_runs_left_is_removed_and_nothing_else(photo, tmp_path):
    killed = (
        "import os\nfrom jaxnst._files import atomic_write\n"
        "with atomic_write('folder/a.png') as path:\n"
        "    path.write_bytes(b'half'); os._exit(9)"
    )
    subprocess.run(
        [sys.executable, "-c", killed],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        timeout=100,
    )
    (left,) = os.listdir("folder")
    assert left.startswith(".jaxnst-") and left.endswith(".part.png")
    with atomic_write("folder/b.png") as ours:  # of a process that runs: this one
        ours.write_bytes(b"new")
        strangers = [".a.12345678.part.png", ".sync.part.jpg", "photo.part.png"]
        machine = "0000" if _files._machine() != "0000" else "0001"
        strangers.append(left.replace(_files._machine(), machine))
        for name in strangers:
            Path("folder", name).write_bytes(b"stranger")
        check_output_file("folder/a.png")
        assert sorted(os.listdir("folder")) == sorted([*strangers, ours.name])
    remove_unfinished(Path("folder"))
    assert sorted(os.listdir("folder")) == sorted([*strangers, "b.png"])


def test_a_name_that_is_too_long_is_cut_and_stays_its_own(photo):
    assert fitting_name("photo__painting", ".png") == "photo__painting.png"
    for stem in ("x" * 400, "\u6f22" * 200, "x" * 400 + "y", "\udcff" * 300):
        name = fitting_name(stem, ".png")
        assert name.endswith(".png") and len(os.fsencode(name)) <= 248
        check_output_file(name)
    assert len({fitting_name("x" * n, ".png") for n in range(100, 600)}) == 500
