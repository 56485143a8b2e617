"""What a picture's file keeps of the run that made it, and how that is used again."""

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxnst import images
from jaxnst._files import sha256
from jaxnst._fingerprint import as_stored
from jaxnst._version import __version__
from jaxnst.feedforward.model import FeedForward
from jaxnst.networks.network import Network
from jaxnst.optimize.result import Result
from jaxnst.pipeline.settings import Settings

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "pillow")


def describe(
    settings: Settings,
    network: Network,
    result: Result,
    *,
    pictures: Sequence[Path | str],
    digests: Mapping[str, str],
    decoder: FeedForward | None = None,
) -> dict[str, Any]:
    """What the file keeps, so that the picture can be made again.

    Args:
        pictures: photograph and paintings, as they are called.
        digests: from `digests_of`, of all that were read: those, and one to start from.
    """
    passed = {} if decoder is None else {"decoder": _identity(decoder)}
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {
        "settings": settings.to_json(),
        "content": str(pictures[0]),
        "styles": [str(path) for path in pictures[1:]],
        "sha256": dict(digests),
        "weights": _identity(network),
        **passed,
        "steps": result.steps,
        "final": {
            name: float(values[-1]) if np.isfinite(values[-1]) else None
            for name, values in result.trace.items()
        },
        "versions": {"jaxnst": __version__, **packages},
    }


def digests_of(files: Mapping[Path, str]) -> dict[str, str]:
    """{what it is called: SHA-256} of {file: what it is called}.

    To be taken when the files are read: when the picture is done they may be gone.
    """
    return {name: sha256(path) for path, name in files.items()}


def shortened(
    stored: dict[str, Any], fits: Callable[[dict[str, Any]], bool]
) -> tuple[dict[str, Any], str]:
    """What a file keeps, as much of it as it can hold; and what was left out, in words,
    "" if nothing was.

    First the checksums of the paintings go, then their names. What remains are the
    settings, which `read_settings` reads as ever.

    Args:
        stored: from `describe`.
        fits: whether the file holds so much.
    """
    if fits(stored):
        return stored, ""
    photograph, digests = stored["content"], stored["sha256"]
    kept = {name: digest for name, digest in digests.items() if name == photograph}
    count = len(stored["styles"])
    shorter = stored | {"sha256": kept}
    if fits(shorter):
        return shorter, f"the checksums of its {count} paintings"
    return shorter | {"styles": []}, f"the names and checksums of its {count} paintings"


def _identity(model: Network | FeedForward) -> dict[str, str]:
    return {"source": model.source, "sha256": model.checksum}


def with_current_settings(record: Any) -> Any:
    """A record that holds settings, which an earlier version may have written, with
    those settings as this version writes them; what cannot be read stays as it is."""
    try:
        settings = Settings.from_json(record["settings"])
        return as_stored(record | {"settings": settings.to_json()})
    # Nested too deep, beyond any float: what damage makes of JSON.
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return record


def read_settings(path: Path) -> tuple[Settings, tuple[Path, ...]]:
    """Settings and pictures of the run that made the picture `path`.

    Raises:
        ValueError: there are none in it, or they are damaged.
    """
    stored = images.read_metadata(path)
    if stored is None or "settings" not in stored:
        raise ValueError(
            f"{path} carries no settings of jaxnst; give the picture as "
            "jaxnst wrote it, not a copy that another program saved"
        )
    try:
        settings = Settings.from_json(stored["settings"])
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path}: its settings cannot be used: {error}") from None
    styles = stored.get("styles")
    names = [stored.get("content"), *(styles if isinstance(styles, list) else [None])]
    if not all(isinstance(name, str) and "\0" not in name for name in names):
        raise ValueError(f"{path}: its settings do not name its pictures")
    return settings, tuple(map(Path, names))


def changed_inputs(
    path: Path,
    digests: Mapping[str, str],
    network: Network,
    decoder: FeedForward | None = None,
) -> Iterator[str]:
    """What is no longer as it was when the picture `path` was made, in words.

    Args:
        digests: from `digests_of`, of what is read now.
    """
    stored = images.read_metadata(path) or {}
    before, weights = stored.get("sha256"), stored.get("weights")
    known = before if isinstance(before, dict) else {}
    for name, digest in digests.items():
        if known.get(name) not in (None, digest):
            yield f"{name} is not the picture it was when {path} was made"
    if isinstance(weights, dict) and weights.get("sha256") != network.checksum:
        yield f"the network's weights are not those with which {path} was made"
    passed = stored.get("decoder")
    if decoder is not None and isinstance(passed, dict):
        if passed.get("sha256") != decoder.checksum:
            yield f"the decoder is not the one with which {path} was made"
