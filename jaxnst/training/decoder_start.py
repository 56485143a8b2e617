"""To begin a decoder's training from one that was trained for another encoder.

An encoder that was trained on from another has channels that are much the same, and
perhaps some more; what the decoder learned of them is not to be learned again.
"""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import Array

from jaxnst.feedforward.decoder import Decoder, layer_table
from jaxnst.feedforward.model import LAYERS, FeedForward, new_feedforward
from jaxnst.feedforward.weights_file import params_of, read_decoder
from jaxnst.networks.network import Network
from jaxnst.pretrained.format import NetworkWeights
from jaxnst.pretrained.hdf5 import MEND, WeightsError

Parts = Sequence[int]
"""Numbers of channels of what lies one after another along an axis."""


def start_from(path: str | PathLike[str], encoder: Network, key: Array) -> FeedForward:
    """The decoder of a weights file, for an encoder as wide or wider, channel for
    channel.

    Channels that the encoder has beyond those of the file's are at first not read by
    those that were there: of the same features it makes the same picture.

    Args:
        path: a file of `jaxnst train-decoder`.
        key: of `jax.random`, for the new channels.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, of another kind, or for a wider encoder.
    """
    stored = read_decoder(path)
    matching = stored.notes["matching"]
    model = new_feedforward(key, encoder, matching=matching)
    widths, own = _widths(stored, path), model.module.widths
    if len(widths) != len(own) or any(a > b for a, b in zip(widths, own, strict=True)):
        raise ValueError(
            f"{path} decodes features of {widths} channels, the encoder has {own}; "
            "give an encoder at least as wide"
        )
    old = flatten_dict(params_of(stored, _shapes(widths), path), sep="/")
    before, after = _input_parts(widths), _input_parts(own)
    params = {}
    for name, drawn in flatten_dict(model.params, sep="/").items():
        array = old[name]
        inputs = before[_layer(name)], after[_layer(name)]
        params[name] = _placed(array, drawn, inputs, _output_parts(name, array, drawn))
    return FeedForward(
        encoder,
        unflatten_dict(params, sep="/"),
        model.module,
        matching,
        stored.source,
        stored.checksum,
    )


def _layer(name: str) -> str:
    """Of a tensor: conv4_1, picture or style; film for what scales and shifts."""
    first, *rest = name.split("/")
    return "film" if rest[0] == "style" else first


def _widths(stored: NetworkWeights, path: str | PathLike[str]) -> tuple[int, ...]:
    """Channels of the features from shallow to deep, by the decoder's own."""
    names = (f"conv{block}_1/conv" for block in range(1, len(LAYERS) + 1))
    biases = [stored.tensors.get(name, {}).get("bias") for name in names]
    sizes = [0 if bias is None else len(bias) for bias in biases]
    if not all(sizes) or sizes[0] % 2:
        raise WeightsError(f"{path}: a layer is missing; {MEND}")
    return (sizes[0] // 2, *sizes[1:])  # the first block is twice as wide


def _shapes(widths: tuple[int, ...]) -> Any:
    """The tree of a decoder's parameters."""
    module = Decoder(widths)
    maps = [jnp.zeros((64 >> n, 64 >> n, width)) for n, width in enumerate(widths)]
    given = maps, jnp.zeros(2 * sum(widths)), jnp.zeros((64, 64, 3))
    return jax.eval_shape(module.init, jax.random.key(0), *given)["params"]


def _input_parts(widths: tuple[int, ...]) -> dict[str, list[int]]:
    """{layer: what its inputs are made of}."""
    blocks = layer_table(widths)
    parts: dict[str, list[int]] = {"film": [], "style": []}
    for width in widths:
        parts["style"] += [width, width]  # means, then deviations
    channels = 0
    for number, layers in enumerate(blocks):
        inputs = [channels, widths[-1 - number]] if number else [widths[-1]]
        if number == len(blocks) - 1:
            inputs.append(3)  # the content's pixels
        for name, channels in layers:
            parts[name], inputs = inputs, [channels]
    parts["picture"] = inputs
    return parts


def _output_parts(name: str, old: Array, new: Array) -> tuple[Parts, Parts]:
    """Of a tensor's last axis: half scale, half shift, or one part."""
    sizes = old.shape[-1], new.shape[-1]
    if _layer(name) == "film":
        return (sizes[0] // 2,) * 2, (sizes[1] // 2,) * 2
    return sizes[:1], sizes[1:]


def _places(before: Parts, after: Parts) -> np.ndarray:
    """Where each of the old channels lies among the new ones."""
    offsets = np.cumsum([0, *after])[:-1]
    pairs = zip(before, offsets, strict=True)
    return np.concatenate([offset + np.arange(size) for size, offset in pairs])


def _placed(
    old: Array, drawn: Array, inputs: tuple[Parts, Parts], outputs: tuple[Parts, Parts]
) -> Any:
    """A tensor in the place of a part of a larger, drawn one."""
    columns = _places(*outputs)
    if drawn.ndim == 1:
        return drawn.at[columns].set(old)
    count = drawn.shape[-2]
    rows = _places(*inputs) if sum(inputs[1]) == count else np.arange(count)
    # What was there does not read what is new.
    drawn = drawn.at[..., columns].set(0.0)
    return drawn.at[..., rows[:, None], columns[None]].set(old)
