"""What is read for the pictures of a batch: photographs, paintings and masks, in files
of this machine or at addresses in stores."""

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from jax import Array

from jaxnst import images
from jaxnst._files import sha256
from jaxnst.cli._app import EXPECTED, describe_error
from jaxnst.cli._locations import Address, Location, location
from jaxnst.cli._remote import at_once, opened
from jaxnst.losses.regions import Regions
from jaxnst.pipeline.protection import load_masks
from jaxnst.pipeline.settings import Masks, Settings

Size = tuple[int, int]

_PICTURES = 64  # decoded ones that are kept for the next pairs


class Source(NamedTuple):
    """A picture that is read: where it lies, its SHA-256, and (height, width) at which
    it is used."""

    place: Location
    digest: str
    size: Size


class Pictures(NamedTuple):
    """What is read for an item before it is painted.

    Attributes:
        content, style: (H, W, 3) at their sizes.
        regions: of the pair's masks, None without.
        like: what is carried over from the photograph.
    """

    content: Array
    style: Array
    like: images.Like
    regions: Regions | None


class _Facts(NamedTuple):
    """Of a picture in a store, which is read once for both: (height, width), or why
    that cannot be told; SHA-256."""

    size: Size | Exception
    digest: str


def mask_locations(masks: Masks) -> tuple[Location, ...]:
    """Every mask that settings name."""
    named = (masks.content_mask, *(masks.style_mask or ()), masks.protect)
    return tuple(location(name) for name in named if name is not None)


class Inputs:
    """Files that several pairs have in common are read, as far as memory allows, once.

    Nothing is cached of what went wrong, but for what `look_at` found.
    """

    def __init__(self) -> None:
        self.facts: dict[Address, _Facts | Exception] = {}
        self.local_size_of = lru_cache(None)(images.picture_size)
        self.local_digest_of = lru_cache(None)(sha256)
        self.load = lru_cache(_PICTURES)(_load)
        self.load_photograph = lru_cache(_PICTURES)(_load_photograph)

    def look_at(self, places: Iterable[Location]) -> None:
        """Read what lies in stores, many files at a time: each has to be waited for."""
        named = dict.fromkeys(place for place in places if isinstance(place, Address))
        new = [place for place in named if place not in self.facts]
        self.facts |= zip(new, at_once(_look_at, new), strict=True)

    def size_of(self, place: Location) -> Size:
        """(height, width) of a picture; raises what is wrong with it."""
        if isinstance(place, Path):
            return self.local_size_of(place)
        size = self._facts_of(place).size
        if isinstance(size, Exception):
            raise size
        return size

    def digest_of(self, place: Location) -> str:
        """SHA-256 of a file; raises OSError if it cannot be read."""
        if isinstance(place, Path):
            return self.local_digest_of(place)
        return self._facts_of(place).digest

    def _facts_of(self, place: Address) -> _Facts:
        self.look_at([place])
        facts = self.facts[place]
        if isinstance(facts, Exception):
            raise facts
        return facts

    def read(
        self,
        content: Source,
        style: Source,
        settings: Settings,
        mask_digests: Sequence[str],
    ) -> Pictures:
        """What is painted of.

        Args:
            mask_digests: SHA-256 of the settings' masks.

        Raises:
            OSError, ValueError: a file cannot be read, or is not what it was.
        """
        places = mask_locations(settings.masks)
        painting = self.load(*style)
        photograph, like = self.load_photograph(*content)
        shown, regions = _load_masks(
            settings, places, mask_digests, photograph, painting
        )
        read = (content.place, style.place, *places)
        digests = (content.digest, style.digest, *mask_digests)
        # Copies were compared when they were made.
        for path, digest in zip(read, digests, strict=True):
            if isinstance(path, Path) and sha256(path) != digest:
                raise ValueError(
                    f"{path} has changed since the batch began; the same command "
                    "paints it anew"
                )
        return Pictures(shown, painting, like, regions)


def _look_at(place: Address) -> _Facts | Exception:
    try:
        with opened(place) as file:
            digest = sha256(Path(file))
            try:
                return _Facts(images.picture_size(file), digest)
            except EXPECTED as error:  # nobody asks for the size of a mask
                return _Facts(error, digest)
    except EXPECTED as error:
        return error


def _load(place: Location, digest: str, size: Size) -> Array:
    with opened(place, digest) as file:
        return images.load_image(file, size=size, alpha=True)


def _load_photograph(
    place: Location, digest: str, size: Size
) -> tuple[Array, images.Like]:
    with opened(place, digest) as file:
        photograph = images.load_image(file, size=size, alpha=True)[..., :3]
        return photograph, images.read_like(file, size=size)


def _load_masks(
    settings: Settings,
    places: Sequence[Location],
    digests: Sequence[str],
    photograph: Array,
    painting: Array,
) -> tuple[Array, Regions | None]:
    """`load_masks` of masks at places, those of `mask_locations`."""
    with ExitStack() as stack:
        files = [
            os.fspath(stack.enter_context(opened(place, digest)))
            for place, digest in zip(places, digests, strict=True)
        ]
        here = replace(settings, masks=_with_files(settings.masks, files))
        try:
            return load_masks(here, photograph, [painting])[:2]
        except ValueError as error:
            text = describe_error(error)
            for file, place in zip(files, places, strict=True):
                text = text.replace(file, str(place))
            raise ValueError(text) from error


def _with_files(masks: Masks, files: Sequence[str]) -> Masks:
    """The masks with other files in the place of theirs, as many."""
    left = iter(files)
    content, style, protect = masks.content_mask, masks.style_mask, masks.protect
    return replace(
        masks,
        content_mask=None if content is None else next(left),
        style_mask=None if style is None else tuple(next(left) for _ in style),
        protect=None if protect is None else next(left),
    )
