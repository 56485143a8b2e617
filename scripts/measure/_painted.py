"""Pictures that a comparison paints once and finds again the next time."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jaxnst
from jaxnst import Network, Result, images, metrics
from jaxnst.feedforward.model import FeedForward
from jaxnst.metrics import SCALES, Scores
from jaxnst.pipeline.inputs import load_pictures
from jaxnst.pipeline.settings import Settings

Pair = tuple[Path, Path]


@dataclass(frozen=True)
class Candidate:
    """A network under a label, the settings that it paints with, and where they start
    from one pass, a decoder that is not the built-in one."""

    label: str
    network: Network
    settings: Settings
    decoder: FeedForward | None = None


def render(candidate: Candidate, pair: Pair) -> Result:
    """The pair's picture, painted now."""
    given = candidate.settings, candidate.network
    pictures = load_pictures(*given, pair[0], [pair[1]])
    return jaxnst.render(*given, *pictures, decoder=candidate.decoder)


def judged(judge: Network, picture: Any, pair: Pair) -> Scores:
    """What a judge says of a pair's picture."""
    given = (images.load_image(path, size=max(SCALES)) for path in pair)
    return metrics.judge(judge, picture, *given)


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
        result = render(candidate, pair)
        path.parent.mkdir(parents=True, exist_ok=True)
        images.save_image(path, result.image, metadata=described)
    return images.load_image(path)  # the same numbers, painted now or before
