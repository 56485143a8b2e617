"""The way back from features to a picture: the encoder's blocks, mirrored.

At every height the features of that height join in, so that detail need not be guessed
from the deepest ones. What a brush does is the style's: each layer is normalised over
the picture, as Ulyanov et al. (CVPR 2017) found best, and then scaled and shifted by
numbers that a small network reads off the style (Dumoulin et al., ICLR 2017; Perez et
al., "FiLM", AAAI 2018). Enlarged by repetition before a convolution, which leaves no
checkerboard (Odena et al., Distill 2016); borders are continued by reflection.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from jaxnst.networks.vgg import Convolution

_PADDING = "reflect"

_SCALE = 0.1


def layer_table(widths: tuple[int, ...]) -> list[list[tuple[str, int]]]:
    """Blocks from deep to shallow, each of layers with their output channels.

    Args:
        widths: channels of the encoder's features from shallow to deep.
    """
    below = (max(8, widths[0]), *widths)
    blocks = []
    for block in range(len(widths), 0, -1):
        own, next_ = widths[block - 1], below[block - 1]
        if block == 1:  # as high as the picture: wider, or strokes are few
            inner = [2 * own]
        else:
            inner = [own] * (1 if block in (2, len(widths)) else 2)
        channels = [*inner, next_]
        blocks.append([(f"conv{block}_{i + 1}", n) for i, n in enumerate(channels)])
    return blocks


def normalized(x: Array) -> Array:
    """Each channel with mean 0 and mean square 1 over positions, (..., h, w, c)."""
    centred = x - jnp.mean(x, (-3, -2), keepdims=True)
    square = jnp.mean(jnp.square(centred), (-3, -2), keepdims=True)
    return centred / jnp.sqrt(square + 1e-5)


def doubled(x: Array) -> Array:
    """(..., h, w, c) to (..., 2 h, 2 w, c), every value four times."""
    return jnp.repeat(jnp.repeat(x, 2, axis=-3), 2, axis=-2)


class Styled(nn.Module):
    """A convolution, normalised, then scaled and shifted as the style has it."""

    features: int

    @nn.compact
    def __call__(self, x: Array, style: Array) -> Array:
        y = normalized(Convolution(self.features, _PADDING, name="conv")(x))
        numbers = nn.Dense(
            2 * self.features, kernel_init=nn.initializers.zeros_init(), name="style"
        )(style)
        scale, shift = jnp.split(numbers, 2, -1)
        return nn.relu(y * (1 + scale[None, None]) + shift[None, None])


class Decoder(nn.Module):
    """From features of one picture at several heights, and a style, to a picture.

    Attributes:
        widths: channels of the features from shallow to deep.
        code: length of the vector that stands for the style inside.
    """

    widths: tuple[int, ...]
    code: int = 64

    @nn.compact
    def __call__(self, features: Sequence[Array], style: Array, base: Array) -> Array:
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
                parts = [doubled(x), features[-1 - block]]
                if block == len(self.widths) - 1:
                    parts.append(base - 0.5)
                x = jnp.concatenate(parts, -1)
            for name, channels in layers:
                x = Styled(channels, name=name)(x, style)
        # Activations are about 1, what is added to a picture far less.
        return _SCALE * Convolution(3, _PADDING, name="picture")(x)
