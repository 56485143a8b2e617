"""A feature network with its parameters: a pytree that jit, vmap and grad accept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst import _checks
from jaxnst._quick_jit import quick_jit
from jaxnst.networks import conv
from jaxnst.networks.conv import Padding
from jaxnst.networks.googlenet import GoogLeNet
from jaxnst.networks.pooling import POOLINGS
from jaxnst.networks.vgg import VGG, Segment

PaddingChoice = Literal[Padding, "replicate-first", "circular"]
Normalization = Literal["file", "mean255"]
Precision = Literal["float32", "bfloat16"]

PADDING_CHOICES = get_args(PaddingChoice)
NORMALIZATIONS = get_args(Normalization)
PRECISIONS = get_args(Precision)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("params", "mean", "std", "kernels"),
    meta_fields=("module", "source", "checksum"),
)
@dataclass(frozen=True, repr=False)
class Network:
    """A VGG network or GoogLeNet with its weights; call it to get features by name.

    Attributes:
        module: the Flax module; `module.apply` is a pure function.
        params: {"conv1_1": {"kernel": (k, k, I, O), "bias": (O,)}, ...}, float32.
        mean: (3,), of RGB in [0, 1], subtracted from the image.
        std: (3,), the difference is divided by it.
        source: where the weights come from, in words.
        checksum: SHA-256 of the weights file, "" where there is none.
        kernels: {precision: transformed kernels}, from `prepared`; None without.
    """

    module: VGG | GoogLeNet
    params: dict[str, Any]
    mean: Array
    std: Array
    source: str = ""
    checksum: str = ""
    kernels: dict[str, Any] | None = None

    def __repr__(self) -> str:
        """Architecture, widths, number of parameters and source, in three lines."""
        runs = [(n, len(list(equal))) for n, equal in groupby(self.module.widths)]
        if len(runs) > 8:  # GoogLeNet's
            widths = f"{len(self.module.widths)} convolutions"
        else:
            widths = ", ".join(f"{n} x {times}" for n, times in runs)
        count = sum(math.prod(x.shape) for x in jax.tree.leaves(self.params))
        return (
            f"Network({self.module.architecture}, {self.layers[0]} to "
            f"{self.layers[-1]},\n        widths {widths}; {count:,} parameters,\n"
            f"        source: {self.source or 'unknown'})"
        )

    def prepared(
        self, layers: Sequence[str] | None = None, precision: str = "float32"
    ) -> "Network":
        """The same network for a long run: kernels are transformed now, rather than at
        every step, where that makes steps faster (`conv.prepare_kernel`).

        Features are equal but for rounding. A transformed kernel takes 8 times the
        memory, so name the layers. After `params` are changed, the network must be
        prepared anew.

        Args:
            layers: that will be asked for; None, every one.
            precision: that they will be asked for in.
        """
        _checks.check_choice(precision, "precision", PRECISIONS)
        layers = self.check_layers(self.layers if layers is None else layers)
        if not isinstance(self.module, VGG) or not layers:
            return self
        deepest = max(map(self.layers.index, layers))
        have = (self.kernels or {}).get(precision, {})
        wanted = {n for n in self.layers[: deepest + 1] if n in self.params} - {*have}
        made = _prepared({n: self.params[n] for n in sorted(wanted)}, precision)
        if not made and self.kernels is not None:
            return self
        return replace(self, kernels=(self.kernels or {}) | {precision: have | made})

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer name that can be asked for, shallow to deep."""
        return self.module.layers()

    def check_layers(self, layers: Sequence[str]) -> tuple[str, ...]:
        """`layers` as a tuple; ValueError that lists the known if one is not."""
        available = self.layers
        for layer in layers:
            if layer not in available:
                raise ValueError(
                    f"layer {layer!r} is not in this {self.module.architecture}; "
                    f"its weights hold {', '.join(available)}"
                )
        return tuple(layers)

    def min_side(self, layers: Sequence[str]) -> int:
        """Smallest side in pixels for which every one of `layers` has a value.

        Raises:
            ValueError: an unknown layer.
        """
        return self.module.min_side(self.check_layers(layers))

    def segments(self, layers: Sequence[str]) -> tuple[Segment, ...]:
        """The parts of the network that `segment` computes, as far as `layers` need.

        Raises:
            ValueError: an unknown layer, or a network that is not a VGG.
        """
        layers = self.check_layers(layers)
        if not isinstance(self.module, VGG):
            raise ValueError(
                f"{self.module.architecture} cannot be seen in tiles; choose a smaller "
                "size, or a VGG network"
            )
        return self.module.segments(layers)

    def positions(self, size: tuple[int, ...], layers: Sequence[str]) -> dict[str, int]:
        """{layer: h w} for images of (height, width)."""
        return {k: h * w for k, (h, w) in self.map_sizes(size, layers).items()}

    def map_sizes(
        self, size: tuple[int, ...], layers: Sequence[str]
    ) -> dict[str, tuple[int, int]]:
        """{layer: (h, w)} of the feature maps of images of (height, width)."""
        image = jax.ShapeDtypeStruct((*size[:2], 3), jnp.float32)
        features = jax.eval_shape(partial(self, layers=tuple(layers)), image)
        return {name: (x.shape[-3], x.shape[-2]) for name, x in features.items()}

    def __call__(
        self,
        images: Float[Array, "*b h w 3"],
        layers: Sequence[str],
        *,
        pooling: str = "max",
        padding: str | None = None,
        normalization: str = "file",
        precision: str = "float32",
    ) -> dict[str, Float[Array, "*b _ _ _"]]:
        """Features of images; nothing deeper than the deepest layer is computed.

        Args:
            images: (..., H, W, 3), RGB in [0, 1].
            layers: names such as "conv4_2" (before the ReLU), "relu4_2", "pool4" of a
                VGG; "conv2", "inception_3a", "inception_3a/3x3" of GoogLeNet.
            pooling: "max", "avg" or "l2"; of GoogLeNet "max" alone.
            padding: "zeros", "reflect" or "replicate"; "circular" sees the image as
                if it were repeated without end; None keeps what the weights were
                trained with, as GoogLeNet always does; "replicate-first" does so but
                for the first convolution, which replicates.
            normalization: "file", (image - mean) / std as the weights file says;
                "mean255", 255 (image - mean), whatever the weights were trained with.
            precision: "float32", or "bfloat16" for the activations.

        Returns:
            {layer: (..., h, w, c)} in the order of `layers`.

        Raises:
            ValueError: a layer that the weights do not hold, an unknown choice, one
                that GoogLeNet does not have, or images of another shape or too small
                for the layers, or of another scale than [0, 1].
        """
        layers = self.check_layers(layers)
        _checks.check_range(images, "images", unclipped=True)
        min_side = self.min_side(layers) if layers else 1
        if images.ndim < 3 or images.shape[-1] != 3:
            raise ValueError(
                f"images must have shape (..., H, W, 3), got {tuple(images.shape)}"
            )
        if min(images.shape[-3:-1]) < min_side:
            raise ValueError(
                f"images are {_checks.in_pixels(images)}, too small: the chosen layers "
                f"need at least {min_side} on each side"
            )
        _checks.check_choice(pooling, "pooling", POOLINGS)
        _checks.check_choice(normalization, "normalization", NORMALIZATIONS)
        _checks.check_choice(precision, "precision", PRECISIONS)
        module = _with_options(self.module, pooling, padding)
        x = self._normalized(images, normalization).astype(precision)
        features: Any = module.apply(self._variables(precision), x, layers)
        return dict(features)

    def segment(
        self,
        features: Float[Array, "*b h w c"],
        segment: Segment,
        *,
        pooling: str,
        padding: str | None,
        normalization: str,
        precision: str,
    ) -> dict[str, Float[Array, "*b _ _ _"]]:
        """One of `segments` of a VGG: its layers and its end from what it takes.

        ReLUs and pooling are those of `packed_masks`, for little memory under
        `jax.checkpoint`; values and gradients are those of a call.

        Args:
            features: (..., H, W, 3), the images, or (..., h, w, c) of its start.
            pooling, padding, normalization, precision: as of a call, already checked.
        """
        module = _with_options(self.module, pooling, padding).clone(packed=True)
        layers = segment.layers
        if segment.end and segment.end not in layers:
            layers = (*layers, segment.end)
        if segment.start is None:
            features = self._normalized(features, normalization).astype(precision)
        found: Any = module.apply(
            self._variables(precision), features, layers, segment.start
        )
        return dict(found)

    def _normalized(
        self, images: Float[Array, "*b h w 3"], normalization: str
    ) -> Float[Array, "*b h w 3"]:
        shape = (1,) * (images.ndim - 1) + (3,)
        std = self.std if normalization == "file" else jnp.full_like(self.std, 1 / 255)
        return (images - self.mean.reshape(shape)) / std.reshape(shape)

    def _variables(self, precision: str) -> dict[str, Any]:
        variables: dict[str, Any] = {"params": self.params}
        kernels = (self.kernels or {}).get(precision)
        if kernels:
            variables["prepared"] = kernels
        return variables


