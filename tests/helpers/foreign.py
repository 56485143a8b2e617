"""Writers of small files in the formats that networks are published in."""

import io
import json
import struct
import zipfile
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np

from jaxnst.networks import vgg
from jaxnst.pretrained.format import NetworkWeights

ORDERED = b"ccollections\nOrderedDict\n)R"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
FLOATS = b"ctorch\nFloatStorage\n"
MAGIC = b"\x80\x02\x8a\n" + 0x1950A86A20F9469CFC6C.to_bytes(10, "little") + b"."
SYSTEM = b"\x80\x02}X\r\x00\x00\x00little_endian\x88s."
STARTS = {  # where `features` holds its convolutions, from torchvision's own listing
    "vgg16": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    "vgg19": (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34),
}


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def counts(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(key: str, elements: int, shape: tuple[int, ...], **other) -> bytes:
    """Instructions that rebuild one tensor; `other`: offset, strides, kind, view."""
    strides = [1]
    for side in shape[:0:-1]:
        strides.insert(0, strides[0] * side)
    return (
        REBUILD
        + (b"((" + text("storage") + other.get("kind", FLOATS) + text(key))
        + (text("cpu") + number(elements) + other.get("view", b"") + b"tQ")
        + (number(other.get("offset", 0)) + counts(shape))
        + counts(other.get("strides", tuple(strides[: len(shape)])))
        + (b"\x89" + ORDERED + b"tR")
    )


def state_pickle(items: dict[str, bytes]) -> bytes:
    """A state dict with its `_metadata`, as PyTorch's modules write one."""
    body = b"".join(text(name) + value for name, value in items.items())
    metadata = b"}" + text("_metadata") + ORDERED + b"sb"
    return b"\x80\x02" + ORDERED + b"(" + body + b"u" + metadata + b"."


def old_file(
    pickled: bytes,
    storages: dict[str, bytes],
    size: int = 4,
    sizes: dict[str, int] | None = None,
) -> bytes:
    """`sizes`: bytes of an element of each storage, if not all have `size`."""
    keys = b"\x80\x02](" + b"".join(map(text, storages)) + b"e."
    data = b"".join(
        struct.pack("<q", len(raw) // (sizes or {}).get(key, size)) + raw
        for key, raw in storages.items()
    )
    return MAGIC + b"\x80\x02M\xe9\x03." + SYSTEM + pickled + keys + data


def zip_file(pickled: bytes, storages: dict[str, bytes], **other) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", other.get("compression", 0)) as archive:
        archive.writestr("net/data.pkl", pickled)
        archive.writestr("net/byteorder", other.get("byteorder", "little"))
        for key, raw in storages.items():
            archive.writestr(f"net/data/{key}", raw)
        archive.writestr("net/version", "3\n")
    return buffer.getvalue()


FORMATS = {"old": old_file, "zip": zip_file}


def torch_file(state: dict[str, np.ndarray], form: str) -> bytes:
    """A float32 state dict in the "old" or the "zip" format."""
    view = b"N" if form == "old" else b""
    items = {
        name: tensor(str(key), value.size, value.shape, view=view)
        for key, (name, value) in enumerate(state.items())
    }
    raw = {str(key): value.tobytes() for key, value in enumerate(state.values())}
    return FORMATS[form](state_pickle(items), raw)


def compact_file(layers: dict[str, dict[str, np.ndarray]], **extra) -> bytes:
    """Indices "W_q" (uint8), "W_table" and "b" (float32) of layers, in the old format.

    Args:
        extra: tensors that belong to no layer.
    """
    state = {
        f"{layer}_{part}": values
        for layer, parts in layers.items()
        for part, values in parts.items()
    } | extra
    kinds = {"f": FLOATS, "u": b"ctorch\nByteStorage\n", "i": b"ctorch\nLongStorage\n"}
    items = {
        name: tensor(
            str(key), value.size, value.shape, view=b"N", kind=kinds[value.dtype.kind]
        )
        for key, (name, value) in enumerate(state.items())
    }
    raw = {str(key): value.tobytes() for key, value in enumerate(state.values())}
    sizes = {str(key): value.itemsize for key, value in enumerate(state.values())}
    return old_file(state_pickle(items), raw, sizes=sizes)


def compact_layers(rng: np.random.Generator) -> dict[str, dict[str, np.ndarray]]:
    """All layers of a narrow VGG-19 as the package holds them."""
    layers = {}
    for name, values in vgg_tensors("vgg19", rng).items():
        block, index = name[4:].split("_")
        shape = values["kernel"].transpose(3, 2, 0, 1).shape
        layers[f"block{block}_conv{index}"] = {
            "W_q": rng.integers(0, 256, shape, np.uint8),
            "W_table": rng.normal(size=256).astype(np.float32),
            "b": values["bias"],
        }
    return layers


def vgg_tensors(
    architecture: str, rng: np.random.Generator, layers: int = 99, width: int = 2
) -> dict[str, dict[str, np.ndarray]]:
    """layer -> kernel (3, 3, I, O) and bias, O of the last layers one more."""
    tensors, channels = {}, 3
    for index, name in enumerate(vgg.convolutions(architecture)[:layers]):
        out = width + index // 4
        kernel = rng.normal(size=(3, 3, channels, out)).astype(np.float32)
        tensors[name] = {"kernel": kernel, "bias": kernel[0, 0, 0] + 1}
        channels = out
    return tensors


def torch_state(
    architecture: str, tensors: dict[str, dict[str, np.ndarray]], prefix="features."
) -> dict[str, np.ndarray]:
    state = {}
    for index, values in zip(STARTS[architecture], tensors.values(), strict=False):
        kernel = np.ascontiguousarray(values["kernel"].transpose(3, 2, 0, 1))
        state[f"{prefix}{index}.weight"] = kernel
        state[f"{prefix}{index}.bias"] = values["bias"]
    return state


DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}


def safetensors_header(state: dict[str, np.ndarray], dtype="F32") -> dict:
    """Name -> dtype, shape and place of the tensors, one after another."""
    header, end = {}, 0
    for name, values in state.items():
        start, end = end, end + values.size * np.dtype(DTYPES[dtype]).itemsize
        shape = list(values.shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    return header


def safetensors_file(
    state: dict[str, np.ndarray],
    dtype="F32",
    header: dict | bytes | None = None,
    size: int | None = None,
) -> bytes:
    """A `.safetensors` file; `header` and its `size` if not the right ones."""
    header = safetensors_header(state, dtype) if header is None else header
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    raw = b"".join(values.astype(DTYPES[dtype]).tobytes() for values in state.values())
    return struct.pack("<Q", len(text) if size is None else size) + text + raw


BRANCHES = ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1")
SIZES = (1, 1, 3, 1, 3, 1)


def googlenet_state(rng: np.random.Generator, width: int = 2) -> dict[str, np.ndarray]:
    """torchvision's GoogLeNet, `width` channels everywhere, with its classifiers."""
    state: dict[str, np.ndarray] = {}

    def conv(name: str, size: int, channels: int) -> None:
        shape = (width, channels, size, size)
        scale = np.sqrt(2 / (channels * size**2))
        state[f"{name}.conv.weight"] = rng.normal(size=shape) * scale
        state[f"{name}.bn.weight"] = rng.uniform(0.5, 1.5, width)
        state[f"{name}.bn.bias"] = rng.normal(size=width) * 0.2
        state[f"{name}.bn.running_mean"] = rng.normal(size=width) * 0.2
        state[f"{name}.bn.running_var"] = rng.uniform(0.3, 2, width)

    for name, size, channels in (("conv1", 7, 3), ("conv2", 1, width)):
        conv(name, size, channels)
    conv("conv3", 3, width)
    for block in "3a 3b 4a 4b 4c 4d 4e 5a 5b".split():
        below = width if block == "3a" else 4 * width
        for branch, size in zip(BRANCHES, SIZES, strict=True):
            inner = branch in ("branch2.1", "branch3.1")
            conv(f"inception{block}.{branch}", size, width if inner else below)
    for name in ("aux1.fc1.weight", "aux2.conv.conv.weight", "fc.bias"):
        state[name] = rng.normal(size=(2, 2))
    return {name: value.astype(np.float32) for name, value in state.items()}


def write_keras(
    path: Path,
    tensors: dict[str, dict[str, np.ndarray]],
    kernel="_W_1:0",
    bias="_b_1:0",
) -> None:
    """Keras's file without top: a group a layer, poolings empty; kernels for BGR."""
    with h5py.File(path, "w") as file:
        layers = ["input_1"]
        for name, values in tensors.items():
            block, index = name[4:].split("_")
            layer = f"block{block}_conv{index}"
            layers.append(layer)
            group = file.create_group(layer)
            names = [layer + kernel, layer + bias]
            group.attrs["weight_names"] = np.array(names, "S")
            group.create_dataset(names[0], data=values["kernel"])
            group.create_dataset(names[1], data=values["bias"])
        for layer in ("input_1", "block1_pool"):
            file.create_group(layer).attrs["weight_names"] = np.array([])
        file.attrs["layer_names"] = np.array([*layers, "block1_pool"], "S")


def vgg_weights(rng, **notes: str) -> NetworkWeights:
    """The first three layers of a VGG-19, in jaxnst's format."""
    return NetworkWeights(
        architecture="vgg19",
        mean=np.float32([0.4, 0.5, 0.6]),
        std=np.float32([1, 0.5, 2]),
        padding="reflect",
        source="a test",
        license="none",
        tensors=vgg_tensors("vgg19", rng, layers=3),
        notes=notes,
    )
