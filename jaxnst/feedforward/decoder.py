"""The decoder, from features to an image: the encoder's blocks in reverse order.

Skip connections bring the features of every resolution, so that detail need not be
guessed from the deepest ones. The style conditions every layer: it is normalised over
the image (instance normalisation, Ulyanov et al., CVPR 2017), and then scaled and
shifted by numbers that dense layers compute from the style's statistics (Dumoulin et
al., ICLR 2017; Perez et al., "FiLM", AAAI 2018). Features are enlarged linearly before
a convolution: transposed convolutions leave a checkerboard (Odena et al., Distill
2016), repetition a lattice of 2, 4 and 8 pixels in smooth areas and boxes around thin
things; borders are padded by reflection.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from jaxnst._types import AnyArray
from jaxnst.networks.vgg import Convolution

_PADDING = "reflect"

_SCALE = 0.1


def layer_table(widths: tuple[int, ...]) -> list[list[tuple[str, int]]]:
    """Blocks from deep to shallow, each of layers with their output channels.

    Args:
        widths: channels of the encoder's features from shallow to deep.
    """
    outputs = (max(8, widths[0]), *widths)
    blocks = []
    for block in range(len(widths), 0, -1):
        width = widths[block - 1]
        if block == 1:  # of the image's resolution: wider, for a variety of strokes
            inner = [2 * width]
        else:
            inner = [width] * (1 if block in (2, len(widths)) else 2)
        channels = [*inner, outputs[block - 1]]
        blocks.append([(f"conv{block}_{i + 1}", n) for i, n in enumerate(channels)])
    return blocks


def instance_norm(x: Float[AnyArray, "*b h w c"]) -> Float[Array, "*b h w c"]:
    """Each channel with mean 0 and mean square 1 over positions, (..., h, w, c)."""
    centred = x - jnp.mean(x, (-3, -2), keepdims=True)
    square = jnp.mean(jnp.square(centred), (-3, -2), keepdims=True)
    return centred / jnp.sqrt(square + 1e-5)


def upsample(
    x: Float[AnyArray, "*b h w c"],
) -> Float[Array, "*b 2*h 2*w c"]:
    """(..., h, w, c) to (..., 2 h, 2 w, c), linearly between the centres of pixels.

    y_2i = (x_(i-1) + 3 x_i) / 4 and y_(2i+1) = (3 x_i + x_(i+1)) / 4 along either axis;
    beyond the border the last value goes on.
    """
    return _upsample_axis(_upsample_axis(x, -3), -2)


def _upsample_axis(x: AnyArray, axis: int) -> Array:
    length = x.shape[axis]
    padding = [(0, 0)] * x.ndim
    padding[axis] = (1, 1)
    padded = jnp.pad(x, padding, mode="edge")
    before, after = (
        jax.lax.slice_in_dim(padded, i, i + length, axis=axis % x.ndim) for i in (0, 2)
    )
    pairs = jnp.stack([before, after], axis % x.ndim + 1)
    fine = 0.75 * jnp.expand_dims(x, axis % x.ndim + 1) + 0.25 * pairs
    shape = list(x.shape)
    shape[axis] = 2 * length
    return fine.reshape(shape)


class StyledConvolution(nn.Module):
    """A convolution, instance normalisation, a scale and shift from the style, ReLU."""

    features: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "h w c"], style: Float[Array, " n"]
    ) -> Float[Array, "h w {self.features}"]:
        y = instance_norm(Convolution(self.features, _PADDING, name="conv")(x))
        numbers = nn.Dense(
            2 * self.features, kernel_init=nn.initializers.zeros_init(), name="style"
        )(style)
        scale, shift = jnp.split(numbers, 2, -1)
        return nn.relu(y * (1 + scale[None, None]) + shift[None, None])


class Decoder(nn.Module):
    """From features of one image at several resolutions, and a style, to an image.

    Attributes:
        widths: channels of the features from shallow to deep.
        code: length of the vector that the style's statistics are embedded into.
    """

    widths: tuple[int, ...]
    code: int = 64

    @nn.compact
    def __call__(
        self,
        features: Sequence[Float[Array, "_ _ _"]],
        style: Float[Array, " n"],
        base: Float[Array, "h w 3"],
    ) -> Float[Array, "h w 3"]:
        """What is to be added to `base`.

        Args:
            features: from shallow to deep, (h, w, c), each half as high and wide as the
                one before.
            style: (n,), statistics of the style.
            base: (H, W, 3) in [0, 1], as large as the shallowest features.

        Returns:
            (H, W, 3).
        """
        style = nn.Dense(
            self.code, kernel_init=nn.initializers.he_normal(), name="style"
        )(style)
        style = nn.relu(style)
        x = features[-1]
        for block, layers in enumerate(layer_table(self.widths)):
            if block:
                parts = [upsample(x), features[-1 - block]]
                if block == len(self.widths) - 1:
                    parts.append(base - 0.5)
                x = jnp.concatenate(parts, -1)
            for name, channels in layers:
                x = StyledConvolution(channels, name=name)(x, style)
        # Activations are about 1, what is added to an image far less.
        return _SCALE * Convolution(3, _PADDING, name="picture")(x)
