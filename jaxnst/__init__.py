"""Neural style transfer as pure functions.

A picture is optimised so that its VGG features match a photograph's and their
statistics match a painting's (Gatys, Ecker and Bethge, "Image style transfer using
convolutional neural networks", CVPR 2016). Pictures are (H, W, 3), RGB, float32 in
[0, 1]; feature maps (..., h, w, c).
"""

from jaxnst import feedforward, metrics
from jaxnst._version import __version__ as __version__
from jaxnst.feedforward import load_feedforward
from jaxnst.images import load_image, save_image
from jaxnst.losses import (
    Config,
    Targets,
    Weights,
    content_loss,
    gram_matrix,
    make_targets,
    objective,
    style_loss,
    total_variation,
    wasserstein_loss,
)
from jaxnst.networks import Network
from jaxnst.optimize import Result, optimizers, stylize, stylize_pyramid
from jaxnst.parallel import best_start, grid_search, split_rows, stylize_batch
from jaxnst.pipeline import Settings, presets, render, render_batch, render_grid
from jaxnst.pretrained import load_network, network_from_weights

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
    "metrics",
    "network_from_weights",
    "objective",
    "optimizers",
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
