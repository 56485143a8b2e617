"""Everything that makes a run what it is, as one value: presets are such values, the
command line edits one, and a picture's file keeps it."""

import dataclasses
import types
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from jaxnst import _checks
from jaxnst.losses.config import Config, Weights
from jaxnst.optimize import optimizers
from jaxnst.optimize.initial import FEEDFORWARD
from jaxnst.optimize.laplacian_pyramid import in_pyramid

Fit = Literal["long", "short", "height", "square"]

StyleFit = Literal["long", "same"]

Color = Literal["style", "content", "match"]

Magnitude = Literal["caffe", "torchvision"]

ORIGINAL = "original"


@dataclass(frozen=True)
class Geometry:
    """Sizes and levels."""

    size: int | Literal["original"] = 512
    """Size of the output in pixels; of which side, says `fit`. "original", that of the
    photograph."""
    fit: Fit = "long"
    """Side that `size` sets; the aspect is kept, except by "square"."""
    min_size: int | None = None
    """Optimise at several sizes in turn, of which the first is at least this; as
    `size`. Without it, at the final size alone."""
    ratio: float = 2.0
    """Each level's size over that of the one before."""
    margin: int = 0
    """Pixels around the picture that are optimised too and then cut off: borders stay
    free of loud colours."""
    style_fit: StyleFit = "long"
    """Painting: its own aspect, its long side as long as the output's; or the same
    height and width as the output."""
    style_scale: float = 1.0
    """Size of the painting over that of the output: larger, larger brush strokes."""

    def __post_init__(self) -> None:
        _checks.check_choice(self.fit, "fit", get_args(Fit))
        _checks.check_choice(self.style_fit, "style_fit", get_args(StyleFit))
        if self.size != ORIGINAL:
            _checks.check_number(self.size, "size", minimum=1)
        _checks.check_number(self.style_scale, "style_scale", minimum=0.01)
        _checks.check_number(self.ratio, "ratio", minimum=1.05)
        _checks.check_number(self.margin, "margin")
        if self.min_size is not None:
            _checks.check_number(self.min_size, "min_size", minimum=1)

    @property
    def pixels(self) -> int:
        """`size` as a number; ValueError where it is the photograph's."""
        if self.size == ORIGINAL:
            raise ValueError(
                'size "original" is known with the photograph alone; take '
                "geometry.of_photograph(height, width)"
            )
        return int(self.size)

    def of_photograph(self, height: int, width: int) -> "Geometry":
        """The same with `size` as a number, for a photograph of that size."""
        if self.size != ORIGINAL:
            return self
        return replace(self, size=self._side(height, width))

    def _side(self, height: int, width: int) -> int:
        """The side that `fit` names; of "square" the longer one."""
        sides = {"short": min(height, width), "height": height}
        return sides.get(self.fit, max(height, width))

    def levels(self) -> tuple[float, ...]:
        """Sizes at which the picture is optimised in turn, as fractions of the last.

        size / ratio^k down to `min_size`, from coarse to fine.
        """
        fractions = [1.0]
        if self.min_size is not None:
            while round(self.pixels * fractions[0] / self.ratio) >= self.min_size:
                fractions.insert(0, fractions[0] / self.ratio)
        return tuple(fractions)

    def content_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the output for a photograph of that size."""
        size = self.of_photograph(height, width).pixels
        if self.fit == "square":
            return size, size
        return _scaled(height, width, size / self._side(height, width))

    def style_size(
        self, height: int, width: int, output: tuple[int, int]
    ) -> tuple[int, int]:
        """(height, width) for a painting of that size beside `output`."""
        if self.style_fit == "same":
            return _scaled(output[0], output[1], self.style_scale)
        return _scaled(
            height, width, self.style_scale * max(output) / max(height, width)
        )


def _scaled(height: int, width: int, factor: float) -> tuple[int, int]:
    return max(1, round(height * factor)), max(1, round(width * factor))


@dataclass(frozen=True)
class Optimization:
    """Optimiser, steps and start."""

    steps: tuple[int, ...] = (300,)
    """Steps at each level from coarse to fine; the last number holds for all further
    levels. 0, with init feedforward, for one pass alone."""
    optimizer: optimizers.OptimizerName = "adam"
    """L-BFGS without line search is what Gatys et al. used; Adam is steadier."""
    learning_rate: float | None = None
    """Step size; the optimiser's own default if not given."""
    b1: float = 0.9
    """Adam: decay of the mean of gradients."""
    b2: float = 0.999
    """Adam, RMSprop: decay of the mean of their squares."""
    lr_decay: float = 0.0
    """Adam, RMSprop: share of the steps, the last ones, over which the rate falls to 0;
    of all levels' together where memory is taken along, else of each level's."""
    laplacian: int = 0
    """Levels of the picture's Laplacian pyramid, whose numbers are optimised in place
    of pixels; 0, pixels are."""
    alpha_ratio: float = 1.0
    """Weight of the content at each level over that at the level before."""
    history: int | None = None
    """L-BFGS: number of past steps remembered."""
    ema: float | None = None
    """Decay of an average of the iterates, which is then the result."""
    keep_optimizer_state: bool = True
    """Take the optimiser's memory along from level to level where it can be resized."""
    init: str = "content"
    """Start from "content", "noise" or "style", from "feedforward", what one pass of a
    trained network makes of the pictures, or from a picture file."""
    seed: int = 0
    """Seed of the noise."""

    def __post_init__(self) -> None:
        if not self.one_pass and not (
            self.steps and all(isinstance(n, int) and n >= 1 for n in self.steps)
        ):
            raise ValueError(
                f"steps must be whole numbers from 1, got {self.steps}; for example "
                '(300,), or (0,) with init "feedforward"'
            )
        if self.ema is not None and not 0 <= self.ema < 1:
            raise ValueError(f"ema must be at least 0 and below 1, got {self.ema}")
        if not 0 <= self.lr_decay <= 1:
            raise ValueError(f"lr_decay must be from 0 to 1, got {self.lr_decay}")
        if self.lr_decay and not self._remembers and len(set(self.steps)) > 1:
            raise ValueError(
                "lr_decay begins anew at each level where the optimiser's memory does; "
                f"give as many steps to each, got {self.steps}, or leave "
                "keep_optimizer_state on and laplacian at 0, or lr_decay at 0"
            )
        _checks.check_number(self.laplacian, "laplacian", maximum=16)
        _checks.check_number(self.alpha_ratio, "alpha_ratio")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be from 0 to 2^32 - 1, got {self.seed}")
        self.make_optimizer()

    @property
    def one_pass(self) -> bool:
        """Whether nothing is optimised."""
        return self.steps == (0,) and self.init == FEEDFORWARD

    def make_optimizer(self, levels: int = 1) -> optimizers.Optimizer:
        """The optimiser that the fields describe, for a run of so many levels."""
        total = sum(self.steps_at(levels)) if self._remembers else self.steps[-1]
        optimizer = optimizers.get(
            self.optimizer,
            self.learning_rate,
            b1=self.b1,
            b2=self.b2,
            history=self.history,
            lr_decay=((1 - self.lr_decay) * total, total) if self.lr_decay else None,
        )
        return in_pyramid(optimizer, self.laplacian) if self.laplacian else optimizer

    @property
    def _remembers(self) -> bool:
        """Whether Adam and RMSprop take their memory along from level to level; that of
        a pyramid cannot be resized."""
        return self.keep_optimizer_state and self.laplacian <= 1

    def steps_at(self, levels: int) -> tuple[int, ...]:
        """Steps at each of so many levels."""
        further = (self.steps[-1],) * (levels - len(self.steps))
        return (self.steps + further)[:levels]


