"""Neural style transfer as pure functions.

A picture is optimised so that its VGG features match a photograph's and their
statistics match a painting's (Gatys, Ecker and Bethge, "Image style transfer using
convolutional neural networks", CVPR 2016). Pictures are (H, W, 3), RGB, float32 in
[0, 1]; feature maps (..., h, w, c).
"""

from importlib.metadata import PackageNotFoundError, version

from jaxnst import feedforward, presets
from jaxnst.batch import render_batch, stylize_batch
from jaxnst.config import Config, Weights
from jaxnst.feedforward_weights import load_feedforward
from jaxnst.gaussians import wasserstein_loss
from jaxnst.grid import best_start, grid_search, render_grid
from jaxnst.images import load_image, save_image
from jaxnst.losses import (
    content_loss,
    gram_matrix,
    style_loss,
    total_variation,
)
from jaxnst.networks.loading import load_network, network_from_weights
from jaxnst.networks.network import Network
from jaxnst.objective import Targets, make_targets, objective
from jaxnst.pyramid import stylize_pyramid
from jaxnst.render import render
from jaxnst.rows import split_rows
from jaxnst.settings import Settings
from jaxnst.transfer import Result, stylize

try:
    __version__ = version("jaxnst")
except PackageNotFoundError:  # used from a checkout that is not installed
    __version__ = "0"

__all__ = [
    "Config",
    "Network",
    "Result",
    "Settings",
    "Targets",
    "Weights",
    "best_start",
    "content_loss",
    "feedforward",
    "gram_matrix",
    "grid_search",
    "load_feedforward",
    "load_image",
    "load_network",
    "make_targets",
    "network_from_weights",
    "objective",
    "presets",
    "render",
    "render_batch",
    "render_grid",
    "save_image",
    "split_rows",
    "style_loss",
    "stylize",
    "stylize_batch",
    "stylize_pyramid",
    "total_variation",
    "wasserstein_loss",
]
