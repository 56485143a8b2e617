"""Versions, devices, where weights were found, and where caches lie."""

import importlib.metadata
import platform
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import platformdirs

from jaxnst._version import __version__
from jaxnst.cli._app import Common
from jaxnst.optimize.memory import available_bytes
from jaxnst.pretrained import sources
from jaxnst.pretrained.registry import BUILTINS, SOURCES

USAGE = "[--json]"
HELP = {"output": ("json",)}

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "pillow", "h5py")
_EXTRAS = {
    "plot": ("matplotlib",),
    "video": ("av", "cv2"),
    "app": ("gradio",),
    "ray": ("ray", "pyarrow"),
}


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    pass


def weights() -> dict[str, str | None]:
    """{network: the file of its weights, None where there is none here}."""
    names = dict.fromkeys([*BUILTINS, *(source.architecture for source in SOURCES)])
    found: dict[str, str | None] = {}
    for name in names:
        try:
            path = sources.find_local_weights(name)
            found[name] = None if path is None else str(path)
        except (OSError, ValueError) as error:
            found[name] = f"not usable: {error}"
    return found


def facts() -> dict[str, Any]:
    """Everything that is printed, by name."""
    cache = Path(platformdirs.user_cache_dir("jaxnst"))
    return {
        "versions": {
            "jaxnst": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
        "extras": {
            name: all(find_spec(module) is not None for module in modules)
            for name, modules in _EXTRAS.items()
        },
        "platform": platform.platform(),
        "devices": [f"{d.platform}: {d.device_kind}" for d in jax.local_devices()],
        "free_memory_bytes": available_bytes(),
        "weights": weights(),
        "caches": {"weights": str(cache), "compiled": str(cache / "compiled")},
    }


def main(arguments: Arguments) -> int:
    found = facts()
    versions = ", ".join(f"{name} {v}" for name, v in found["versions"].items())
    arguments.say(f"versions   {versions}")
    missing = [name for name, there in found["extras"].items() if not there]
    if missing:
        arguments.say(f"not here   extras {', '.join(missing)}: pip install 'jaxnst"
                      f"[{','.join(missing)}]'")  # fmt: skip
    arguments.say(f"platform   {found['platform']}")
    for device in found["devices"]:
        arguments.say(f"device     {device}")
    arguments.say(f"memory     {found['free_memory_bytes'] / 2**30:.1f} GiB free")
    for name, path in found["weights"].items():
        where = path or f"not here; --network {name} fetches them, once"
        arguments.say(f"weights    {name}: {where}")
    for name, path in found["caches"].items():
        arguments.say(f"cache      {name}: {path}")
    arguments.answer(**found)
    return 0
