"""Whether a run can go on from a result that was kept."""

import math

import numpy as np

from jaxnst.losses.config import Config, Weights
from jaxnst.optimize.result import Result


def term_names(config: Config, weights: Weights) -> set[str]:
    """What the trace of a run holds."""
    names = {"loss", "content", "style", "tv"}
    names |= {f"content/{layer}" for layer in config.content_terms}
    names |= {f"style/{layer}" for layer in config.style_terms}
    return names if weights.strength is None else names | {"beta"}


def check_resumable(
    result: Result, config: Config | None, weights: Weights | None
) -> None:
    """Check that a run with such an objective could have given the result.

    Args:
        config, weights: of the run; None, the defaults.

    Raises:
        ValueError: its trace is of other terms or another number of steps, or its
            picture or its average is not finite.
    """
    config = Config() if config is None else config
    expected = term_names(config, Weights() if weights is None else weights)
    mend = "give the result of a run with the same options, or begin anew"
    other = sorted(expected ^ set(result.trace))
    if other:
        raise ValueError(
            f"the result to go on from has other terms than this run "
            f"({', '.join(map(str, other))[:200]}); {mend}"
        )
    if any(np.shape(values) != (result.steps,) for values in result.trace.values()):
        raise ValueError(
            f"the traces of the result to go on from are not of its {result.steps} "
            f"steps; {mend}"
        )
    check_finite(result)


def check_finite(result: Result) -> None:
    """Check that the pictures and numbers of a result of one picture are some.

    Raises:
        ValueError: one is NaN, infinite, or not a picture's.
    """
    picture, state = np.asarray(result.image), result.state
    if not np.isfinite(picture).all() or picture.min() < 0 or picture.max() > 1:
        raise ValueError("its picture is not of numbers from 0 to 1")
    if not (math.isfinite(result.seconds) and result.seconds >= 0):
        raise ValueError(f"it took {result.seconds} seconds")
    if state is None or not result.finite:
        return
    for name in ("image", "ema", "log_beta"):
        values = getattr(state, name)
        if values is not None and not np.isfinite(np.asarray(values)).all():
            raise ValueError(f"the {name} of its state is not finite")
    if not 0 <= int(state.count) <= result.steps:
        raise ValueError(f"its state counts {int(state.count)} steps")
