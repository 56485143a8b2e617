"""CSV: what is written is what was given, or nothing is."""

import csv

import numpy as np
import pytest

from jaxnst.reports import tables


def read(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def trace(rng) -> dict[str, np.ndarray]:
    names = ("loss", "content", "style", "tv", "content/relu4_2", "style/relu1_1")
    return {name: np.float32(rng.lognormal(0, 9, size=7)) for name in names}


def test_cells_are_quoted_where_needed(tmp_path):
    rows = [["a, b", 'with "quotes"'], ["two\nlines", "é"], [1, True]]
    tables.write_csv(tmp_path / "t.csv", ["x", "y"], iter(rows))
    assert read(tmp_path / "t.csv") == [["x", "y"], *rows[:2], ["1", "True"]]


def test_an_error_on_the_way_leaves_the_old_file(tmp_path):
    def rows():
        yield ["1"]
        raise KeyboardInterrupt

    path = tmp_path / "t.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        tables.write_csv(path, ["x"], rows())
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_losses_are_the_trace(trace, tmp_path):
    tables.write_losses(tmp_path / "t.csv", trace)
    head, *rows = read(tmp_path / "t.csv")
    assert head == ["step", *trace]
    assert [row[0] for row in rows] == list("1234567")
    values = np.array([row[1:] for row in rows]).astype(np.float32)  # exactly
    np.testing.assert_array_equal(values.T, np.stack(list(trace.values())))


def test_losses_of_unequal_lengths_leave_the_old_file(trace, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("old")
    with pytest.raises(ValueError):
        tables.write_losses(path, trace | {"tv": trace["tv"][:-1]})
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
