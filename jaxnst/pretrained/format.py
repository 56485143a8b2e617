"""Network weights in the project's own HDF5 format, versions 1 and 2.

Attributes of the file: format, version, architecture, mean, std, padding, source,
license. One dataset per tensor: `<layer>/kernel` (k, k, I, O), `<layer>/bias` (O,),
float32, or float16 that comes back as float32. In version 2 a kernel may be uint8,
indices into `<layer>/table` (up to 256 float32 values): a quarter of the size of
float32, and the same numbers. A network's input is (image - mean) / std with the image
in RGB, [0, 1].

The attribute content_sha256, which files of earlier versions lack, is over all of that.
"""

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from jaxnst._files import atomic_write, sha256
from jaxnst.networks import googlenet, vgg
from jaxnst.networks.conv import PADDINGS
from jaxnst.pretrained.hdf5 import (
    MEND,
    Hdf5,
    WeightsError,
    check_readable,
    find_datasets,
    open_hdf5,
)

FORMAT = "jaxnst.weights"

ARCHITECTURES = (*vgg.ARCHITECTURES, googlenet.ARCHITECTURE)

VERSION = 2

_TABLE = 256  # values that an index of 8 bits can stand for

_TEXTS = ("architecture", "padding", "source", "license")

_ATTRIBUTES = ("format", "version", "mean", "std", *_TEXTS)

_CHECKSUM = "content_sha256"

# "none" is for 1 x 1 kernels beside a network, which reach over no edge.
_PADDINGS = (*PADDINGS, "none")


@dataclass(frozen=True, eq=False)
class NetworkWeights:
    """A network's parameters and what must be known to apply them.

    Attributes:
        architecture: "vgg16", "vgg19", "googlenet", ...
        mean: (3,) float32, subtracted from an RGB image in [0, 1].
        std: (3,) float32, which the difference is divided by.
        padding: "zeros", "reflect", "replicate"; "none" for 1 x 1 kernels alone.
        source: where the numbers come from.
        license: what they may be used for.
        tensors: layer -> {"kernel": (k, k, I, O), "bias": (O,)}, float32, layers in
            the network's order.
        checksum: SHA-256 (hex) of the file this was read from, "" if it was not.
        notes: the file's other attributes that are text, such as GoogLeNet's "lrn".
    """

    architecture: str
    mean: np.ndarray
    std: np.ndarray
    padding: str
    source: str
    license: str
    tensors: Mapping[str, Mapping[str, np.ndarray]]
    checksum: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)


def _check_vgg(weights: NetworkWeights, path: Path) -> None:
    """Layers without a gap from conv1_1, kernels 3 x 3, channels that chain from 3."""
    expected = vgg.convolutions(weights.architecture)
    present = tuple(weights.tensors)
    if present != expected[: len(present)]:
        fault = next((n for n in present if n not in expected), None)
        gap = next((n for n in expected if n not in present), None)
        raise WeightsError(
            f"{path}: {weights.architecture} has no layer {fault!r}; {MEND}"
            if fault or not gap
            else f"{path}: layer {gap} is missing before {present[-1]}; {MEND}"
        )
    if weights.padding == "none":
        raise WeightsError(f"{path}: {weights.architecture} needs a padding; {MEND}")
    channels = 3
    for name, tensor in weights.tensors.items():
        shape = tensor["kernel"].shape
        if shape[:3] != (3, 3, channels):
            raise WeightsError(
                f"{path}: {name}/kernel has shape {shape}, wanted "
                f"(3, 3, {channels}, any); {MEND}"
            )
        channels = shape[3]


def _check_tensor(layer: str, tensor: Mapping[str, np.ndarray], path: Path) -> None:
    if set(tensor) != {"kernel", "bias"}:
        present = ", ".join(sorted(tensor)) or "nothing"
        raise WeightsError(
            f"{path}: {layer} holds {present}, wanted a kernel and a bias; {MEND}"
        )
    kernel, bias = tensor["kernel"], tensor["bias"]
    shape = kernel.shape
    if len(shape) != 4 or not all(shape) or shape[0] != shape[1] or shape[0] % 2 == 0:
        raise WeightsError(
            f"{path}: {layer}/kernel has shape {shape}, wanted (k, k, I, O), k odd; "
            + MEND
        )
    if bias.shape != shape[3:]:
        raise WeightsError(
            f"{path}: {layer}/bias has shape {bias.shape}, wanted {shape[3:]}; {MEND}"
        )
    for name, values in tensor.items():
        if values.dtype != np.float32 or not np.isfinite(values).all():
            raise WeightsError(f"{path}: {layer}/{name} is not finite float32; {MEND}")


