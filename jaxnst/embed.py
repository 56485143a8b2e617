"""What stands in a page of HTML itself, so that the page needs nothing else."""

import base64
import json
from typing import Any

import numpy as np
from jax import Array

from jaxnst import images

_QUALITY = 88  # of JPEG

Picture = Array | np.ndarray


def source(image: Picture) -> str:
    """A picture (H, W, 3) as the address of an <img>."""
    data = images.encode(image, ".jpg", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def inline(svg: str) -> str:
    """A drawing without the XML declaration that a file begins with."""
    return svg[svg.index("<svg") :]


def script(data: Any) -> str:
    """JSON that can stand in a script: no text in it ends the script."""
    return json.dumps(data).replace("<", "\\u003c")
