"""The page's controls as one value, to settings and back."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from jaxnst.losses.config import Weights
from jaxnst.pipeline import presets
from jaxnst.pipeline.settings import ORIGINAL, Settings
from jaxnst.pretrained import sources
from jaxnst.pretrained.loading import AUTO
from jaxnst.pretrained.registry import BUILTINS, SOURCES

STRENGTH = 0.5
"""With which the default preset's pictures are as far from their paintings, on the
average, as with its own weights."""

How = Literal["strength", "weight"]


@dataclass(frozen=True)
class Controls:
    """What stands on the page.

    Attributes:
        preset: named settings that the others change.
        how: whether `strength` counts, or the fixed weight `beta`.
        strength: from 0, the photograph, to 1.
        beta, alpha, tv: weights of style, content and smoothness.
        size: pixels of the long side, or "original", the photograph's.
        color: "style", "content" or "match".
        style_scale: the painting's size over the picture's: larger, larger strokes.
        network: feature network, or "auto".
        steps: at each level from coarse to fine, such as "60" or "200 100".
        init: "content", "noise", "style", "feedforward" or a picture file.
        seed: of the noise.
        style_mix: a share for each painting, such as "2 1"; "" for equal ones.
        feather: width of soft borders of parts, over the longer side.
        rest: every other setting, as JSON.
    """

    preset: str = "default"
    how: How = "strength"
    strength: float = STRENGTH
    beta: float = 10.0
    alpha: float = 1.0
    tv: float = 0.6
    size: int | Literal["original"] = 512
    color: str = "style"
    style_scale: float = 1.0
    network: str = AUTO
    steps: str = "60"
    init: str = "content"
    seed: int = 0
    style_mix: str = ""
    feather: float = 0.01
    rest: str = "{}"


NAMES = tuple(field.name for field in fields(Controls))


def controls_of(settings: Settings) -> Controls:
    """The controls that stand for settings, of a preset or of a finished picture."""
    data, terms = settings.to_json(), settings.terms
    by_strength = terms.strength is not None
    mix = settings.style_mix
    return Controls(
        preset=settings.preset if settings.preset in presets.NAMES else "default",
        how="strength" if by_strength else "weight",
        strength=STRENGTH if terms.strength is None else terms.strength,
        beta=terms.beta,
        alpha=terms.alpha,
        tv=terms.tv,
        size=settings.geometry.size,
        color=settings.color,
        style_scale=settings.geometry.style_scale,
        network=settings.network,
        steps=_words(settings.optimization.steps),
        init=settings.optimization.init,
        seed=settings.optimization.seed,
        style_mix="" if mix is None else _words(mix),
        feather=settings.masks.feather,
        rest=json.dumps(_without_controls(data), indent=1),
    )


def preset_controls(name: str) -> Controls:
    """The controls as a preset has them; those of the default go by strength."""
    found = controls_of(presets.get(name))
    return replace(found, how="strength") if name == "default" else found


def settings_of(controls: Controls) -> Settings:
    """The settings that the controls stand for.

    Raises:
        ValueError: a value that cannot be; what was wanted.
    """
    by_strength = controls.how == "strength"
    data = merged(presets.get(controls.preset).to_json(), _parsed(controls.rest))
    own = {
        "preset": controls.preset,
        "network": controls.network,
        "color": controls.color,
        "style_mix": _numbers(controls.style_mix, "style_mix", "2 1", float) or None,
        "terms": {
            "strength": _float(controls.strength, "strength") if by_strength else None,
            "beta": _float(controls.beta, "beta"),
            "alpha": _float(controls.alpha, "alpha"),
            "tv": _float(controls.tv, "tv"),
        },
        "geometry": {
            "size": controls.size
            if controls.size == ORIGINAL
            else _int(controls.size, "size"),
            "style_scale": _float(controls.style_scale, "style_scale"),
        },
        "optimization": {
            "steps": _numbers(controls.steps, "steps", "60", int),
            "init": controls.init,
            "seed": _int(controls.seed, "seed"),
        },
        "masks": {"feather": _float(controls.feather, "feather")},
    }
    settings = Settings.from_json(merged(data, own))
    if settings.terms.strength is not None:  # now, not when the run begins
        Weights(strength=settings.terms.strength).check(settings.objective)
    return settings


def controls_from(options: Mapping[str, Any]) -> Controls:
    """Controls from a program's options: any of their names; the rest as the preset.

    "strength" and "beta" say by their presence which of them counts; "steps" and
    "style_mix" may be numbers or lists of such; "settings" are all others, as a picture
    keeps them.

    Raises:
        ValueError: a name that there is not.
    """
    unknown = set(options) - set(NAMES) - {"settings"}
    if unknown:
        raise ValueError(
            f"there is no option {sorted(unknown)[0]!r}; the options are "
            f"{', '.join((*NAMES, 'settings'))}"
        )
    given = dict(options)
    if "settings" in given:
        start = controls_of(Settings.from_json(given.pop("settings")))
    else:
        start = preset_controls(str(given.get("preset", "default")))
    for name in ("steps", "style_mix"):
        if name in given and not isinstance(given[name], str):
            value = given[name]
            given[name] = _words(value if isinstance(value, list) else [value])
    if "rest" in given and not isinstance(given["rest"], str):
        given["rest"] = json.dumps(given["rest"])
    if "how" not in given and ("strength" in given or "beta" in given):
        given["how"] = "strength" if "strength" in given else "weight"
    return replace(start, **given)


def networks_at_hand() -> tuple[str, ...]:
    """The networks whose weights lie here, after "auto": for a page none is fetched."""
    names = dict.fromkeys([*BUILTINS, *(source.architecture for source in SOURCES)])
    found = [AUTO]
    for name in names:
        try:
            here = sources.find_local_weights(name) is not None
        except (OSError, ValueError):  # a file that is damaged
            here = False
        if here:
            found.append(name)
    return tuple(found)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested dicts as one, in which what is `above` counts."""
    found = dict(below)
    for name, value in above.items():
        inner = found.get(name)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            value = merged(inner, value)
        found[name] = value
    return found


def values_of(controls: Controls) -> dict[str, Any]:
    """{name: value} of every control."""
    return asdict(controls)


_OWN: dict[str, tuple[str, ...]] = {
    "": ("preset", "network", "color", "style_mix"),
    "terms": ("strength", "beta", "alpha", "tv"),
    "geometry": ("size", "style_scale"),
    "optimization": ("steps", "init", "seed"),
    "masks": ("feather",),
}


def _without_controls(data: dict[str, Any]) -> dict[str, Any]:
    """Settings as JSON without the fields that have a control of their own."""
    left = {name: value for name, value in data.items() if name not in _OWN[""]}
    for part, names in _OWN.items():
        if part:
            left[part] = {k: v for k, v in left[part].items() if k not in names}
    return left


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the other settings are not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("the other settings must be a JSON object, {...}")
    return found


def _words(numbers: Any) -> str:
    return " ".join(f"{number:g}" for number in numbers)


def _numbers(text: str, name: str, example: str, kind: type) -> list[Any]:
    try:
        return [kind(word) for word in text.replace(",", " ").split()]
    except ValueError:
        raise ValueError(
            f"{name} must be numbers such as {example}, got {text!r}"
        ) from None


def _float(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, got {value!r}") from None


def _int(value: Any, name: str) -> int:
    number = _float(value, name)
    if number != int(number):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    return int(number)
