"""Going on from a finished picture: its settings again, with more or less style."""

import math
from dataclasses import replace
from pathlib import Path

from _stored import recall

from jaxnst.settings import Settings

_STEPS = 60  # from a picture that is nearly there
_MORE = 2.0  # times as much style
_STRENGTH = 0.15  # of `strength`, for as much


def continued(path: Path) -> tuple[Settings, tuple[Path, ...]]:
    """Settings that go on from the picture `path`, and the pictures it was made of.

    At its full size alone: coarse levels would draw it anew.

    Raises:
        ValueError: as of `recall`.
    """
    settings, pictures = recall(path)
    how = replace(settings.optimization, init=str(path), steps=(_STEPS,))
    geometry = replace(settings.geometry, coarsest=None)
    return replace(settings, optimization=how, geometry=geometry), pictures


def output_of(path: Path) -> Path:
    """Where the new picture goes if nobody says where: beside the old one."""
    return path.with_name(f"{path.stem}-continued{path.suffix}")


def factor_of(*, more: bool, less: bool, factor: float | None) -> float:
    """How many times as much style the options ask for.

    Raises:
        ValueError: more than one of them, or a factor that is not above 0.
    """
    if more + less + (factor is not None) > 1:
        raise ValueError(
            "--more-style, --less-style and --style-factor exclude each other; give one"
        )
    if factor is not None and not (0 < factor < math.inf):
        raise ValueError(f"--style-factor must be above 0, got {factor:g}")
    return factor or (_MORE if more else 1 / _MORE if less else 1.0)


def with_style(settings: Settings, factor: float) -> Settings:
    """So many times as much style: of beta, or 0.15 of strength for each doubling."""
    terms = settings.terms
    if terms.strength is None:
        return replace(settings, terms=replace(terms, beta=terms.beta * factor))
    strength = terms.strength + _STRENGTH * math.log2(factor)
    strength = min(1.0, max(0.0, strength))
    return replace(settings, terms=replace(terms, strength=strength))
