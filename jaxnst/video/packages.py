"""PyAV, which reads and writes clips, where it is installed."""

from importlib import import_module
from typing import Any

from jaxnst._files import printable


def import_av() -> Any:
    """PyAV.

    Raises:
        ValueError: it is not installed, or cannot be loaded here.
    """
    try:
        return import_module("av")
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "av"
        why = "is not installed" if missing else f"cannot be loaded ({error})"
        raise ValueError(
            f"clips are read and written by PyAV, which {why}; install it with: "
            "pip install 'jaxnst[video]'"
        ) from None


def reason(error: Exception) -> str:
    """What PyAV says went wrong, without numbers and names of functions."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(text[:1].lower() + text[1:])
