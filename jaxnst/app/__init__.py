"""The page to play with: painting, drafts, grids and a camera in the browser.

What it computes are plain functions of files and settings; Gradio, which draws the page
and answers programs, is imported by `page`, `endpoints` and `server` alone.
"""

from importlib.util import find_spec

MISSING = "the page needs Gradio, which is not installed: pip install 'jaxnst[app]'"


def check_installed() -> None:
    """ValueError, with the command that mends it, where Gradio is not installed."""
    if find_spec("gradio") is None:
        raise ValueError(MISSING)


__all__ = ["MISSING", "check_installed"]