def validate(weights: NetworkWeights, path: str | os.PathLike[str]) -> None:
    """Check that `weights`, read from or bound for `path`, are complete and usable.

    Raises:
        WeightsError: the first fault found, with its remedy.
    """
    path = Path(path)
    for name in _TEXTS:
        if not isinstance(getattr(weights, name), str):
            raise WeightsError(f"{path}: attribute {name!r} is not text; {MEND}")
    if weights.padding not in _PADDINGS:
        raise WeightsError(
            f"{path}: unknown padding {weights.padding!r}; known: "
            f"{', '.join(_PADDINGS)}; {MEND} or update jaxnst"
        )
    for name, values in (("mean", weights.mean), ("std", weights.std)):
        if np.shape(values) != (3,) or not np.isfinite(values).all():
            raise WeightsError(f"{path}: {name} is not three finite numbers; {MEND}")
    if not (weights.std > 0).all():
        raise WeightsError(f"{path}: std must be above 0, is {weights.std}; {MEND}")
    if not weights.tensors:
        raise WeightsError(f"{path} holds no layers; {MEND}")
    for layer, tensor in weights.tensors.items():
        _check_tensor(layer, tensor, path)
    if weights.architecture in vgg.ARCHITECTURES:
        _check_vgg(weights, path)


def _check_format(opened: Hdf5) -> None:
    path = opened.path
    kind, version = opened.attribute("format"), opened.attribute("version")
    if not isinstance(kind, str) or kind != FORMAT:
        raise WeightsError(
            f"{path} is HDF5 but not a weights file of jaxnst; if it is Keras's, run "
            f"jaxnst convert-weights {path} -o OUT.h5"
        )
    if not isinstance(version, int | np.integer) or version < 1:
        raise WeightsError(f"{path}: version {version!r} is not a number; {MEND}")
    if version > VERSION:
        raise WeightsError(
            f"{path} has format version {version}, this jaxnst knows {VERSION}; "
            "update jaxnst"
        )
    for name in _ATTRIBUTES:
        if name not in opened.file.attrs:
            raise WeightsError(f"{path}: attribute {name!r} is missing; {MEND}")
        if name in _TEXTS and not isinstance(opened.attribute(name), str):
            raise WeightsError(f"{path}: attribute {name!r} is not text; {MEND}")


def _numbers(opened: Hdf5, name: str) -> np.ndarray:
    value = np.asarray(opened.attribute(name))
    if value.dtype.kind not in "fiu":
        raise WeightsError(f"{opened.path}: {name} is not three finite numbers; {MEND}")
    return value.astype(np.float32)


def _content_sha256(
    arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
) -> str:
    """SHA-256 (hex) over the datasets of a file and its attributes, in any order."""
    digest = hashlib.sha256()
    for name, value in sorted({**attributes, **arrays}.items()):
        if isinstance(value, str):
            data = value.encode("utf-8", "surrogateescape")
        else:
            # The same numbers on a machine of either byte order.
            value = np.asarray(value)
            value = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
            name, data = f"{name} {value.dtype.str} {value.shape}", value.tobytes()
        digest.update(f"{name} {len(data)}\n".encode("utf-8", "surrogateescape"))
        digest.update(data)
    return digest.hexdigest()


def _tensors(
    arrays: Mapping[str, np.ndarray], path: Path
) -> dict[str, dict[str, np.ndarray]]:
    """The tensors, by layer and kind, that the datasets of a file stand for."""
    stored: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        layer, _, kind = name.rpartition("/")
        stored.setdefault(layer, {})[kind] = array
    for layer, tensor in stored.items():
        if "table" in tensor:
            tensor["kernel"] = _look_up(layer, tensor, path)
            del tensor["table"]
        for kind, values in tensor.items():
            if values.dtype == np.uint8:
                raise WeightsError(f"{path}: {layer}/{kind} has no table; {MEND}")
            tensor[kind] = np.asarray(values, np.float32)
    return stored


def _look_up(layer: str, tensor: Mapping[str, np.ndarray], path: Path) -> np.ndarray:
    """The kernel whose indices into the table a layer holds."""
    table, indices = tensor["table"], tensor.get("kernel")
    if indices is None or indices.dtype != np.uint8 or table.dtype.kind != "f":
        raise WeightsError(
            f"{path}: {layer}/table wants a kernel of 8-bit indices; {MEND}"
        )
    if table.ndim != 1 or indices.size and int(indices.max()) >= len(table):
        raise WeightsError(
            f"{path}: {layer}/kernel has indices outside its table; {MEND}"
        )
    return table[indices]


def _sort_layers(
    tensors: Mapping[str, Mapping[str, np.ndarray]], architecture: str
) -> dict[str, Mapping[str, np.ndarray]]:
    """Layers as they are computed where that is known, by name where it is not."""
    order: tuple[str, ...] = ()
    if architecture in vgg.ARCHITECTURES:
        order = vgg.convolutions(architecture)
    elif architecture == googlenet.ARCHITECTURE:
        order = googlenet.convolutions()
    names = [n for n in order if n in tensors] + sorted(set(tensors) - set(order))
    return {name: tensors[name] for name in names}


