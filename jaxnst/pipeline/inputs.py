"""The one way from settings and paths to network, decoder, content and styles."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import floor, prod
from os import PathLike
from pathlib import Path
from typing import Any

from jax import Array

from jaxnst import images, metrics
from jaxnst._files import check_no_address
from jaxnst._phases import phase
from jaxnst.feedforward.model import FeedForward
from jaxnst.feedforward.weights_file import load_feedforward
from jaxnst.losses import octaves
from jaxnst.losses.regions import Regions
from jaxnst.networks.network import Network
from jaxnst.optimize.initial import FEEDFORWARD, INITS
from jaxnst.optimize.memory import with_tiles_if_needed
from jaxnst.optimize.optimizers import state_images
from jaxnst.pipeline.protection import load_masks
from jaxnst.pipeline.region_masks import mask_files
from jaxnst.pipeline.run import levels_at, nearest_multiple, padded_size
from jaxnst.pipeline.settings import Settings
from jaxnst.pipeline.substitute import Choice, adapted, choose, replaced_source
from jaxnst.pretrained.loading import AUTO, load_network
from jaxnst.pretrained.registry import BUILTINS
from jaxnst.pretrained.sources import find_weights, source_of

Size = tuple[int, int]
PathName = str | PathLike[str]

STARTS = (*INITS, FEEDFORWARD)
"""What `init` can be beside a picture file."""


@dataclass(frozen=True)
class Inputs:
    """What a run takes: `render(inputs.settings, *inputs.arguments)`.

    Attributes:
        settings: with the network's name, and layers that the network has.
        network: the feature network.
        decoder: of one pass, where the settings start from one.
        content: (H, W, 3) at the size at which it is optimised; where it is protected
            in the paintings' colours.
        styles: (h, w, 3) each, at theirs; (h, w, 4), with alpha, those with transparent
            parts.
        init: the picture to start from, where the settings name a file.
        notice: a line on what was chosen that nobody asked for; "" if nothing was.
        regions: of the masks that the settings name.
    """

    settings: Settings
    network: Network
    decoder: FeedForward | None
    content: Array
    styles: list[Array]
    init: Array | None = None
    notice: str = ""
    regions: Regions | None = None

    @property
    def size(self) -> Size:
        """(height, width) of the picture that comes out."""
        return self.content.shape[0], self.content.shape[1]

    @property
    def levels(self) -> tuple[float, ...]:
        """Sizes at which the picture is optimised in turn, as fractions of the last."""
        return levels_at(self.settings, self.network, self.size)

    @property
    def arguments(self) -> tuple[Network, Array, list[Array]]:
        """Network, content and styles, as `render` and `render_grid` take them."""
        return self.network, self.content, self.styles


def load_inputs(
    settings: Settings,
    content: PathName,
    styles: Sequence[PathName],
    *,
    typed: Collection[str] = (),
    frame: Array | None = None,
) -> Inputs:
    """Everything that a run of `settings` on picture files needs, checked.

    Args:
        typed: as of `open_network`.
        frame: the content itself, (H, W, 3) at its final size, where `content` names
            a clip of which it is a frame; masks are then left to who reads the clip.

    Raises:
        OSError, ValueError: a picture, the network or its weights cannot be used.
        MemoryError: the pictures would not fit at these sizes.
    """
    settings, network, notice = open_network(settings, typed)
    decoder = open_decoder(settings)
    if frame is None:
        settings = with_size_of(settings, images.picture_size(content))
    else:
        geometry = replace(settings.geometry, size=max(frame.shape[:2]), fit="long")
        settings = replace(settings, geometry=geometry)
    pictures = load_pictures(settings, network, content, styles, frame=frame)
    start = init_file(settings)
    init, resized = None, ""
    if start is not None:
        size = pictures[0].shape[0], pictures[0].shape[1]
        init = load_content(start, size)
        resized = _resized(start, size)
    inputs = Inputs(settings, network, decoder, *pictures, init)
    lines = [notice, _left_out(inputs, content), resized]
    if frame is None:
        shown, regions, kept = load_masks(settings, inputs.content, inputs.styles)
        inputs = replace(inputs, content=shown, regions=regions)
        lines.append(kept)
    return replace(inputs, notice="; ".join(filter(None, lines)))


def with_size_of(settings: Settings, size: Size) -> Settings:
    """The settings with their size as a number, for a photograph of (height, width)."""
    return replace(settings, geometry=settings.geometry.of_photograph(*size))


def _resized(start: Path, size: Size) -> str:
    """In words, that the picture to start from is of another size, if it is."""
    height, width = images.picture_size(start)
    if (height, width) == size:
        return ""
    return f"{start} is {width} x {height} pixels, resized to {size[1]} x {size[0]}"


def _left_out(inputs: Inputs, path: PathName) -> str:
    """In words, that levels are left out; "" where none is."""
    wanted, left = inputs.settings.geometry.levels(), inputs.levels
    if len(wanted) == len(left):
        return ""
    size = inputs.content.shape[0], inputs.content.shape[1]
    height, width = (max(1, round(side * wanted[0])) for side in size)
    return (
        f"{path} would be {width} x {height} pixels at the coarsest level, too narrow "
        f"for the layers: of {len(wanted)} levels the last {len(left)}"
    )


@phase("weights")
def open_network(
    settings: Settings, typed: Collection[str] = ()
) -> tuple[Settings, Network, str]:
    """The network that the settings ask for, the settings as they are for it, and a
    line on what was chosen or changed that nobody asked for.

    What only a preset says gives way: its source of weights to what is at hand
    (`substitute.choose`), its layers and loss weights to the network's features
    (`substitute.adapted`). The settings that come back are those of the run.

    Args:
        typed: dotted names of fields, such as "terms.beta", that stay as they are even
            where they equal the preset's.

    Raises:
        OSError, ValueError: the network or its weights cannot be used, or it lacks a
            layer that the user named.
    """
    choice = choose(settings, typed)
    path = choice.path or find_weights(choice.name, choice.weights)
    network = load_network(choice.name, weights=path)
    if choice.path is None and choice.weights is None:  # its default was fetched
        choice = replace(choice, weights=source_of(choice.name, path))
    source = replaced_source(settings, choice, typed)
    found, changes = adapted(settings, network, typed)
    found = replace(found, network=choice.name, weights=choice.weights)
    lines = []
    if settings.network == AUTO and settings.weights is None:
        lines.append(_automatic(choice))
    changes = [text for text in (source, *changes) if text]
    if changes:
        lines.append(f"{settings.preset} in {choice.name}: {'; '.join(changes)}")
    return found, network, "; ".join(lines)


def _automatic(choice: Choice) -> str:
    """In words, which network "auto" is."""
    builtin = next(iter(BUILTINS))
    more = "built in; network vgg19, the full VGG-19, is fetched once, 18.5 MB"
    if choice.name not in BUILTINS:
        more = f"{choice.path}; {builtin} is faster"
    return f"network: {choice.name} ({more})"


@phase("weights")
def open_decoder(settings: Settings) -> FeedForward | None:
    """The network for one pass, if the settings start from what it makes."""
    if settings.optimization.init == FEEDFORWARD:
        return load_feedforward(settings.decoder)
    if settings.decoder is not None:
        raise ValueError(
            'decoder is for one pass; take preset "encoder-transformer", or init '
            '"feedforward" to start from one'
        )
    return None


def init_file(settings: Settings) -> Path | None:
    """The picture file that the settings start from, if they do.

    Raises:
        FileNotFoundError: `init` is neither a known start nor a file.
    """
    init = settings.optimization.init
    if init in STARTS:
        return None
    check_no_address(init)
    if not Path(init).exists():
        raise FileNotFoundError(
            f"cannot start from {init}: init is neither a picture file nor one of: "
            f"{', '.join(STARTS)}"
        )
    return Path(init)


def further_files(settings: Settings) -> tuple[Path, ...]:
    """Every picture file that the settings name: one to start from, and masks."""
    start = init_file(settings)
    return (() if start is None else (start,)) + mask_files(settings.masks)


@dataclass(frozen=True)
class Sizes:
    """(height, width) at which a photograph and its paintings are used."""

    content: Size
    styles: tuple[Size, ...]


def sizes_of(
    settings: Settings,
    content: PathName,
    styles: Sequence[PathName],
    *,
    multiple: int = 1,
    size_of: Any = images.picture_size,
) -> Sizes:
    """The sizes that the settings say, from the files' headers.

    Args:
        multiple: as of `run.prepare`.
        size_of: gives (height, width) of a file.

    Raises:
        OSError, ValueError: a file cannot be read, or would be larger than a picture
            can be.
    """
    own: dict[PathName, Size] = {path: size_of(path) for path in (content, *styles)}
    geometry = settings.geometry.of_photograph(*own[content])
    output = geometry.content_size(*own[content])
    _check_pixels(content, own[content], output, "size", geometry.pixels)
    paintings = []
    for path in styles:
        size = geometry.style_size(*own[path], output)
        _check_pixels(path, own[path], size, "style_scale", geometry.style_scale)
        paintings.append(nearest_multiple(size, multiple))
    return Sizes(output, tuple(paintings))


def _check_pixels(
    path: PathName, own: Size, size: Size, name: str, value: float
) -> None:
    """ValueError where a picture would have too many pixels, with a value of the
    setting `name` at which it has not."""
    if prod(size) <= images.MAX_PIXELS:
        return
    fitting = value * (images.MAX_PIXELS / prod(size)) ** 0.5 * 0.99
    fits = floor(fitting) if fitting >= 10 else floor(fitting * 100) / 100
    raise ValueError(
        f"{path} is {own[1]} x {own[0]} pixels, and would be {size[1]} x {size[0]}, "
        f"more than {images.MAX_PIXELS:,} in all; choose {name} {fits} or less"
    )


@phase("pictures")
def load_pictures(
    settings: Settings,
    network: Network,
    content: PathName,
    styles: Sequence[PathName],
    *,
    multiple: int = 1,
    frame: Array | None = None,
) -> tuple[Array, list[Array]]:
    """Photograph and paintings at the sizes at which they are used.

    Args:
        frame: as of `load_inputs`.

    Raises:
        OSError, ValueError: as of `sizes_of`.
        MemoryError: they would not fit.
    """

    def size_of(path: PathName) -> Size:
        if frame is not None and path is content:
            return frame.shape[0], frame.shape[1]
        return images.picture_size(path)

    sizes = sizes_of(settings, content, styles, multiple=multiple, size_of=size_of)
    least = octaves.min_side(network, settings.objective)
    height, width = (side + 2 * settings.geometry.margin for side in sizes.content)
    remembered = state_images(settings.optimization.make_optimizer())
    for size in ((height, width), max(sizes.styles, key=prod)):
        seen = padded_size(size, 1, least)
        with_tiles_if_needed(network, settings.objective, seen, state_images=remembered)
    paintings = [
        images.load_image(path, size=size, alpha=True)
        for path, size in zip(styles, sizes.styles, strict=True)
    ]
    shown = load_content(content, sizes.content) if frame is None else frame
    return shown, paintings


def load_content(path: PathName, size: Size) -> Array:
    """The colours of a photograph, (H, W, 3), as if all of it were opaque: what is
    painted, for the result gets the photograph's alpha again."""
    return images.load_image(path, size=size, alpha=True)[..., :3]


def load_judges(names: Sequence[str]) -> dict[str, Network]:
    """Networks that judge, each under its name, or its file's without the suffix.

    Args:
        names: names or weights files, as of `load_network`.

    Raises:
        OSError, ValueError: as of `load_network`; or two of one name.
    """
    judges: dict[str, Network] = {}
    for name in names:
        label = Path(name).stem
        if label in judges:
            raise ValueError(f"two judges are called {label}; rename one's file")
        judges[label] = load_network(name)
    return judges


def load_for_judge(*paths: PathName) -> list[Array]:
    """Pictures at the largest size that `metrics.judge` looks at; the last one, the
    painting, with its alpha where it has transparent parts."""
    size = max(metrics.SCALES)
    *others, painting = paths
    shown = [images.load_image(path, size=size) for path in others]
    return [*shown, images.load_image(painting, size=size, alpha=True)]
