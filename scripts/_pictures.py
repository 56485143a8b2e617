"""The pictures of a command, read at the sizes that its settings say."""

import math
from collections.abc import Sequence
from pathlib import Path

from jax import Array

from jaxnst import Network, Settings, images
from jaxnst.memory import fitted


def load(
    settings: Settings, pictures: Sequence[Path], network: Network
) -> tuple[Array, list[Array]]:
    """Photograph and paintings, at the sizes at which they are used.

    Raises:
        OSError, ValueError: a picture cannot be read, or is too small for the layers.
        MemoryError: they would not fit.
    """
    content, *styles = pictures
    least = network.min_side(settings.objective.layers)
    for path in pictures:
        height, width = images.picture_size(path)
        if min(height, width) < least:
            raise ValueError(
                f"{path} is {width} x {height} pixels, too small: the layers need at "
                f"least {least} on each side; choose a larger picture"
            )
    geometry = settings.geometry
    size = geometry.content_size(*images.picture_size(content))
    coarsest = [max(1, round(side * geometry.levels()[0])) for side in size]
    if min(coarsest) < least:
        raise ValueError(
            f"{coarsest[1]} x {coarsest[0]} pixels are too small: the layers need at "
            f"least {least} on each side; choose a larger --size or --coarsest"
        )
    shapes = [geometry.style_size(*images.picture_size(path), size) for path in styles]
    for shape in (size, max(shapes, key=math.prod)):
        fitted(network, settings.objective, shape)
    paintings = [
        images.load_image(path, size=shape)
        for path, shape in zip(styles, shapes, strict=True)
    ]
    return images.load_image(content, size=size), paintings
