"""Tables as CSV files."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from jaxnst._files import atomic_write


def write_csv(
    path: str | PathLike[str], head: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write a table as CSV (UTF-8); a file that was there stays if `rows` raises.

    Args:
        head: column names.
        rows: numbers as text in the precision that is to be written.
    """
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="replace", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)


def write_losses(path: str | PathLike[str], trace: Mapping[str, np.ndarray]) -> None:
    """Write every term at every step as CSV: a column "step", then one for each term.

    Args:
        trace: {term: (steps,)}, as in `Result.trace`.
    """
    steps = enumerate(zip(*trace.values(), strict=True), start=1)
    rows = ([step, *(f"{value:.9g}" for value in values)] for step, values in steps)
    write_csv(path, ["step", *trace], rows)


def axis_texts(values: Sequence[float]) -> list[str]:
    """Values of an axis as short as tells them apart."""
    short = [f"{value:g}" for value in values]
    return short if len(set(short)) == len(short) else [repr(float(v)) for v in values]
