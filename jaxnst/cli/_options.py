"""The options that are settings: their words, older spellings, and what one of them
makes of the defaults of others."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jaxnst.cli._parser import Misuse, Words
from jaxnst.pipeline import presets
from jaxnst.pipeline.settings import Settings

FAST = "encoder-transformer"

# What options were called in earlier versions.
_FORMER = {
    "--fall": "--lr-decay",
    "--average": "--ema",
    "--coarsest": "--min-size",
    "--blend": "--style-mix",
    "--carry": "--keep-optimizer-state",
    "--no-carry": "--no-keep-optimizer-state",
}

SECTIONS = {
    "": "more",
    "settings": "network and colours",
    "settings.terms": "weights: alpha content + beta style + tv smoothness",
    "settings.geometry": "sizes, and levels from coarse to fine",
    "geometry": "sizes, and levels from coarse to fine",
    "settings.optimization": "optimisation",
    "settings.masks": "regions: which part takes which style",
    "optimization": "optimisation",
    "settings.objective": "objective: what is compared, in which convention",
    "objective": "objective: what is compared, in which convention",
    "training": "training",
}
"""Titles in `--help-all` for the part of the settings that an option belongs to."""

_SETTINGS = {
    "preset": ("NAME", f"settings by name, which other options change: "
                       f"{', '.join(presets.NAMES)}"),
    "network": ("NAME", "feature network: vgg19, vgg16, googlenet, vgg19-lite, or auto "
                        "for vgg19 if its weights are at hand, else vgg19-lite"),
    "weights": ("FILE", "its weights: .h5 or .safetensors, or a source such as keras"),
    "magnitude": (None, "features that the loss weights are for, and are carried over "
                        "from; none, for the network as it is"),
    "decoder": ("FILE", "weights for one pass, made by jaxnst train-decoder"),
    "color": (None, "colours of the painting, of the photograph, or of a painting "
                    "matched to the photograph's"),
    "photorealism": ("X", "colour and light alone, on the photograph's edges: "
                          "radius of the windows, over the longer side"),
    "style_mix": ("X", "share of each of several paintings; equal if not given"),
}  # fmt: skip
_TERMS = {
    "alpha": ("X", "weight of the content"),
    "beta": ("X", "weight of the style: larger, more of the painting"),
    "tv": ("X", "weight of the smoothness"),
    "content_weights": ("X", "one for each content layer"),
    "style_weights": ("X", "one for each style layer"),
    "strength": ("X", "how far to go, from 0, the photograph, to 1, whatever the pair; "
                      "beta is then adjusted on the way"),
}  # fmt: skip
_GEOMETRY = {
    "size": ("PIXELS|original", "long side of the picture; original, the photograph's"),
    "fit": (None, "the side that --size sets; square ignores the aspect"),
    "min_size": ("PIXELS", "size of the coarsest of several levels; the final size "
                           "alone if not given"),
    "ratio": ("X", "each level's size over that of the one before"),
    "margin": ("PIXELS", "mirrored border that is optimised too and cut off again"),
    "style_fit": (None, "the painting's own aspect, or the photograph's"),
    "style_scale": ("X", "size of the painting over that of the picture: larger, "
                         "larger brush strokes"),
}  # fmt: skip
_MASKS = {
    "content_mask": ("FILE", "mask of the photograph: white is painted, black stays; a "
                             "grey level for each of several paintings; or colours, "
                             "each with the style of its like in --style-mask"),
    "style_mask": ("FILE", "mask of each painting; without --content-mask, what is "
                           "white counts"),
    "feather": ("X", "width of the soft borders of regions, over the longer side"),
    "protect": ("FILE", "mask of what stays recognisable, such as faces and lettering: "
                        "white, grey in part"),
    "protect_strength": ("X", "how much of the photograph, in the painting's colours, "
                              "shows there, from 0 to 1"),
}  # fmt: skip
_OPTIMIZATION = {
    "steps": ("N", "steps at each level from coarse to fine, not in all; the last "
                   "number holds for all further levels"),
    "optimizer": (None, "Adam, RMSprop, L-BFGS with or without line search, gradient "
                        "descent"),
    "learning_rate": ("X", "step size; the optimiser's own if not given"),
    "b1": ("X", "Adam: decay of the mean of gradients"),
    "b2": ("X", "Adam, RMSprop: decay of the mean of their squares"),
    "lr_decay": ("X", "Adam, RMSprop: share of the steps, the last ones, over which "
                      "the rate falls to 0"),
    "laplacian": ("N", "optimise the levels of a Laplacian pyramid, so many, in place "
                       "of pixels; 0, pixels"),
    "alpha_ratio": ("X", "weight of the content at each level over that at the coarser "
                         "one"),
    "history": ("N", "L-BFGS: steps remembered"),
    "ema": ("X", "decay of an exponential moving average of the picture, which is then "
                 "the result"),
    "keep_optimizer_state": (None, "take the optimiser's state along from level to "
                                   "level"),
    "init": ("START", "start from content, noise, style, feedforward (what one pass "
                      "makes) or a picture file"),
    "seed": ("N", "of the noise"),
}  # fmt: skip
_OBJECTIVE = {
    "content_layers": ("LAYER", "layers whose features are matched: relu4_2 after the "
                                "ReLU, conv4_2 before it"),
    "style_layers": ("LAYER", "layers whose statistics are matched"),
    "statistic": (None, "Gram matrix; mean and covariance (Wasserstein-2); mean and "
                        "deviation; histograms; sliced Wasserstein; nearest "
                        "neighbours; relaxed earth mover's distance"),
    "content_reduction": (None, "of the content's squared differences"),
    "style_reduction": (None, "of the style's"),
    "gram_normalize": (None, "what Gram matrices are divided by"),
    "tv_kind": (None, "differences of pixels that smoothness counts"),
    "tv_reduction": (None, "of these"),
    "pooling": (None, "between the blocks of the network"),
    "padding": (None, "at the borders of feature maps"),
    "normalization": (None, "of the network's input"),
    "precision": (None, "of the activations"),
    "samples": ("N", "positions compared in each step, drawn at random; all if not "
                     "given"),
    "hypercolumns": (None, "compare the features of all style layers as one: as they "
                           "are, over the number of channels, or of one magnitude"),
    "guide": ("X", "share of the photograph in what nearest neighbours are looked for "
                   "once a level, in hypercolumns"),
    "palette": ("X", "weight of the distance of colours, in hypercolumns"),
    "octaves": ("N", "sizes of the picture at which the style is compared: its own, "
                     "half of it, a quarter and so on"),
    "clip": (None, "keep the picture within [0, 1] after each step"),
    "tile": ("PIXELS", "see the picture in exact tiles of this side, for less memory"),
}  # fmt: skip


def setting_words(prefix: str = "settings.") -> Words:
    """Words for every field of `Settings` that lies at `prefix` in the arguments."""
    parts: dict[str, Words] = {"terms": _TERMS, "geometry": _GEOMETRY,
             "optimization": _OPTIMIZATION, "objective": _OBJECTIVE,
             "masks": _MASKS}  # fmt: skip
    words: dict[str, Any] = {f"{prefix}{k}": v for k, v in _SETTINGS.items()}
    for part, fields in parts.items():
        words |= {f"{prefix}{part}.{name}": v for name, v in fields.items()}
    return words


def current_spelling(line: Sequence[str]) -> list[str]:
    """A command line with the options of earlier versions as they are called now."""
    found = []
    for word in line:
        name, equals, value = word.partition("=")
        found.append(_FORMER.get(name, name) + equals + value)
    return found


def given(line: Sequence[str], name: str) -> str | None:
    """What the command line has for --NAME, before it is parsed as a whole."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument(f"--{name}", dest="value", nargs="?", const="")
    value: str | None = first.parse_known_args(list(line))[0].value
    return value


def preset_settings(line: Sequence[str]) -> Settings:
    """The settings that --preset names, or --fast, for what else is given."""
    named = given(line, "preset")
    if "--fast" in line:
        if named not in (None, FAST):
            raise Misuse(
                f"--fast is short for --preset {FAST}; leave one of them, or start "
                "from one pass with --init feedforward"
            )
        named = FAST
    try:
        settings = presets.get(named or "default")
    except ValueError as error:
        raise Misuse(str(error)) from None
    return adapted(settings, line)


def adapted(settings: Settings, line: Sequence[str]) -> Settings:
    """The defaults with another --optimizer, whose rate is its own and does not fall,
    or with other --style-layers or --content-layers, whose weights are equal."""
    optimizer, how = given(line, "optimizer"), settings.optimization
    if optimizer not in (None, how.optimizer):
        own = replace(how, learning_rate=None, lr_decay=0.0)
        settings = replace(settings, optimization=own)
    terms = settings.terms
    if given(line, "style-layers") is not None:
        terms = replace(terms, style_weights=None)
    if given(line, "content-layers") is not None:
        terms = replace(terms, content_weights=None)
    return replace(settings, terms=terms)
