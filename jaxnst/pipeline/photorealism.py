"""Colour and light of a stylised picture on the edges of the photograph.

The matting affinity of Levin et al. (2008) asks that in each small window the colours
of one picture are an affine function of those of another; Luan et al., "Deep photo
style transfer" (CVPR 2017), keep photographs photorealistic by it. The guided filter
(He, Sun and Tang, "Guided image filtering", TPAMI 2013) solves it window by window.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst._types import AnyArray
from jaxnst.linalg import EXACT
from jaxnst.pipeline.color_transfer import luminance

# Variance of the photograph, in [0, 1], below which a window counts as flat.
_FLAT = 1e-4


def photorealistic(image: Array, photograph: Array, radius: float) -> Array:
    """`locally_affine` with windows of a radius over the longer side, of at least a
    pixel."""
    pixels = max(1, round(radius * max(photograph.shape[:2])))
    return locally_affine(image, photograph, radius=pixels)


@partial(jax.jit, static_argnames="radius")
def locally_affine(
    image: Float[Array, "h w 3"], photograph: Float[AnyArray, "h w 3"], *, radius: int
) -> Float[Array, "h w 3"]:
    """The picture closest to `image` that is in each window an affine function of the
    photograph: q_i = mean over windows k around i of A_k I_i + b_k, where
    A_k = cov_k(p, I) (cov_k(I) + ε)⁻¹ and b_k = mean_k p - A_k mean_k I (He et al.
    2013, eq. 14 to 16 for colour), p the image, I the photograph.

    Args:
        image, photograph: (H, W, 3) in [0, 1].
        radius: of the windows, 2 radius + 1 pixels wide; at the borders less.

    Returns:
        (H, W, 3) in [0, 1].
    """
    mean = partial(box_mean, radius=radius)
    flat = photograph[..., :, None], image[..., None, :]
    mean_i, mean_p = mean(photograph), mean(image)
    within = mean(flat[0] * photograph[..., None, :])
    across = mean(flat[0] * flat[1])
    within = within - mean_i[..., :, None] * mean_i[..., None, :]
    across = across - mean_i[..., :, None] * mean_p[..., None, :]
    slope = jnp.linalg.solve(
        within + _FLAT * jnp.eye(3)[None, None], across
    )  # (H, W, 3, 3)

    def applied(colors: Array, slope: Array) -> Array:
        return jnp.einsum("hwi,hwip->hwp", colors, slope, precision=EXACT)

    offset = mean_p - applied(mean_i, slope)
    return jnp.clip(applied(photograph, mean(slope)) + mean(offset), 0.0, 1.0)


def edge_correlation(
    image: Float[Array, "h w 3"], photograph: Float[Array, "h w 3"]
) -> Float[Array, ""]:
    """How far the edges of a picture are those of the photograph: the correlation of
    the lengths of their lumas' gradients, 1 for the photograph itself."""
    lengths = [
        jnp.hypot(*jnp.gradient(luminance(x))).reshape(-1) for x in (image, photograph)
    ]
    return jnp.corrcoef(jnp.stack(lengths))[0, 1]


def box_mean(values: Float[Array, "h w *c"], *, radius: int) -> Float[Array, "h w *c"]:
    """Mean over the window around each position, as far as it is within the array."""
    for axis in (0, 1):
        count = values.shape[axis]
        ends = jnp.cumsum(values, axis)
        ends = jnp.concatenate(
            [jnp.zeros_like(ends.take(jnp.array([0]), axis)), ends], axis
        )
        last = jnp.minimum(jnp.arange(count) + radius + 1, count)
        first = jnp.maximum(jnp.arange(count) - radius, 0)
        widths = (last - first).astype(values.dtype)
        widths = widths.reshape([-1 if k == axis else 1 for k in range(values.ndim)])
        values = (ends.take(last, axis) - ends.take(first, axis)) / widths
    return values