def check_network(network: Any, name: str = "network") -> Network:
    """`network` if it is one; TypeError that says how to get one if not."""
    if isinstance(network, Network):
        return network
    loaded = f"({network!r})" if isinstance(network, str) else "()"
    raise TypeError(
        f"{name} must be a Network, got {type(network).__name__}; load one with "
        f"jaxnst.load_network{loaded}"
    )


@quick_jit(static_argnums=1)
def _prepared(params: dict[str, Any], precision: str) -> dict[str, Any]:
    kernels = {
        n: conv.prepare_kernel(p["kernel"], precision) for n, p in params.items()
    }
    return {name: {"kernel": k} for name, k in kernels.items() if k is not None}


def _with_options(
    module: VGG | GoogLeNet, pooling: str, padding: str | None
) -> VGG | GoogLeNet:
    """The module with this pooling and padding, if it has a choice of them."""
    paddings = _paddings(padding)
    if isinstance(module, VGG):
        return module.clone(pooling=pooling, **paddings)
    if pooling != "max" or padding not in (None, module.padding):
        raise ValueError(
            f"{module.architecture} has no choice of pooling and padding, got pooling "
            f"{pooling!r} and padding {padding!r}; leave them at 'max' and None, or "
            "choose a VGG network"
        )
    return module


def _paddings(padding: str | None) -> dict[str, Any]:
    """The attributes of `VGG` for a padding."""
    if padding is None:
        return {}
    _checks.check_choice(padding, "padding", PADDING_CHOICES)
    if padding == "replicate-first":
        return {"first_padding": "replicate"}
    return {"padding": padding}