@dataclass(frozen=True)
class Masks:
    """Files that name regions."""

    content_mask: str | None = None
    """Mask of the photograph. Alone, of one painting: white is painted, black keeps the
    photograph, grey is between; of several: one grey level for each, from black to
    white, or one more, of which the darkest keeps the photograph. With `style_mask`
    each colour takes the style of the same colour there."""
    style_mask: tuple[str, ...] | None = None
    """Mask of each painting. Without `content_mask` what is white counts."""
    feather: float = 0.01
    """Width over which the borders of regions are softened, over the longer side."""
    protect: str | None = None
    """Mask of what is to stay recognisable, such as faces and lettering: white; grey in
    part."""
    protect_strength: float = 0.6
    """How much of the photograph, in the colours of the paintings, shows there."""

    def __post_init__(self) -> None:
        _checks.check_number(self.feather, "feather", maximum=0.5)
        _checks.check_number(self.protect_strength, "protect_strength", maximum=1)


@dataclass(frozen=True)
class Settings:
    """A whole run but for its pictures."""

    preset: str = "default"
    """Named settings that every other option then changes."""
    network: str = "vgg19"
    """Feature network: vgg16, vgg19, googlenet, or vgg19-lite that comes with jaxnst;
    "auto" is vgg19 if its weights are at hand, else vgg19-lite."""
    weights: str | None = None
    """Weights of the network: a file, or the name of a source such as keras."""
    magnitude: Magnitude | None = None
    """Features that the loss weights are for: as large as those of the original Caffe
    weights, or of torchvision's; the weights are then carried over to the network. If
    not given, they are for the network as it is."""
    decoder: str | None = None
    """Weights of the network for one pass: a file of `jaxnst train-decoder`; the
    built-in ones if not given."""
    color: Color = "style"
    """Colours of the painting; of the photograph, with only luminance transferred; or
    of a painting whose colours are first matched to the photograph's."""
    photorealism: float | None = None
    """Colour and light alone, on the photograph's own edges: in each window of this
    radius, over the longer side, the picture is an affine function of the photograph.
    None, strokes."""
    style_mix: tuple[float, ...] | None = None
    """Weights of several paintings; equal if not given."""
    terms: Weights = field(default_factory=Weights)
    """How much each term counts: loss = alpha content + beta style + tv smoothness."""
    geometry: Geometry = field(default_factory=Geometry)
    """Sizes of the picture and of the painting, and the levels from coarse to fine."""
    optimization: Optimization = field(default_factory=Optimization)
    """How the picture is optimised."""
    objective: Config = field(default_factory=Config)
    """What is compared, and in which convention."""
    masks: Masks = field(default_factory=Masks)
    """Which parts of the photograph take which style."""

    def __post_init__(self) -> None:
        _checks.check_choice(self.color, "color", get_args(Color))
        if self.photorealism is not None:
            _checks.check_number(self.photorealism, "photorealism", maximum=0.5)
        if self.magnitude is not None:
            _checks.check_choice(self.magnitude, "magnitude", get_args(Magnitude))
        self.terms.check(self.objective)
        how = self.optimization.optimizer
        if self.terms.strength is not None and how.startswith("lbfgs"):
            raise ValueError(
                f"strength changes beta at every step, which {how} takes for the "
                "picture's doing; choose optimizer adam, or leave strength"
            )

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON's types.

        Raises:
            ValueError: the statistic is an object of one's own, which no file can hold.
        """
        if not isinstance(self.objective.statistic, str):
            raise ValueError(
                "settings with a statistic of one's own cannot be written to a file; "
                "give the name of a built-in one"
            )
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> "Settings":
        """Settings that `to_json` gave, of this version or of earlier ones; fields left
        out have their defaults.

        Raises:
            ValueError: a field that is unknown, of a wrong type or out of its range.
        """
        settings: Settings = _build(cls, data, "settings")
        return settings


def _build(annotation: Any, data: Any, name: str) -> Any:
    """`data` from JSON as the type that a field is annotated with."""
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return _build_dataclass(annotation, data, name)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        if data is None and type(None) in arguments:
            return None
        *others, last = (a for a in arguments if a is not type(None))
        for inner in others:
            try:
                return _build(inner, data, name)
            except ValueError:
                pass
        return _build(last, data, name)
    if origin is tuple and isinstance(data, list | tuple):
        return tuple(_build(arguments[0], item, name) for item in data)
    if origin is Literal and data in arguments:
        return data
    if annotation is float and type(data) in (int, float):
        return float(data)
    if annotation in (int, str, bool) and type(data) is annotation:
        return data
    raise ValueError(f"{name} cannot be {data!r}")


# What fields of settings were called in files of earlier versions.
_FORMER_NAMES = {
    "coarsest": "min_size",
    "fall": "lr_decay",
    "average": "ema",
    "carry": "keep_optimizer_state",
    "blend": "style_mix",
}


def _build_dataclass(cls: type, data: Any, name: str) -> Any:
    hints = get_type_hints(cls)
    if isinstance(data, dict):
        data = {
            _FORMER_NAMES[key]
            if key not in hints and _FORMER_NAMES.get(key) in hints
            else key: value
            for key, value in data.items()
        }
    if not isinstance(data, dict) or not set(data) <= set(hints):
        raise ValueError(
            f"{name} are of another version of jaxnst or damaged; expected the "
            f"fields {', '.join(hints)}"
        )
    try:
        return cls(**{key: _build(hints[key], data[key], key) for key in data})
    except (TypeError, OverflowError) as error:  # whole numbers beyond any float
        raise ValueError(f"{name}: {error}") from None
