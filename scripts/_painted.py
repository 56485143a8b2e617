"""Pictures that a comparison paints once and finds again the next time."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jaxnst
from jaxnst import Network, images
from jaxnst.feedforward import FeedForward
from jaxnst.settings import Settings

Pair = tuple[Path, Path]


@dataclass(frozen=True)
class Candidate:
    """A network under a label, the settings that it paints with, and where they start
    from one pass, a decoder that is not the built-in one."""

    label: str
    network: Network
    settings: Settings
    decoder: FeedForward | None = None


def painted_pair(candidate: Candidate, pair: Pair, folder: Path) -> Any:
    """The picture of a pair, painted unless it lies in `folder` already."""
    content, style = pair
    path = folder / candidate.label / f"{content.stem}_{style.stem}.png"
    described = {
        "settings": candidate.settings.to_json(),
        "weights": candidate.network.checksum,
    }
    if candidate.decoder is not None:
        described["decoder"] = candidate.decoder.checksum
    described = json.loads(json.dumps(described))  # tuples are lists in a file
    if not path.exists() or images.read_metadata(path) != described:
        pictures = images.load_image(content), [images.load_image(style)]
        given = candidate.settings, candidate.network, *pictures
        result = jaxnst.render(*given, decoder=candidate.decoder)
        path.parent.mkdir(parents=True, exist_ok=True)
        images.save_image(path, result.image, metadata=described)
    return images.load_image(path)  # the same numbers, painted now or before
