"""Which pictures of a grid to look at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxnst.reports.pareto import finer, front, knee

POINTS = st.lists(
    st.tuples(*[st.one_of(st.floats(0, 2, width=16), st.just(float("nan")))] * 2),
    max_size=12,
)


@given(POINTS)
def test_the_front_is_what_nothing_beats(points):
    content, style = np.array(points, float).reshape(-1, 2).T
    best = set(front(content, style).tolist())
    for i in range(len(points)):
        if not np.isfinite(points[i]).all():
            assert i not in best
            continue
        beaten = [
            j
            for j in range(len(points))
            if content[j] <= content[i]
            and style[j] <= style[i]
            and (content[j] < content[i] or style[j] < style[i])
        ]
        if beaten:
            assert i not in best
        else:  # of equal points one stands for all
            same = (content == content[i]) & (style == style[i])
            assert len(best & set(np.flatnonzero(same).tolist())) == 1


def test_the_knee_is_where_the_curve_bends():
    content = np.array([0.9, 0.0, 0.2, 0.3, 1.0, 0.5])
    style = np.array([0.9, 1.0, 0.5, 0.2, 0.1, 0.18])
    assert knee(content, style) == 3
    # The same after any change of units.
    assert knee(7 + 30 * content, 0.01 * style) == 3


def test_without_a_bend_the_middle():
    steps = np.linspace(0, 1, 5)
    assert knee(steps, 1 - steps) == 2
    assert knee(np.array([0.0, 1.0]), np.array([1.0, 0.0])) == 1
    assert knee(np.array([np.nan, 0.3]), np.array([0.1, 0.2])) == 1


def test_nothing_to_suggest():
    with pytest.raises(ValueError, match="none can be suggested"):
        knee(np.array([np.nan]), np.array([0.5]))
    with pytest.raises(ValueError, match="none can be suggested"):
        knee(np.array([]), np.array([]))


def test_a_finer_axis_lies_around_the_choice():
    assert finer((1, 4, 16), 4, 5) == (2, 2.83, 4, 5.66, 8)
    assert finer((16, 1, 4), 16, 3) == (8, 16, 32)  # at the end, as far beyond
    assert finer((1, 4, 16), 1, 3) == (0.5, 1, 2)
    assert finer((1.0,), 1.0) == (1.0,) and finer((0, 4), 0) == (0,)
    assert finer((0, 4, 16), 4, 3) == (2, 4, 8)  # a logarithm knows no 0
