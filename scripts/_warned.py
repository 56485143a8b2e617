"""Warnings of a run: what is not as its settings expect, and losses that go astray."""

from collections.abc import Iterable
from pathlib import Path

from _cli import warn
from _stored import changes, misfit

from jaxnst.feedforward import FeedForward
from jaxnst.networks.network import Network
from jaxnst.settings import Settings
from jaxnst.transfer import Result


def warn_if_other(
    before: Path | None,
    files: Iterable[Path],
    settings: Settings,
    network: Network,
    decoder: FeedForward | None,
) -> None:
    """Warn of pictures and weights that are not those the settings were made for.

    Args:
        before: the picture whose settings they are.
    """
    if before is not None:
        for text in changes(before, files, network, decoder):
            warn(text)
    other = misfit(settings, network)
    if other is not None:
        warn(other)


def warn_if_astray(result: Result) -> None:
    losses = result.trace["loss"]
    hint = "try a lower --learning-rate, or --optimizer adam"
    if not result.finite:
        warn(f"the loss was not finite at step {result.steps}; {hint}")
    elif losses[-1] > 2 * losses.min():
        warn(f"the loss rose again after its lowest value; {hint}")
