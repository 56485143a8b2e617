"""`.safetensors` files, read as if hostile.

Such a file is the length of its header (8 bytes), a header in JSON (name -> dtype,
shape, first and last byte) and the numbers. The package checks that shapes fit their
bytes and that these follow one another to the end of the file; what it leaves open is
checked here.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes  # comes with JAX; the package asks NumPy for "bfloat16" by name
import numpy as np
from safetensors import safe_open

from jaxnst.pretrained.hdf5 import WeightsError, check_readable

_HEAD = 1 << 20  # bytes that the header may take; VGG-19's takes four thousand

_DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}

START = 9  # bytes that tell the format


def is_safetensors(start: bytes) -> bool:
    """Whether a file that begins so is one: a length below 4 GiB, then JSON."""
    return start[4:START] == b"\0\0\0\0{"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("its header names something twice")
    return dict(pairs)


def _read_header(path: Path) -> dict[str, Any]:
    """The header, after checking its length and that no key of it is there twice.

    The package admits a hundred times that length, and of two tensors of one name it
    takes the last.
    """
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > _HEAD:
            raise ValueError(f"its header would take {size:,} bytes, over {_HEAD:,}")
        header = file.read(size)
    if len(header) < size:
        raise ValueError("it ends within its header")
    described: dict[str, Any] = json.loads(header, object_pairs_hook=_unique)
    return described


def _read(path: Path, wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    header, tensors = _read_header(path), {}
    with safe_open(path, framework="np") as file:
        for name in filter(wanted, file.keys()):
            # The package's get_slice would say it, in its versions before 0.7 after
            # copying the whole header for each tensor.
            dtype = header[name]["dtype"]
            if dtype not in _DTYPES:
                raise WeightsError(
                    f"{path}: {name[:80]} is {dtype}, not one of {', '.join(_DTYPES)}; "
                    "save it as float32"
                )
            values = file.get_tensor(name)
            tensors[name] = values.astype(np.float32)  # which holds all three exactly
    return tensors


def read_safetensors(
    path: str | os.PathLike[str], wanted: Callable[[str], bool]
) -> dict[str, np.ndarray]:
    """The tensors of a file whose names are wanted; the others are not read.

    Returns:
        Name -> float32 array, also where the file holds float16 or bfloat16.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: `path` cannot be read.
        WeightsError: not such a file, damaged, or with tensors of another type.
    """
    path = check_readable(path)
    try:
        return _read(path, wanted)
    except WeightsError:
        raise
    # Damage shows as almost any exception of the three libraries.
    except Exception as error:
        what = (str(error) or type(error).__name__)[:200]
        raise WeightsError(
            f"{path} is not a whole .safetensors file: {what}; fetch it again"
        ) from error
