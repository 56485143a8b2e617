"""Clips: read frame by frame, painted without flicker, and written with their times
and their sound."""

from jaxnst.video.clip import Clip, Frame, open_clip
from jaxnst.video.encode import Writer
from jaxnst.video.formats import check_clip_output, fitted_size, format_of
from jaxnst.video.kept import check_kept, kept_folder
from jaxnst.video.masks import ClipMasks, FrameMask, open_masks
from jaxnst.video.paint import PaintedClip, paint_clip
from jaxnst.video.painter import Painter
from jaxnst.video.painters import OnePassPainter, OptimisedPainter

__all__ = [
    "Clip",
    "ClipMasks",
    "Frame",
    "FrameMask",
    "OnePassPainter",
    "OptimisedPainter",
    "PaintedClip",
    "Painter",
    "Writer",
    "check_clip_output",
    "check_kept",
    "fitted_size",
    "format_of",
    "kept_folder",
    "open_clip",
    "open_masks",
    "paint_clip",
]
