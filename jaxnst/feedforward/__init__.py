"""One pass: an image in the style of any other without optimisation."""

from jaxnst.feedforward.model import (
    LAYERS,
    FeedForward,
    Style,
    apply_style,
    blended,
    new_feedforward,
    style_of,
    stylize,
    stylize_compiled,
)
from jaxnst.feedforward.weights_file import load_feedforward, write_feedforward

__all__ = [
    "LAYERS",
    "FeedForward",
    "Style",
    "apply_style",
    "blended",
    "load_feedforward",
    "new_feedforward",
    "style_of",
    "stylize",
    "stylize_compiled",
    "write_feedforward",
]
