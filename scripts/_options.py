"""What one option of the command line makes of the defaults of others."""

import argparse
import sys
from dataclasses import replace

from jaxnst import presets
from jaxnst.settings import Settings

FAST = "encoder-transformer"


def given(name: str) -> str | None:
    """What the command line has for --NAME, before it is parsed as a whole."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument(f"--{name}", dest="value", nargs="?")
    value: str | None = first.parse_known_args()[0].value
    return value


def preset_settings() -> Settings:
    """The settings that --preset names, or --fast, for what else is given."""
    named = given("preset")
    if "--fast" in sys.argv:
        if named not in (None, FAST):
            raise ValueError(
                f"--fast is short for --preset {FAST}; leave one of them, or start "
                "from one pass with --init feedforward"
            )
        named = FAST
    return adapted(presets.get(named or "default"))


def adapted(settings: Settings) -> Settings:
    """The defaults with another --optimizer, whose rate is its own, or with other
    --style-layers or --content-layers, whose weights are equal."""
    optimizer, how = given("optimizer"), settings.optimization
    if optimizer not in (None, how.optimizer):
        settings = replace(settings, optimization=replace(how, learning_rate=None))
    terms = settings.terms
    if given("style-layers") is not None:
        terms = replace(terms, style_weights=None)
    if given("content-layers") is not None:
        terms = replace(terms, content_weights=None)
    return replace(settings, terms=terms)
