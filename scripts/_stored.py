"""What a picture's file keeps of the run that made it, and how that is used again."""

import hashlib
import importlib.metadata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxnst import images, presets
from jaxnst.feedforward import FeedForward
from jaxnst.networks.network import Network
from jaxnst.settings import Settings
from jaxnst.transfer import Result

_PACKAGES = ("jaxnst", "jax", "jaxlib", "flax", "optax", "numpy", "pillow")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def describe(
    settings: Settings,
    pictures: tuple[Path, ...],
    files: Iterable[Path],
    network: Network,
    result: Result,
    decoder: FeedForward | None = None,
) -> dict[str, Any]:
    """What the file keeps, so that the picture can be made again.

    Args:
        files: all that were read: `pictures`, and one to start from.
    """
    passed = {} if decoder is None else {"decoder": _held(decoder)}
    return {
        "settings": settings.to_json(),
        "content": str(pictures[0]),
        "styles": [str(path) for path in pictures[1:]],
        "sha256": {str(path): digest(path) for path in files},
        "weights": _held(network),
        **passed,
        "steps": result.steps,
        "final": {
            name: float(values[-1]) if np.isfinite(values[-1]) else None
            for name, values in result.trace.items()
        },
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def _held(model: Network | FeedForward) -> dict[str, str]:
    return {"source": model.source, "sha256": model.checksum}


def recall(path: Path) -> tuple[Settings, tuple[Path, ...]]:
    """Settings and pictures of the run that made the picture `path`.

    Raises:
        ValueError: there are none in it, or they are damaged.
    """
    stored = images.read_metadata(path)
    if stored is None or "settings" not in stored:
        raise ValueError(
            f"{path} carries no settings of jaxnst; give the picture as "
            "scripts/stylize.py wrote it, not a copy that another program saved"
        )
    try:
        settings = Settings.from_json(stored["settings"])
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{path}: its settings cannot be used: {error}") from None
    styles = stored.get("styles")
    names = [stored.get("content"), *(styles if isinstance(styles, list) else [None])]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"{path}: its settings do not name its pictures")
    return settings, tuple(map(Path, names))


def changes(
    path: Path,
    files: Iterable[Path],
    network: Network,
    decoder: FeedForward | None = None,
) -> Iterator[str]:
    """What is no longer as it was when the picture `path` was made, in words."""
    stored = images.read_metadata(path) or {}
    digests, weights = stored.get("sha256"), stored.get("weights")
    known = digests if isinstance(digests, dict) else {}
    for file in files:
        if known.get(str(file)) not in (None, digest(file)):
            yield f"{file} is not the picture it was when {path} was made"
    if isinstance(weights, dict) and weights.get("sha256") != network.checksum:
        yield f"the network's weights are not those with which {path} was made"
    passed = stored.get("decoder")
    if decoder is not None and isinstance(passed, dict):
        if passed.get("sha256") != decoder.checksum:
            yield f"the decoder is not the one with which {path} was made"


def misfit(settings: Settings, network: Network) -> str | None:
    """A warning if the preset's numbers were chosen for other features than these."""
    if settings.preset not in presets.NAMES:
        return None
    wanted = presets.get(settings.preset).weights
    relative = settings.objective.style_reduction == "relative"
    if wanted is None or relative or wanted in network.source.lower():
        return None
    return (
        f"alpha, beta and tv of {settings.preset} were chosen for the features of "
        f"{wanted}'s weights; those of the weights given ({network.source}) may be of "
        "another magnitude, which calls for another --beta"
    )
