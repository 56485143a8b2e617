"""Neural style transfer as pure functions.

A picture is optimised so that its VGG features match a photograph's and their
statistics match a painting's (Gatys, Ecker and Bethge, "Image style transfer using
convolutional neural networks", CVPR 2016). Pictures are (H, W, 3), RGB, float32 in
[0, 1]; feature maps (..., h, w, c).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jaxnst._version import __version__ as __version__

if TYPE_CHECKING:
    from jaxnst import feedforward, metrics
    from jaxnst.feedforward import load_feedforward
    from jaxnst.images import load_image, save_image
    from jaxnst.losses import (
        Config,
        Regions,
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
    from jaxnst.pipeline import (
        Settings,
        presets,
        render,
        render_batch,
        render_grid,
        render_texture,
    )
    from jaxnst.pretrained import load_network, network_from_weights

# Names come when they are first asked for: JAX takes seconds to import, in which a
# command would answer nothing, not even Ctrl-C.
_PLACES = {
    "feedforward": ("load_feedforward",),
    "images": ("load_image", "save_image"),
    "losses": (
        "Config",
        "Regions",
        "Targets",
        "Weights",
        "content_loss",
        "gram_matrix",
        "make_targets",
        "objective",
        "style_loss",
        "total_variation",
        "wasserstein_loss",
    ),
    "networks": ("Network",),
    "optimize": ("Result", "optimizers", "stylize", "stylize_pyramid"),
    "parallel": ("best_start", "grid_search", "split_rows", "stylize_batch"),
    "pipeline": (
        "Settings",
        "presets",
        "render",
        "render_batch",
        "render_grid",
        "render_texture",
    ),
    "pretrained": ("load_network", "network_from_weights"),
}
_MODULES = {"gaussian", "linalg", "metrics", "video", *_PLACES}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"jaxnst.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'jaxnst' has no attribute {name!r}")
    value = getattr(import_module(f"jaxnst.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_MODULE_OF})


__all__ = [
    "Config",
    "Network",
    "Regions",
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
    "render_texture",
    "save_image",
    "split_rows",
    "style_loss",
    "stylize",
    "stylize_batch",
    "stylize_pyramid",
    "total_variation",
    "wasserstein_loss",
]
