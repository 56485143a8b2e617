"""Which commands there are."""

from importlib import import_module
from types import ModuleType

COMMANDS = {
    "stylize": "paint a photograph in the style of a painting",
    "app": "open a page to play with in the browser",
    "batch": "paint whole folders: every photograph like every painting",
    "video": "paint a clip in the style of a painting, without flicker",
    "grid": "paint a pair under many weights at once, and compare",
    "texture": "make a texture of a painting, of any size, without seams if wanted",
    "study": "compare networks, layers and weights on a pair, as one page",
    "judge": "measure how close a picture is to painting and photograph",
    "convert-weights": "convert published network weights to jaxnst's format",
    "train-decoder": "train the network behind one pass (--fast)",
    "train-network": "train a narrow feature network on a wide one",
    "info": "versions, devices, where weights and caches are",
    "completion": "print a script that completes commands and options in a shell",
}


def command(name: str) -> ModuleType:
    """The module of a command."""
    return import_module(f"jaxnst.cli.{name.replace('-', '_')}")
