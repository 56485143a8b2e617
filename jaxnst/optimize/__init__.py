"""The optimisation of one picture: optimisers, the compiled loop, coarse to fine."""

from jaxnst.optimize.checkpoint import load_checkpoint, save_checkpoint
from jaxnst.optimize.pyramid import stylize_pyramid
from jaxnst.optimize.single import Progress, Result, stylize

__all__ = [
    "Progress",
    "Result",
    "load_checkpoint",
    "save_checkpoint",
    "stylize",
    "stylize_pyramid",
]
