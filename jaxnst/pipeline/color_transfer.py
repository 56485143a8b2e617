"""Keeping the colours of a picture: luma alone, or matched colour statistics.

Both ways are those of Gatys, Bethge, Hertzmann and Shechtman, "Preserving Color in
Neural Artistic Style Transfer", arXiv 1606.05897 (2016). Pure functions of pictures
(H, W, 3), RGB, sRGB-encoded, float32 in [0, 1]; `jax.vmap` lifts them to batches.
"""

import jax.numpy as jnp
from jax import Array

from jaxnst._checks import check_image, in_pixels
from jaxnst.gaussian import Gaussian, transport_map
from jaxnst.linalg import matmul
from jaxnst.losses.masks import join_alpha, position_weights, split_alpha

# Rec. 601, the Y of YIQ and of YCbCr, as in the paper.
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114

# A spread below this, far under one 8-bit level, is rounding and not colour.
_FLAT = 1e-4


def luminance(image: Array) -> Array:
    """Luma Y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).

    Args:
        image: (H, W, 3).

    Returns:
        (H, W), in [0, 1].

    Raises:
        TypeError, ValueError: `image` is no picture (as in every function here).
    """
    image = check_image(image, alpha=True, unclipped=True)
    return _RED * image[..., 0] + _GREEN * image[..., 1] + _BLUE * image[..., 2]


def to_luminance(image: Array) -> Array:
    """The grey picture (H, W, 3) whose three channels are the luma of `image`, with
    its alpha where it has one."""
    luma = luminance(image)[..., None]
    grey = jnp.broadcast_to(luma, (*luma.shape[:2], 3))
    return join_alpha(grey, split_alpha(image)[1])


def match_luminance(style: Array, content: Array, *, clip: bool = True) -> Array:
    """`style` with the mean and standard deviation of `content`'s luma.

    Y' = (sd_c / sd_s) (Y_s - mean_s) + mean_c (arXiv 1606.05897, section 3.2), the
    chroma left alone. The paper transfers luma only: give it grey pictures,
    `match_luminance(to_luminance(style), to_luminance(content))`. A style of one even
    luma takes on the mean alone.

    Args:
        style: (H, W, 3); of one with alpha, (H, W, 4), the opaque parts count.
        content: (h, w, 3).
        clip: to [0, 1], after which the statistics match less exactly.

    Returns:
        Like `style`.
    """
    style_luma, content_luma = luminance(style), luminance(content)
    style, alpha = split_alpha(style)
    counts = position_weights(alpha, style.shape)
    style_mean, content_mean = _mean(style_luma, counts), _mean(content_luma)
    style_sd = jnp.sqrt(_mean((style_luma - style_mean) ** 2, counts))
    content_sd = jnp.sqrt(_mean((content_luma - content_mean) ** 2))
    flat = style_sd < _FLAT
    gain = jnp.where(flat, 0.0, content_sd / jnp.where(flat, 1.0, style_sd))
    matched = gain * (style_luma - style_mean) + content_mean
    return join_alpha(_limit(_with_luma(style, matched), clip), alpha)


def with_color_of(image: Array, source: Array, *, clip: bool = True) -> Array:
    """The luma of `image` with the chroma of `source`.

    In YIQ and YCbCr alike grey has no chroma and adds Y to each of R, G and B, so
    exchanging Y is adding the difference: x' = source + Y(image) - Y(source). The
    last step of luminance-only transfer (arXiv 1606.05897, section 3.2).

    Args:
        image, source: (H, W, 3), of one size.
        clip: to [0, 1], which shifts strong colours near black and white.

    Returns:
        (H, W, 3).
    """
    image = check_image(image, unclipped=True)
    source = check_image(source, "source", unclipped=True)
    if image.shape != source.shape:
        raise ValueError(
            f"image is {in_pixels(image)}, source {in_pixels(source)}, and they must "
            "have one size; resize the source with jaxnst.images.resize"
        )
    return _limit(_with_luma(source, luminance(image)), clip)