def read_weights(path: str | os.PathLike[str]) -> NetworkWeights:
    """Read and validate a weights file.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: `path` cannot be read.
        WeightsError: a `ValueError`: not such a file, damaged, or of a newer version.
    """
    path = check_readable(path)
    with open_hdf5(path) as opened:
        _check_format(opened)
        attributes = {name: opened.attribute(name) for name in opened.file.attrs}
        expected = attributes.pop(_CHECKSUM, None)
        notes = {n: v for n, v in attributes.items() if n not in _ATTRIBUTES}
        datasets = find_datasets(opened, indices=True)
        arrays = {name: dataset[()] for name, dataset in datasets.items()}
        tensors = _tensors(arrays, path)
        texts = {name: attributes[name] for name in _TEXTS}
        weights = NetworkWeights(
            mean=_numbers(opened, "mean"),
            std=_numbers(opened, "std"),
            tensors=_sort_layers(tensors, texts["architecture"]),
            checksum=sha256(opened.data),
            notes={n: text for n, text in notes.items() if isinstance(text, str)},
            **texts,
        )
    validate(weights, path)
    if expected is not None and expected != _content_sha256(arrays, attributes):
        raise WeightsError(
            f"{path} is not as it was written, its checksum differs; fetch or convert "
            f"it again, or, if the change was meant, remove its attribute {_CHECKSUM}"
        )
    return weights


def _stored(
    layer: str,
    tensor: Mapping[str, np.ndarray],
    dtype: str,
    path: str | os.PathLike[str],
) -> dict[str, np.ndarray]:
    """The datasets of a layer as the file holds them."""
    if dtype == "uint8":
        table, indices = np.unique(tensor["kernel"], return_inverse=True)
        if len(table) > _TABLE:
            raise WeightsError(
                f"{path}: {layer}/kernel has {len(table):,} values, {_TABLE} can be "
                "stored in 8 bits; write float32 or float16"
            )
        kernel = indices.reshape(tensor["kernel"].shape).astype(np.uint8)
        return {**tensor, "kernel": kernel, "table": table}
    with np.errstate(over="ignore"):
        stored = {name: values.astype(dtype) for name, values in tensor.items()}
    for name, values in stored.items():
        if not np.isfinite(values).all():
            raise WeightsError(f"{path}: {layer}/{name} is beyond {dtype}")
    return stored


def write_weights(
    path: str | os.PathLike[str], weights: NetworkWeights, *, dtype: str = "float32"
) -> None:
    """Validate `weights` and write them to `path`, whole or not at all.

    The same weights give the same bytes.

    Args:
        dtype: of the tensors in the file: "float32"; "float16" for half the size; or
            "uint8", indices into tables, for kernels of up to 256 values, without loss.

    Raises:
        WeightsError: the weights are not valid, or not of this dtype.
        OSError: `path` cannot be written, or the disk is full.
    """
    validate(weights, path)
    attributes: dict[str, Any] = {
        "format": FORMAT,
        # What an earlier jaxnst can read keeps the version that it knows.
        "version": VERSION if dtype == "uint8" else 1,
        **{name: getattr(weights, name) for name in _TEXTS},
        "mean": np.asarray(weights.mean, np.float32),
        "std": np.asarray(weights.std, np.float32),
        **weights.notes,
    }
    arrays = {
        f"{layer}/{name}": values
        for layer, tensor in weights.tensors.items()
        for name, values in _stored(layer, tensor, dtype, path).items()
    }
    attributes[_CHECKSUM] = _content_sha256(arrays, attributes)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs.update(attributes)
        for name, values in arrays.items():
            # A time of creation would make every copy a different file.
            file.create_dataset(name, data=values, track_times=False)
    with atomic_write(path) as temporary:
        # Not getbuffer(): a view that a failed write's traceback keeps alive makes the
        # garbage collector complain of the buffer (Python 3.13).
        temporary.write_bytes(buffer.getvalue())


Tensors = dict[str, dict[str, np.ndarray]]


def choose_architecture(
    present: set[str], expected: Mapping[str, tuple[str, ...]], path: Path
) -> str:
    """The one architecture of which the names `present` are the first, without a gap.

    Args:
        present: names of the convolutions in the file, in the file's own naming.
        expected: architecture -> all its convolutions in order, in that naming.
    """
    fits = [a for a, names in expected.items() if present == set(names[: len(present)])]
    if len(fits) == 1 and present:
        return fits[0]
    names = " or ".join(expected)
    if present and fits:
        raise WeightsError(
            f"{path} could be the beginning of {names}; choose one (architecture=)"
        )
    raise WeightsError(
        f"{path} does not hold the convolutions of {names}; fetch the published file"
    )
