"""Clips: read frame by frame, painted without flicker, and written with their times
and their sound."""

from jaxnst.video.clip import Clip, Frame, open_clip

__all__ = ["Clip", "Frame", "open_clip"]
