"""Going on from a finished picture: its settings again, with more or less style."""

import math
from dataclasses import replace
from pathlib import Path

from jaxnst.pipeline.provenance import read_settings
from jaxnst.pipeline.settings import Settings

_STEPS = 60  # from a picture that is nearly there

_STRENGTH = 0.15  # of `strength`, for as much


def continue_settings(path: Path) -> tuple[Settings, tuple[Path, ...]]:
    """Settings that go on from the picture `path`, and the pictures it was made of.

    At its full size alone: coarse levels would draw it anew.

    Raises:
        ValueError: as of `read_settings`.
    """
    settings, pictures = read_settings(path)
    how = replace(settings.optimization, init=str(path), steps=(_STEPS,))
    geometry = replace(settings.geometry, min_size=None)
    return replace(settings, optimization=how, geometry=geometry), pictures


def scale_style(settings: Settings, factor: float) -> Settings:
    """So many times as much style: of beta, or 0.15 of strength for each doubling."""
    terms = settings.terms
    if terms.strength is None:
        return replace(settings, terms=replace(terms, beta=terms.beta * factor))
    strength = terms.strength + _STRENGTH * math.log2(factor)
    strength = min(1.0, max(0.0, strength))
    return replace(settings, terms=replace(terms, strength=strength))