def match_color(style: Array, content: Array, *, clip: bool = True) -> Array:
    """`style` with the mean and covariance of `content`'s colours.

    x' = A (x - mean_s) + mean_c over pixels x in RGB, with A S A^T = C for the
    covariances S of the style and C of the content (arXiv 1606.05897, section 3.1).
    Of the many such A this is the symmetric one of `gaussian.transport_map`, the
    optimal transport between the two Gaussians (Pitié and Kokaram, "The linear
    Monge-Kantorovitch colour mapping", 2007). It moves colours the least, and unlike
    the paper's C^(1/2) S^(-1/2) it adds no spread in directions in which the style has
    none: a grey style stays of one hue, the tint of the content's mean.

    Args:
        style: (H, W, 3); of one with alpha, (H, W, 4), the opaque parts count.
        content: (h, w, 3).
        clip: to [0, 1], after which the statistics match less exactly.

    Returns:
        Like `style`.
    """
    style = check_image(style, "style", alpha=True, unclipped=True)
    style, alpha = split_alpha(style)
    counts = position_weights(alpha, style.shape)
    content = check_image(content, "content", unclipped=True)
    style_mean, style_spread = _moments(style, counts)
    content_mean, content_spread = _moments(content)
    transport = transport_map(style_spread, content_spread, roots=_roots)
    centred = style - style_mean.reshape(1, 1, 3)
    # Of a nearly flat style the mean's rounding would be enlarged thousands of times.
    centred = centred - _mean(centred, counts).reshape(1, 1, 3)
    moved = jnp.einsum("hwc,dc->hwd", centred, transport, precision="highest")
    return join_alpha(_limit(moved + content_mean.reshape(1, 1, 3), clip), alpha)


def move_colors(image: Array, source: Gaussian, target: Gaussian) -> Array:
    """A picture whose colours are moved as `match_color` moves those of a painting, by
    means and covariances that are known; not clipped.

    Args:
        image: (H, W, 3).
        source, target: of the colours that they have, and that they are to have.
    """
    transport = transport_map(source.covariance, target.covariance, roots=_roots)
    centred = image - source.mean.reshape(1, 1, 3)
    moved = jnp.einsum("hwc,dc->hwd", centred, transport, precision="highest")
    return moved + target.mean.reshape(1, 1, 3)


def _with_luma(image: Array, luma: Array) -> Array:
    return image + (luma - luminance(image))[..., None]


def _limit(image: Array, clip: bool) -> Array:
    return jnp.clip(image, 0.0, 1.0) if clip else image


def _mean(values: Array, weights: Array | None = None) -> Array:
    """Mean over the first two axes, row by row: one long sum would lose digits.

    Args:
        weights: (H, W), how much each pixel counts, with mean 1.
    """
    if weights is not None:
        values = values * weights.reshape(*weights.shape, *(1,) * (values.ndim - 2))
    return values.mean(1).mean(0)


def _moments(image: Array, weights: Array | None = None) -> tuple[Array, Array]:
    """Mean (3,) and covariance (3, 3) of the colours of a picture."""
    mean = _mean(image, weights)
    centred = image - mean.reshape(1, 1, 3)
    return mean, _mean(centred[..., :, None] * centred[..., None, :], weights)


def _roots(matrix: Array) -> tuple[Array, Array]:
    """Square root of a symmetric positive (3, 3), and the inverse of the root.

    Directions without spread, of eigenvalue 0 up to rounding, have inverse 0.
    """
    values, vectors = jnp.linalg.eigh(matrix)
    solid = values > jnp.maximum(_FLAT**2, 1e-6 * values[-1])
    roots = jnp.sqrt(jnp.maximum(values, 0.0))
    inverses = jnp.where(solid, 1.0 / jnp.where(solid, roots, 1.0), 0.0)
    root = matmul(vectors * roots.reshape(1, 3), vectors.T)
    return root, matmul(vectors * inverses.reshape(1, 3), vectors.T)
