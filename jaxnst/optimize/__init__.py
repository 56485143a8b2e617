"""The optimisation of one picture: optimisers, the compiled loop, coarse to fine."""

from jaxnst.optimize.checkpoint import load_checkpoint, save_checkpoint
from jaxnst.optimize.laplacian_pyramid import in_pyramid
from jaxnst.optimize.options import RunOptions
from jaxnst.optimize.pyramid import stylize_pyramid
from jaxnst.optimize.result import Progress, Result
from jaxnst.optimize.single import stylize

__all__ = [
    "Progress",
    "Result",
    "RunOptions",
    "in_pyramid",
    "load_checkpoint",
    "save_checkpoint",
    "stylize",
    "stylize_pyramid",
]
