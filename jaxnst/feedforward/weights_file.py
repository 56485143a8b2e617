"""The decoder in a weights file: `load_feedforward`, `write_feedforward`.

The format of `pretrained.format`; a dense kernel (I, O) is stored as (1, 1, I, O).
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxnst.feedforward.model import FeedForward, new_feedforward
from jaxnst.feedforward.transforms import MATCHINGS
from jaxnst.networks.network import Network
from jaxnst.pretrained.format import NetworkWeights, read_weights, write_weights
from jaxnst.pretrained.hdf5 import MEND, WeightsError
from jaxnst.pretrained.loading import load_network
from jaxnst.pretrained.registry import builtin_weights

ARCHITECTURE = "feedforward"


def load_feedforward(
    weights: str | PathLike[str] | None = None, *, encoder: Network | None = None
) -> FeedForward:
    """The one-pass network that comes with jaxnst, or another.

    Args:
        weights: a file of `jaxnst train-decoder`; None, the built-in one.
        encoder: the network that it was trained with; None, vgg19-lite.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, of another kind, or was trained with another
            encoder.
    """
    path = builtin_weights(ARCHITECTURE) if weights is None else weights
    stored = read_decoder(path)
    encoder = load_network("vgg19-lite") if encoder is None else encoder
    if stored.notes.get("encoder") != encoder.checksum:
        raise WeightsError(
            f"{path} was trained with another encoder than {encoder.source}; train it "
            "again, or give the encoder that it was trained with"
        )
    matching = stored.notes["matching"]
    make = partial(new_feedforward, encoder=encoder, matching=matching)
    shapes = jax.eval_shape(make, jax.random.key(0))
    return replace(
        shapes,
        encoder=encoder,
        params=params_of(stored, shapes.params, path),
        source=stored.source,
        checksum=stored.checksum,
    )


def read_decoder(path: str | PathLike[str]) -> NetworkWeights:
    """What a file of a decoder holds, whatever encoder it is for.

    Raises:
        FileNotFoundError, ValueError: as of `load_feedforward`.
    """
    stored = read_weights(path)
    if stored.architecture != ARCHITECTURE:
        raise WeightsError(
            f"{path} holds weights of {stored.architecture}, not of a one-pass "
            "network; give a file of jaxnst train-decoder"
        )
    matching = stored.notes.get("matching")
    if matching is None or matching not in MATCHINGS:
        raise WeightsError(f"{path}: unknown matching {matching!r}; {MEND}")
    return stored


def params_of(stored: NetworkWeights, shapes: Any, path: str | PathLike[str]) -> Any:
    """The decoder's parameters out of what a file holds.

    Args:
        shapes: the parameters' tree.

    Raises:
        ValueError: one is missing, too many or of another shape.
    """
    arrays = flatten_dict(stored.tensors, sep="/")
    params = {}
    for name, leaf in flatten_dict(shapes, sep="/").items():
        array = arrays.pop(name, None)
        expected = (1, 1, *leaf.shape) if _is_dense(name, leaf) else leaf.shape
        if array is None or array.shape != expected:
            problem = "is missing" if array is None else f"has shape {array.shape}"
            raise WeightsError(f"{path}: {name} {problem}, wanted {expected}; {MEND}")
        params[name] = jnp.asarray(array.reshape(leaf.shape))
    if arrays:
        raise WeightsError(f"{path}: {min(arrays)} belongs to no layer; {MEND}")
    return unflatten_dict(params, sep="/")


def _is_dense(name: str, array: Any) -> bool:
    return name.endswith("/kernel") and array.ndim == 2


def write_feedforward(
    path: str | PathLike[str], model: FeedForward, notes: Mapping[str, str]
) -> None:
    """Write the decoder of `model`, float16, whole or not at all.

    Args:
        path: of the HDF5 file.
        notes: further texts for the file, by name.

    Raises:
        WeightsError: a number that float16 cannot hold.
    """
    tensors: dict[str, dict[str, np.ndarray]] = {}
    for name, value in flatten_dict(jax.device_get(model.params), sep="/").items():
        layer, _, kind = name.rpartition("/")
        stored = value[None, None] if _is_dense(name, value) else value
        tensors.setdefault(layer, {})[kind] = stored
    weights = NetworkWeights(
        architecture=ARCHITECTURE,
        mean=np.zeros(3, np.float32),
        std=np.ones(3, np.float32),
        padding="reflect",
        source=model.source,
        license="Apache-2.0",
        tensors=tensors,
        notes={
            "encoder": model.encoder.checksum,
            "matching": model.matching,
            **notes,
        },
    )
    write_weights(path, weights, dtype="float16")
