"""One pass: a photograph in the style of any painting without optimisation.

vgg19-lite sees both pictures; the photograph's features at four heights are moved to
the painting's mean and covariance (`matching`); a trained decoder makes a picture of
them (`networks/decoder.py`). The way of Huang and Belongie (ICCV 2017) and Li et al.
(NeurIPS 2017), with the objective of this project to train the decoder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxnst import _checks
from jaxnst.feedforward.decoder import Decoder
from jaxnst.feedforward.transforms import matched
from jaxnst.gaussian import Gaussian, gaussian, mixture
from jaxnst.networks.network import Network

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")

_MULTIPLE = 2 ** (len(LAYERS) - 1)  # pixels of a picture to one of the deepest feature


class Style(NamedTuple):
    """What one pass knows of a painting.

    Attributes:
        colours: mean and covariance of its pixels.
        features: those of each of `LAYERS`.
    """

    colours: Gaussian
    features: tuple[Gaussian, ...]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("encoder", "params"),
    meta_fields=("module", "matching", "source", "checksum"),
)
@dataclass(frozen=True)
class FeedForward:
    """A pytree: encoder and decoder with their parameters.

    Attributes:
        encoder: the network that sees photograph and painting.
        params: of the decoder.
        module: the decoder's Flax module.
        matching: how features are given the painting's statistics, as in `matching`.
        source: where the decoder comes from, in words.
        checksum: SHA-256 of its file, "" where there is none.
    """

    encoder: Network
    params: Any
    module: Decoder
    matching: str = "transport"
    source: str = ""
    checksum: str = ""

    def prepared(self) -> "FeedForward":
        """The same with kernels transformed for many passes, as `Network.prepared`."""
        return replace(self, encoder=self.encoder.prepared())

    @property
    def min_side(self) -> int:
        """Smallest side in pixels of a picture."""
        return self.encoder.min_side(LAYERS)


def new_feedforward(
    key: Array, encoder: Network, *, matching: str = "transport"
) -> FeedForward:
    """An untrained one, for `encoder`.

    Args:
        key: of `jax.random`.
        matching: "transport" or "adain".
    """
    image = jax.ShapeDtypeStruct((64, 64, 3), jnp.float32)
    features = jax.eval_shape(partial(encoder, layers=LAYERS), image)
    maps = [jnp.zeros(features[layer].shape) for layer in LAYERS]
    module = Decoder(tuple(m.shape[-1] for m in maps))
    code = jnp.zeros(2 * sum(module.widths))
    # Compiled, it draws numbers alone; else it would compute a picture, too, op by op.
    params = jax.jit(module.init)(key, maps, code, jnp.zeros(image.shape))["params"]
    return FeedForward(encoder, params, module, matching)


def style_of(model: FeedForward, style: Array) -> Style:
    """What `apply_style` needs of a painting (H, W, 3); once for many photographs."""
    features = model.encoder(style, LAYERS)
    return Style(gaussian(style), tuple(gaussian(features[layer]) for layer in LAYERS))


def blended(
    styles: Sequence[Style], style_mix: Sequence[float] | Array | None
) -> Style:
    """Several styles as one: their pixels and features taken together.

    Args:
        style_mix: a weight for each, of any sum; None, equal ones.
    """
    shares = (
        jnp.ones(len(styles))
        if style_mix is None
        else jnp.asarray(style_mix, jnp.float32)
    )
    shares = shares / jnp.sum(shares)
    return Style(
        mixture([style.colours for style in styles], shares),
        tuple(
            mixture(parts, shares)
            for parts in zip(*(style.features for style in styles), strict=True)
        ),
    )


def _size(target: Gaussian) -> Array:
    """Root mean square over channels and positions."""
    energy = jnp.trace(target.covariance) + jnp.sum(jnp.square(target.mean))
    return jnp.sqrt(energy / target.mean.shape[-1] + 1e-12)


def _code(features: Sequence[Gaussian]) -> Array:
    """(n,): each channel's mean and deviation over the layer's root mean square."""

    def part(target: Gaussian) -> Array:
        variances = jnp.maximum(jnp.diagonal(target.covariance), 0.0)
        both = jnp.concatenate([target.mean, jnp.sqrt(variances)])
        return both / _size(target)

    return jnp.concatenate([part(target) for target in features])


def apply_style(
    model: FeedForward,
    content: Array,
    style: Style,
    *,
    strength: Array | float | None = None,
) -> Array:
    """One pass for a style that is known; arguments as in `stylize`.

    Before clipping: x = b + s D(f + s (T f - f), c), with b the photograph whose
    colours are moved by s, T the transport of its features f, c the style's numbers,
    and D the decoder.
    """
    height, width = content.shape[:2]
    below, right = -height % _MULTIPLE, -width % _MULTIPLE
    wide = jnp.pad(content, ((0, below), (0, right), (0, 0)), mode="reflect")
    moving = partial(matched, matching=model.matching, strength=strength)
    found = model.encoder(wide, LAYERS)
    moved = [
        moving(found[layer], target) / _size(target)
        for layer, target in zip(LAYERS, style.features, strict=True)
    ]
    code, share = _code(style.features), 1.0 if strength is None else strength
    base = moving(wide, style.colours)
    added: Any = model.module.apply({"params": model.params}, moved, code, base)
    return (base + share * added)[:height, :width]


def stylize(
    model: FeedForward,
    content: Array,
    style: Array | Sequence[Array],
    *,
    strength: Array | float | None = None,
    style_mix: Sequence[float] | Array | None = None,
) -> Array:
    """A photograph in the style of a painting, in one pass.

    A pure function that jit, vmap and grad accept.

    Args:
        model: from `load_feedforward`.
        content: the photograph, (H, W, 3), RGB in [0, 1].
        style: the painting, (H', W', 3), or several.
        strength: from 0, the photograph, to 1; None is 1.
        style_mix: a weight for each of several paintings; equal if not given.

    Returns:
        (H, W, 3) in [0, 1].

    Raises:
        TypeError, ValueError: what are not pictures, or too small ones; weights that
            are not as many as the paintings.
    """
    return _stylize(style_of, apply_style, model, content, style, strength, style_mix)


def stylize_compiled(
    model: FeedForward,
    content: Array,
    style: Array | Sequence[Array],
    *,
    strength: Array | float | None = None,
    style_mix: Sequence[float] | Array | None = None,
) -> Array:
    """As `stylize`, compiled once for each size of a photograph and each of a painting,
    and not for each two of them."""
    one = _style_of, _apply_style
    number = None if strength is None else jnp.float32(strength)
    return _stylize(*one, model.prepared(), content, style, number, style_mix)


_style_of = jax.jit(style_of)

_apply_style = jax.jit(apply_style)


def _stylize(
    see: Callable[..., Style],
    apply: Callable[..., Array],
    model: FeedForward,
    content: Array,
    style: Array | Sequence[Array],
    strength: Array | float | None,
    style_mix: Sequence[float] | Array | None,
) -> Array:
    content = _checks.check_image(content, "content", min_side=model.min_side)
    styles = _checks.check_images(style, "style", min_side=model.min_side)
    if style_mix is not None and len(style_mix) != len(styles):
        raise ValueError(
            f"got {len(style_mix)} style_mix weights for {len(styles)} styles; "
            "give one each"
        )
    seen = [see(model, picture) for picture in styles]
    seen_as = seen[0] if len(seen) == 1 else blended(seen, style_mix)
    picture = apply(model, content, seen_as, strength=strength)
    return jnp.clip(picture, 0.0, 1.0)
