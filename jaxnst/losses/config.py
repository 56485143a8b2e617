"""What a run optimises: the static choices, and the numbers that weigh them."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args, get_origin, get_type_hints

import jax
import numpy as np

from jaxnst import _checks
from jaxnst.losses import wasserstein
from jaxnst.losses.functional import (
    ContentReduction,
    GramNormalization,
    StyleReduction,
    VariationKind,
    VariationReduction,
)
from jaxnst.losses.statistics import (
    TILEABLE,
    StatisticName,
    StyleStatistic,
    check_statistic,
    is_random,
    named_statistic,
)
from jaxnst.networks.network import (
    PADDING_CHOICES,
    Normalization,
    PaddingChoice,
    Precision,
)
from jaxnst.networks.pooling import Pooling

Scaling = Literal["raw", "per_channel", "equal"]
"""How layers are scaled in hypercolumns."""

# What the term of all layers together is called.
HYPERCOLUMNS = "hypercolumns"

# The smallest side then is a few hundred pixels for the usual layers.
_MOST_OCTAVES = 6

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@jax.tree_util.register_static
@dataclass(frozen=True)
class Config:
    """The static choices of an objective; hashable, each value is compiled for itself.

    The defaults divide each layer's term by its target's own mean square, so that the
    weights mean the same at every size and for every network.

    Attributes:
        content_layers: layers whose features are matched, such as "relu4_2" (after
            the ReLU) or "conv4_2" (before it); () for a texture, without content.
        style_layers: layers whose statistics are matched.
        statistic: "gram", the Gram matrix; "gaussian", mean and covariance, compared
            by the Wasserstein-2 distance; "moments", mean and deviation of each
            channel; "histogram", the histogram of each channel; "sliced", the whole
            distribution, by sliced Wasserstein distances; "nearest", the cosine
            distance from nearest neighbours; "earth-mover", the relaxed earth mover's
            distance; or an object of one's own, a `losses.StyleStatistic`.
        content_reduction: how `losses.content_loss` reduces; "self_similarity", of
            hypercolumns, `losses.self_similarity_loss`.
        style_reduction: how the statistic's distance reduces. "nearest",
            "earth-mover" and one's own know but the default.
        gram_normalize: what `losses.gram_matrix` divides by.
        tv_kind: differences that `losses.total_variation` takes.
        tv_reduction: how it reduces them.
        pooling: between the blocks of the network.
        padding: at the borders of feature maps; None, as the network was trained;
            "circular", for an image that repeats without seams (the smoothness then
            goes across its borders, too).
        normalization: input of the network, as its weights file says or, for
            "mean255", 255 (image - mean) with no division by a deviation.
        precision: of the activations; losses and image stay float32.
        clip: keep the image within [0, 1] after each step.
        samples: compare features at so many positions, others in every step, and at up
            to five times as many of each painting; None, at all.
        hypercolumns: compare one statistic of the features of all style layers
            together, at positions that `samples` counts. "raw", features as they are;
            "per_channel", those of each layer divided by the number of its channels;
            "equal", divided by the root mean square of the target's.
        guide: with the statistic "nearest" of hypercolumns: the neighbours are looked
            for once, as a level begins, for every fourth column of each fourth row,
            in mixtures of the content image's features with this share and the image's
            own; `samples` then counts the paintings' positions alone. 0, in every step,
            for the image itself. Its layers must be content layers, too.
        palette: weight of `losses.palette_loss` in the style loss, with hypercolumns.
        octaves: sizes of the image at which the style is compared: its own, half of it,
            a quarter ...; S_l is the mean over them. Not of hypercolumns.
        tile: side in pixels of the tiles in which features of larger images are
            computed, block by block of the network, for a fraction of the memory; None,
            all at once. Equal but for rounding.
    """

    content_layers: tuple[str, ...] = ("relu4_2",)
    style_layers: tuple[str, ...] = STYLE_LAYERS
    statistic: StatisticName | Any = "gram"
    content_reduction: ContentReduction = "relative"
    style_reduction: StyleReduction = "relative"
    gram_normalize: GramNormalization = "elements"
    tv_kind: VariationKind = "absolute"
    tv_reduction: VariationReduction = "mean"
    pooling: Pooling = "max"
    padding: PaddingChoice | None = None
    normalization: Normalization = "file"
    precision: Precision = "float32"
    clip: bool = True
    samples: int | None = None
    hypercolumns: Scaling | None = None
    guide: float = 0.0
    palette: float = 0.0
    octaves: int = 1
    tile: int | None = None

    def __post_init__(self) -> None:
        for name in ("content_layers", "style_layers"):
            layers = getattr(self, name)
            if isinstance(layers, str):
                raise TypeError(f"{name} must be a tuple of names, got {layers!r}")
            object.__setattr__(self, name, tuple(layers))
            if not layers and name == "style_layers":
                raise ValueError(f"{name} must name at least one layer")
            if len(set(layers)) < len(layers):
                raise ValueError(f"{name} names a layer twice: {', '.join(layers)}")
        for name, choices in _CHOICES.items():
            _checks.check_choice(getattr(self, name), name, choices)
        if self.hypercolumns is not None:
            known = get_args(Scaling)
            _checks.check_choice(self.hypercolumns, "hypercolumns", known)
        if self.padding is not None:
            _checks.check_choice(self.padding, "padding", PADDING_CHOICES)
        if self.samples is not None:
            _checks.check_whole(self.samples, "samples")
        _checks.check_whole(self.octaves, "octaves")
        if self.octaves > _MOST_OCTAVES:
            raise ValueError(
                f"octaves must be at most {_MOST_OCTAVES}, got {self.octaves}: the "
                "smallest would see nothing of usual pictures"
            )
        check_statistic(self.statistic)
        self._check_tile()
        self._check_reductions()
        self._check_hypercolumns()

    def _check_tile(self) -> None:
        if self.tile is None:
            return
        _checks.check_whole(self.tile, "tile")
        if self.padding == "circular":
            raise ValueError(
                "tiles end where the image does, which with circular padding it "
                "does not; leave tile, or padding"
            )
        if not self.tileable:
            raise ValueError(
                f"tile is for the statistics {' and '.join(TILEABLE)} of all "
                "positions, which are sums over tiles; leave tile, or choose one of "
                "these"
            )

    def _check_reductions(self) -> None:
        name, style = self.statistic, self.style_reduction
        known: tuple[str, ...] = ("relative",)
        if name == "gram":
            return
        if name in ("gaussian", "moments", "sliced", "histogram"):
            known = wasserstein.GAUSSIAN_REDUCTIONS
        label = f"style_reduction with statistic {name!r}"
        _checks.check_choice(style, label, known)

    def _check_hypercolumns(self) -> None:
        _checks.check_number(self.guide, "guide", maximum=1.0)
        _checks.check_number(self.palette, "palette")
        if not self.hypercolumns:
            if (
                self.content_reduction == "self_similarity"
                or self.guide
                or self.palette
            ):
                raise ValueError(
                    "self_similarity, guide and palette are for hypercolumns; give "
                    'hypercolumns="raw" and samples, or leave them'
                )
            return
        if self.octaves > 1:
            raise ValueError(
                "octaves compare statistics of layers; with hypercolumns give octaves=1"
            )
        if self.samples is None:
            raise ValueError("hypercolumns need samples, such as samples=1024")
        if self.guide and self.statistic != "nearest":
            raise ValueError('guide is for the statistic "nearest"; leave it')
        missing = [n for n in self.style_layers if n not in self.content_layers]
        if self.guide and missing:
            raise ValueError(
                "with a guide every style layer must be a content layer, too; add "
                + ", ".join(missing)
            )

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that the objective needs, without repetition."""
        return tuple(dict.fromkeys((*self.content_layers, *self.style_layers)))

    @property
    def tileable(self) -> bool:
        """Whether features may be computed in tiles: sums over all positions."""
        named = isinstance(self.statistic, str) and self.statistic in TILEABLE
        return named and self.samples is None and self.hypercolumns is None

    @property
    def style_terms(self) -> tuple[str, ...]:
        """The names of the style's terms: the layers', or that of hypercolumns."""
        return (HYPERCOLUMNS,) if self.hypercolumns else self.style_layers

    @property
    def content_terms(self) -> tuple[str, ...]:
        """The same of the content's."""
        if self.content_reduction == "self_similarity" and self.content_layers:
            return (HYPERCOLUMNS,)
        return self.content_layers

    def make_statistic(self, positions: int | None = None) -> StyleStatistic:
        """The statistic as an object.

        Args:
            positions: h w of the feature map, where the reduction needs it.
        """
        if not isinstance(self.statistic, str):
            own: StyleStatistic = self.statistic
            return own
        return named_statistic(
            self.statistic,
            reduction=self.style_reduction,
            normalize=self.gram_normalize,
            positions=positions,
        )

    @property
    def random(self) -> bool:
        """Whether the objective is drawn anew in every step."""
        return self.samples is not None or is_random(self.make_statistic())

    @property
    def network_options(self) -> dict[str, Any]:
        """The keywords with which the network is called."""
        return {
            name: getattr(self, name)
            for name in ("pooling", "padding", "normalization", "precision")
        }


