"""Whole runs: settings, presets, inputs, colours, what a file keeps of a run."""

from jaxnst.pipeline.inputs import load_inputs, open_network
from jaxnst.pipeline.protection import protect
from jaxnst.pipeline.run import render
from jaxnst.pipeline.run_many import render_batch, render_grid
from jaxnst.pipeline.settings import Geometry, Masks, Optimization, Settings
from jaxnst.pipeline.texture import render_texture, texture_settings

__all__ = [
    "Geometry",
    "Masks",
    "Optimization",
    "Settings",
    "load_inputs",
    "open_network",
    "protect",
    "render",
    "render_batch",
    "render_grid",
    "render_texture",
    "texture_settings",
]
