"""Operations of a compiled computation, from its text: loops as often as they run,
which XLA's own cost analysis counts once."""

import math
import re

_COMPUTATION = re.compile(r"(ENTRY )?%?([\w.\-]+) \(.*\{$")
_RESULT = re.compile(r"\s*(?:ROOT )?%([\w.\-]+) = \w+\[([\d,]*)\]")
_PRODUCT = re.compile(r" (convolution|dot)\(%([\w.\-]+), %([\w.\-]+)\)")


def flops(text: str) -> int:
    """Multiplications and additions of all convolutions and matrix products."""
    computations: dict[str, list[str]] = {}
    entry = name = ""
    for line in text.splitlines():
        if head := _COMPUTATION.match(line):
            name = head[2]
            computations[name] = []
            entry = name if head[1] else entry
        elif name:
            computations[name].append(line)
    costs: dict[str, int] = {}

    def cost(name: str) -> int:
        if name not in costs:
            lines = computations[name]
            shapes = {m[1]: _shape(m[2]) for m in map(_RESULT.match, lines) if m}
            costs[name] = sum(_own(line, shapes) for line in lines)
            for line in lines:
                for called in re.findall(r"(?:body|calls|to_apply)=%([\w.\-]+)", line):
                    costs[name] += _times(line) * cost(called)
        return costs[name]

    return cost(entry)


def _shape(text: str) -> list[int]:
    return [int(side) for side in text.split(",") if side]


def _times(line: str) -> int:
    if " while(" not in line:
        return 1
    found = re.search(r'known_trip_count":\{"n":"(\d+)"', line)
    assert found, "a loop that does not say how often it runs"
    return int(found[1])


def _own(line: str, shapes: dict[str, list[int]]) -> int:
    product = _PRODUCT.search(line)
    if product is None:
        return 0
    result = _RESULT.match(line)
    kind, left, right = product.groups()
    outputs = math.prod(shapes[result[1]])
    if kind == "convolution":
        assert "_01io->" in line
        return 2 * outputs * math.prod(shapes[right][:-1])
    (axes,) = re.findall(r"lhs_contracting_dims=\{([\d,]*)\}", line)
    return 2 * outputs * math.prod(shapes[left][axis] for axis in _shape(axes))
