"""What one option of the command line makes of the defaults of others."""

import argparse
from dataclasses import replace

from jaxnst import presets
from jaxnst.settings import Settings


def given(name: str) -> str | None:
    """What the command line has for --NAME, before it is parsed as a whole."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument(f"--{name}", dest="value", nargs="?")
    value: str | None = first.parse_known_args()[0].value
    return value


def preset_settings() -> Settings:
    """The settings that --preset names, for the --optimizer given."""
    return adapted(presets.get(given("preset") or "default"))


def adapted(settings: Settings) -> Settings:
    """The defaults with another --optimizer: a preset's rate belongs to its own."""
    optimizer, how = given("optimizer"), settings.optimization
    if optimizer in (None, how.optimizer):
        return settings
    return replace(settings, optimization=replace(how, learning_rate=None))
