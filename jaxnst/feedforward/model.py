"""One pass: a content image in the style of any other without optimisation.

vgg19-lite encodes both images; the content's features at four layers are moved to the
style's mean and covariance (`transforms`); a trained decoder makes an image of them
(`decoder`). The method of Huang and Belongie (ICCV 2017) and Li et al. (NeurIPS 2017),
with the objective of this project to train the decoder.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst import _checks
from jaxnst.feedforward.decoder import Decoder
from jaxnst.feedforward.transforms import match_statistics
from jaxnst.gaussian import Gaussian, gaussian, mixture
from jaxnst.losses.masks import mask_weights, position_weights, split_alpha
from jaxnst.losses.regions import (
    Regions,
    check_regions,
    composite,
    region_target,
    resize_mask,
    style_shares,
)
from jaxnst.networks.network import Network

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")

_MULTIPLE = 2 ** (len(LAYERS) - 1)  # pixels of an image to one of the deepest features


class Style(NamedTuple):
    """What one pass needs of a style image.

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
@dataclass(frozen=True, repr=False)
class FeedForward:
    """A pytree: encoder and decoder with their parameters.

    Attributes:
        encoder: the network that features of content and style are taken from.
        params: of the decoder.
        module: the decoder's Flax module.
        matching: how features are given the style's statistics, one of
            `transforms.MATCHINGS`.
        source: where the decoder comes from, in words.
        checksum: SHA-256 of its file, "" where there is none.
    """

    encoder: Network
    params: Any
    module: Decoder
    matching: str = "transport"
    source: str = ""
    checksum: str = ""

    def __repr__(self) -> str:
        """Matching, number of the decoder's parameters, source and encoder."""
        count = sum(math.prod(x.shape) for x in jax.tree.leaves(self.params))
        return (
            f"FeedForward({self.matching}, decoder of {count:,} parameters, "
            f"source: {self.source or 'unknown'},\n  encoder {self.encoder!r})"
        )

    def prepared(self) -> "FeedForward":
        """The same with kernels transformed for many passes, as `Network.prepared`."""
        return replace(self, encoder=self.encoder.prepared(LAYERS))

    @property
    def min_side(self) -> int:
        """Smallest side in pixels of an image."""
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
    # Compiled, it draws numbers alone; else it would compute an image, too, op by op.
    params = jax.jit(module.init)(key, maps, code, jnp.zeros(image.shape))["params"]
    return FeedForward(encoder, params, module, matching)


def style_of(model: FeedForward, style: Array, mask: Array | None = None) -> Style:
    """What `apply_style` needs of a style image (H, W, 3), or of the opaque parts of
    one with alpha, (H, W, 4); once for many contents.

    Args:
        mask: (H, W), how much of each pixel counts; None, all.
    """
    color, alpha = split_alpha(style)
    if mask is not None:
        alpha = mask if alpha is None else mask * alpha
    features = model.encoder(color, LAYERS)

    def statistic(found: Array) -> Gaussian:
        return gaussian(found, position_weights(alpha, found.shape))

    return Style(statistic(color), tuple(statistic(features[k]) for k in LAYERS))


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


def _root_mean_square(target: Gaussian) -> Float[Array, ""]:
    """Root mean square over channels and positions."""
    energy = jnp.trace(target.covariance) + jnp.sum(jnp.square(target.mean))
    return jnp.sqrt(energy / target.mean.shape[-1] + 1e-12)


def _style_vector(features: Sequence[Gaussian]) -> Float[Array, " n"]:
    """(n,): each channel's mean and deviation over the layer's root mean square."""

    def of_layer(target: Gaussian) -> Array:
        variances = jnp.maximum(jnp.diagonal(target.covariance), 0.0)
        moments = jnp.concatenate([target.mean, jnp.sqrt(variances)])
        return moments / _root_mean_square(target)

    return jnp.concatenate([of_layer(target) for target in features])


def apply_style(
    model: FeedForward,
    content: Array,
    style: Style,
    *,
    strength: Array | float | None = None,
    mask: Array | None = None,
) -> Array:
    """One pass for the statistics of a style; arguments as of `stylize`.

    x = b + s D(f + s (T f - f), c), with b the content whose colours are moved by s,
    T the transport of its features f, c the style's statistics, and D the decoder.
    Of regions each is moved by itself, and c is the mean of theirs by area.

    Args:
        mask: (H, W, R), which parts take which style; the leaves of `style` then have
            an axis of R in front.

    Returns:
        (H, W, 3), not yet clipped to [0, 1].
    """
    height, width = content.shape[:2]
    below, right = -height % _MULTIPLE, -width % _MULTIPLE
    padded = jnp.pad(content, ((0, below), (0, right), (0, 0)), mode="reflect")
    features = model.encoder(padded, LAYERS)
    maps = [features[layer] for layer in LAYERS]
    if mask is None:
        match = partial(match_statistics, matching=model.matching, strength=strength)
        matched = [
            match(found, target) / _root_mean_square(target)
            for found, target in zip(maps, style.features, strict=True)
        ]
        vector = _style_vector(style.features)
        base = match(padded, style.colours)
    else:
        padding = ((0, below), (0, right), (0, 0))
        wider = jnp.pad(mask, padding, mode="reflect")
        matched, vector, base = _match_regions(
            model, padded, maps, style, wider, strength
        )
    scale = 1.0 if strength is None else strength
    decoded: Any = model.module.apply({"params": model.params}, matched, vector, base)
    return (base + scale * decoded)[:height, :width]


