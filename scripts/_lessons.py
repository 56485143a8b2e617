"""Lessons: which layer of which teacher a student's layer learns."""

from collections.abc import Sequence

from jaxnst import Network, teaching

SHALLOW = "relu1_1 relu1_2 relu2_1 relu2_2 relu3_1 relu3_2 relu3_4".split()
DEEP = "relu4_1 relu4_2 relu4_4 relu5_1".split()
# GoogLeNet's layers, and the student's of the same height and width.
OTHER = {
    "conv1": "relu2_2",
    "conv2": "relu3_4",
    "inception_3a": "relu4_2",
    "inception_3b": "relu4_4",
    "inception_4a": "relu5_1",
    "inception_4c": "relu5_1",
}


def taught(
    networks: Sequence[Network], widths: tuple[int, ...]
) -> tuple[teaching.Teacher, ...]:
    """Who teaches which of the layers that the student has.

    Args:
        networks: that of the shallow layers, that of the deep ones, and GoogLeNet if
            it is to teach, too.
    """
    held = [f"relu{block + 1}_" for block in range(len(widths) - 1)]
    last = f"relu{len(widths)}_1"
    own = [{name: name for name in names} for names in (SHALLOW, DEEP)]
    taught = []
    for network, layers in zip(networks, (*own, OTHER), strict=False):
        within = {k: v for k, v in layers.items() if v == last or v[:6] in held}
        if within:
            taught.append((network, within))
    return tuple(taught)
