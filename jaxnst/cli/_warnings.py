"""Warnings of a run: what is not as its settings expect, and losses that go astray."""

from collections.abc import Mapping
from pathlib import Path

from jaxnst.cli._app import warn
from jaxnst.optimize.optimizers import DEFAULT_RATES
from jaxnst.optimize.result import Result
from jaxnst.pipeline.inputs import Inputs
from jaxnst.pipeline.provenance import changed_inputs
from jaxnst.pipeline.settings import Optimization


def warn_if_other(
    before: Path | None, digests: Mapping[str, str], inputs: Inputs
) -> None:
    """Warn of pictures and weights that are not those the settings were made for.

    Args:
        before: the picture whose settings they are.
        digests: {what it is called: SHA-256} of every picture that is read.
    """
    if before is not None:
        for text in changed_inputs(before, digests, inputs.network, inputs.decoder):
            warn(text)


def warn_if_astray(result: Result, how: Optimization) -> None:
    """Warn of a loss that was not finite, or rose again.

    Args:
        how: it was optimised.
    """
    losses = result.trace["loss"]
    if not result.finite:
        warn(f"the loss was not finite at step {result.steps}; {_advice(how)}")
    elif losses[-1] > 2 * losses.min():
        warn(f"the loss rose again after its lowest value; {_advice(how)}")


def _advice(how: Optimization) -> str:
    rate = how.learning_rate
    if rate is None:
        rate = DEFAULT_RATES[how.optimizer]
    lower = f"try a --learning-rate below {rate:g}"
    return lower if how.optimizer == "adam" else f"{lower}, or --optimizer adam"