def _match_regions(
    model: FeedForward,
    content: Array,
    maps: list[Array],
    style: Style,
    mask: Array,
    strength: Array | float | None,
) -> tuple[list[Array], Array, Array]:
    """What the decoder takes of regions: features, style vector and base."""
    match = partial(match_statistics, matching=model.matching, strength=strength)

    def moved(found: Array, targets: Gaussian, *, scaled: bool = True) -> Array:
        masks = jnp.moveaxis(resize_mask(mask, found.shape), -1, 0)

        def of_region(target: Gaussian, own: Array) -> Array:
            result = match(found, target, weights=mask_weights(own, own.shape))
            return result / _root_mean_square(target) if scaled else result

        raised = masks + 1e-6  # where no region is, all are, in equal parts
        parts = raised / jnp.sum(raised, 0, keepdims=True)
        return jnp.sum(parts[..., None] * jax.vmap(of_region)(targets, masks), 0)

    matched = [moved(*pair) for pair in zip(maps, style.features, strict=True)]
    areas = jnp.mean(mask, (0, 1))
    shares = areas / jnp.maximum(jnp.sum(areas), 1e-12)
    vectors = jax.vmap(_style_vector)(style.features)
    vector = jnp.einsum("r,rn->n", shares, vectors)
    return matched, vector, moved(content, style.colours, scaled=False)


def stylize(
    model: FeedForward,
    content: Array,
    style: Array | Sequence[Array],
    *,
    strength: Array | float | None = None,
    style_mix: Sequence[float] | Array | None = None,
    regions: Regions | None = None,
) -> Array:
    """One image in the style of another, in one pass.

    A pure function that jit, vmap and grad accept.

    Args:
        model: from `load_feedforward`.
        content: (H, W, 3), RGB in [0, 1].
        style: (H', W', 3), or several such images; of one with alpha, (H', W', 4), the
            opaque parts count.
        strength: from 0, the content itself, to 1; None is 1.
        style_mix: a weight for each of several styles; equal if not given.
        regions: which parts of the content take the style of which parts of the
            styles; None, all of all.

    Returns:
        (H, W, 3) in [0, 1].

    Raises:
        TypeError, ValueError: what are not images, or too small ones; weights that
            are not as many as the styles; masks that do not fit.
    """
    return _stylize(
        style_of, apply_style, model, content, style, strength, style_mix, regions
    )


def stylize_compiled(
    model: FeedForward,
    content: Array,
    style: Array | Sequence[Array],
    *,
    strength: Array | float | None = None,
    style_mix: Sequence[float] | Array | None = None,
    regions: Regions | None = None,
) -> Array:
    """As `stylize`, compiled once for each size of a content and each size of a style,
    and not for each pair of sizes."""
    number = None if strength is None else jnp.float32(strength)
    prepared = model.prepared()
    return _stylize(
        _style_of, _apply_style, prepared, content, style, number, style_mix, regions
    )


_style_of = jax.jit(style_of)

_apply_style = jax.jit(apply_style)


def _stylize(
    style_of: Callable[..., Style],
    apply_style: Callable[..., Array],
    model: FeedForward,
    content: Array,
    style: Array | Sequence[Array],
    strength: Array | float | None,
    style_mix: Sequence[float] | Array | None,
    regions: Regions | None,
) -> Array:
    content = _checks.check_image(content, "content", min_side=model.min_side)
    styles = _checks.check_images(style, "style", min_side=model.min_side, alpha=True)
    if style_mix is not None and len(style_mix) != len(styles):
        raise ValueError(
            f"got {len(style_mix)} style_mix weights for {len(styles)} styles; "
            "give one each"
        )
    if regions is None:
        found = [style_of(model, image) for image in styles]
        blend = found[0] if len(styles) == 1 else blended(found, style_mix)
        painted = apply_style(model, content, blend, strength=strength)
        return jnp.clip(painted, 0.0, 1.0)
    regions = check_regions(regions, content, styles)
    equal = (1.0,) * len(styles)
    mix = jnp.asarray(equal if style_mix is None else style_mix, jnp.float32)
    each = jax.vmap(style_of, (None, None, -1))
    found = [
        each(model, image, mask)
        for image, mask in zip(styles, regions.styles, strict=True)
    ]
    blend = jax.vmap(blended, (0, 1))(found, style_shares(mix, regions.styles))
    mask = regions.content
    painted = apply_style(model, content, blend, strength=strength, mask=mask)
    target = region_target(mask, content, {})
    return composite(jnp.clip(painted, 0.0, 1.0), target)