_CHOICES = {
    name: get_args(kind)
    for name, kind in get_type_hints(Config).items()
    if get_origin(kind) is Literal
}


@partial(
    jax.tree_util.register_dataclass,
    data_fields=(
        "alpha",
        "beta",
        "tv",
        "content_weights",
        "style_weights",
        "strength",
    ),
    meta_fields=(),
)
@dataclass(frozen=True)
class Weights:
    """The loss weights: leaves of a pytree, so that new ones compile nothing.

    loss = alpha Σ_l u_l C_l + beta Σ_l w_l S_l + tv V, over content terms C_l, style
    terms S_l and the total variation V. Each may be an array or a tracer.

    Attributes:
        alpha: weight of the content.
        beta: weight of the style.
        tv: weight of the total variation.
        content_weights: u_l, one for each content layer; None, equal with sum 1.
        style_weights: w_l, one for each style layer; None, equal with sum 1.
            Hypercolumns are one term.
        strength: from 0, the content image, to 1: how far the image is to be stylised,
            whatever the pair; beta is then adjusted at every step
            (`optimize.strength`), starting from its value here. None, all weights stay
            as they are.
    """

    alpha: float = 1.0
    beta: float = 30.0
    tv: float = 0.05
    content_weights: tuple[float, ...] | None = None
    style_weights: tuple[float, ...] | None = None
    strength: float | None = None

    @classmethod
    def grid(cls, **axes: Any) -> "Weights":
        """Every combination of the numbers given, as arrays that broadcast together.

        `Weights.grid(alpha=[1, 10], beta=[1, 10, 100])` has alpha of shape (2, 1) and
        beta of shape (1, 3): a search over it has the axes (2, 3), in the order given.
        A weight that is not given keeps its default.

        Raises:
            TypeError, ValueError: an unknown name, or an axis that is not a list of
                numbers.
        """
        arrays: dict[str, Any] = {}
        for place, (name, values) in enumerate(axes.items()):
            _checks.check_choice(name, "axis", ("alpha", "beta", "tv", "strength"))
            numbers = np.asarray(_checks.check_number(values, name), np.float32)
            if numbers.ndim != 1 or not numbers.size:
                raise ValueError(f"{name} must be a list of numbers, got {values!r}")
            shape = [1] * len(axes)
            shape[place] = numbers.size
            arrays[name] = numbers.reshape(shape)
        return cls(**arrays)

    def check(self, config: Config) -> None:
        """ValueError unless all are finite, at least 0 and as many as layers."""
        for name in ("alpha", "beta", "tv"):
            _checks.check_number(getattr(self, name), name)
        if self.strength is not None:
            _checks.check_number(self.strength, "strength", maximum=1.0)
        pairs = (
            ("content_weights", config.content_terms),
            ("style_weights", config.style_terms),
        )
        for name, layers in pairs:
            values = getattr(self, name)
            if values is None:
                continue
            if len(values) != len(layers):
                raise ValueError(
                    f"{name} has {len(values)} numbers for {len(layers)} layers "
                    f"({', '.join(layers)}); give one for each"
                )
            for value in values:
                _checks.check_number(value, name)
